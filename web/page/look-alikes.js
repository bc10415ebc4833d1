/** The question before the user joins a group with nearly the name of one of theirs. */
import { isolated, keyOf } from "./elements.js";
import { ask } from "./question.js";

/**
 * Which group the user means.
 *
 * @param {string} typed The name that they have typed. @param {readonly string[]} theirs The groups that they are in.
 * @returns {Promise<string | undefined>} Undefined if they want no group now.
 */
export async function groupMeant(typed, theirs) {
  const alike = theirs.includes(typed) ? undefined : theirs.find((groupId) => keyOf(groupId) === keyOf(typed));
  if (!alike) return typed;
  const answer = await ask(
    ["You are in “", isolated(alike), "”"],
    ["“", isolated(typed), "” looks nearly the same, but is another group, with other messages and people."],
    "Open my group",
    "Join the other one",
  );
  return answer === "other" ? typed : answer === "safe" ? alike : undefined;
}
