/** Where the user writes. What they have not sent stays with its group, also over a reload. */
import { suggest, takesKey } from "./completion.js";
import { byId, isTaken, part, showText } from "./elements.js";
import { isId, isVisible } from "../chat-client.js";
import { read, write } from "./storage.js";

/** @import { Message } from "../chat-client.js" */
/** @import { Person } from "./completion.js" */
/**
 * @typedef {object} Target
 * @property {string} draftKey
 * @property {(text: string, replyTo?: string) => void} send
 * @property {(messageId: string, text: string) => void} edit
 * @property {() => Pick<Message, "messageId" | "message"> | undefined} lastOwn The user's last message that they can edit.
 * @property {(element: HTMLElement, messageId: string) => void} showQuote
 * @property {(isTyping: boolean) => void} typing
 * @property {() => Person[]} people Those whom the user may mention.
 */

const text = /** @type {HTMLTextAreaElement} */ (byId("text"));

const form = byId("composer");
const about = byId("about");
const quote = part(about, "quote");

/** @type {Target | undefined} */
let target;
/** What the user has not sent, by key. The browser may refuse to store it. @type {Map<string, string>} */
const drafts = new Map();
/** The message that each draft answers. @type {Map<string, string>} */
const replies = new Map();
/** The messages that the user edits, each instead of the draft. @type {Map<string, { messageId: string, text: string }>} */
const edits = new Map();

/** @param {string} key */
export const draftOf = (key) => drafts.get(key) ?? read("localStorage", key) ?? "";

/** @param {string} key */
const replyKey = (key) => `${key}:reply`;

/** @param {string} key */
function replyOf(key) {
  const id = replies.get(key) ?? read("localStorage", replyKey(key));
  return isId(id) ? (id ?? "") : "";
}

/** @param {Target} to Write to this group from now on. */
export function writeTo(to) {
  target?.typing(false);
  target = to;
  suggest(to.people);
  fill();
}

/** Show what the user writes in this group. */
function fill() {
  if (!target) return;
  text.value = edits.get(target.draftKey)?.text ?? draftOf(target.draftKey);
  showAbout();
  fit();
  // A person writes on at the end, and sees it.
  text.setSelectionRange(text.value.length, text.value.length);
  text.scrollTop = text.scrollHeight;
}

/** Write a text again, above what the user is writing. @param {string} again @param {string} [replyTo] */
export function rewrite(again, replyTo = "") {
  if (again) {
    endEdit();
    text.value = text.value ? `${again}\n${text.value}` : again;
    keep();
    if (replyTo) return reply(replyTo);
  }
  text.focus();
}

/** Show which message the user answers or edits, as it is now. */
export function showAbout() {
  if (!target) return;
  const edit = edits.get(target.draftKey);
  const messageId = edit?.messageId ?? replyOf(target.draftKey);
  about.hidden = !messageId;
  showText(part(about, "label"), messageId ? (edit ? "Editing" : "Reply to") : "");
  if (messageId) target.showQuote(quote, messageId);
  else quote.replaceChildren();
}

/** Answer a message with the draft. @param {string} messageId Empty: no message. */
export function reply(messageId) {
  if (!target) return;
  endEdit();
  replies.set(target.draftKey, messageId);
  write("localStorage", replyKey(target.draftKey), messageId);
  showAbout();
  text.focus();
}

/** Write another text for a message. The draft waits. @param {string} messageId @param {string} begin The text to begin with. */
export function edit(messageId, begin) {
  if (!target) return;
  target.typing(false);
  edits.set(target.draftKey, { messageId, text: begin });
  fill();
  text.focus();
}

/** Go back to the draft. */
function endEdit() {
  if (target && edits.delete(target.draftKey)) fill();
}

/** Edit no message, and after that answer none. Says whether there was one. */
function endAbout() {
  if (!target || about.hidden) return false;
  if (edits.has(target.draftKey)) endEdit();
  else reply("");
  text.focus();
  return true;
}

function fit() {
  // To ask for a height makes the browser lay out the page. Meanwhile the form keeps its own, or the log would scroll.
  form.style.minHeight = `${form.offsetHeight}px`;
  text.style.height = "";
  if (text.value) text.style.height = `${text.scrollHeight}px`;
  form.style.minHeight = "";
}

function keep() {
  const edited = edits.get(target?.draftKey ?? "");
  if (edited) edited.text = text.value;
  else if (target) {
    drafts.set(target.draftKey, text.value);
    write("localStorage", target.draftKey, text.value);
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
  if (!target || !isVisible(text.value)) return;
  const written = withoutEmptyLines(text.value);
  const edited = edits.get(target.draftKey);
  if (edited) {
    endEdit();
    return target.edit(edited.messageId, written);
  }
  const replyTo = replyOf(target.draftKey);
  if (replyTo) reply("");
  text.value = "";
  keep();
  target.send(written, replyTo || undefined);
}

text.addEventListener("input", () => {
  keep();
  if (!edits.has(target?.draftKey ?? "")) target?.typing(text.value !== "");
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
  if (takesKey(event) || event.shiftKey || isTaken(event)) return;
  const own = event.key === "ArrowUp" && !event.altKey && !text.value && about.hidden ? target?.lastOwn() : undefined;
  if (own?.messageId) edit(own.messageId, own.message);
  else if (event.key === "Enter" && !phone.matches) send();
  else return;
  event.preventDefault();
});

// Letters that somebody types while they read are for the composer. The space scrolls.
byId("log").addEventListener("keydown", (event) => {
  const { key, target, altKey, ctrlKey, metaKey } = event;
  const isLetter = [...key].length === 1 && key !== " ";
  if (isLetter && target === event.currentTarget && !altKey && !ctrlKey && !metaKey) text.focus();
});

form.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || isTaken(event) || event.defaultPrevented) return;
  // It ends this alone, and closes nothing else.
  if (endAbout()) event.stopPropagation();
});

byId("about-end").addEventListener("click", endAbout);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
  text.focus();
});
