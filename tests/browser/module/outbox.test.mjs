/** Own messages from sending to sent or failed, over reloads, crashes and several tabs. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";

import { ChatClient } from "../../../web/chat-client.js";
import { FakeChat } from "./fake_chat.mjs";
import { FakeClock, FakeLocks, FakeSocket, FakeStorage, settled } from "./fakes.mjs";

const REPLY_MS = 10_000;

let clock, storage, locks;

beforeEach(() => {
  clock = new FakeClock();
  storage = new FakeStorage();
  locks = new FakeLocks();
});

/** A tab with a client of user U in group G; more options for others. */
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

/** A socket class whose server is the test, with the sockets that were made. */
function manual() {
  const sockets = [];
  class Socket extends FakeSocket {
    replies = {
      getHistory: { action: "history", messages: [], after: "c", before: null, more: false },
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
  test("shows at once, sends what the protocol says, and is sent when acked", async () => {
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

  test("refuses to send nothing", async () => {
    const { client, sent } = await connected();
    assert.throws(() => client.send(" \n "), TypeError);
    assert.deepEqual([sent(), client.messages], [[], []]);
  });

  test("one after the other, so that their order stays", async () => {
    const { client, ack, sent } = await connected();
    ["a", "b", "c"].forEach((text) => client.send(text));
    assert.equal(sent().length, 1);
    ack(sent()[0], 1);
    assert.equal(sent().length, 2);
    ack(sent()[1], 2);
    ack(sent()[2], 3);
    assert.deepEqual(shown(client), ["a sent", "b sent", "c sent"]);
  });

  test("the push to oneself counts as an ack, another's push with the same id does not", async () => {
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

  test("a missing ack is asked for again under the same id, ever more slowly, and the connection checked", async () => {
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

  test("each message has a time limit and short delays of its own", async () => {
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

  test("without any answer the connection is given up and the message sent over the next", async () => {
    const { client, sockets } = await connected();
    sockets[0].replies = {};
    client.send("x");
    await clock.until(() => sockets.length === 2);
    sockets[1].open();
    await settled();
    assert.equal(sockets[1].frames("sendMessage").length, 1);
  });

  for (const code of ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL"]) {
    test(`${code}, retryable: again after the time that the server says, the rest behind it`, async () => {
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
    test(`${code}, final: failed with the reason, and the next goes on`, async () => {
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

  test("an error about something else leaves the message alone", async () => {
    const { client, sockets, sent } = await connected();
    client.send("a");
    sockets[0].receive({ action: "error", code: "BAD_REQUEST", message: "no", retryable: false });
    sockets[0].receive({ action: "error", code: "RATE_LIMITED", message: "no", retryable: true });
    await clock.advance(REPLY_MS - 1);
    assert.deepEqual([shown(client), sent().length], [["a sending"], 1]);
  });

  test("a message over 32 KB, which would end the connection each time, is not sent at all", async () => {
    const { client, ack, sent } = await connected();
    client.send("é".repeat(16 * 1024));
    client.send("b");
    assert.equal(client.messages[0].error.code, "TOO_LARGE");
    assert.deepEqual(
      sent().map(({ message }) => message),
      ["b"],
    );
    ack(sent()[0]);
    client.send("é".repeat(16 * 1000));
    assert.equal(sent().length, 2);
  });

  test("failed messages can be tried again or dropped, others not", async () => {
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

  test("after a CONFLICT the next try has an id of its own", async () => {
    const { client, refuse, sent } = await connected();
    const id = client.send("a");
    refuse(sent()[0], { code: "CONFLICT", retryable: false });
    client.retry(id);
    assert.notEqual(sent()[1].clientMessageId, id);
    assert.equal(client.messages[0].clientMessageId, sent()[1].clientMessageId);
  });

  test("works before connecting and without a connection", async () => {
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

  test("says when the storage is full, and sends all the same", async () => {
    const { client, ack, sent } = await connected();
    const errors = [];
    client.on("error", ({ code }) => errors.push(code));
    storage.full = true;
    client.send("x");
    assert.deepEqual(errors, ["STORAGE"]);
    ack(sent()[0]);
    assert.deepEqual(shown(client), ["x sent"]);
  });
});

describe("over reloads and tabs", () => {
  const server = (options) => new FakeChat({ clock, ...options });
  const stored = (chat) => chat.rows.map(({ message }) => message);
  const offline = class extends FakeSocket {};

  for (const [name, leave] of Object.entries({
    "a closed page": ({ client }) => client.close(),
    "a crashed page": ({ crash }) => crash(),
  })) {
    test(`what ${name} had not sent is sent by the next one, in order, and failed ones stay failed`, async () => {
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

  test("a tab leaves alone what a living one is sending", async () => {
    const first = tab(offline);
    await settled();
    first.client.send("of the first");
    const chat = server();
    const second = tab(chat.WebSocket);
    await clock.advance(600_000);
    assert.deepEqual([shown(second.client), stored(chat)], [[], []]);
    assert.equal(storage.messages.length, 1);
  });

  test("of several tabs one inherits from a tab that is gone, the moment it is", async () => {
    const chat = server();
    const dying = tab(offline);
    await settled();
    dying.client.send("last words");
    const heirs = [tab(chat.WebSocket), tab(chat.WebSocket)];
    await clock.advance(1_000);
    const sends = [];
    chat.fault = ({ action }) => void (action === "sendMessage" && sends.push(action));
    dying.crash();
    await clock.advance(60_000);
    assert.deepEqual([stored(chat), sends.length, storage.length], [["last words"], 1, 0]);
    for (const { client } of heirs) assert.deepEqual(shown(client), ["last words sent"]);
  });

  test("an heir that leaves without inheriting gives its place up", async () => {
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

  test("what was stored but not acked before a reload is shown and stored once", async () => {
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

  test("inherited late, when history already shows it as sent, it is not shown twice", async () => {
    const chat = server();
    chat.fault = ({ action }) => (action === "sendMessage" ? "unanswered" : undefined);
    // Its own push does not reach it either.
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

  test("other users, groups and deployments have outboxes of their own", async () => {
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

  test("a client that is closed at once leaves its unsent message to the next one", async () => {
    const page = tab(offline);
    page.client.send("x");
    page.client.close();
    await settled();
    const { client } = tab(offline);
    await settled();
    assert.deepEqual(shown(client), ["x sending"]);
  });

  for (const with_ of [{}, { locks: undefined }]) {
    test(`an outbox that is damaged keeps nobody from connecting, ${"locks" in with_ ? "without" : "with"} locks`, async () => {
      tab(offline).client.send("x");
      await settled();
      storage.setItem(`${storage.key(0)}0`, "{broken");
      const { Socket, sockets } = manual();
      tab(Socket, with_);
      await settled();
      assert.equal(sockets.length, 1);
    });
  }

  test("without locks, two pages that both send a message still store and show it once", async () => {
    const chat = server();
    const first = tab(offline, { locks: undefined });
    first.client.send("x");
    const second = tab(chat.WebSocket, { locks: undefined });
    await clock.until(() => chat.rows.length === 1);
    await clock.advance(1_000);
    assert.deepEqual([shown(second.client), stored(chat), storage.length], [["x sent"], ["x"], 0]);
  });

  test("without locks, a message in two outboxes is inherited once", async () => {
    const first = tab(offline, { locks: undefined });
    first.client.send("x");
    tab(offline, { locks: undefined });
    first.client.send("y");
    const { client } = tab(offline, { locks: undefined });
    assert.deepEqual(shown(client), ["x sending", "y sending"]);
  });

  test("with `storage: null` nothing is written", async () => {
    const { client } = await connected({ storage: null });
    client.send("x");
    assert.equal(storage.length, 0);
  });
});
