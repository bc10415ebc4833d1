/** Addresses of web pages in a text. */

// What ends a sentence around an address is not part of it, in any script. Nor is what changes the direction of writing:
// the address would look like another one.
const INSIDE = `[^\\s<>"()\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069。，、！？；：（）「」『』【】《》]`;
const LAST = INSIDE.replace("[^", "[^'.,:;!?\\]}");
const LINK = new RegExp(
  `((?:\\bhttps?://|(?<![\\p{L}\\p{N}_@./:-])www\\.(?=[\\p{L}\\p{N}-]+\\.))(?:${INSIDE}|\\(${INSIDE}*\\))*(?:${LAST}|\\(${INSIDE}*\\)))`,
  "giu",
);

/** Where a link leads. @param {string} text One that begins with www, or is an address. */
export const addressOf = (text) => (/^www\./i.test(text) ? `https://${text}` : text);

/** Splits a text at its addresses: every second part is one. @param {string} text */
export const splitAtLinks = (text) => text.split(LINK);
