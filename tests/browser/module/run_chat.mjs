/**
 * The chat of chat_anywhere.mjs in Node.js, Deno and Bun: `node run_chat.mjs WebSocketURL`. With `worker`, in a worker. With
 * `changes` or `no-changes`, it changes messages.
 */
import assert from "node:assert/strict";
import { Worker, workerData } from "node:worker_threads";

import { ChatClient } from "../../../web/chat-client.js";
import { change, chat } from "./chat_anywhere.mjs";

const [, , url = workerData, where] = process.argv;

if (where === "worker") {
  new Worker(import.meta.filename, { workerData: url }).on("error", (error) => {
    throw error;
  });
} else if (where) {
  await change(url, globalThis.WebSocket ? undefined : (await import("ws")).default, where === "no-changes");
} else if (globalThis.WebSocket) {
  await chat(url);
} else {
  assert.throws(() => new ChatClient(url, { userId: "ann" }), { name: "TypeError", message: /option WebSocket/ });
  await chat(url, (await import("ws")).default);
}
