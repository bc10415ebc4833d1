/** A question in a dialog: one answer is safe, and has the focus. */
import { byId } from "./elements.js";

/** @typedef {(string | Node)[]} Words */

const dialog = /** @type {HTMLDialogElement} */ (byId("question"));

/**
 * @param {Words} title @param {Words} what What happens.
 * @param {string} safe What the button of the safe answer says. @param {string} other What the other button says.
 * @returns {Promise<string>} "safe" or "other". Empty if the user closed the dialog.
 */
export function ask(title, what, safe, other) {
  byId("question-title").replaceChildren(...title);
  byId("question-what").replaceChildren(...what);
  byId("question-safe").textContent = safe;
  byId("question-other").textContent = other;
  // Escape keeps the value of the last time.
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
}

for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));

// Escape closes the dialog alone, not what is behind it.
dialog.addEventListener("keydown", (event) => event.stopPropagation());
