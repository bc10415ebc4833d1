/** One line of a message: of one that is answered or edited, and in the list of groups. */
import { isolated, textOf } from "./elements.js";

/** @import { Message } from "../chat-client.js" */
/** @import { People } from "./message-list.js" */

const MOST_CHARACTERS = 200;

/** @param {Message} message */
export function lineOf(message) {
  const [line] = textOf(message).trim().split("\n");
  return [...line].slice(0, MOST_CHARACTERS).join("");
}

/**
 * A sender and one line of their message, each an element in its own direction.
 *
 * @param {string} name Empty: the line alone. @param {string} line What does not fit is cut.
 */
export function preview(name, line) {
  const by = document.createElement("span");
  by.className = "of";
  by.append(isolated(name), ": ");
  const said = isolated(line);
  said.className = "said";
  return name ? [by, said] : [said];
}

/** @param {HTMLElement} element @param {Message | undefined} message @param {People} people */
export function showQuote(element, message, { names }) {
  const name = message?.own ? "You" : message && names.of(message.senderId, message.senderName);
  const line = message ? lineOf(message) : "A message that is not here";
  const look = JSON.stringify([name, line]);
  // What has not changed stays: a screen reader would read it again.
  if (element.dataset.look === look && element.hasChildNodes()) return;
  element.dataset.look = look;
  element.replaceChildren(...preview(name ?? "", line));
}
