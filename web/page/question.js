/** A question in a dialog: one answer is safe, and has the focus. */
import { byId } from "./elements.js";

/** @typedef {(string | Node)[]} Words */

const dialog = /** @type {HTMLDialogElement} */ (byId("question"));

/** Until the last question was answered and the page is back at the entry before it. Keys that repeat are quicker. */
let over = Promise.resolve("");

/**
 * @param {Words} title @param {Words} what What happens.
 * @param {string} safe What the button of the safe answer says. @param {string} other What the other button says.
 * @returns {Promise<string>} "safe" or "other". Empty if the user closed the dialog, or another question is open.
 */
export async function ask(title, what, safe, other) {
  await over;
  if (dialog.open) return "";
  byId("question-title").replaceChildren(...title);
  byId("question-what").replaceChildren(...what);
  byId("question-safe").textContent = safe;
  byId("question-other").textContent = other;
  // Escape keeps the value of the last time.
  dialog.returnValue = "";
  // Back closes the question alone.
  history.pushState({ ...history.state, question: true }, "");
  dialog.showModal();
  over = new Promise((resolve) => {
    const answer = () => resolve(dialog.returnValue);
    const closed = () => {
      if (!history.state?.question) return answer();
      goingBack = answer;
      history.back();
    };
    dialog.addEventListener("close", closed, { once: true });
  });
  return over;
}

/** What to do when the page is back at the entry before the question's own. @type {(() => void) | undefined} */
let goingBack;

// Nobody else hears of the steps to and from a question.
addEventListener("popstate", (event) => {
  const answer = goingBack;
  goingBack = undefined;
  if (!answer && !dialog.open && !history.state?.question) return;
  event.stopImmediatePropagation();
  if (answer) answer();
  else if (dialog.open) dialog.close();
  // The entry of a question that was answered is still there to go forward to.
  else history.back();
});

for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));

// Escape closes the dialog alone, not what is behind it.
dialog.addEventListener("keydown", (event) => event.stopPropagation());
