/** Whether a chat changes messages. It says so only when it is asked for a change. */

/** @import { ChatError, Room } from "../chat-client.js" */

/** Ask for a change that no chat makes: of a message without an id. @param {Room} room */
export async function asksForChanges(room) {
  try {
    await room.react("", "👍", false);
  } catch (error) {
    // A chat without changes does not know the action. Without an answer, ask again after the next connect.
    return !["UNKNOWN_ACTION", "TIMEOUT", "DISCONNECTED"].includes(/** @type {ChatError} */ (error).code);
  }
  return true;
}
