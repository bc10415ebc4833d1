/** Where a text mentions the user or somebody else: "@" and the name. The name alone may be a word like any other. */

import { keyOf } from "./elements.js";
import { splitAtLinks } from "./links.js";

/** @import { Names } from "./names.js" */

// These scripts write no space after a name. Korean does between words, but writes particles right after a name.
const UNSPACED =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\p{sc=Hangul}]/u;

// What stands before the @ of a mail address is no mention. Some scripts write a prefix right before it.
const MENTION = "(?<![\\w.%+-])@";

/** The mention of the user, in upper or lower case. @type {{ name: string, pattern?: RegExp }} */
let own = { name: "" };
/** The answers so far. The unread messages are asked about again with each new one. @type {WeakMap<object, { version: number, answer: boolean }>} */
let known = new WeakMap();

/** @param {string} name */
const literal = (name) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/** A name that is a part of a longer word is another one. @param {string} name */
const endOf = (name) => (UNSPACED.test([...name].at(-1) ?? "") ? "" : "(?![\\p{L}\\p{M}\\p{N}_])");

/** @param {string} name From now on, the name of the user. */
export function setOwnName(name) {
  if (own.name === name) return;
  known = new WeakMap();
  own = { name, pattern: new RegExp(`(${MENTION}${literal(name)}${endOf(name)})`, "giu") };
}

/** "@" and one of these names, the longest that fits, but not the user's. @param {string[]} names */
export function patternOf(names) {
  const others = [...new Set(names)].filter((name) => keyOf(name) !== keyOf(own.name));
  if (!others.length) return undefined;
  others.sort((a, b) => b.length - a.length);
  return new RegExp(`(${MENTION}(?:${others.map((name) => literal(name) + endOf(name)).join("|")}))`, "giu");
}

/** Splits a text at mentions of the user: every second part is one. @param {string} text */
export const splitAtOwn = (text) => (own.pattern ? text.split(own.pattern) : [text]);

/** Splits a text at mentions of others: every second part is one. @param {string} text @param {Names} [names] */
export function splitAtMentions(text, names) {
  const pattern = names?.mentions;
  return pattern ? text.split(pattern) : [text];
}

/** @param {{ message: string, own: boolean }} message @param {Names} [names] Of the people of the group. */
export function mentionsUser(message, names) {
  if (message.own) return false;
  const version = names?.version ?? 0;
  const before = known.get(message);
  if (before?.version === version) return before.answer;
  const parts = splitAtLinks(message.message).filter((_, index) => index % 2 === 0);
  const rest = parts.flatMap((text) => splitAtMentions(text, names).filter((_, index) => index % 2 === 0));
  const answer = rest.some((text) => splitAtOwn(text).length > 1);
  known.set(message, { version, answer });
  return answer;
}
