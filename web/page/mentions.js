/** Where a text names the user. */

import { splitAtLinks } from "./links.js";

// These scripts write no spaces between words.
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

// Korean writes particles right after a name.
const UNSPACED_AFTER = new RegExp(`${UNSPACED.source}|\\p{sc=Hangul}`, "u");

/** The name as a whole word, in upper or lower case. @type {{ name: string, pattern?: RegExp }} */
let own = { name: "" };
/** The answers so far. The unread messages are asked about again with each new one. @type {WeakMap<object, boolean>} */
let known = new WeakMap();

/** @param {string} name From now on, the name of the user. */
export function setOwnName(name) {
  if (own.name === name) return;
  const letters = [...name];
  const before = UNSPACED.test(letters[0]) ? "" : "(?<![\\p{L}\\p{M}\\p{N}_])";
  const after = UNSPACED_AFTER.test(letters[letters.length - 1]) ? "" : "(?![\\p{L}\\p{M}\\p{N}_])";
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  known = new WeakMap();
  own = { name, pattern: new RegExp(`${before}(${literal})${after}`, "giu") };
}

/** Splits a text at the user's name: every second part is the name. @param {string} text */
export const splitAtName = (text) => (own.pattern ? text.split(own.pattern) : [text]);

/** @param {{ message: string, own: boolean }} message */
export function mentionsUser(message) {
  let answer = known.get(message);
  if (answer === undefined) {
    const parts = message.own ? [] : splitAtLinks(message.message);
    answer = parts.some((text, index) => index % 2 === 0 && splitAtName(text).length > 1);
    known.set(message, answer);
  }
  return answer;
}
