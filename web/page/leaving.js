/** The question before the user leaves a group, or messages that are not sent. */
import { ask } from "./question.js";

/** @import { Room } from "../chat-client.js" */
/** @import { Words } from "./question.js" */

/** The user's unsent messages: they are the last ones. @param {Room} room */
export const unsentIn = ({ messages }) => messages.slice(messages.findLastIndex(({ status }) => status === "sent") + 1);

/** @param {number} count Of messages. */
export const areNotSent = (count) => (count === 1 ? "1 message is not sent" : `${count} messages are not sent`);

/**
 * Whether to leave.
 *
 * @param {readonly Room[]} rooms What the user leaves. @param {string} how What the button says.
 * @param {(isSending: boolean) => string} then What becomes of unsent messages, if some are still being sent.
 * @param {{ title: Words, what: string }} [always] Asks this also without unsent messages.
 * @returns {Promise<boolean>}
 */
export async function mayLeave(rooms, how, then, always) {
  const unsent = rooms.flatMap(unsentIn);
  if (!unsent.length && !always) return true;
  const what = unsent.length ? [then(unsent.some(({ status }) => status === "sending"))] : [];
  if (always) what.push(always.what);
  const title = unsent.length ? [areNotSent(unsent.length)] : (always?.title ?? []);
  return (await ask(title, [what.join(" ")], "Stay", how)) === "other";
}
