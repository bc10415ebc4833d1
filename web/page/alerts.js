/** What is wrong, in one sentence for each reason, below the conversation. It goes when its reason goes. */
import { byId, showText } from "./elements.js";

/** @type {Map<string, HTMLElement>} */
const alerts = new Map();

/** @param {string} reason @param {string} sentence Says what to do. */
export function alert(reason, sentence) {
  let element = alerts.get(reason);
  if (!element) {
    element = document.createElement("p");
    element.role = "alert";
    alerts.set(reason, element);
    byId("alert").append(element);
  }
  showText(element, sentence);
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
