/** Where the user writes. What they have not sent stays with its group, also over a reload. */
import { suggest, takesKey } from "./completion.js";
import { byId, isTaken } from "./elements.js";
import { isVisible } from "../chat-client.js";
import { read, write } from "./storage.js";

/** @import { Person } from "./completion.js" */
/**
 * @typedef {object} Target
 * @property {string} draftKey
 * @property {(text: string) => void} send
 * @property {(isTyping: boolean) => void} typing
 * @property {() => Person[]} people Those whom the user may mention.
 */

const text = /** @type {HTMLTextAreaElement} */ (byId("text"));

const form = byId("composer");

/** @type {Target | undefined} */
let target;
/** What the user has not sent, by key. The browser may refuse to store it. @type {Map<string, string>} */
const drafts = new Map();

/** @param {string} key */
export const draftOf = (key) => drafts.get(key) ?? read("sessionStorage", key) ?? "";

/** @param {Target} to Write to this group from now on. */
export function writeTo(to) {
  target?.typing(false);
  target = to;
  suggest(to.people);
  text.value = draftOf(to.draftKey);
  fit();
  // A person writes on at the end, and sees it.
  text.setSelectionRange(text.value.length, text.value.length);
  text.scrollTop = text.scrollHeight;
}

/** Write a text again, above what the user is writing. @param {string} again */
export function rewrite(again) {
  if (again) {
    text.value = text.value ? `${again}\n${text.value}` : again;
    keep();
  }
  text.focus();
}

function fit() {
  // To ask for a height makes the browser lay out the page. Meanwhile the form keeps its own, or the log would scroll.
  form.style.minHeight = `${form.offsetHeight}px`;
  text.style.height = "";
  if (text.value) text.style.height = `${text.scrollHeight}px`;
  form.style.minHeight = "";
}

function keep() {
  if (target) {
    drafts.set(target.draftKey, text.value);
    write("sessionStorage", target.draftKey, text.value);
  }
  fit();
}

/** Removes the empty lines around a text, and changes nothing else. @param {string} typed */
function withoutEmptyLines(typed) {
  const lines = typed.split("\n");
  const isFull = (/** @type {string} */ line) => line.trim() !== "";
  return lines.slice(lines.findIndex(isFull), lines.findLastIndex(isFull) + 1).join("\n");
}

function send() {
  if (!isVisible(text.value)) return;
  target?.send(withoutEmptyLines(text.value));
  text.value = "";
  keep();
}

text.addEventListener("input", () => {
  keep();
  target?.typing(text.value !== "");
});

/** There, as in other messengers, the button sends and Enter makes a new line. */
const phone = matchMedia("(pointer: coarse) and (hover: none)");
const hint = byId("text-hint");
const keys = hint.textContent ?? "";

function nameKeys() {
  text.enterKeyHint = phone.matches ? "enter" : "send";
  text.title = phone.matches ? "" : "Enter sends the message. Shift+Enter makes a new line.";
  hint.textContent = phone.matches ? "Write @ and a name to mention somebody." : keys;
}
phone.addEventListener("change", nameKeys);
nameKeys();

text.addEventListener("keydown", (event) => {
  if (takesKey(event) || event.key !== "Enter" || event.shiftKey || isTaken(event) || phone.matches) return;
  event.preventDefault();
  send();
});

// Letters that somebody types while they read are for the composer. The space scrolls.
byId("log").addEventListener("keydown", (event) => {
  const { key, target, altKey, ctrlKey, metaKey } = event;
  const isLetter = [...key].length === 1 && key !== " ";
  if (isLetter && target === event.currentTarget && !altKey && !ctrlKey && !metaKey) text.focus();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  text.focus();
});
