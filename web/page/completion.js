/** The list of people above the text field, while the user writes "@" and a part of a name. */
import { byId, isolated, isTaken, showAvatar } from "./elements.js";

/** @typedef {{ userId: string, name: string }} Person */

const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const list = byId("suggestions");

const MOST_PEOPLE = 8;
// What stands before the @ of a mail address is no reason for the list. Languages without spaces write it after any letter.
const TYPED = /(?<![\w.%+-])[@＠]([^@＠\n]{0,40})$/u;

/** The people of the shown group. */
let people = () => /** @type {Person[]} */ ([]);
/** Those in the list. @type {Person[]} */
let shown = [];
let chosen = 0;
/** Where in the text the @ of the list is. */
let at = 0;
/** Where the @ is after which the user wants no list, because they have chosen or pressed Escape. */
let done = -1;
/** Whether that is because of Escape. Then the next letter opens the list again. */
let escaped = false;

/** @param {() => Person[]} from The people to mention from now on. */
export function suggest(from) {
  people = from;
  done = -1;
  close();
}

/** "José" is found with "jose". @param {string} name */
const fold = (name) =>
  name
    .normalize("NFKD")
    .replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, "")
    .toLowerCase();

/** Whether a word of a name begins with what the user has typed. @param {string} name @param {string} typed Folded. */
const begins = (name, typed) => ` ${fold(name)}`.includes(` ${typed}`);

function update() {
  const isWriting = document.activeElement === text && text.selectionStart === text.selectionEnd;
  const found = isWriting ? TYPED.exec(text.value.slice(0, text.selectionStart)) : null;
  if (found?.index !== done) done = -1;
  if (!found || found.index === done) return close();
  at = found.index;
  const typed = fold(found[1]);
  const fitting = people().filter(({ userId, name }) => begins(name, typed) || begins(userId, typed));
  const isWhole = fitting.length === 1 && fitting[0].name.toLowerCase() === found[1].toLowerCase();
  // There is nothing to complete after a whole name: Enter then sends.
  if (!fitting.length || isWhole) return close();
  const before = shown[chosen]?.userId;
  shown = fitting.slice(0, MOST_PEOPLE);
  list.replaceChildren(...shown.map(optionOf));
  list.hidden = false;
  text.role = "combobox";
  text.ariaExpanded = "true";
  text.setAttribute("aria-controls", list.id);
  choose(
    Math.max(
      0,
      shown.findIndex(({ userId }) => userId === before),
    ),
  );
}

/** @param {Person} person @param {number} index */
function optionOf({ userId, name }, index) {
  const option = document.createElement("li");
  option.id = `suggestion-${index}`;
  option.role = "option";
  const avatar = document.createElement("span");
  avatar.className = "avatar";
  avatar.ariaHidden = "true";
  showAvatar(avatar, userId, name);
  option.append(avatar, isolated(name));
  return option;
}

/** @param {number} index */
function choose(index) {
  chosen = (index + shown.length) % shown.length;
  for (const [place, option] of [...list.children].entries()) option.ariaSelected = `${place === chosen}`;
  list.children[chosen].scrollIntoView({ block: "nearest" });
  text.setAttribute("aria-activedescendant", list.children[chosen].id);
}

function close() {
  if (list.hidden) return;
  list.hidden = true;
  shown = [];
  // A text field of many lines is a combobox only while it has the list.
  for (const name of ["role", "aria-expanded", "aria-controls", "aria-activedescendant"]) text.removeAttribute(name);
}

/** @param {Person} person */
function pick({ name }) {
  const end = text.selectionEnd;
  const space = /^\s/.test(text.value.slice(end)) ? "" : " ";
  done = at;
  text.setSelectionRange(at, end);
  // Unlike a new value, it can be undone.
  document.execCommand("insertText", false, `@${name}${space}`);
  close();
}

/** Whether the list takes a key of the text field. @param {KeyboardEvent} event */
export function takesKey(event) {
  // People may have come since the last letter: the user has not seen yet that the mention can be whole.
  if (event.key === "Enter" && list.hidden && !isTaken(event) && !event.shiftKey) {
    update();
    if (!list.hidden) event.preventDefault();
    return !list.hidden;
  }
  if (list.hidden || isTaken(event) || event.shiftKey || event.altKey) return false;
  if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen - 1);
  else if (event.key === "Enter" || event.key === "Tab") pick(shown[chosen]);
  else if (event.key === "Escape") {
    done = at;
    escaped = true;
    close();
    // It closes the list alone, not what is behind it.
    event.stopPropagation();
  } else return false;
  event.preventDefault();
  return true;
}

text.addEventListener("input", () => {
  if (escaped) done = -1;
  escaped = false;
  update();
});
text.addEventListener("blur", close);
document.addEventListener("selectionchange", update);
// The focus stays in the text field.
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", ({ target }) => {
  const option = /** @type {HTMLElement} */ (target).closest("[role=option]");
  if (option) pick(shown[[...list.children].indexOf(option)]);
});
