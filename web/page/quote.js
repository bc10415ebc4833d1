/** One line of a message that another one answers, or that the user answers or edits. */
import { isolated, textOf } from "./elements.js";

/** @import { Message } from "../chat-client.js" */
/** @import { People } from "./message-list.js" */

const MOST_CHARACTERS = 200;

/** @param {Message} message */
export function lineOf(message) {
  const [line] = textOf(message).trim().split("\n");
  return [...line].slice(0, MOST_CHARACTERS).join("");
}

/** @param {HTMLElement} element @param {Message | undefined} message @param {People} people */
export function showQuote(element, message, { names }) {
  const name = message?.own ? "You" : message && names.of(message.senderId, message.senderName);
  const line = message ? lineOf(message) : "A message that is not here";
  const look = JSON.stringify([name, line]);
  // What has not changed stays: a screen reader would read it again.
  if (element.dataset.look === look && element.hasChildNodes()) return;
  element.dataset.look = look;
  const said = document.createElement("span");
  said.className = "said";
  said.append(isolated(line));
  const by = document.createElement("span");
  by.className = "of";
  by.append(isolated(name ?? ""));
  element.replaceChildren(...(name ? [by, ": ", said] : [said]));
}
