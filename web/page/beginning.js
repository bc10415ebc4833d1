/** What stands above the first message, or in the place of the messages. */

/** @import { Room } from "../chat-client.js" */

/**
 * @param {Room} room @param {string} userId The user of the page. @param {boolean} isLoaded Whether the first history is here.
 * @returns {string} Empty while there is nothing to say.
 */
export function beginningOf({ groupId, state, messages, hasOlder, presence }, userId, isLoaded) {
  if (!isLoaded && state === "waiting") return "Messages load when you are connected.";
  if (hasOlder || state !== "online") return "";
  if (messages.length) return "This is where the conversation begins.";
  // The server's list may lag, and not have this user.
  if (presence.members.some((member) => member.userId !== userId)) return "No messages yet. Say hello!";
  return `Nobody has written in “${groupId}” yet. Copy the link to invite others. Did you expect somebody here? Then check the group’s name: capitals and spaces count.`;
}
