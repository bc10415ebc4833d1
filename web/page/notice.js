/** What is good to know but no fault, in one sentence below the conversation. It goes by itself. */
import { byId, showText } from "./elements.js";

/** Long enough to read the sentence twice, in milliseconds. */
const STAYS_MS = 30_000;

const notice = byId("notice");
/** @type {ReturnType<typeof setTimeout> | undefined} */
let ending;

/** @param {string} sentence */
export function tellQuietly(sentence) {
  if (byId("notice-text").textContent === sentence) return;
  showText(byId("notice-text"), sentence);
  notice.hidden = false;
  rest();
}

/** Nobody has read it while the page was not in sight. */
function rest() {
  clearTimeout(ending);
  if (!document.hidden) ending = setTimeout(endNotice, STAYS_MS);
}

export function endNotice() {
  clearTimeout(ending);
  notice.hidden = true;
  byId("notice-text").textContent = "";
}

document.addEventListener("visibilitychange", () => notice.hidden || rest());

byId("notice-end").addEventListener("click", () => {
  endNotice();
  byId("text").focus();
});
