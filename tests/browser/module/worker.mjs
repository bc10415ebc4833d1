/** The chat of chat_anywhere.mjs in a worker of a browser. It tells the page how it went. */
import { chat } from "./chat_anywhere.mjs";

const result = await chat(new URLSearchParams(location.search).get("url")).then(() => "ok", String);
new BroadcastChannel("result").postMessage(result);
