/** The question before the user leaves messages behind that are not sent. */
import { byId } from "./elements.js";

/** @import { Room } from "../chat-client.js" */

const dialog = /** @type {HTMLDialogElement} */ (byId("unsent"));

/** The user's unsent messages: they are the last ones. @param {Room} room */
export const unsentIn = ({ messages }) => messages.slice(messages.findLastIndex(({ status }) => status === "sent") + 1);

/**
 * Whether to leave. Asks only if there are unsent messages.
 *
 * @param {readonly Room[]} rooms What the user leaves. @param {boolean} stays Whether the page stays connected.
 * @returns {Promise<boolean>}
 */
export async function mayLeave(rooms, stays) {
  const unsent = rooms.flatMap(unsentIn);
  if (!unsent.length) return true;
  const waiting = unsent.some(({ status }) => status === "sending");
  byId("unsent-count").textContent =
    unsent.length === 1 ? "1 message is not sent" : `${unsent.length} messages are not sent`;
  byId("unsent-what").textContent =
    stays && waiting
      ? "They are sent when the connection is back."
      : "They stay in this browser until you join again with the same name.";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "leave"), { once: true }),
  );
}

for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));
