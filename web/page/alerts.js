/** What is wrong, in one sentence below the conversation. It goes when its reason goes. */
import { byId, showText } from "./elements.js";

/** The sentence for each reason, the oldest first. @type {Map<string, string>} */
const alerts = new Map();

/** @param {string} reason @param {string} sentence Says what to do. */
export function alert(reason, sentence) {
  alerts.delete(reason);
  alerts.set(reason, sentence);
  show();
}

/** @param {string} reason */
export function endAlert(reason) {
  if (alerts.delete(reason)) show();
}

export function endAlerts() {
  alerts.clear();
  show();
}

function show() {
  showText(byId("alert"), [...alerts.values()].at(-1) ?? "");
}
