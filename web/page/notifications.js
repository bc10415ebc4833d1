/** News on the desktop while the user is elsewhere. They ask for it with a button, and only then. */
import { byId } from "./elements.js";
import { alert, endAlert } from "./alerts.js";
import { read, write } from "./storage.js";

const KEY = "chat-notify";
const REASON = "notifications";
const button = byId("notify");

/** By group. @type {Map<string, Notification>} */
const shown = new Map();

let asked = read("localStorage", KEY) === "yes";

const isOn = () => asked && Notification.permission === "granted";

// Only pages on https and on this machine may notify.
button.hidden = !("Notification" in globalThis && isSecureContext);
if (!button.hidden) showButton();

button.addEventListener("click", async () => {
  asked = !isOn();
  if (!asked) endNotifications();
  else if ((await Notification.requestPermission()) !== "granted")
    alert(REASON, "Your browser blocks notifications from this page. Allow them in its settings.");
  if (isOn()) endAlert(REASON);
  write("localStorage", KEY, asked ? "yes" : "");
  showButton();
});

function showButton() {
  button.ariaPressed = `${isOn()}`;
  button.title = isOn() ? "Notifications are on" : "Notify me of new messages";
}

/**
 * A later notification of the same group takes the place of an earlier one, also of another tab.
 *
 * @param {string} groupId @param {string} text @param {() => void} open The user has chosen the notification.
 */
export function notify(groupId, text, open) {
  if (button.hidden || !isOn()) return;
  try {
    const notification = new Notification(groupId, { body: text, tag: groupId, icon: "icon.svg" });
    shown.set(groupId, notification);
    notification.addEventListener("click", () => {
      focus();
      notification.close();
      open();
    });
  } catch {
    // Chrome on Android has only those of service workers.
    button.hidden = true;
  }
}

/** @param {string} groupId The user has read it. */
export function endNotification(groupId) {
  shown.get(groupId)?.close();
  shown.delete(groupId);
}

export function endNotifications() {
  for (const groupId of [...shown.keys()]) endNotification(groupId);
}
