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

const LAG_MS = 3_000;

/** How a message is found again in every list, and in the order of its group. */
const position = ({ timestamp, messageId }) => `${timestamp} ${messageId}`;

/** A message in the order of its group, with what can change. */
const content = (message) => {
  const { message: text, changedAt, editedAt, deletedAt, reactions } = message;
  return `${position(message)} ${JSON.stringify({ text, changedAt, editedAt, deletedAt, reactions })}`;
};

/** Change some message of a room. The client repeats it until the server has answered. */
async function change(room, random, text) {
  const sent = room.messages.filter(({ status, deletedAt }) => status === "sent" && !deletedAt);
  const { messageId, own } = sent[Math.floor(random() * sent.length)] ?? {};
  const dice = random();
  if (!messageId) return;
  try {
    if (own && dice < 0.1) await room.delete(messageId);
    else if (own && dice < 0.6) await room.edit(messageId, text);
    else await room.react(messageId, dice < 0.8 ? "👍" : "🎈", random() < 0.7);
  } catch ({ code }) {
    // Another one may have deleted it.
    assert.ok(code === "NOT_FOUND" || code === "TIMEOUT" || code === "DISCONNECTED", code);
  }
}

/**
 * Check at every change that the messages of a room are in order, each once, and that no version of a message comes twice
 * or after a later one.
 */
function watch(room) {
  const versions = new Map();
  room.on("change", ({ messageId, changedAt }) => {
    assert.ok(changedAt > (versions.get(messageId) ?? ""), "each version must come once, in order");
    versions.set(messageId, changedAt);
  });
  room.on("messages", (messages) => {
    const sent = messages.filter(({ status }) => status === "sent").map(position);
    assert.deepEqual(sent, [...new Set(sent)].sort(), "messages must always be in order, each once");
    const keys = messages.map(({ key }) => key);
    assert.equal(new Set(keys).size, keys.length, "keys must always be unique");
  });
}

/**
 * Let clients send `each` messages into each group at random times while `disturb` causes faults, and check what all
 * received.
 *
 * @param {object} options
 * @param {string[]} [options.groups] Default: one group, and clients of one group.
 * @param {string[]} [options.users] The user of each client. The clients of a user are tabs of one browser.
 * @param {number} [options.marks] How often each client says that it has read a group. The counts are then checked, too.
 * @param {number} [options.changes] How often each client edits, deletes or reacts to a message of a group.
 * @param {(chat: FakeChat, random: () => number, clock: FakeClock, clients: ChatClient[]) => void} [options.disturb]
 * @returns The chat, which has counted the faults.
 */
async function converse({
  seed,
  each,
  groups,
  users = ["A", "B"],
  indexLagMs = LAG_MS,
  disturb = () => {},
  timing = {},
  marks = 0,
  changes = 0,
}) {
  const clock = new FakeClock();
  const random = seeded(seed);
  const chat = new FakeChat({ clock, random, indexLagMs });
  const storage = new FakeStorage();
  const locks = new FakeLocks();
  const url = "wss://chat.example";
  const rooms = [];
  const clients = users.map((userId, tab) => {
    const options = { userId, storage, locks: locks.tab(), clock, random, timing, WebSocket: chat.WebSocket };
    const client = groups ? new ChatClient(url, options) : new ChatClient({ ...options, url, groupId: "G" });
    for (const groupId of groups ?? ["G"]) {
      const room = groups ? client.group(groupId) : client;
      let said = 0;
      watch(room);
      for (let n = 0; n < changes; n++)
        clock.setTimeout(() => change(room, random, `${tab} changed ${n}`), random() * each * 200);
      rooms.push({ room, groupId, tab });
      for (let n = 0; n < each; n++)
        clock.setTimeout(() => room.send(`${tab} ${said++}`, { data: { b: [said], a: null } }), random() * each * 100);
      for (let n = 0; n < marks; n++) clock.setTimeout(() => room.markRead(), random() * each * 200);
    }
    if (marks) client.on("groups", (list) => (client.list = list));
    return client;
  });
  disturb(chat, random, clock, clients);
  for (const client of clients) client.connect();
  const total = users.length * each;
  const complete = () =>
    rooms.every(
      ({ room: { messages } }) => messages.length === total && messages.every(({ status }) => status === "sent"),
    );
  await clock.until(complete, 3_600_000);
  // Until all changes are made, and the next history has brought those whose push was lost.
  if (changes) await clock.advance(1_200_000);
  for (const { room, groupId, tab } of rooms) {
    const stored = chat.rows.filter((row) => row.groupId === groupId);
    assert.deepEqual(room.messages.map(content), stored.map(content).sort());
    const saidOf = new Map(stored.map(({ messageId, said }) => [messageId, JSON.parse(said)[0].split(" ")]));
    const own = room.messages.map(({ messageId }) => saidOf.get(messageId)).filter(([by]) => by === `${tab}`);
    assert.deepEqual(
      own.map(([, n]) => Number(n)),
      [...Array(each).keys()],
      "own messages must be stored in the order in which they were sent",
    );
  }
  if (marks) {
    // Until all marks are stored.
    await clock.advance(60_000);
    for (const [tab, { list }] of clients.entries()) {
      const counts = (all) => all.map(({ groupId, unread }) => [groupId, unread]).sort();
      const stored = groups.map((groupId) => chat.summary(users[tab], groupId, Infinity));
      assert.deepEqual(counts(list), counts(stored));
    }
  }
  for (const client of clients) client.close();
  assert.equal(storage.length, 0);
  return chat;
}

/** Actions that do something, also if their answer is lost. */
const CHANGING = ["sendMessage", "joinGroup", "leaveGroup", "editMessage", "deleteMessage", "react"];

/** Lost frames, lost acks and refusals at random, `limit` of them at most. Returns how many there were. */
function unreliable(chat, random, limit) {
  let lost = 0;
  chat.killer = () => random() < 0.01 && chat.kills < 40;
  chat.fault = (frame) => {
    const dice = random();
    if (dice > 0.2 || lost >= limit) return undefined;
    lost += 1;
    if (dice < 0.05) return "lost";
    if (dice < 0.1 && CHANGING.includes(frame.action)) return "unanswered";
    const code = dice < 0.15 ? "RATE_LIMITED" : "UNAVAILABLE";
    return { code, message: "later", retryable: true, retryAfterMs: 300 };
  };
  chat.refusal = () => (random() < 0.05 && lost < limit ? (lost++, "UNAVAILABLE") : undefined);
  return () => lost;
}

describe("two clients have the same messages, in order", () => {
  test("undisturbed", async () => {
    const chat = await converse({ seed: 1, each: 50, changes: 50 });
    assert.equal(chat.kills, 0);
    const changed = (name) => chat.rows.filter((row) => row[name]).length;
    assert.ok(["editedAt", "deletedAt", "reactions"].every((name) => changed(name) > 3));
  });

  test("with the connection killed once, at any point", async () => {
    const { events } = await converse({ seed: 2, each: 6, changes: 4 });
    for (let at = 1; at <= events; at++) {
      const chat = await converse({
        seed: 2,
        each: 6,
        changes: 4,
        disturb: (chat) => (chat.killer = (event) => event === at),
      });
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
      let count;
      const disturb = (chat, random) => {
        count = unreliable(chat, random, 100);
        chat.lost = () => random() < 0.2;
      };
      await converse({ seed, each: 25, changes: 25, disturb });
      lost += count();
    }
    assert.ok(lost > 500, `${lost} frames`);
  });

  test("with planned reconnections all the time, and always over a socket that the server knows", async () => {
    const timing = { maxConnectionMs: 10_000 };
    let unreached = 0;
    const disturb = (chat, random, clock, clients) => {
      chat.stored = ({ groupId }) => {
        if (clock.now < LAG_MS + 1_000) return;
        const users = chat.reached(groupId).map(({ userId }) => userId);
        unreached += new Set(users).size < 2;
      };
      for (const client of clients) {
        client.on("state", (state) => assert.ok(clock.now < 1_000 || state === "closed", `${state} at ${clock.now}`));
      }
    };
    const chat = await converse({ seed: 7, each: 300, timing, disturb });
    assert.deepEqual([chat.kills, unreached], [0, 0]);
    assert.ok(chat.connects >= 6, `${chat.connects} connections`);
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

describe("clients in many groups have the same messages, in order", () => {
  const groups = ["one", "two", "three", "four"];

  test("with two tabs of one user, whose clock is a day late", async (t) => {
    t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2025, 11, 31) });
    await converse({ seed: 1, each: 10, groups, users: ["A", "A", "B"] });
  });

  test("with the connection killed once, at any point", async () => {
    const options = { seed: 2, each: 2, groups: groups.slice(0, 2) };
    const { events } = await converse(options);
    for (let at = 1; at <= events; at++) {
      const chat = await converse({ ...options, disturb: (chat) => (chat.killer = (event) => event === at) });
      assert.equal(chat.kills, 1, `event ${at} of ${events}`);
    }
  });

  test("with everything at once: rooms that close and open, kills, lost frames and answers, refusals", async () => {
    let lost = 0;
    for (let seed = 200; seed < 220; seed++) {
      let count;
      const disturb = (chat, random, clock, clients) => {
        count = unreliable(chat, random, 150);
        for (const client of clients) {
          for (const groupId of groups) {
            for (let n = 0; n < 5; n++) {
              const at = random() * 2_000;
              clock.setTimeout(() => client.group(groupId).close(), at);
              clock.setTimeout(() => client.group(groupId), at + random() * (random() < 0.5 ? 50 : 5_000));
            }
            // Another may have been the last to close it.
            clock.setTimeout(() => client.group(groupId), 10_000);
          }
        }
      };
      const chat = await converse({ seed, each: 8, groups, users: ["A", "A", "B"], disturb, marks: 4, changes: 8 });
      lost += count() + chat.kills;
    }
    assert.ok(lost > 500, `${lost} faults`);
  });

  test("with 60 groups, and all connections killed again and again", async () => {
    const many = Array.from({ length: 60 }, (_, n) => `g${n}`);
    const disturb = (chat, random, clock) => {
      for (let n = 1; n <= 20; n++) clock.setTimeout(() => chat.killAll(), 100 * n);
    };
    const chat = await converse({ seed: 3, each: 10, groups: many, disturb });
    assert.ok(chat.kills >= 5, `${chat.kills}`);
  });
});
