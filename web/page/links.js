/** Addresses of web pages in a text. */

// What ends a sentence around an address is not part of it, in any script. Nor is what changes the direction of writing:
// the address would look like another one.
const INSIDE = `[^\\s<>"()\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069。，、！？；：（）「」『』【】《》]`;
const LAST = INSIDE.replace("[^", "[^'.,:;!?\\]}");
const LINK = new RegExp(`(\\bhttps?://(?:${INSIDE}|\\(${INSIDE}*\\))*(?:${LAST}|\\(${INSIDE}*\\)))`, "giu");

/** Splits a text at its addresses: every second part is one. @param {string} text */
export const splitAtLinks = (text) => text.split(LINK);
