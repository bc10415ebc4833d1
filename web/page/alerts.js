/** What is wrong, in one sentence for each reason, below the conversation. It goes when its reason goes. */
import { byId, showText } from "./elements.js";

/** @type {Map<string, HTMLElement>} */
const alerts = new Map();

/**
 * @param {string} reason @param {string} sentence Says what to do.
 * @param {[string, () => void][]} [actions] Buttons. Each ends the alert.
 */
export function alert(reason, sentence, actions = []) {
  let element = alerts.get(reason);
  if (!element) {
    element = document.createElement("p");
    element.role = "alert";
    alerts.set(reason, element);
    byId("alert").append(element);
  }
  if (!actions.length) return showText(element, sentence);
  const buttons = actions.map(([name, act]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = name;
    button.addEventListener("click", () => {
      endAlert(reason);
      byId("text").focus();
      act();
    });
    return button;
  });
  element.replaceChildren(sentence, ...buttons.flatMap((button) => [" ", button]));
}

/** @param {string} reason */
export const isAlerted = (reason) => alerts.has(reason);

/** @param {string} reason */
export function endAlert(reason) {
  alerts.get(reason)?.remove();
  alerts.delete(reason);
}

export function endAlerts() {
  for (const reason of [...alerts.keys()]) endAlert(reason);
}
