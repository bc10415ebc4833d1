/** The states of the connection and all transitions. The test is the server. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import WebSocket from "ws";

import { ChatClient } from "../../../web/chat-client.js";
import {
  FakeClock,
  FakeSocket,
  KEEP_ALIVE_MS,
  REPLY_MS,
  RESYNC_MS,
  fakes,
  joined,
  settled,
  upToDate,
} from "./fakes.mjs";

const PRESENCE = { action: "presence", members: [], truncated: false };

let clock, sockets, replies, client, states, errors;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  replies = { getPresence: PRESENCE };
});

afterEach(() => client?.close());

function start(options = {}) {
  client = new ChatClient({
    url: "wss://chat.example/production",
    groupId: "G",
    userId: "U",
    ...fakes(clock, sockets, () => replies),
    ...options,
  });
  states = [];
  errors = [];
  client.on("state", (state) => states.push(state));
  client.on("error", ({ code }) => errors.push(code));
  client.connect();
  return settled();
}

const socket = () => sockets.at(-1);

const users = (ids) => ids.map((userId) => ({ userId }));

function changed(joined, left = [], groupId = "G") {
  socket().receive({ action: "presenceChanged", groupId, joined: users(joined), left: users(left) });
}

/** Complete the handshake and the first history of the newest socket. */
async function online(messages = [], page = {}) {
  socket().open();
  await settled();
  socket().history(messages, page);
  await settled();
}

const row = (n, fields = {}) => ({
  messageId: `m${n}`,
  groupId: "G",
  senderId: "V",
  senderName: "Vera",
  message: `text ${n}`,
  timestamp: `2026-01-01T00:00:0${n}.000000Z`,
  ...fields,
});
const push = (n, fields) => socket().receive({ action: "message", ...row(n, fields) });
const ids = () => client.messages.map(({ messageId }) => messageId);

describe("opening", () => {
  test("user and group are added to the query of the URL", async () => {
    await start({ url: "wss://chat.example/p?v=1", userId: "Ann & Co", groupId: "a+b" });
    assert.equal(socket().url.search, "?v=1&userId=Ann%20%26%20Co&groupId=a%2Bb&protocol=2");
    assert.deepEqual(states, ["connecting"]);
  });

  test("every connection asks for a token", async () => {
    let calls = 0;
    await start({ getToken: async () => `t${++calls}` });
    assert.equal(socket().url.searchParams.get("token"), "t1");
    socket().drop();
    await clock.advance(1_000);
    assert.equal(socket().url.searchParams.get("token"), "t2");
  });

  test("if getToken fails, the client reports it and asks again", async () => {
    let calls = 0;
    await start({ getToken: () => (++calls === 1 ? Promise.reject(new Error("signed out")) : "t") });
    assert.deepEqual([states.at(-1), errors, sockets.length], ["waiting", ["CONNECT"], 0]);
    await clock.advance(1_000);
    assert.equal(sockets.length, 1);
  });

  test("after a socket that did not open, getToken is asked for a fresh token", async () => {
    const needs = [];
    await start({ getToken: (need) => void needs.push(need.fresh) });
    socket().drop();
    await clock.until(() => sockets.length === 2);
    await online();
    socket().drop();
    await clock.until(() => sockets.length === 3);
    assert.deepEqual(needs, [false, true, false]);
  });

  test("while the server is gone, only some attempts ask for a fresh token", async () => {
    const needs = [];
    await start({ getToken: (need) => void needs.push(need.fresh) });
    for (let number = 2; number <= 11; number++) {
      socket().drop();
      await clock.until(() => sockets.length === number);
    }
    assert.deepEqual(
      needs.flatMap((fresh, index) => (fresh ? index : [])),
      [1, 9],
    );
  });

  test("a connection that the server does not know any more is replaced with a fresh token", async () => {
    const needs = [];
    await start({ getToken: (need) => void needs.push(need.fresh) });
    await online();
    socket().receive({ action: "error", code: "NOT_CONNECTED", message: "Connect again" });
    await clock.until(() => sockets.length === 2);
    assert.deepEqual(needs, [false, true]);
  });

  test("a second socket that does not open is told, and the client goes on", async () => {
    await start({ getToken: () => "t" });
    await online();
    socket().drop();
    await clock.until(() => sockets.length === 2);
    socket().drop();
    assert.deepEqual(errors, []);
    await clock.until(() => sockets.length === 3);
    socket().drop();
    assert.deepEqual(errors, ["REFUSED"]);
    await clock.until(() => sockets.length === 4);
    await online();
    assert.deepEqual([client.state, errors], ["online", ["REFUSED"]]);
  });

  test("without a network, nobody is said to be refused", async () => {
    const { navigator } = globalThis;
    Object.defineProperty(globalThis, "navigator", { value: { onLine: false }, configurable: true, writable: true });
    try {
      await start();
      for (let number = 1; number < 5; number++) {
        socket().drop();
        await clock.until(() => sockets.length > number);
      }
      assert.deepEqual(errors, []);
    } finally {
      Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true, writable: true });
    }
  });

  test("if getToken never answers, that counts as a lost connection", async () => {
    await start({ getToken: () => new Promise(() => {}) });
    await clock.advance(15_000);
    assert.equal(client.state, "waiting");
  });

  test("a token that comes too late is not used", async () => {
    const resolves = [];
    await start({ getToken: () => new Promise((resolve) => resolves.push(resolve)) });
    await clock.advance(15_500);
    resolves[0]("late");
    await settled();
    assert.equal(sockets.length, 0);
    resolves[1]("in time");
    await settled();
    assert.equal(sockets.length, 1);
  });

  test("a socket that never opens is given up", async () => {
    await start();
    await clock.advance(14_999);
    assert.equal(client.state, "connecting");
    await clock.advance(1);
    assert.deepEqual([client.state, socket().readyState], ["waiting", 3]);
  });

  test("open, then history, then online", async () => {
    await start();
    socket().open();
    assert.equal(client.state, "syncing");
    await settled();
    socket().history([]);
    await settled();
    assert.deepEqual(states, ["connecting", "syncing", "online"]);
  });

  test("connect() cannot be called twice", async () => {
    await start();
    assert.throws(() => client.connect(), /once/);
  });

  const DAY = 86_400_000;
  for (const [name, [options, says]] of Object.entries({
    "no URL": [{ url: undefined }, /^url must begin with wss:/],
    "a URL without a host": [{ url: "wss:///production" }, /^url must begin with/],
    "a URL with a fragment": [{ url: "wss://chat.example/#production" }, /^url must begin with/],
    "another scheme": [{ url: "https://chat.example" }, /^url must begin with/],
    "no group": [{ groupId: "" }, /^groupId must be a string of 1 to 256 bytes/],
    "a long group": [{ groupId: "é".repeat(129) }, /^groupId/],
    "a long group of wide characters": [{ groupId: "é€😀".repeat(28) + "12345" }, /^groupId/],
    "no user": [{ userId: "" }, /^userId/],
    "a user that is a number": [{ userId: 42 }, /^userId/],
    "half of a character": [{ userId: "\ud83d" }, /^userId/],
    "a storage like AsyncStorage": [{ storage: { getItem() {}, setItem() {}, removeItem() {} } }, /^storage must have/],
    "a long name": [{ senderName: "n".repeat(257) }, /^senderName/],
    "a time of no length": [{ timing: { backoffBaseMs: 0 } }, /^timing.backoffBaseMs must be a number of milliseconds/],
    "a time that is no number": [{ timing: { connectTimeoutMs: NaN } }, /^timing.connectTimeoutMs/],
    "a time that timers cannot keep": [{ timing: { maxConnectionMs: 25 * DAY } }, /^timing.maxConnectionMs/],
    "a time that is text": [{ timing: { replyTimeoutMs: "1000" } }, /^timing.replyTimeoutMs/],
    "a time it does not know": [{ timing: { pingMs: 1_000 } }, /^timing.pingMs is not a known time/],
  })) {
    test(`refuses ${name}`, () => {
      const valid = { url: "wss://chat.example", groupId: "G", userId: "U", WebSocket: FakeSocket };
      assert.throws(() => new ChatClient({ ...valid, ...options }), { name: "TypeError", message: says });
    });
  }

  test("takes the longest id and the longest time, and a time that is not set", async () => {
    await start({
      userId: "é€😀".repeat(28) + "1234",
      timing: { connectTimeoutMs: 2 ** 31 - 1, pingIntervalMs: undefined },
    });
    assert.deepEqual(clock.pending, [2 ** 31 - 1]);
    replies.getHistory = upToDate;
    await online();
    await clock.advance(KEEP_ALIVE_MS);
    assert.equal(socket().frames("getHistory").length, 3);
  });
});

describe("losing the connection", () => {
  test("a refused connection of the package ws is a lost one", async () => {
    const options = { userId: "U", storage: null, WebSocket };
    client = new ChatClient("ws://127.0.0.1:1", options);
    const waits = new Promise((resolve) => client.on("state", (state) => state === "waiting" && resolve()));
    client.connect();
    await waits;
    client.close();
    // To close a socket that is opening is an error of it, too.
    client = new ChatClient("ws://127.0.0.1:1", options);
    client.connect();
    await settled();
    client.close();
    await settled();
  });

  test("waits a random time, with a maximum that doubles up to a limit", async () => {
    await start();
    const delays = [];
    for (let i = 0; i < 8; i++) {
      socket().drop();
      assert.equal(client.state, "waiting");
      delays.push(client.retryInMs);
      await clock.advance(client.retryInMs);
    }
    assert.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  });

  test("delays become short again only after a connection that was complete for 30 s", async () => {
    replies.getHistory = upToDate;
    await start();
    const delays = [];
    const lose = async () => {
      socket().drop();
      delays.push(client.retryInMs);
      await clock.advance(client.retryInMs);
    };
    await lose();
    socket().open();
    await lose();
    await online();
    await clock.advance(29_999);
    await lose();
    await online();
    await clock.advance(30_000);
    await lose();
    assert.deepEqual(delays, [500, 1_000, 2_000, 500]);
  });

  test("a planned move to another socket does not begin these 30 s again, and is no failure", async () => {
    replies.getHistory = upToDate;
    await start({ timing: { maxConnectionMs: 20_000 } });
    socket().drop();
    await clock.advance(client.retryInMs);
    await online();
    await clock.advance(19_000);
    assert.equal(sockets.length, 3);
    await online();
    await clock.advance(11_000);
    socket().drop();
    assert.equal(client.retryInMs, 500);
  });

  test("a page that the user leaves and comes back to has no failure behind it", async () => {
    const listeners = {};
    const { addEventListener } = globalThis;
    globalThis.addEventListener = (name, listener) => (listeners[name] = listener);
    try {
      await start();
      await online();
      listeners.pagehide();
      listeners.pageshow();
      await settled();
      socket().drop();
      assert.equal(client.retryInMs, 500);
    } finally {
      globalThis.addEventListener = addEventListener;
    }
  });

  test("while syncing, it starts again", async () => {
    await start();
    socket().open();
    socket().drop();
    await clock.advance(500);
    await online();
    assert.deepEqual(states, ["connecting", "syncing", "waiting", "connecting", "syncing", "online"]);
  });

  test("NOT_CONNECTED starts a new connection", async () => {
    await start();
    await online();
    socket().receive({ action: "error", code: "NOT_CONNECTED", message: "connect again", retryable: false });
    assert.deepEqual([client.state, errors], ["waiting", ["NOT_CONNECTED"]]);
  });

  for (const [action, ask] of Object.entries({
    ping: () => client.wake(),
    getHistory: () => clock.advance(RESYNC_MS),
    getPresence: () => clock.advance(RESYNC_MS),
    typing: () => client.setTyping(),
  })) {
    test(`NOT_CONNECTED as the answer to ${action} starts a new connection with a new token`, async () => {
      let calls = 0;
      await start({ getToken: () => `t${++calls}` });
      await online();
      delete replies[action];
      await ask();
      const gone = { action: "error", code: "NOT_CONNECTED", message: "connect again", retryable: false };
      socket().answer(action, gone);
      assert.equal(client.state, "waiting");
      await clock.advance(client.retryInMs);
      assert.deepEqual([sockets.length, socket().url.searchParams.get("token")], [2, "t2"]);
      await online();
      assert.equal(client.state, "online");
    });
  }

  test("NOT_CONNECTED as the answer to a message does not fail it", async () => {
    await start();
    await online();
    const clientMessageId = client.send("x");
    const gone = { action: "error", code: "NOT_CONNECTED", message: "connect again", retryable: false };
    socket().receive({ ...gone, clientMessageId });
    await clock.advance(client.retryInMs);
    await online();
    assert.deepEqual([client.messages[0].status, socket().frames("sendMessage").length], ["sending", 1]);
  });

  test("frames from the lost socket are ignored", async () => {
    await start();
    await online();
    const lost = socket();
    lost.drop();
    lost.receive({ action: "message", ...row(1) });
    assert.deepEqual(ids(), []);
  });

  for (const [name, act] of Object.entries({
    idle: () => {},
    connecting: () => start(),
    syncing: async () => (await start(), socket().open()),
    online: async () => (await start(), await online(), client.setTyping()),
    waiting: async () => (await start(), socket().drop()),
  })) {
    test(`close() while ${name} ends the client permanently`, async () => {
      client = new ChatClient({
        url: "wss://chat.example",
        groupId: "G",
        userId: "U",
        storage: null,
        clock,
        WebSocket: FakeSocket,
      });
      await act();
      client.close();
      assert.equal(client.state, "closed");
      assert.deepEqual(clock.pending, []);
      assert.ok(sockets.every(({ readyState }) => readyState === 3));
      await clock.advance(600_000);
      client.wake();
      await clock.advance(600_000);
      assert.ok(sockets.length <= 1);
    });
  }
});

describe("the end of a token", () => {
  const MINUTE_MS = 60_000;

  /** Connect with a token whose rights end after some time. The server's clock is years away from ours. */
  async function untilTheEnd(leftMs) {
    replies.ping = {
      action: "pong",
      protocol: 2,
      expiresAt: new Date(leftMs).toISOString(),
      get serverTime() {
        return new Date(clock.now).toISOString();
      },
    };
    replies.getHistory = upToDate;
    let calls = 0;
    await start({ getToken: ({ fresh }) => `t${++calls}${fresh ? " fresh" : ""}` });
    await online();
  }

  test("one minute before it, the client moves to a connection with a new token", async () => {
    await untilTheEnd(30 * MINUTE_MS);
    await clock.advance(29 * MINUTE_MS - 1);
    assert.equal(sockets.length, 1);
    await clock.advance(1);
    assert.deepEqual([sockets.length, socket().url.searchParams.get("token")], [2, "t2 fresh"]);
    await online();
    assert.deepEqual([client.state, states.filter((state) => state === "waiting")], ["online", []]);
  });

  for (const leftMs of [30_000, 1, 0, -MINUTE_MS]) {
    test(`a token that ends in ${leftMs} ms is renewed in time, and not in a loop`, async () => {
      await untilTheEnd(leftMs);
      await clock.advance(999);
      assert.equal(sockets.length, 1);
      await clock.advance(Math.max(leftMs, 1_000) - 999);
      assert.equal(sockets.length, 2);
    });
  }

  test("when it has come and no other connection is there, the old one is a lost one", async () => {
    await untilTheEnd(10 * MINUTE_MS);
    await clock.advance(9 * MINUTE_MS);
    socket().drop(); // The server refuses the old token.
    await clock.advance(MINUTE_MS - 1);
    assert.equal(client.state, "online");
    await clock.advance(1);
    assert.notEqual(client.state, "online");
  });

  test("if no other token is there then, the client says that it has ended", async () => {
    await untilTheEnd(-MINUTE_MS);
    const messages = [];
    client.on("error", ({ code, message }) => messages.push([code, message]));
    socket().drop();
    for (let number = 2; number < 4; number++) {
      await clock.until(() => sockets.length === number);
      socket().drop();
    }
    assert.deepEqual(messages, [["REFUSED", "The token has ended"]]);
  });

  test("a ping that says no end changes nothing", async () => {
    replies.ping = { action: "pong", serverTime: new Date(0).toISOString(), protocol: 2 };
    replies.getHistory = upToDate;
    await start({ getToken: () => "t" });
    await online();
    await clock.advance(60 * MINUTE_MS);
    assert.equal(sockets.length, 1);
  });

  test("without a token there is no ping at the beginning", async () => {
    await start();
    await online();
    assert.equal(socket().frames("ping").length, 0);
  });
});

describe("wake()", () => {
  test("connects immediately instead of waiting", async () => {
    await start();
    socket().drop();
    client.wake();
    await settled();
    assert.deepEqual([client.state, sockets.length], ["connecting", 2]);
    await clock.advance(1_000);
    assert.equal(sockets.length, 2);
  });

  test("checks an open connection with one ping at a time", async () => {
    await start();
    await online();
    client.wake();
    client.wake();
    assert.equal(socket().frames("ping").length, 1);
    socket().answer("ping", { action: "pong" });
    await clock.advance(REPLY_MS);
    assert.equal(client.state, "online");
    client.wake();
    await clock.advance(REPLY_MS);
    assert.equal(client.state, "waiting");
  });

  test("is harmless while connecting", async () => {
    await start();
    client.wake();
    assert.equal(sockets.length, 1);
  });
});

describe("keep-alive", () => {
  test("is one frame, well within the idle limit of 10 minutes", async () => {
    await start();
    await online();
    replies.getHistory = upToDate;
    await clock.advance(RESYNC_MS);
    for (let i = 1; i <= 5; i++) {
      const before = socket().sent.length;
      await clock.advance(KEEP_ALIVE_MS - RESYNC_MS - 1);
      assert.equal(socket().sent.length, before);
      await clock.advance(RESYNC_MS);
      assert.equal(socket().sent.length, before + 1);
      await clock.advance(1);
    }
    assert.equal(client.state, "online");
  });

  test("without an answer to it and to a ping, the connection is given up", async () => {
    await start();
    await online();
    replies.getHistory = upToDate;
    await clock.advance(KEEP_ALIVE_MS - 1);
    replies.getHistory = undefined;
    await clock.advance(2 * REPLY_MS);
    assert.deepEqual([client.state, socket().frames("ping").length], ["online", 1]);
    await clock.advance(1);
    assert.equal(client.state, "waiting");
  });

  test("a refused one shows that the connection works", async () => {
    await start();
    await online();
    replies.getHistory = upToDate;
    await clock.advance(KEEP_ALIVE_MS - 1);
    replies.getHistory = undefined;
    await clock.advance(1);
    const refusal = { action: "error", code: "UNKNOWN_ACTION", message: "no history", retryable: false };
    socket().answer("getHistory", refusal);
    await clock.advance(2 * REPLY_MS);
    assert.equal(client.state, "online");
  });

  test("fetches messages whose push failed", async () => {
    await start();
    await online([row(1)], { after: "c1" });
    replies.getHistory = upToDate;
    await clock.advance(KEEP_ALIVE_MS - 1);
    replies.getHistory = undefined;
    await clock.advance(1);
    const request = socket().frames("getHistory").at(-1);
    assert.equal(request.groups[0].after, "c1");
    socket().history([row(1), row(2)], { after: "c2" });
    await settled();
    assert.deepEqual(ids(), ["m1", "m2"]);
  });
});

describe("planned reconnection", () => {
  const HOUR = 3_600_000;

  /** Advance the clock until the second socket exists. Every frame until then is answered. */
  async function planned() {
    await start({ timing: { pingIntervalMs: 10 * HOUR } });
    await online([row(1)], { after: "c1" });
    replies.getHistory = upToDate;
    await clock.until(() => sockets.length === 2, 2 * HOUR);
    replies.getHistory = undefined;
    return sockets[0];
  }

  test("begins before 2 hours, at a random time", async () => {
    for (const [random, at] of [
      [() => 0, 6_210_000],
      [() => 0.5, 6_555_000],
      [() => 1, 6_900_000],
    ]) {
      sockets = [];
      const begun = clock.now;
      replies = { getPresence: PRESENCE, getHistory: upToDate };
      await start({ random, timing: { pingIntervalMs: 10 * HOUR } });
      socket().open();
      await clock.until(() => sockets.length === 2, 2 * HOUR);
      assert.equal(clock.now - begun, at);
      client.close();
    }
  });

  test("the old socket is used until the new one has caught up, and some seconds longer", async () => {
    const old = await planned();
    assert.deepEqual([client.state, old.readyState], ["online", 1]);
    old.receive({ action: "message", ...row(2) });
    socket().open();
    await settled();
    client.send("over the old one");
    assert.equal(old.frames("sendMessage").length, 1);
    assert.equal(socket().frames("getHistory")[0].groups[0].after, "c1");
    socket().history([row(1), row(2), row(3)], { after: "c3" });
    await settled();
    // Its ack may be lost with the old socket, and sending it twice is harmless.
    assert.equal(socket().frames("sendMessage").length, 1);
    old.receive({ action: "message", ...row(4) });
    push(4);
    await clock.advance(RESYNC_MS);
    assert.equal(old.readyState, 3);
    assert.deepEqual(ids(), ["m1", "m2", "m3", "m4", undefined]);
    assert.deepEqual(states, ["connecting", "syncing", "online"]);
  });

  test("an unacknowledged message is sent again over the new socket, with a new time limit", async () => {
    const old = await planned();
    client.send("x");
    await clock.advance(REPLY_MS - 1_000);
    await online([], { after: "c2" });
    await clock.advance(REPLY_MS - 1);
    assert.deepEqual([old.frames("sendMessage").length, socket().frames("sendMessage").length], [1, 1]);
  });

  test("a new socket that needs too long to catch up does not start a third one", async () => {
    await start({ timing: { maxConnectionMs: 1_000, replyTimeoutMs: 60_000 } });
    await online();
    await clock.advance(1_000);
    socket().open();
    await clock.advance(3_000);
    assert.deepEqual([client.state, sockets.length], ["online", 2]);
  });

  test("if the new socket fails, the old one stays and the client tries again", async () => {
    const old = await planned();
    socket().drop();
    assert.deepEqual([client.state, old.readyState], ["online", 1]);
    await clock.advance(500);
    assert.equal(sockets.length, 3);
  });

  test("the old socket fails while the new one connects", async () => {
    const old = await planned();
    old.drop();
    assert.equal(client.state, "connecting");
    await online([], { after: "c2" });
    assert.deepEqual([client.state, sockets.length], ["online", 2]);
  });

  test("the old socket fails while the new one catches up", async () => {
    const old = await planned();
    socket().open();
    await settled();
    old.drop();
    assert.equal(client.state, "syncing");
    push(3);
    assert.deepEqual(ids(), ["m1"]);
    socket().history([row(2)], { after: "c2" });
    await settled();
    assert.deepEqual([client.state, ids()], ["online", ["m1", "m2", "m3"]]);
  });

  test("both sockets fail", async () => {
    const old = await planned();
    socket().drop();
    old.drop();
    assert.equal(client.state, "waiting");
    await clock.advance(500);
    assert.deepEqual([client.state, sockets.length], ["connecting", 3]);
  });

  test("the new socket fails while the old one still delivers", async () => {
    const old = await planned();
    await online([], { after: "c2" });
    socket().drop();
    assert.equal(client.state, "waiting");
    old.receive({ action: "message", ...row(2) });
    assert.deepEqual(ids(), ["m1", "m2"]);
    client.close();
    assert.equal(old.readyState, 3);
  });
});

describe("history and recovery", () => {
  test("the first page is the newest, and messages are sorted by (timestamp, messageId)", async () => {
    await start();
    const tie = "2026-01-01T00:00:05.000000Z";
    await online([row(3), row(1), row(9, { timestamp: tie }), row(8, { timestamp: tie })]);
    assert.deepEqual(ids(), ["m1", "m3", "m8", "m9"]);
    assert.deepEqual(socket().frames("getHistory")[0].groups[0].after, undefined);
  });

  test("after a loss, the client reads all pages since the cursor and holds back live messages meanwhile", async () => {
    await start();
    await online([row(1)], { after: "c1" });
    push(2);
    socket().drop();
    await clock.advance(500);
    socket().open();
    await settled();
    // Not the position of the newest live message: the client may have missed a message before it.
    assert.equal(socket().frames("getHistory")[0].groups[0].after, "c1");
    push(7);
    socket().history([row(1), row(2), row(3)], { after: "c3", more: true });
    await settled();
    assert.deepEqual([client.state, ids()], ["syncing", ["m1", "m2", "m3"]]);
    assert.equal(socket().frames("getHistory")[1].groups[0].after, "c3");
    socket().history([row(4)], { after: "c4" });
    await settled();
    assert.deepEqual([client.state, ids()], ["online", ["m1", "m2", "m3", "m4", "m7"]]);
  });

  test("an interrupted recovery starts again at the end of the last complete one", async () => {
    await start();
    await online([row(1)], { after: "c1" });
    socket().drop();
    await clock.advance(500);
    socket().open();
    await settled();
    socket().history([row(2)], { after: "c2", more: true });
    await settled();
    socket().drop();
    await clock.advance(1_000);
    socket().open();
    await settled();
    assert.equal(socket().frames("getHistory")[0].groups[0].after, "c1");
  });

  test("a message without text and sender has empty ones, and says if its text is too large", async () => {
    await start();
    await online([
      row(1, { message: undefined, senderId: undefined, omitted: true }),
      row(2, { message: undefined, senderId: undefined }),
    ]);
    const [large, textless] = client.messages;
    assert.deepEqual([large.message, large.senderId, large.omitted], ["", "", true]);
    assert.deepEqual([textless.message, textless.senderId, "omitted" in textless], ["", "", false]);
  });

  test("live messages that were held back survive if the socket fails before the history is complete", async () => {
    await start();
    await online([], { after: "c0" });
    socket().drop();
    await clock.advance(500);
    socket().open();
    push(2);
    socket().drop();
    await clock.advance(1_000);
    await online([row(1)], { after: "c1" });
    assert.deepEqual(ids(), ["m1", "m2"]);
  });

  test("asks again some seconds later, because the index lags", async () => {
    await start();
    await online([row(2)], { after: "c2" });
    await clock.advance(RESYNC_MS - 1);
    assert.equal(socket().frames("getHistory").length, 1);
    await clock.advance(1);
    assert.equal(socket().frames("getHistory")[1].groups[0].after, "c2");
    socket().history([row(1), row(2)], { after: "c2" });
    await settled();
    assert.deepEqual(ids(), ["m1", "m2"]);
  });

  for (const code of ["UNAVAILABLE", "RATE_LIMITED"]) {
    test(`a request that is refused temporarily (${code}) is repeated after retryAfterMs`, async () => {
      await start();
      socket().open();
      await settled();
      const busy = { action: "error", code, message: "later", retryable: true, retryAfterMs: 800 };
      socket().answer("getHistory", busy);
      await clock.advance(1_299);
      assert.equal(socket().frames("getHistory").length, 1);
      await clock.advance(1);
      assert.equal(socket().frames("getHistory").length, 2);
      socket().history([row(1)]);
      await settled();
      assert.deepEqual([client.state, ids(), errors], ["online", ["m1"], [code]]);
    });
  }

  test("without an answer, the client checks the connection and asks again", async () => {
    await start();
    socket().open();
    await clock.advance(REPLY_MS);
    assert.equal(socket().frames("ping").length, 1);
    socket().answer("ping", { action: "pong" });
    await clock.advance(500);
    assert.equal(socket().frames("getHistory").length, 2);
    assert.equal(client.state, "syncing");
  });

  test("if the server refuses the cursor, the client reads the newest page", async () => {
    await start();
    await online([row(1)], { after: "c1" });
    socket().drop();
    await clock.advance(500);
    socket().open();
    await settled();
    socket().answer("getHistory", { action: "error", code: "BAD_REQUEST", message: "not a cursor", retryable: false });
    await settled();
    assert.equal(socket().frames("getHistory")[1].groups[0].after, undefined);
    socket().history([row(1), row(2)], { after: "c2", before: "b1" });
    await settled();
    assert.deepEqual([client.state, ids(), client.hasOlder], ["online", ["m1", "m2"], true]);
  });

  test("a server without history still delivers live messages", async () => {
    await start();
    socket().open();
    await settled();
    push(1);
    socket().answer("getHistory", { action: "error", code: "UNKNOWN_ACTION", message: "no", retryable: false });
    await settled();
    assert.deepEqual([client.state, ids()], ["online", ["m1"]]);
  });

  test("a message that is delivered several times is shown once", async () => {
    await start();
    await online([row(1)]);
    push(1);
    push(2);
    push(2);
    assert.deepEqual(ids(), ["m1", "m2"]);
  });

  test("messages of other groups and unknown frames are ignored", async () => {
    await start();
    await online();
    push(1, { groupId: "H" });
    for (const frame of ["not JSON", "null", "7", '{"message":"Internal server error"}', { action: "news" }]) {
      socket().receive(frame);
    }
    assert.deepEqual([client.state, ids(), errors], ["online", [], []]);
  });
});

describe("older messages", () => {
  test("come page by page until there are no more", async () => {
    await start();
    await online([row(5)], { before: "b5", after: "c5" });
    const first = client.loadOlder();
    assert.equal(client.loadOlder(), first);
    assert.equal(socket().frames("getHistory").at(-1).before, "b5");
    socket().history([row(3), row(4)], { before: "b3", after: "x", more: true });
    assert.equal(await first, true);
    const second = client.loadOlder();
    assert.equal(socket().frames("getHistory").at(-1).before, "b3");
    socket().history([row(2)]);
    assert.equal(await second, false);
    assert.deepEqual(ids(), ["m2", "m3", "m4", "m5"]);
    assert.equal(await client.loadOlder(), false);
    assert.equal(socket().frames("getHistory").length, 3);
  });

  test("do not move the cursor", async () => {
    await start();
    await online([row(5)], { before: "b5", after: "c5" });
    const asked = client.loadOlder();
    socket().history([row(4)], { after: "x" });
    await asked;
    socket().drop();
    await clock.advance(500);
    socket().open();
    await settled();
    assert.equal(socket().frames("getHistory")[0].groups[0].after, "c5");
  });

  test("fail without a connection, and can be asked for again", async () => {
    await start();
    await online([], { before: "b" });
    const asked = client.loadOlder();
    socket().drop();
    await assert.rejects(asked, { code: "DISCONNECTED", retryable: true });
    await assert.rejects(client.loadOlder(), { code: "DISCONNECTED" });
    await clock.advance(500);
    await online();
    const again = client.loadOlder();
    assert.equal(socket().frames("getHistory").at(-1).before, "b");
    socket().history([]);
    assert.equal(await again, false);
  });
});

describe("presence", () => {
  const members = () => client.presence.members.map(({ userId, devices }) => `${userId}${devices}`).join(" ");

  test("is requested when online, and again some seconds later", async () => {
    replies = {};
    await start();
    await online();
    const answer = { action: "presence", members: [{ userId: "U", devices: 2 }], truncated: false };
    socket().answer("getPresence", answer);
    await settled();
    assert.deepEqual([members(), client.presence.truncated], ["U2", false]);
    await clock.advance(RESYNC_MS);
    assert.equal(socket().frames("getPresence").length, 2);
  });

  test("is requested only once per connection if the group is too large to be listed", async () => {
    replies = { getPresence: { ...PRESENCE, members: [{ userId: "V", devices: 1 }], truncated: true } };
    await start();
    await online();
    Object.assign(replies, { ping: { action: "pong" }, getHistory: upToDate });
    await clock.advance(RESYNC_MS + 10 * KEEP_ALIVE_MS);
    assert.equal(socket().frames("getPresence").length, 1);
    socket().drop();
    await clock.advance(client.retryInMs);
    socket().open();
    await settled();
    assert.equal(socket().frames("getPresence").length, 1);
    assert.deepEqual([members(), client.presence.truncated], ["V1", true]);
  });

  test("follows joins and leaves", async () => {
    await start();
    await online();
    const seen = [];
    client.on("presence", () => seen.push(members()));
    changed(["A", "B"]);
    changed(["A", "C"], ["B", "X"]);
    changed(["A"]);
    changed(["Z"], ["A"], "other group");
    assert.deepEqual(seen, ["A1 B1", "A1 C1", "A1 C1"]);
  });

  test("keeps the number of devices of a member whose join is told late", async () => {
    replies = { getPresence: { ...PRESENCE, members: [{ userId: "U", devices: 2 }] } };
    await start();
    await online();
    changed(["U", "A"]);
    assert.equal(members(), "U2 A1");
  });

  test("is requested again after retryAfterMs if it is refused temporarily", async () => {
    replies = {};
    await start();
    await online();
    const busy = { action: "error", code: "RATE_LIMITED", message: "later", retryable: true, retryAfterMs: 800 };
    socket().answer("getPresence", busy);
    await clock.advance(1_299);
    assert.equal(socket().frames("getPresence").length, 1);
    await clock.advance(1);
    socket().answer("getPresence", { action: "presence", members: [{ userId: "V", devices: 1 }], truncated: false });
    await settled();
    assert.deepEqual([client.state, members()], ["online", "V1"]);
  });

  test("may be disabled in the chat", async () => {
    replies = {};
    await start();
    await online();
    socket().answer("getPresence", { action: "error", code: "UNKNOWN_ACTION", message: "no", retryable: false });
    await settled();
    assert.deepEqual([client.state, members()], ["online", ""]);
  });
});

describe("typing", () => {
  const typing = (userId, isTyping = true, expiresInMs = 6_000) =>
    socket().receive({ action: "typing", groupId: "G", userId, isTyping, expiresInMs });

  test("is sent on the first keystroke and at most every 3 s", async () => {
    await start();
    await online();
    for (let i = 0; i < 70; i++) {
      client.setTyping();
      await clock.advance(100);
    }
    assert.equal(socket().frames("typing").length, 3);
  });

  test("a stop is sent only after a start", async () => {
    await start();
    await online();
    client.setTyping(false);
    client.setTyping();
    client.setTyping(false);
    client.setTyping(false);
    client.setTyping();
    assert.deepEqual(
      socket()
        .frames("typing")
        .map(({ isTyping }) => isTyping),
      [true, false, true],
    );
  });

  test("a message ends it, and the next keystroke is sent again", async () => {
    await start();
    await online();
    client.setTyping();
    client.send("x");
    client.setTyping();
    assert.deepEqual(
      socket()
        .frames("typing")
        .map(({ isTyping }) => isTyping),
      [true, true],
    );
  });

  test("is sent again at the usual time if it is refused temporarily", async () => {
    await start();
    await online();
    client.send("x");
    client.setTyping();
    socket().receive({ action: "error", code: "RATE_LIMITED", message: "later", retryable: true, retryAfterMs: 800 });
    assert.deepEqual([client.state, client.messages[0].status], ["online", "sending"]);
    await clock.advance(2_999);
    client.setTyping();
    assert.equal(socket().frames("typing").length, 1);
    await clock.advance(1);
    client.setTyping();
    assert.equal(socket().frames("typing").length, 2);
    assert.equal(socket().frames("sendMessage").length, 1);
  });

  test("is not sent without a connection", async () => {
    await start();
    client.setTyping();
    assert.deepEqual(socket().sent, []);
  });

  test("of another user ends with a stop, a message, a leave, its expiry, or the connection", async () => {
    await start();
    await online();
    const ends = {
      stop: () => typing("V", false),
      message: () => push(1),
      leaving: () => changed([], ["V"]),
      time: () => clock.advance(1_500),
      loss: () => socket().drop(),
    };
    for (const [name, end] of Object.entries(ends)) {
      typing("V", true, 1_500);
      assert.deepEqual(client.typing, ["V"], name);
      await end();
      assert.deepEqual(client.typing, [], name);
    }
  });

  test("continues while it is repeated, and your own is not shown", async () => {
    await start();
    await online();
    typing("U");
    assert.deepEqual(client.typing, []);
    typing("V");
    await clock.advance(5_000);
    typing("V");
    await clock.advance(5_000);
    assert.deepEqual(client.typing, ["V"]);
    await clock.advance(1_000);
    assert.deepEqual(client.typing, []);
  });
});

describe("listeners", () => {
  test("get a new list for each change, with the same objects for unchanged messages", async () => {
    await start();
    const lists = [];
    const end = client.on("messages", (messages) => lists.push(messages));
    await online([row(1)]);
    push(2);
    end();
    push(3);
    assert.equal(lists.length, 2);
    assert.notEqual(lists[0], lists[1]);
    assert.equal(lists[0][0], lists[1][0]);
    assert.equal(client.messages[0], lists[0][0]);
  });

  test("an error in one is reported, and the others and the chat continue", async (t) => {
    await start();
    const later = t.mock.method(globalThis, "setTimeout", () => {});
    let heard = 0;
    client.on("state", () => {
      throw new Error("a fault of the page");
    });
    client.on("state", () => (heard += 1));
    socket().open();
    assert.deepEqual([client.state, heard], ["syncing", 1]);
    assert.throws(later.mock.calls[0].arguments[0], /a fault of the page/);
  });
});
