/** Where a text names the user. */

// These scripts write no spaces between words.
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** The name as a whole word, in upper or lower case. @type {{ name: string, pattern?: RegExp }} */
let own = { name: "" };

/** @param {string} name From now on, the name of the user. */
export function setOwnName(name) {
  if (own.name === name) return;
  const letters = [...name];
  const edge = (/** @type {string | undefined} */ letter, /** @type {string} */ pattern) =>
    !letter || UNSPACED.test(letter) ? "" : pattern;
  const before = edge(letters[0], "(?<![\\p{L}\\p{M}\\p{N}_])");
  const after = edge(letters.at(-1), "(?![\\p{L}\\p{M}\\p{N}_])");
  const literal = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  own = { name, pattern: new RegExp(`${before}(${literal})${after}`, "giu") };
}

/** Splits a text at the user's name: every second part is the name. @param {string} text */
export const splitAtName = (text) => (own.pattern ? text.split(own.pattern) : [text]);

/** @param {{ message: string, own: boolean }} message */
export const mentionsUser = ({ message, own }) => !own && splitAtName(message).length > 1;
