/** Two clients over an unreliable connection end with the same messages in the same order: all that were sent. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { ChatClient } from "../../../web/chat-client.js";
import { FakeChat } from "./fake_chat.mjs";
import { FakeClock, FakeLocks, FakeStorage } from "./fakes.mjs";

/** A small random generator with a seed, so that a failure can be repeated. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Let two clients send `each` messages at random times while `disturb` causes faults, and check what both received.
 *
 * @returns The chat, which has counted the faults.
 */
async function converse({ seed, each, indexLagMs = 3_000, disturb = () => {}, timing = {} }) {
  const clock = new FakeClock();
  const random = seeded(seed);
  const chat = new FakeChat({ clock, random, indexLagMs });
  const storage = new FakeStorage();
  const locks = new FakeLocks();
  disturb(chat, random);
  const clients = ["A", "B"].map((userId) => {
    const options = {
      url: "wss://chat.example",
      groupId: "G",
      userId,
      storage,
      locks: locks.tab(),
      clock,
      random,
      timing,
    };
    const client = new ChatClient({ ...options, WebSocket: chat.WebSocket });
    let said = 0;
    client.on("messages", (messages) => {
      const sent = messages.filter(({ status }) => status === "sent").map((row) => `${row.timestamp} ${row.messageId}`);
      assert.deepEqual(sent, [...new Set(sent)].sort(), "messages must always be in order, each once");
      const keys = messages.map(({ key }) => key);
      assert.equal(new Set(keys).size, keys.length, "keys must always be unique");
    });
    client.connect();
    for (let n = 0; n < each; n++) clock.setTimeout(() => client.send(`${said++}`), random() * each * 100);
    return client;
  });
  const complete = () =>
    clients.every(({ messages }) => messages.length === 2 * each && messages.every(({ status }) => status === "sent"));
  await clock.until(complete, 3_600_000);
  const [first, second] = clients.map(({ messages }) => messages.map(({ messageId }) => messageId));
  const rows = [...chat.rows].sort((a, b) =>
    `${a.timestamp} ${a.messageId}` < `${b.timestamp} ${b.messageId}` ? -1 : 1,
  );
  assert.deepEqual(first, second);
  assert.deepEqual(
    first,
    rows.map(({ messageId }) => messageId),
  );
  for (const client of clients) {
    const own = client.messages.filter((message) => message.own).map(({ message }) => Number(message));
    assert.deepEqual(own, [...Array(each).keys()], "own messages must be stored in the order in which they were sent");
    client.close();
  }
  assert.equal(storage.length, 0);
  return chat;
}

describe("two clients have the same messages, in order", () => {
  test("undisturbed", async () => {
    const chat = await converse({ seed: 1, each: 50 });
    assert.equal(chat.kills, 0);
  });

  test("with the connection killed once, at any point", async () => {
    const { events } = await converse({ seed: 2, each: 6 });
    for (let at = 1; at <= events; at++) {
      const chat = await converse({ seed: 2, each: 6, disturb: (chat) => (chat.killer = (event) => event === at) });
      assert.equal(chat.kills, 1, `event ${at} of ${events}`);
    }
  });

  test("with the connection killed at every k-th event", async () => {
    for (let k = 2; k <= 40; k++) {
      // A connection needs several events to make progress, so the kills must stop at some point.
      const killer = (chat) => (chat.killer = (event) => event % k === 0 && chat.kills < 60);
      const chat = await converse({ seed: k, each: 20, disturb: killer });
      assert.ok(chat.kills > 3, `k = ${k}: ${chat.kills} kills`);
    }
  });

  test("with everything at once: kills, lost frames, lost acks, refusals", async () => {
    let lost = 0;
    for (let seed = 100; seed < 140; seed++) {
      const limit = lost + 100;
      await converse({
        seed,
        each: 25,
        disturb: (chat, random) => {
          chat.killer = () => random() < 0.01 && chat.kills < 40;
          chat.fault = (frame) => {
            const dice = random();
            if (dice > 0.2 || lost > limit) return undefined;
            lost += 1;
            if (dice < 0.05) return "lost";
            if (dice < 0.1 && frame.action === "sendMessage") return "unanswered";
            const code = dice < 0.15 ? "RATE_LIMITED" : "UNAVAILABLE";
            return { code, message: "later", retryable: true, retryAfterMs: 300 };
          };
        },
      });
    }
    assert.ok(lost > 500, `${lost} frames`);
  });

  test("with planned reconnections all the time", async () => {
    const timing = { maxConnectionMs: 2_000, resyncDelayMs: 500 };
    const chat = await converse({ seed: 7, each: 100, timing });
    assert.equal(chat.kills, 0);
  });

  test("a thousand messages, all connections killed twenty times", async () => {
    const kill = (chat) => {
      let at = 0;
      chat.killer = () => {
        if (chat.rows.length >= at + 50 && at < 1_000) {
          at = chat.rows.length;
          chat.killAll();
        }
        return false;
      };
    };
    const chat = await converse({ seed: 8, each: 500, disturb: kill });
    assert.ok(chat.kills >= 19, `${chat.kills}`);
  });
});
