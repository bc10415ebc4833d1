/** The reactions to a message: each with its number, and pressed if the user has it. */

import { part } from "./elements.js";

/** @import { People } from "./message-list.js" */

/** The reactions of one user. @param {Record<string, string[]> | undefined} reactions @param {string} userId */
export const reactionsOf = (reactions = {}, userId) =>
  Object.keys(reactions).filter((reaction) => reactions[reaction].includes(userId));

/** The reactions after a user has added one, or taken it away. @param {Record<string, string[]> | undefined} reactions @param {string} reaction @param {string} userId @param {boolean} on */
export function withReaction(reactions = {}, reaction, userId, on) {
  const others = (reactions[reaction] ?? []).filter((id) => id !== userId);
  const { [reaction]: _, ...rest } = reactions;
  if (!on && !others.length) return rest;
  // The one that was there keeps its place.
  return { ...reactions, [reaction]: on ? [...others, userId] : others };
}

/** @param {HTMLElement} element @param {Record<string, string[]> | undefined} reactions @param {People} people */
export function showReactions(element, reactions = {}, { userId, nameOf }) {
  const before = new Map(
    Array.from(element.children, (child) => [/** @type {HTMLElement} */ (child).dataset.reaction, child]),
  );
  const chips = Object.entries(reactions).map(([reaction, users]) => {
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
  for (const chip of chips) if (chip.parentElement !== element) element.append(chip);
  element.hidden = !chips.length;
}
