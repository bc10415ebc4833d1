/** The reactions to a message: each with its number, and pressed if the user has it. */

import { part } from "./elements.js";

/** @import { People } from "./message-list.js" */

/** Those of the bar, in its order. */
const bar = Array.from(document.querySelectorAll("#actions [data-reaction]"), (button) =>
  button.getAttribute("data-reaction"),
);

/** Everybody sees them in one order: first those of the bar. The server has no order. @param {string} a @param {string} b */
function inOrder(a, b) {
  const [placeOfA, placeOfB] = [a, b].map((reaction) => (bar.includes(reaction) ? bar.indexOf(reaction) : bar.length));
  return placeOfA - placeOfB || (a < b ? -1 : 1);
}

/** The reactions of one user. @param {Record<string, string[]> | undefined} reactions @param {string} userId */
export const reactionsOf = (reactions = {}, userId) =>
  Object.keys(reactions).filter((reaction) => reactions[reaction].includes(userId));

/** The reactions after a user has added one, or taken it away. @param {Record<string, string[]> | undefined} reactions @param {string} reaction @param {string} userId @param {boolean} on */
export function withReaction(reactions = {}, reaction, userId, on) {
  const others = (reactions[reaction] ?? []).filter((id) => id !== userId);
  const { [reaction]: _, ...rest } = reactions;
  if (!on && !others.length) return rest;
  return { ...reactions, [reaction]: on ? [...others, userId] : others };
}

/** @param {HTMLElement} element @param {Record<string, string[]> | undefined} reactions @param {People} people */
export function showReactions(element, reactions = {}, { userId, nameOf }) {
  const before = new Map(
    Array.from(element.children, (child) => [/** @type {HTMLElement} */ (child).dataset.reaction, child]),
  );
  const entries = Object.entries(reactions).sort(([a], [b]) => inOrder(a, b));
  const chips = entries.map(([reaction, users]) => {
    const chip = /** @type {HTMLButtonElement} */ (before.get(reaction) ?? document.createElement("button"));
    const own = users.includes(userId);
    const names = [...users.filter((id) => id !== userId).map(nameOf), ...(own ? ["you"] : [])].join(", ");
    chip.type = "button";
    chip.className = "chip";
    chip.tabIndex = -1;
    chip.dataset.reaction = reaction;
    chip.ariaPressed = `${own}`;
    chip.ariaLabel = `${reaction} ${users.length}: ${names}`;
    chip.title = names;
    const shown = document.createElement("bdi");
    shown.textContent = reaction;
    chip.replaceChildren(shown, ` ${users.length}`);
    return chip;
  });
  for (const [reaction, chip] of before) {
    if (reactions[reaction ?? ""]) continue;
    // It would take the focus with it.
    if (chip === document.activeElement) part(/** @type {Element} */ (element.parentElement), "more").focus();
    chip.remove();
  }
  for (const [place, chip] of chips.entries())
    if (element.children[place] !== chip) element.insertBefore(chip, element.children[place]);
  element.hidden = !chips.length;
}
