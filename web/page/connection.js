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

/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;
/** The states of which screen readers hear. Between two attempts to connect, there is no news for them. */
const SAID = ["online", "waiting", "closed"];

/** @param {Chat} chat @param {State} state Of the group that is shown. */
export function showState(chat, state) {
  byId("chat-view").dataset.state = state;
  byId("state").textContent = WORDS[state];
  if (SAID.includes(state)) showText(byId("said"), WORDS[state]);
  byId("try-now").hidden = state !== "waiting";
  clearInterval(countdown);
  byId("countdown").textContent = "";
  if (state !== "waiting") return;
  const until = Date.now() + chat.retryInMs;
  const tick = () => {
    byId("countdown").textContent = `· trying again in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`;
  };
  tick();
  countdown = setInterval(tick, 1000);
}

/** The user has signed out. */
export function endState() {
  clearInterval(countdown);
  showText(byId("said"), "");
}
