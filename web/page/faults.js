/** What is wrong with what the user has typed, as the end of a sentence. */
import { isVisible } from "../chat-client.js";

/** @param {string} value @param {(value: string) => boolean} isRight @param {string} fault */
export function faultOf(value, isRight, fault) {
  if (!value) return "is missing";
  if (!isVisible(value)) return "has no visible character";
  return isRight(value) ? "" : fault;
}
