/** Where the user writes. What they have not sent stays with its group, also over a reload. */
import { byId } from "./elements.js";
import { read, write } from "./storage.js";

/** @typedef {{ draftKey: string, send: (text: string) => void, typing: (isTyping: boolean) => void }} Target */

const text = /** @type {HTMLTextAreaElement} */ (byId("text"));

/** @type {Target | undefined} */
let target;

/** @param {Target} to Write to this group from now on. */
export function writeTo(to) {
  target?.typing(false);
  target = to;
  text.value = read("sessionStorage", to.draftKey) ?? "";
  fit();
}

/** Write a text again, above what the user is writing. @param {string} again */
export function rewrite(again) {
  if (again) {
    text.value = `${again}\n${text.value}`.trim();
    keep();
  }
  text.focus();
}

function fit() {
  text.style.height = "";
  // To ask for the height makes the browser lay out the page.
  if (text.value) text.style.height = `${text.scrollHeight}px`;
}

function keep() {
  if (target) write("sessionStorage", target.draftKey, text.value);
  fit();
}

function send() {
  const said = text.value.trim();
  if (!said) return;
  target?.send(said);
  text.value = "";
  keep();
}

text.addEventListener("input", () => {
  keep();
  target?.typing(text.value !== "");
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  send();
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  text.focus();
});
