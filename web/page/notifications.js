/** News on the desktop while the user is elsewhere. They ask for it with a button, and only then. */
import { byId, plain, showText } from "./elements.js";
import { alert, endAlert } from "./alerts.js";
import { read, write } from "./storage.js";

const KEY = "chat-notify";
const REASON = "notifications";
const MOST_CHARACTERS = 200;
const button = byId("notify");

/** By group. @type {Map<string, Notification>} */
const shown = new Map();

const wants = () => read("localStorage", KEY) === "yes";
/** Whether the user wants notifications. The browser may block them. */
let asked = wants();

const isOn = () => asked && Notification.permission === "granted";

// Only pages on https and on this machine may notify.
button.hidden = !("Notification" in globalThis && isSecureContext);
if (!button.hidden) {
  showState();
  // In the browser's settings, the user can change it at any time, and in another tab of the page.
  navigator.permissions?.query({ name: "notifications" }).then(
    (permission) => (permission.onchange = showState),
    () => {},
  );
  addEventListener("storage", ({ key }) => {
    if (key !== KEY) return;
    asked = wants();
    showState();
  });
}

button.addEventListener("click", async () => {
  asked = !isOn();
  endAlert(REASON);
  if (asked) {
    const permission = await Notification.requestPermission();
    if (permission === "denied")
      alert(REASON, "Your browser blocks notifications from this page. Allow them in its settings.");
    // Without an answer, the user has not decided.
    asked = permission !== "default";
  }
  write("localStorage", KEY, asked ? "yes" : "");
  showState();
});

function showState() {
  const blocked = asked && Notification.permission === "denied";
  button.dataset.state = isOn() ? "on" : blocked ? "blocked" : "off";
  showText(byId("notify-state"), `Notifications: ${button.dataset.state}`);
  button.title = isOn() ? "Notify me no more" : "Notify me of new messages while I am elsewhere";
  if (!blocked) endAlert(REASON);
  if (!isOn()) endNotifications();
}

/**
 * A later notification of the same group takes the place of an earlier one, also of another tab.
 *
 * @param {string} groupId @param {string} user Says whose group it is. @param {string} text
 * @param {() => void} open The user has chosen the notification.
 */
export function notify(groupId, user, text, open) {
  if (button.hidden || !isOn()) return;
  // In one line, so that a text cannot look like two messages.
  const body = [...plain(text).replace(/\s+/g, " ")].slice(0, MOST_CHARACTERS).join("");
  // TypeScript does not know renotify: show each one, not only the first of a group.
  const options = { body, tag: JSON.stringify([user, groupId]), icon: "icon.svg", renotify: true };
  try {
    const notification = new Notification(plain(groupId), options);
    shown.set(groupId, notification);
    notification.addEventListener("click", () => {
      focus();
      notification.close();
      open();
    });
  } catch {
    // Chrome on Android has only those of service workers.
    button.hidden = true;
    alert(REASON, "This browser shows no notifications of web pages.");
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
