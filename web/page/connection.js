/** The line under the group's name: whether the page is connected, and when it tries again. */
import { byId, showText } from "./elements.js";

/** @import { Chat, State } from "../chat-client.js" */

const WORDS = {
  idle: "",
  connecting: "Connecting …",
  syncing: "Fetching messages …",
  online: "Connected",
  waiting: "Not connected",
  closed: "Not in this group",
};

/** What a press of the button does is seen at least this long, also if the attempt fails at once. */
const TRY_MS = 800;

const button = byId("try-now");
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;
/** Until when an attempt is shown that the user has asked for, in milliseconds since 1970. */
let tryingUntil = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let later;
/** The browser says at once that there is no network. Until then, the client knows whether that is true, in milliseconds. */
const OFFLINE_MS = 10_000;

/** Until when to believe the browser, in milliseconds since 1970. */
let offlineUntil = 0;
/** Show the state again. */
let again = () => {};

/** The states of which screen readers hear. Between two attempts to connect, there is no news for them. */
const SAID = ["online", "waiting", "closed"];

/** @param {Chat} chat @param {State} state Of the group that is shown. */
export function showState(chat, state) {
  clearTimeout(later);
  const given = state;
  again = () => showState(chat, given);
  const offline = offlineUntil - Date.now();
  const isOffline = offline > 0 && state !== "waiting" && state !== "closed";
  if (isOffline) {
    later = setTimeout(again, offline);
    state = "waiting";
  }
  const rest = isOffline ? 0 : tryingUntil - Date.now();
  if (state === "waiting" && rest > 0) {
    later = setTimeout(again, rest);
    state = "connecting";
  }
  byId("chat-view").dataset.state = state;
  byId("state").textContent = WORDS[state];
  if (SAID.includes(state)) showText(byId("said"), WORDS[state]);
  const waits = state === "waiting";
  // A button that goes would take the focus with it.
  if (!waits && document.activeElement === button) byId("text").focus();
  button.hidden = !waits || isOffline;
  clearInterval(countdown);
  byId("countdown").textContent = "";
  if (!waits || isOffline) return;
  const until = Date.now() + chat.retryInMs;
  const tick = () => {
    byId("countdown").textContent = `· next try in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`;
  };
  tick();
  countdown = setInterval(tick, 1000);
}

/** @param {() => void} tryNow The user does not want to wait for the next attempt. */
export function onTry(tryNow) {
  button.addEventListener("click", () => {
    tryingUntil = Date.now() + TRY_MS;
    tryNow();
  });
  // The focus stays where it is, most often in the draft.
  button.addEventListener("mousedown", (event) => event.preventDefault());
}

for (const event of ["offline", "online"])
  addEventListener(event, () => {
    offlineUntil = event === "offline" ? Date.now() + OFFLINE_MS : 0;
    again();
  });

/** The user has signed out. */
export function endState() {
  again = () => {};
  clearInterval(countdown);
  clearTimeout(later);
  tryingUntil = 0;
  showText(byId("said"), "");
}
