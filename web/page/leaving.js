/** The question before the user leaves messages behind that are not sent. */
import { byId } from "./elements.js";

/** @import { Room } from "../chat-client.js" */

const dialog = /** @type {HTMLDialogElement} */ (byId("unsent"));

/** The user's unsent messages: they are the last ones. @param {Room} room */
export const unsentIn = ({ messages }) => messages.slice(messages.findLastIndex(({ status }) => status === "sent") + 1);

/**
 * Whether to leave. Asks only if there are unsent messages.
 *
 * @param {readonly Room[]} rooms What the user leaves. @param {string} how What the button says.
 * @param {(isSending: boolean) => string} then What becomes of the messages, if some are still being sent.
 * @returns {Promise<boolean>}
 */
export async function mayLeave(rooms, how, then) {
  const unsent = rooms.flatMap(unsentIn);
  if (!unsent.length) return true;
  byId("unsent-count").textContent =
    unsent.length === 1 ? "1 message is not sent" : `${unsent.length} messages are not sent`;
  byId("unsent-what").textContent = then(unsent.some(({ status }) => status === "sending"));
  byId("unsent-leave").textContent = how;
  // Escape keeps the value of the last time.
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) =>
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "leave"), { once: true }),
  );
}

for (const button of dialog.querySelectorAll("button"))
  button.addEventListener("click", () => dialog.close(button.value));

// Escape closes the dialog alone, not what is behind it.
dialog.addEventListener("keydown", (event) => event.stopPropagation());
