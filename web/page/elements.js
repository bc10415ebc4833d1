/** What several parts of the page need to fill their elements. */

import { isVisible } from "../chat-client.js";

/** @import { Message } from "../chat-client.js" */

/** @template {HTMLElement} [E=HTMLElement] @param {string} id @returns {E} */
export const byId = (id) => /** @type {E} */ (document.getElementById(id));

/** @template {HTMLElement} [E=HTMLElement] @param {Element} element @param {string} name A class. @returns {E} */
export const part = (element, name) => /** @type {E} */ (element.querySelector(`.${name}`));

/** @param {string} id Of a template with one element. @returns {HTMLElement} */
export function copyOf(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
}

// The key code of a key that an input method takes. In Safari, the composition has already ended when its Enter comes.
const TAKEN = 229;

/** Whether an input method takes a key. @param {KeyboardEvent} event */
export const isTaken = ({ isComposing, keyCode }) => isComposing || keyCode === TAKEN;

export const isTouched = () => matchMedia("(pointer: coarse)").matches;

/** On a touch screen, the frame of the focus comes with the first key. @param {HTMLElement} element */
export function moveFocus(element) {
  if (isTouched()) {
    element.classList.add("unframed");
    for (const end of ["keydown", "blur"])
      element.addEventListener(end, () => element.classList.remove("unframed"), { once: true });
  }
  element.focus();
}

/** A screen reader would read an unchanged text again. @param {HTMLElement} element @param {string} text */
export function showText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Removes characters that change the direction of writing. @param {string} text */
export const plain = (text) => text.replace(/[^\P{Cf}\u200c\u200d]/gu, "").trim();

/** Names that look the same have the same key. Letters of other scripts that look alike are not covered. @param {string} name */
export const keyOf = (name) =>
  name
    .normalize("NFKC")
    .replace(/[\p{Default_Ignorable_Code_Point}\p{White_Space}\p{Cc}\u2800]/gu, "")
    .toLowerCase();

/** The name to show for another user, who is never shown as "You". @param {string} userId @param {string} [name] */
export function nameToShow(userId, name = "") {
  const [shown, id] = [plain(name), plain(userId)];
  if (isVisible(shown) && keyOf(shown) !== "you") return shown;
  return isVisible(id) ? id : "?";
}

/** An element that keeps the direction of a text away from the sentence around it. @param {string} text */
export function isolated(text) {
  const element = document.createElement("bdi");
  element.textContent = text;
  return element;
}

/** @param {Pick<Message, "message" | "omitted" | "deletedAt">} message */
export function textOf({ message, omitted, deletedAt }) {
  if (deletedAt) return "Message deleted";
  if (omitted) return "This message is too large to show.";
  return isVisible(message) ? message : "This message has no text.";
}

// What a person sees as one character may be several: an emoji of a family, a letter and its accents.
const characters = Intl.Segmenter && new Intl.Segmenter();

/** @param {string} text */
const firstOf = (text) => (characters ? characters.segment(text).containing(0)?.segment : [...text][0]);

const MOST_EMOJI = 5;

/** Whether a text is a few emoji and nothing else. @param {string} text */
export function isEmoji(text) {
  if (!/^[\p{Emoji}\p{Emoji_Component}\s]+$/u.test(text) || !/\p{Emoji_Presentation}|\ufe0f/u.test(text)) return false;
  const rest = text.replace(/\s/g, "");
  return [...(characters?.segment(rest) ?? rest)].length <= MOST_EMOJI;
}

/** The colour of a user or a group, in degrees. It comes from the id alone, so everybody sees the same one. @param {string} id */
function hueOf(id) {
  // FNV-1a: ids that are nearly the same have very different numbers.
  let hash = 0x811c9dc5;
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 8) % 360;
}

/** @param {HTMLElement} avatar @param {string} id Of a user or a group. @param {string} name */
export function showAvatar(avatar, id, name) {
  avatar.style.setProperty("--hue", `${hueOf(id)}`);
  showText(avatar, firstOf(name.trim())?.toUpperCase() ?? "?");
}
