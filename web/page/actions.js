/** The bar of what a person can do with a message: with the one under the mouse, or with one whose button they press. */
import { byId, isTaken, moveFocus } from "./elements.js";

/**
 * @typedef {object} Offers
 * @property {string} line Says which message it is.
 * @property {string[]} [reactions] Those of the user. Missing if they cannot react.
 * @property {boolean} isOwn Whether the user can edit and delete it.
 */
/**
 * @typedef {object} Deeds
 * @property {(key: string) => Offers | undefined} offers What the user can do with the message of a key.
 * @property {(key: string, action: string) => void} act `reply`, `edit`, `delete`, or a reaction.
 */

const log = byId("log");
const area = /** @type {HTMLElement} */ (log.parentElement);
const bar = byId("actions");
const all = /** @type {HTMLButtonElement[]} */ ([...bar.querySelectorAll("button")]);

/** @type {Deeds} */
let deeds = { offers: () => undefined, act: () => {} };
/** The message of the bar. @type {HTMLElement | undefined} */
let row;
/** Whether the user has opened it with the button of the message, and so has the focus in it. */
let isPinned = false;
/** The message to which the Tab key leads. @type {HTMLElement | undefined} */
let stop;

/** @param {Deeds} to */
export const onAct = (to) => (deeds = to);

/** @param {HTMLElement | undefined} element In a message. @returns {HTMLElement | null | undefined} */
const rowOf = (element) => element?.closest("#messages > li");

/** @param {HTMLElement} of A message. */
const moreOf = (of) => /** @type {HTMLButtonElement} */ (of.querySelector(".more"));

const offered = () => all.filter((button) => !button.hidden);

/** The messages have changed, and may be elsewhere. */
export function refreshActions() {
  if (!row) return;
  const offers = row.isConnected ? deeds.offers(row.dataset.key ?? "") : undefined;
  if (!offers) return close(isPinned);
  const { line, reactions, isOwn } = offers;
  bar.ariaLabel = `Actions for ${line}`;
  for (const button of all) {
    const { reaction, act } = button.dataset;
    button.hidden = reaction ? !reactions : act !== "reply" && !isOwn;
    if (reaction) button.ariaPressed = `${!!reactions?.includes(reaction)}`;
  }
  place();
}

function place() {
  if (!row) return;
  const bubble = /** @type {HTMLElement} */ (row.querySelector(".bubble")).getBoundingClientRect();
  const seen = log.getBoundingClientRect();
  if (bubble.bottom < seen.top || bubble.top > seen.bottom) return close(isPinned);
  const { left, top } = area.getBoundingClientRect();
  const list = row.getBoundingClientRect();
  // Across the upper edge of the message, on the side where most messages leave room.
  const x = row.classList.contains("own") ? list.left : list.right - bar.offsetWidth;
  const y = Math.min(Math.max(bubble.top - bar.offsetHeight * 0.6, seen.top), seen.bottom - bar.offsetHeight);
  bar.style.left = `${x - left}px`;
  bar.style.top = `${y - top}px`;
}

/** @param {HTMLElement} at A message. @param {boolean} pinned */
function open(at, pinned) {
  if (row !== at) close(false);
  if (!deeds.offers(at.dataset.key ?? "")) return;
  row = at;
  isPinned = pinned;
  bar.hidden = false;
  refreshActions();
  for (const button of all) button.tabIndex = -1;
  if (!pinned) return;
  moreOf(at).ariaExpanded = "true";
  const [first] = offered();
  first.tabIndex = 0;
  moveFocus(first);
}

/** @param {boolean} goesBack Whether the focus goes back to the message. */
function close(goesBack) {
  const [from, had] = [row, isPinned];
  row = undefined;
  isPinned = false;
  bar.hidden = true;
  if (!from || !had) return;
  moreOf(from).ariaExpanded = "false";
  if (goesBack) focusRow(from);
}

/** @param {HTMLElement} at A message. */
function focusRow(at) {
  const more = moreOf(at);
  if (at.isConnected && !more.hidden) moveFocus(more);
  else moveFocus(log);
}

// With the mouse

// Not pointerover: after the log has scrolled, the mouse may be over the same message.
log.addEventListener("pointermove", ({ target, pointerType }) => {
  const over = rowOf(/** @type {HTMLElement} */ (target));
  if (pointerType === "mouse" && !isPinned && over && over !== row) open(over, false);
});
area.addEventListener("pointerleave", () => isPinned || close(false));
log.addEventListener("scroll", () => (isPinned ? place() : close(false)));
new ResizeObserver(place).observe(log);

// The focus stays where it is, most often in the draft.
bar.addEventListener("mousedown", (event) => event.preventDefault());

bar.addEventListener("click", ({ target }) => {
  const button = /** @type {HTMLElement} */ (target).closest("button");
  const key = row?.dataset.key;
  if (!button || !key) return;
  close(true);
  deeds.act(key, button.dataset.reaction ?? button.dataset.act ?? "");
});

// With the button of a message

log.addEventListener("click", ({ target }) => {
  const more = /** @type {HTMLElement} */ (target).closest(".more");
  const at = rowOf(/** @type {HTMLElement | undefined} */ (more ?? undefined));
  if (!at) return;
  if (isPinned && row === at) close(true);
  else open(at, true);
});

bar.addEventListener("focusout", () =>
  // The focus is elsewhere only afterwards. In another window, it is still here.
  setTimeout(() => {
    if (isPinned && !bar.contains(document.activeElement)) close(false);
  }),
);

/** @type {Record<string, number>} */
const ALONG = { ArrowLeft: -1, ArrowRight: 1 };
/** @type {Record<string, number>} */
const ACROSS = { ArrowUp: -1, ArrowDown: 1 };

/** @param {HTMLElement[]} elements @param {Element | null} from @param {number} steps */
const stepFrom = (elements, from, steps) => elements[elements.findIndex((each) => each === from) + steps];

bar.addEventListener("keydown", (event) => {
  if (isTaken(event)) return;
  if (event.key === "Escape") close(true);
  else if (event.key in ALONG) stepFrom(offered(), document.activeElement, ALONG[event.key])?.focus();
  else return;
  for (const button of all) button.tabIndex = button === document.activeElement ? 0 : -1;
  event.preventDefault();
  event.stopPropagation();
});

// From message to message

log.addEventListener("keydown", (event) => {
  const focused = /** @type {HTMLElement} */ (document.activeElement);
  const at = rowOf(focused);
  if (!at || event.altKey || isTaken(event)) return;
  const rows = /** @type {HTMLElement[]} */ ([...(at.parentElement?.children ?? [])]);
  const within = /** @type {HTMLElement[]} */ ([...at.querySelectorAll(".quote, .more, .chip")]);
  const shown = within.filter((element) => element.checkVisibility());
  if (event.key in ALONG) stepFrom(shown, focused, ALONG[event.key])?.focus();
  else if (event.key in ACROSS) {
    const mores = rows.map(moreOf).filter((more) => more === moreOf(at) || !more.hidden);
    stepFrom(mores, moreOf(at), ACROSS[event.key])?.focus();
  } else return;
  event.preventDefault();
});

// One stop for the Tab key, however many messages there are: the one that has the focus, or the last one in sight.
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Tab") return;
  if (stop) moreOf(stop).tabIndex = -1;
  const { bottom } = log.getBoundingClientRect();
  const rows = /** @type {HTMLElement[]} */ ([...log.querySelectorAll("#messages > li")]);
  const seen = rows.filter((each) => !moreOf(each).hidden && each.getBoundingClientRect().top < bottom);
  stop = rowOf(/** @type {HTMLElement} */ (document.activeElement)) ?? seen.at(-1);
  if (stop) moreOf(stop).tabIndex = 0;
});
