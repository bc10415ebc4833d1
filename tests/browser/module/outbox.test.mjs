/** Own messages, from sending to sent or failed, across reloads, crashes and several tabs. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { ChatClient } from "../../../web/chat-client.js";
import { FakeChat } from "./fake_chat.mjs";
import { FakeClock, FakeLocks, FakeSocket, FakeStorage, settled, upToDate } from "./fakes.mjs";

const REPLY_MS = 10_000;

// Node.js 24 has locks of its own.
delete globalThis.navigator;

let clock, storage, locks;

beforeEach(() => {
  clock = new FakeClock();
  storage = new FakeStorage();
  locks = new FakeLocks();
});

/** A tab with a client. By default it is user U in group G. */
function tab(WebSocket, options = {}) {
  const browserTab = locks.tab();
  const client = new ChatClient({
    url: "wss://chat.example/production",
    groupId: "G",
    userId: "U",
    senderName: "Uli",
    storage,
    locks: browserTab,
    clock,
    random: () => 0.5,
    WebSocket,
    ...options,
  });
  client.connect();
  return { client, crash: browserTab.crash };
}

/** A socket class with the test as the server, and the list of its sockets. */
function manual() {
  const sockets = [];
  class Socket extends FakeSocket {
    replies = {
      getHistory: upToDate,
      getPresence: { action: "presence", members: [], truncated: false },
      ping: { action: "pong" },
    };

    constructor(url) {
      super(url);
      sockets.push(this);
    }
  }
  return { Socket, sockets };
}

async function connected(options) {
  const { Socket, sockets } = manual();
  const { client } = tab(Socket, options);
  await settled();
  sockets[0].open();
  await settled();
  const ack = (frame, n = 1) =>
    sockets.at(-1).receive({
      action: "ack",
      clientMessageId: frame.clientMessageId,
      messageId: `m${n}`,
      timestamp: `2026-01-01T00:00:0${n}.000000Z`,
      duplicate: false,
    });
  const refuse = (frame, error) =>
    sockets.at(-1).receive({ action: "error", clientMessageId: frame.clientMessageId, message: "no", ...error });
  return { client, sockets, ack, refuse, sent: () => sockets.at(-1).frames("sendMessage") };
}

const shown = (client) => client.messages.map(({ message, status }) => `${message} ${status}`);

describe("sending", () => {
  test("a message is shown at once, sent as the protocol says, and marked as sent by the ack", async () => {
    const { client, ack, sent } = await connected();
    const clientMessageId = client.send("Hello");
    assert.deepEqual(shown(client), ["Hello sending"]);
    const frame = {
      action: "sendMessage",
      groupId: "G",
      senderId: "U",
      senderName: "Uli",
      message: "Hello",
      clientMessageId,
    };
    assert.deepEqual(sent(), [frame]);
    const [{ key }] = client.messages;
    ack(sent()[0]);
    assert.deepEqual(shown(client), ["Hello sent"]);
    const { error, ...message } = client.messages[0];
    assert.deepEqual(message, {
      key,
      clientMessageId,
      messageId: "m1",
      groupId: "G",
      senderId: "U",
      senderName: "Uli",
      message: "Hello",
      timestamp: "2026-01-01T00:00:01.000000Z",
      own: true,
      status: "sent",
    });
    assert.equal(storage.length, 0);
  });

  test("what goes with a message is sent and shown as it was, also if the page changes it later", async () => {
    const { client, ack, sent, sockets } = await connected();
    const data = { url: "https://example.com/1.jpg", size: [1, { of: null }] };
    const options = { type: "image", replyTo: "m0", data };
    const whole = structuredClone(options);
    client.send("Hello", options);
    data.size.push(2);
    options.type = "other";
    client.send("plain", { type: undefined, replyTo: null });
    const of = ({ type, replyTo, data }) => ({ type, replyTo, data });
    assert.deepEqual([of(client.messages[0]), of(sent()[0])], [whole, whole]);
    ack(sent()[0]);
    assert.deepEqual(of(client.messages[0]), whole);
    assert.ok(["type", "replyTo", "data"].every((name) => !(name in sent()[1] || name in client.messages[1])));
    sockets[0].drop();
    await clock.until(() => sockets.length === 2);
    sockets[1].open();
    await settled();
    assert.deepEqual(sockets[1].frames("sendMessage")[0], sockets[0].frames("sendMessage")[1]);
  });

  test("refuses what cannot go with a message", async () => {
    const { client, sent } = await connected();
    const circle = {};
    circle.circle = circle;
    const wrong = [
      [{ type: "" }, /^TypeError: type must be a string of 1 to 256 bytes/],
      [{ type: 7 }, /^TypeError: type/],
      [{ replyTo: "x".repeat(257) }, /^TypeError: replyTo must be the messageId/],
      [{ replyTo: {} }, /^TypeError: replyTo/],
      ...["text", 7, [1], new Date(0)].map((data) => [
        { data },
        /^TypeError: data must be an object of at most 2048 bytes/,
      ]),
      [{ data: { text: "é".repeat(1024) } }, /^TypeError: data/],
      [{ data: circle }, /^TypeError/],
    ];
    for (const [options, message] of wrong) assert.throws(() => client.send("x", options), message);
    assert.deepEqual([sent(), client.messages, storage.length], [[], [], 0]);
    client.send("x", { data: { text: "é".repeat(1018) } });
    assert.equal(sent().length, 1);
  });

  test("without a name, the sender is shown by id, as the server does", async () => {
    const { client } = await connected({ senderName: undefined });
    client.send("Hello");
    assert.equal(client.messages[0].senderName, "U");
  });

  test("a name of which nothing can be seen is not sent", async () => {
    const { client, sent, sockets } = await connected({ senderName: "\u200b" });
    client.send("Hello");
    assert.deepEqual([sent()[0].senderName, sockets[0].url.searchParams.has("name")], ["U", false]);
  });

  test("refuses a message of which nothing can be seen", async () => {
    const { client, sent } = await connected();
    for (const text of ["", " \n ", "\u200b", "\u3164\u2800", "\u00ad\ufe0f", undefined, 7])
      assert.throws(() => client.send(text), /^TypeError: message must be/);
    assert.deepEqual([sent(), client.messages], [[], []]);
  });

  test("sends one message after the other, so that their order stays", async () => {
    const { client, ack, sent } = await connected();
    ["a", "b", "c"].forEach((text) => client.send(text));
    assert.equal(sent().length, 1);
    ack(sent()[0], 1);
    assert.equal(sent().length, 2);
    ack(sent()[1], 2);
    ack(sent()[2], 3);
    assert.deepEqual(shown(client), ["a sent", "b sent", "c sent"]);
  });

  test("the push of your own message counts as an ack, another user's push with the same id does not", async () => {
    const { client, sockets, sent } = await connected();
    client.send("mine");
    const { clientMessageId } = sent()[0];
    const push = {
      action: "message",
      groupId: "G",
      message: "mine",
      timestamp: "2026-01-01T00:00:01.000000Z",
      clientMessageId,
    };
    sockets[0].receive({ ...push, messageId: "m1", senderId: "V" });
    assert.deepEqual(shown(client), ["mine sent", "mine sending"]);
    sockets[0].receive({ ...push, messageId: "m2", senderId: "U" });
    assert.deepEqual(shown(client), ["mine sent", "mine sent"]);
    assert.equal(new Set(client.messages.map(({ key }) => key)).size, 2);
  });

  test("without an ack, the client sends again with the same id and longer delays, and checks the connection", async () => {
    const { client, sockets, ack, sent } = await connected();
    client.send("x");
    const times = [];
    for (let n = 1; n <= 4; n++) {
      await clock.until(() => sent().length === n);
      times.push(clock.now);
    }
    assert.deepEqual(times, [0, 10_500, 21_500, 33_500]);
    assert.equal(new Set(sent().map(({ clientMessageId }) => clientMessageId)).size, 1);
    assert.equal(sockets[0].frames("ping").length, 3);
    ack(sent()[0]);
    ack(sent()[0]);
    assert.deepEqual(shown(client), ["x sent"]);
    await clock.advance(60_000);
    assert.equal(sent().length, 4);
  });

  test("a server that asks for a longer pause than a timer can keep is not asked at once", async () => {
    const { client, refuse, sent } = await connected();
    client.send("x");
    refuse(sent()[0], { code: "RATE_LIMITED", retryable: true, retryAfterMs: 2 ** 40 });
    await clock.advance(60_000);
    assert.equal(sent().length, 1);
  });

  test("each message has its own time limit, and starts with short delays", async () => {
    const { client, ack, refuse, sent } = await connected();
    client.send("a");
    for (let n = 0; n < 5; n++) {
      refuse(sent().at(-1), { code: "UNAVAILABLE", retryable: true });
      await clock.until(() => sent().length === n + 2);
    }
    await clock.advance(REPLY_MS - 1);
    ack(sent()[0]);
    client.send("b");
    await clock.advance(REPLY_MS + 499);
    assert.equal(sent().length, 7);
    await clock.advance(1);
    assert.equal(sent().length, 8);
  });

  test("without any answer, the client connects again and sends the message over the new connection", async () => {
    const { client, sockets } = await connected();
    sockets[0].replies = {};
    client.send("x");
    await clock.until(() => sockets.length === 2);
    sockets[1].open();
    await settled();
    assert.equal(sockets[1].frames("sendMessage").length, 1);
  });

  for (const code of ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL"]) {
    test(`${code}, retryable: sent again after retryAfterMs, before later messages`, async () => {
      const { client, ack, refuse, sent } = await connected();
      client.send("a");
      client.send("b");
      refuse(sent()[0], { code, retryable: true, retryAfterMs: 800 });
      await clock.advance(1_299);
      assert.deepEqual([shown(client), sent().length], [["a sending", "b sending"], 1]);
      await clock.advance(1);
      refuse(sent()[1], { code, retryable: true, retryAfterMs: 800 });
      await clock.advance(1_800);
      assert.equal(sent().length, 3);
      ack(sent()[2], 1);
      ack(sent()[3], 2);
      assert.deepEqual(shown(client), ["a sent", "b sent"]);
    });
  }

  for (const code of ["CONFLICT", "FORBIDDEN", "TOO_LARGE", "BAD_REQUEST", "INTERNAL"]) {
    test(`${code}, not retryable: failed with the reason, and the next message is sent`, async () => {
      const { client, ack, refuse, sent } = await connected();
      const errors = [];
      client.on("error", ({ code, clientMessageId }) => errors.push([code, clientMessageId]));
      const id = client.send("a");
      client.send("b");
      refuse(sent()[0], { code, retryable: false });
      assert.deepEqual(shown(client), ["a failed", "b sending"]);
      assert.deepEqual(client.messages[0].error, { code, message: "no" });
      assert.deepEqual(errors, [[code, id]]);
      ack(sent()[1]);
      assert.deepEqual(shown(client), ["b sent", "a failed"]);
    });
  }

  test("an error about another frame does not change the message", async () => {
    const { client, sockets, sent } = await connected();
    client.send("a");
    sockets[0].receive({ action: "error", code: "BAD_REQUEST", message: "no", retryable: false });
    sockets[0].receive({ action: "error", code: "RATE_LIMITED", message: "no", retryable: true });
    await clock.advance(REPLY_MS - 1);
    assert.deepEqual([shown(client), sent().length], [["a sending"], 1]);
  });

  test("a message over 32 KB is not sent, because it would close the connection", async () => {
    const { client, ack, sent } = await connected();
    const errors = [];
    client.on("error", ({ code, clientMessageId }) => errors.push([code, clientMessageId]));
    client.send("é".repeat(16 * 1024));
    client.send("b");
    assert.equal(client.messages[0].error.code, "TOO_LARGE");
    assert.deepEqual(errors, [["TOO_LARGE", client.messages[0].clientMessageId]]);
    assert.deepEqual(
      sent().map(({ message }) => message),
      ["b"],
    );
    ack(sent()[0]);
    client.send("é".repeat(16 * 1000));
    assert.equal(sent().length, 2);
  });

  test("a page can discard a message in the listener that hears that it is too long", async () => {
    const { client, sent } = await connected();
    const errors = [];
    client.on("error", ({ code, clientMessageId }) => {
      errors.push(code);
      client.discard(clientMessageId);
    });
    client.send("x".repeat(40_000));
    client.send("b");
    assert.deepEqual([errors, shown(client), sent().length], [["TOO_LARGE"], ["b sending"], 1]);
  });

  test("only failed messages can be sent again or discarded", async () => {
    const { client, refuse, sent } = await connected();
    const id = client.send("a");
    client.discard(id);
    client.retry(id);
    assert.deepEqual([shown(client), sent().length], [["a sending"], 1]);
    refuse(sent()[0], { code: "FORBIDDEN", retryable: false });
    client.retry(id);
    assert.deepEqual(
      [shown(client), sent()[1].clientMessageId, client.messages[0].error],
      [["a sending"], id, undefined],
    );
    refuse(sent()[1], { code: "FORBIDDEN", retryable: false });
    client.discard(id);
    assert.deepEqual([shown(client), storage.length], [[], 0]);
  });

  test("after a CONFLICT the next attempt has a new id", async () => {
    const { client, refuse, sent } = await connected();
    const id = client.send("a");
    refuse(sent()[0], { code: "CONFLICT", retryable: false });
    client.retry(id);
    assert.notEqual(sent()[1].clientMessageId, id);
    assert.equal(client.messages[0].clientMessageId, sent()[1].clientMessageId);
  });

  test("accepts messages before connecting and without a connection", async () => {
    const { Socket, sockets } = manual();
    const { client } = tab(Socket);
    client.send("early");
    await settled();
    sockets[0].drop();
    client.send("offline");
    await clock.until(() => sockets.length === 2);
    sockets[1].open();
    await settled();
    assert.deepEqual(
      sockets[1].frames("sendMessage").map(({ message }) => message),
      ["early"],
    );
    assert.deepEqual(shown(client), ["early sending", "offline sending"]);
  });

  test("reports a full storage, and still sends", async () => {
    const { client, ack, sent } = await connected();
    const errors = [];
    client.on("error", ({ code }) => errors.push(code));
    storage.full = true;
    client.send("x");
    assert.deepEqual(errors, ["STORAGE"]);
    ack(sent()[0]);
    assert.deepEqual(shown(client), ["x sent"]);
  });

  test("a socket that throws does not stop send(), and the message goes over the next one", async () => {
    const { client, sockets, ack, sent } = await connected();
    sockets[0].send = () => {
      throw new Error("InvalidStateError");
    };
    client.send("x");
    client.setTyping();
    assert.deepEqual(shown(client), ["x sending"]);
    await clock.until(() => sockets.length === 2);
    sockets[1].open();
    await settled();
    ack(sent()[0]);
    assert.deepEqual(shown(client), ["x sent"]);
  });

  test("without crypto, each message has an id that the next page accepts", async (t) => {
    t.mock.getter(globalThis, "crypto", () => undefined);
    const { client } = await connected();
    const ids = ["x", "y", "z"].map((text) => client.send(text));
    assert.equal(new Set(ids).size, 3);
    for (const id of ids) assert.match(id, /^\d{13}-[\w-]{1,50}$/);
    client.close();
    const { client: next } = tab(manual().Socket, { locks: undefined });
    assert.deepEqual(shown(next), ["x sending", "y sending", "z sending"]);
  });

  test("a storage that is blocked later does not stop the chat", async () => {
    const blocked = () => {
      throw new DOMException("blocked", "SecurityError");
    };
    const { Socket, sockets } = manual();
    const unusable = { key: blocked, getItem: blocked, setItem: blocked, removeItem: blocked, length: 1 };
    const { client } = tab(Socket, { storage: unusable });
    client.send("x");
    await settled();
    sockets[0].open();
    await settled();
    assert.equal(sockets[0].frames("sendMessage").length, 1);
  });
});

describe("across reloads and tabs", () => {
  const server = (options) => new FakeChat({ clock, ...options });
  const stored = (chat) => chat.rows.map(({ message }) => message);
  const offline = class extends FakeSocket {};

  for (const [name, leave] of Object.entries({
    "a closed page": ({ client }) => client.close(),
    "a crashed page": ({ crash }) => crash(),
  })) {
    test(`the next page sends the unsent messages of ${name}, in order, and failed ones stay failed`, async () => {
      const before = await connected();
      const crash = () => locks.tab();
      before.client.send("refused");
      before.refuse(before.sent()[0], { code: "FORBIDDEN", retryable: false });
      before.client.close();

      const page = tab(offline);
      await settled();
      ["a", "b", "c"].forEach((text) => page.client.send(text));
      leave(page);
      const chat = server();
      const { client } = tab(chat.WebSocket);
      await settled();
      assert.deepEqual(shown(client), ["refused failed", "a sending", "b sending", "c sending"]);
      await clock.until(() => chat.rows.length === 3);
      await clock.advance(1_000);
      assert.deepEqual(stored(chat), ["a", "b", "c"]);
      assert.deepEqual(
        storage.messages.map(({ message }) => message),
        ["refused"],
      );
    });
  }

  test("a tab does not send the messages of an open tab", async () => {
    const first = tab(offline);
    await settled();
    first.client.send("of the first");
    const chat = server();
    const second = tab(chat.WebSocket);
    await clock.advance(600_000);
    assert.deepEqual([shown(second.client), stored(chat)], [[], []]);
    assert.equal(storage.messages.length, 1);
  });

  test("when a tab is gone, exactly one of the others takes over its messages, immediately", async () => {
    const chat = server();
    const dying = tab(offline);
    await settled();
    dying.client.send("last words");
    const waiting = [tab(chat.WebSocket), tab(chat.WebSocket)];
    await clock.advance(1_000);
    const sends = [];
    chat.fault = ({ action }) => void (action === "sendMessage" && sends.push(action));
    dying.crash();
    await clock.advance(60_000);
    assert.deepEqual([stored(chat), sends.length, storage.length], [["last words"], 1, 0]);
    for (const { client } of waiting) assert.deepEqual(shown(client), ["last words sent"]);
  });

  test("a waiting tab that closes lets the next one take over", async () => {
    const chat = server();
    const dying = tab(offline);
    await settled();
    dying.client.send("x");
    const impatient = tab(chat.WebSocket);
    const patient = tab(chat.WebSocket);
    await settled();
    impatient.client.close();
    dying.crash();
    await clock.until(() => chat.rows.length === 1);
    await clock.advance(1_000);
    assert.deepEqual(shown(patient.client), ["x sent"]);
  });

  test("a message that was stored but not acked before a reload is shown and stored once", async () => {
    const chat = server();
    chat.fault = ({ action }) => (action === "sendMessage" ? "unanswered" : undefined);
    chat.killer = () => chat.rows.length === 1;
    const page = tab(chat.WebSocket);
    page.client.send("x");
    await clock.until(() => chat.rows.length === 1);
    page.crash();
    page.client.close();
    chat.fault = chat.killer = () => undefined;
    const { client } = tab(chat.WebSocket);
    await clock.until(() => client.state === "online");
    await clock.advance(1_000);
    assert.deepEqual([shown(client), stored(chat), storage.length], [["x sent"], ["x"], 0]);
  });

  test("what goes with a message survives a reload, so that the server takes the retry for the same message", async () => {
    const chat = server();
    chat.fault = ({ action }) => (action === "sendMessage" ? "unanswered" : undefined);
    const page = tab(chat.WebSocket);
    const options = { type: "image", replyTo: "m0", data: { b: [1, null], a: "é" } };
    page.client.send("x", options);
    await clock.until(() => chat.rows.length === 1);
    page.crash();
    page.client.close();
    // Only the ack of the retry tells that it is stored.
    const conflicts = [];
    chat.fault = ({ action }) => (action === "getHistory" ? "lost" : undefined);
    const { client } = tab(chat.WebSocket);
    client.on("error", ({ code }) => conflicts.push(code));
    await clock.until(() => client.messages[0]?.status === "sent");
    const [{ type, replyTo, data }] = client.messages;
    assert.deepEqual([{ type, replyTo, data }, conflicts, chat.rows.length], [options, [], 1]);
  });

  test("a message is not shown twice if a tab takes it over after history has shown it", async () => {
    const chat = server();
    chat.fault = ({ action }) => (action === "sendMessage" ? "unanswered" : undefined);
    // The push of the message does not reach its sender either.
    chat.killer = () => chat.rows.length === 1;
    const dying = tab(chat.WebSocket);
    dying.client.send("x");
    await clock.until(() => chat.rows.length === 1);
    const { client } = tab(chat.WebSocket);
    chat.fault = chat.killer = () => undefined;
    await clock.until(() => client.state === "online");
    dying.crash();
    await settled();
    assert.deepEqual([shown(client), storage.length], [["x sent"], 0]);
  });

  test("each user, group and deployment has its own outbox", async () => {
    const page = tab(offline);
    await settled();
    page.client.send("x");
    page.crash();
    for (const options of [{ userId: "V" }, { groupId: "H" }, { url: "wss://other.example/production" }]) {
      const { client } = tab(offline, options);
      await settled();
      assert.deepEqual(client.messages, []);
    }
  });

  test("the next client sends the unsent message of a client that was closed at once", async () => {
    const page = tab(offline);
    page.client.send("x");
    page.client.close();
    await settled();
    const { client } = tab(offline);
    await settled();
    assert.deepEqual(shown(client), ["x sending"]);
  });

  /** Outboxes that clients of user U in group G left behind. */
  function leaveBehind(...entries) {
    entries.forEach((entry, number) =>
      storage.setItem(`chat-outbox:["wss://chat.example/production","G","U"]:${number}`, entry),
    );
  }

  for (const with_ of [{}, { locks: undefined }]) {
    test(`of what is stored, only what is damaged is dropped, ${"locks" in with_ ? "without" : "with"} locks`, async () => {
      const whole = { clientMessageId: "1-2", message: "whole" };
      const damaged = [
        null,
        7,
        "text",
        [],
        {},
        { clientMessageId: "1-3" },
        { clientMessageId: "1-3", message: 7 },
        { clientMessageId: "1-3", message: " " },
        { clientMessageId: 13, message: "x" },
        { clientMessageId: "1".repeat(65), message: "x" },
        { clientMessageId: "1 3", message: "x" },
      ];
      const odd = {
        clientMessageId: "1-4",
        message: "odd",
        senderName: 7,
        timestamp: [2026],
        status: 7,
        error: 7,
        key: 7,
        type: ["x"],
        replyTo: "",
        data: [1],
        changedAt: "3",
        reactions: 7,
      };
      const foreign = {
        clientMessageId: "1-5",
        message: "foreign",
        groupId: "H",
        senderId: "V",
        own: false,
        messageId: "m",
      };
      const failed = { clientMessageId: "1-6", message: "failed", error: { code: "FORBIDDEN", message: "no" } };
      leaveBehind("{broken", "null", "7", '"text"', "{}", JSON.stringify([whole, ...damaged, odd, foreign, failed]));
      const chat = server();
      const { client } = tab(chat.WebSocket, with_);
      await clock.until(() => chat.rows.length === 3);
      await clock.advance(60_000);
      assert.deepEqual(stored(chat), ["whole", "odd", "foreign"]);
      for (const row of chat.rows) assert.deepEqual([row.groupId, row.senderId, row.senderName], ["G", "U", "Uli"]);
      for (const { said } of chat.rows) assert.deepEqual(JSON.parse(said).slice(1), [null, null, null]);
      assert.ok(client.messages.every((message) => !("changedAt" in message || "reactions" in message)));
      assert.deepEqual(shown(client), ["whole sent", "odd sent", "foreign sent", "failed failed"]);
      assert.deepEqual(
        storage.messages.map(({ message }) => message),
        ["failed"],
      );
    });
  }

  test("an unsent message keeps the name and the time with which it was written", async () => {
    leaveBehind(
      JSON.stringify([
        { clientMessageId: "1-2", message: "x", senderName: "Ulrike", timestamp: "2026-01-01T00:00:00.000Z" },
      ]),
    );
    const { client } = tab(offline);
    await settled();
    const [{ senderName, timestamp }] = client.messages;
    assert.deepEqual([senderName, timestamp], ["Ulrike", "2026-01-01T00:00:00.000Z"]);
  });

  test("without locks, two pages that both send a message still store and show it once", async () => {
    const chat = server();
    const first = tab(offline, { locks: undefined });
    first.client.send("x");
    const second = tab(chat.WebSocket, { locks: undefined });
    await clock.until(() => chat.rows.length === 1);
    await clock.advance(1_000);
    assert.deepEqual([shown(second.client), stored(chat), storage.length], [["x sent"], ["x"], 0]);
  });

  test("without locks, a message in two outboxes is taken over once", async () => {
    const first = tab(offline, { locks: undefined });
    first.client.send("x");
    tab(offline, { locks: undefined });
    first.client.send("y");
    const { client } = tab(offline, { locks: undefined });
    assert.deepEqual(shown(client), ["x sending", "y sending"]);
  });

  test("with `storage: null` nothing is stored", async () => {
    const { client } = await connected({ storage: null });
    client.send("x");
    assert.equal(storage.length, 0);
  });
});
