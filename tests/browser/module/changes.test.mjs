/** Messages that are edited, deleted and reacted to: what the client asks for, and what it makes of what comes. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { ChatClient, ChatError } from "../../../web/chat-client.js";
import { FakeChat } from "./fake_chat.mjs";
import { FakeClock, KEEP_ALIVE_MS, REPLY_MS, RESYNC_MS, fakes, joined, settled, upToDate } from "./fakes.mjs";

const LIMIT_MS = 60_000;
const ACTIONS = ["editMessage", "deleteMessage", "react"];

let clock, sockets, replies, chat, heard;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  replies = { joinGroup: joined, getHistory: upToDate, leaveGroup: { action: "left", groupIds: ["a"] } };
});

afterEach(() => chat?.close());

/** A client with the room of group a. `heard` collects what the room says, in order. */
async function opened() {
  chat = new ChatClient("wss://chat.example", { userId: "U", ...fakes(clock, sockets, () => replies) });
  chat.connect();
  const room = chat.group("a");
  heard = [];
  room.on("messages", (messages) => heard.push(["messages", ...messages.map(({ messageId }) => messageId)].join(" ")));
  room.on("change", ({ messageId, changedAt }) => heard.push(`change ${messageId} ${changedAt}`));
  room.on("reset", (nothing) => heard.push(`reset ${nothing}`));
  room.on("error", ({ code }) => heard.push(`error ${code}`));
  await settled();
  return room;
}

/** The room when it has these messages, and nothing is older. */
const online = (...messages) => onlineWith({ messages });

/** The room when it has a page. */
async function onlineWith(page) {
  replies.getHistory = pages(page);
  const room = await opened();
  socket().open();
  await settled();
  heard.length = 0;
  return room;
}

async function reconnect() {
  socket().drop();
  await clock.advance(chat.retryInMs);
  socket().open();
  await settled();
}

const socket = () => sockets.at(-1);
const frames = (action) => sockets.flatMap((one) => one.frames(action));
const row = (n, fields = {}) => ({
  messageId: `m${n}`,
  groupId: "a",
  senderId: "V",
  senderName: "Vera",
  message: `text ${n}`,
  timestamp: `2026-01-01T00:00:0${n}.000000Z`,
  ...fields,
});
/** A version of a message. The time is short, because the client only compares it. */
const version = (n, changedAt, fields = {}) => row(n, { message: `version ${changedAt}`, changedAt, ...fields });
const push = (message) => socket().receive({ action: "message", ...message });
const pushChange = (message) => socket().receive({ action: "messageChanged", groupId: "a", message });
const texts = (room) => room.messages.map(({ message }) => message);
const refusal = (code, more = {}) => ({
  action: "error",
  groupId: "a",
  code,
  message: "no",
  retryable: false,
  ...more,
});
const changed = ({ messageId }) => ({ action: "changed", groupId: "a", messageId, changedAt: "5" });

/** Answers getHistory with one page after the other, then with no news. */
function pages(...list) {
  return ({ requestId, groups }) => {
    const { messages = [], after = "c1", more = false, before = null, ...others } = list.shift() ?? {};
    const page = { action: "history", groupId: "a", messages, before, after, more, requestId, ...others };
    queueMicrotask(() => socket().receive(page));
    return upToDate({ groups: more ? [] : groups.map(({ groupId }) => ({ groupId, after })) });
  };
}

/** How a promise ends, once it has. */
function outcome(promise) {
  const seen = {};
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error) => Object.assign(seen, { error, code: error.code ?? error.name }),
  );
  return seen;
}

const asks = {
  editMessage: (room) => room.edit("m1", "new"),
  deleteMessage: (room) => room.delete("m1"),
  react: (room) => room.react("m1", "👍"),
};

describe("the newest version of a message", () => {
  test("replaces it in the list, comes as `change` after that, and keeps the key", async () => {
    const room = await online(row(1), row(2));
    const [before, other] = room.messages;
    const fields = { editedAt: "4", type: "note", replyTo: "m0", data: { a: [1] }, reactions: { "👍": ["U", "V"] } };
    const seen = [];
    room.on("change", (message) => seen.push(message, room.messages[0] === message));
    pushChange(version(1, "4", fields));
    const { clientMessageId, ...whole } = { ...before, ...version(1, "4", fields) };
    assert.deepEqual(seen, [{ clientMessageId, ...whole }, true]);
    assert.deepEqual(heard, ["messages m1 m2", "change m1 4"]);
    assert.equal(room.messages[1], other);
    assert.equal(room.messages[0].key, before.key);
    push(row(3, { senderId: "U", clientMessageId: "c3" }));
    pushChange({ messageId: "m3", groupId: "a", timestamp: row(3).timestamp, changedAt: "5", omitted: true });
    assert.deepEqual([room.messages[2].key, room.messages[2].omitted, room.messages.length], ["c3", true, 3]);
  });

  test("comes once, in whatever order the versions come: pushed, in history, as a change, as a repeated message", async () => {
    const versions = [row(1), version(1, "2"), version(1, "3"), version(1, "4")];
    const ways = {
      push,
      pushChange,
      history: (message) => ((replies.getHistory = pages({ messages: [message] })), reconnect()),
      changes: (message) => ((replies.getHistory = pages({ changes: [message] })), reconnect()),
    };
    for (const [first, one] of Object.entries(ways)) {
      for (const [then, other] of Object.entries(ways)) {
        const room = await online(versions[1]);
        await one(versions[2]);
        for (const old of [0, 1, 2]) await other(versions[old]);
        assert.deepEqual(
          [texts(room), heard.filter((what) => what.startsWith("change"))],
          [["version 3"], ["change m1 3"]],
        );
        await other(versions[3]);
        await one(versions[2]);
        await one(versions[3]);
        assert.deepEqual([texts(room), heard.at(-1)], [["version 4"], "change m1 4"], `${first}, then ${then}`);
        assert.equal(heard.filter((what) => what.startsWith("change")).length, 2);
        chat.close();
      }
    }
  });

  test("of a message that comes changed is no change: the list has it, with its fields", async () => {
    const room = await online(version(1, "3", { message: "", deletedAt: "3" }));
    push(version(2, "4", { editedAt: "4" }));
    assert.deepEqual(heard, ["messages m1 m2"]);
    const [deleted, edited] = room.messages;
    assert.deepEqual([deleted.deletedAt, deleted.message, edited.editedAt], ["3", "", "4"]);
  });

  test("of a message before the list comes without it, and is the one that older messages bring", async () => {
    const room = await onlineWith({ messages: [row(5)], before: "b5", changes: [] });
    pushChange(version(1, "7"));
    pushChange(version(1, "6"));
    pushChange(version(1, "7"));
    assert.deepEqual([heard, texts(room)], [["change m1 7"], ["text 5"]]);
    replies.getHistory = {
      action: "history",
      groupId: "a",
      messages: [version(1, "6"), row(2)],
      before: null,
      more: false,
    };
    await room.loadOlder();
    assert.deepEqual(
      [texts(room), heard],
      [
        ["version 7", "text 2", "text 5"],
        ["change m1 7", "messages m1 m2 m5"],
      ],
    );
  });

  test("brings a message whose own push was lost", async () => {
    const room = await onlineWith({ messages: [row(1), row(3)], before: "b1" });
    pushChange(version(2, "4"));
    assert.deepEqual(
      [texts(room), heard],
      [
        ["text 1", "version 4", "text 3"],
        ["messages m1 m2 m3", "change m2 4"],
      ],
    );
  });

  test("waits while the room catches up, as messages do", async () => {
    const room = await online(row(1));
    replies.getHistory = undefined;
    await reconnect();
    pushChange(version(1, "3"));
    push(row(3));
    assert.deepEqual([room.state, heard], ["syncing", []]);
    socket().history([row(2)], { groupId: "a", more: true, after: "p2" });
    await settled();
    assert.deepEqual(heard, ["messages m1 m2"]);
    socket().history([], { groupId: "a" });
    await settled();
    assert.deepEqual([room.state, heard.slice(1)], ["online", ["messages m1 m2 m3", "change m1 3"]]);
  });

  test("of a group that the user left does not come", async () => {
    const room = await online(row(1));
    room.close();
    await settled();
    pushChange(version(1, "3"));
    assert.deepEqual([heard, texts(room)], [[], ["text 1"]]);
  });

  test("is none on a server without changes", async () => {
    const room = await online(row(1));
    replies.getHistory = pages({ messages: [row(2)], changes: null });
    await reconnect();
    assert.deepEqual([room.state, heard], ["online", ["messages m1 m2"]]);
  });

  test("does not end the sending of another user's message", async () => {
    const room = await online();
    const id = room.send("mine");
    pushChange(version(1, "3", { clientMessageId: id }));
    assert.deepEqual(
      room.messages.map(({ status }) => status),
      ["sent", "sending"],
    );
    pushChange(version(2, "3", { clientMessageId: id, senderId: "U" }));
    assert.deepEqual(
      room.messages.map(({ status }) => status),
      ["sent", "sent"],
    );
  });

  test("counts as no new message, and a deleted one does not count", async () => {
    replies.getGroups = () => ({
      action: "groups",
      groups: [{ groupId: "a", joined: true, lastMessage: row(3), unread: 2, unreadMore: false, readUpTo: row(1) }],
      more: false,
    });
    const lists = [];
    await online(row(1), row(2), row(3));
    chat.on("groups", ([{ unread, lastMessage }]) => lists.push([unread, lastMessage.message, lastMessage.deletedAt]));
    await settled();
    pushChange(version(1, "3"));
    pushChange(version(3, "4"));
    pushChange(version(3, "5", { message: "", deletedAt: "5" }));
    assert.deepEqual(lists, [
      [2, "text 3", undefined],
      [2, "text 3", undefined],
      [2, "version 4", undefined],
      [1, "", "5"],
    ]);
  });
});

describe("catching up", () => {
  test("goes on while there are changes, and keeps only the last page's cursor", async () => {
    const room = await online(row(1), row(2));
    const list = [
      { messages: [row(3)], changes: [], more: true, after: "p1" },
      { changes: [version(1, "5")], more: true, after: "p2" },
      { changes: [version(2, "6")], more: true, after: "p3" },
    ];
    replies.getHistory = ({ requestId }) => {
      const page = list.shift();
      if (!page) return void socket().drop();
      const answer = { action: "history", groupId: "a", messages: [], before: null, requestId, ...page };
      queueMicrotask(() => socket().receive(answer));
      return { action: "upToDate", groups: [], refused: [] };
    };
    const number = frames("getHistory").length;
    await reconnect();
    assert.deepEqual(texts(room), ["version 5", "version 6", "text 3"]);
    assert.notEqual(room.state, "online");
    const last = { changes: [version(2, "6"), version(1, "7")], after: "c9" };
    replies.getHistory = pages({ changes: [version(1, "5")], more: true, after: "p7" }, last);
    await clock.advance(chat.retryInMs);
    socket().open();
    await settled();
    assert.deepEqual([room.state, texts(room)], ["online", ["version 7", "version 6", "text 3"]]);
    await reconnect();
    const cursors = frames("getHistory")
      .slice(number)
      .map(({ groups: [{ after }] }) => after);
    assert.deepEqual(cursors, ["c1", "p1", "p2", "p3", "c1", "p7", "c9"]);
    assert.deepEqual(
      heard.filter((what) => what.startsWith("change")),
      ["change m1 5", "change m2 6", "change m1 7"],
    );
  });

  test("after too long a time begins with the newest page: `reset`, then `messages`", async () => {
    const room = await online(row(1), row(2));
    pushChange(version(1, "9"));
    room.send("unsent");
    heard.length = 0;
    replies.getHistory = pages({ messages: [row(2), row(7)], before: "b2", changes: [], reset: true, after: "c8" });
    await reconnect();
    assert.deepEqual(heard, ["reset undefined", "messages m2 m7 "]);
    assert.deepEqual([texts(room), room.hasOlder, room.state], [["text 2", "text 7", "unsent"], true, "online"]);
    await reconnect();
    assert.equal(frames("getHistory").at(-1).groups[0].after, "c8");
    pushChange(version(1, "9"));
    assert.deepEqual([heard.at(-1), texts(room)], ["change m1 9", ["text 2", "text 7", "unsent"]]);
    replies.getHistory = { action: "history", groupId: "a", messages: [row(1)], before: null, more: false };
    await room.loadOlder();
    assert.deepEqual(texts(room), ["version 9", "text 2", "text 7", "unsent"]);
  });
});

describe("a change", () => {
  test("is asked for as the protocol says, and resolves with the answer", async () => {
    for (const action of ACTIONS) replies[action] = changed;
    const room = await online(row(1));
    assert.deepEqual(await room.edit("m1", "new"), { messageId: "m1", changedAt: "5" });
    replies.deleteMessage = { action: "changed", groupId: "a", messageId: "m1" };
    assert.deepEqual(await room.delete("m1"), { messageId: "m1" });
    await room.react("m1", "👍");
    await room.react("m1", "👍", false);
    const sent = socket()
      .sent.filter(({ action }) => ACTIONS.includes(action))
      .map(({ requestId, ...frame }) => (assert.ok(requestId), frame));
    assert.deepEqual(sent, [
      { action: "editMessage", groupId: "a", messageId: "m1", message: "new" },
      { action: "deleteMessage", groupId: "a", messageId: "m1" },
      { action: "react", groupId: "a", messageId: "m1", reaction: "👍", on: true },
      { action: "react", groupId: "a", messageId: "m1", reaction: "👍", on: false },
    ]);
    assert.deepEqual(heard, []);
  });

  for (const action of ACTIONS) {
    for (const code of ["FORBIDDEN", "NOT_FOUND", "TOO_LARGE", "BAD_REQUEST"]) {
      test(`${action}: ${code} rejects, and is an error of the room`, async () => {
        replies[action] = refusal(code);
        const room = await online(row(1));
        await assert.rejects(asks[action](room), (error) => error instanceof ChatError && error.message === "no");
        assert.deepEqual([heard, frames(action).length], [[`error ${code}`], 1]);
      });
    }

    test(`${action}: a chat without changes rejects with UNKNOWN_ACTION, which is no error of the room`, async () => {
      replies[action] = refusal("UNKNOWN_ACTION");
      const room = await online(row(1));
      await assert.rejects(asks[action](room), { code: "UNKNOWN_ACTION" });
      assert.deepEqual([heard, frames(action).length], [[], 1]);
    });

    test(`${action}: is repeated after a lost answer, a refusal for now and a lost connection`, async () => {
      const room = await online(row(1));
      replies.ping = { action: "pong" };
      const seen = outcome(asks[action](room));
      await clock.advance(REPLY_MS + 500);
      assert.equal(frames(action).length, 2);
      socket().answer(action, refusal("UNAVAILABLE", { retryable: true, retryAfterMs: 800 }));
      await clock.advance(1_799);
      assert.equal(frames(action).length, 2);
      await clock.advance(1);
      assert.equal(frames(action).length, 3);
      await reconnect();
      assert.deepEqual([frames(action).length, seen], [4, {}]);
      socket().answer(action, { action: "changed", groupId: "a", messageId: "m1", changedAt: "5" });
      await settled();
      assert.deepEqual(seen, { value: { messageId: "m1", changedAt: "5" } });
      assert.deepEqual(new Set(frames(action).map(({ requestId, ...frame }) => JSON.stringify(frame))).size, 1);
    });
  }

  test("waits for the connection, for at most a minute", async () => {
    const room = await opened();
    const early = outcome(room.edit("m1", "new"));
    await clock.advance(100);
    assert.deepEqual([frames("editMessage"), early], [[], {}]);
    replies.editMessage = changed;
    socket().open();
    await settled();
    assert.deepEqual(early.value, { messageId: "m1", changedAt: "5" });
    socket().drop();
    const late = outcome(room.delete("m1"));
    await clock.advance(LIMIT_MS - 1);
    assert.deepEqual(late, {});
    await clock.advance(1);
    assert.equal(late.code, "TIMEOUT");
    socket().open();
    await settled();
    assert.deepEqual([frames("deleteMessage"), frames("editMessage").length], [[], 1]);
  });

  test("is not repeated after it has been given up", async () => {
    const room = await online(row(1));
    replies.react = refusal("UNAVAILABLE", { retryable: true });
    const seen = outcome(room.react("m1", "👍"));
    await clock.advance(LIMIT_MS);
    assert.equal(seen.code, "TIMEOUT");
    const { length } = frames("react");
    assert.ok(length > 2);
    await clock.advance(LIMIT_MS * 2);
    assert.equal(frames("react").length, length);
  });

  test("follows the one before, so that a repetition does not undo a later one", async () => {
    const room = await online(row(1));
    replies.ping = { action: "pong" };
    const all = ["a", "b"].map((text) => outcome(room.edit("m1", text)));
    all.push(outcome(room.react("m1", "👍")));
    await settled();
    await reconnect();
    const sent = () =>
      socket().sent.flatMap(({ action, message = action }) => (ACTIONS.includes(action) ? message : []));
    assert.deepEqual(sent(), ["a"]);
    socket().answer("editMessage", changed({ messageId: "m1" }));
    await settled();
    assert.deepEqual(sent(), ["a", "b"]);
    socket().answer("editMessage", refusal("NOT_FOUND"));
    await settled();
    assert.deepEqual(sent(), ["a", "b", "react"]);
    socket().answer("react", changed({ messageId: "m1" }));
    await settled();
    assert.deepEqual(
      all.map(({ value, code }) => value?.changedAt ?? code),
      ["5", "NOT_FOUND", "5"],
    );
  });

  test("ends with the client, and with a room that is closed without a connection", async () => {
    const room = await online(row(1));
    const first = outcome(room.delete("m1"));
    await settled();
    chat.close();
    await settled();
    assert.equal(first.code, "DISCONNECTED");
    assert.deepEqual(clock.pending, []);
    const again = await online(row(1));
    socket().drop();
    const second = outcome(again.delete("m1"));
    await settled();
    again.close();
    await settled();
    assert.equal(second.code, "DISCONNECTED");
  });

  test("is still made after the room was closed", async () => {
    const room = await online(row(1));
    const seen = outcome(room.delete("m1"));
    room.close();
    await settled();
    replies.deleteMessage = changed;
    await reconnect();
    assert.deepEqual(seen.code, "DISCONNECTED");
    assert.equal((await room.delete("m1")).changedAt, "5");
  });

  test("a text that cannot be seen or is too large is not sent, because it would close the connection", async () => {
    const room = await online(row(1));
    for (const text of ["", " \n", "\u200b", undefined, 7]) await assert.rejects(room.edit("m1", text), TypeError);
    await assert.rejects(room.edit("m1", "é".repeat(16 * 1024)), { code: "TOO_LARGE" });
    await assert.rejects(room.react("m1", "👍".repeat(9_000)), { code: "TOO_LARGE" });
    assert.deepEqual([frames("editMessage"), frames("react"), heard], [[], [], ["error TOO_LARGE", "error TOO_LARGE"]]);
  });

  test("whose push does not come is fetched, and one whose push has come is not", async () => {
    for (const action of ACTIONS) replies[action] = changed;
    const room = await online(row(1));
    await clock.advance(RESYNC_MS);
    const before = frames("getHistory").length;
    await room.edit("m1", "new");
    pushChange(version(1, "5"));
    await clock.advance(RESYNC_MS);
    assert.equal(frames("getHistory").length, before);
    replies.react = { ...changed({ messageId: "m1" }), changedAt: "6" };
    replies.getHistory = pages({ changes: [version(1, "6", { reactions: { "👍": ["U"] } })] });
    await room.react("m1", "👍");
    await clock.advance(RESYNC_MS);
    assert.deepEqual([frames("getHistory").length, room.messages[0].reactions], [before + 1, { "👍": ["U"] }]);
  });
});

describe("`canChange`", () => {
  const nothingNew = (fields) => (frame) => ({ ...upToDate(frame), ...fields });

  test("is known from a page, when the room is online", async () => {
    replies.getHistory = pages({ changes: [] });
    const room = await opened();
    const known = [];
    room.on("state", (state) => state === "online" && known.push(room.canChange));
    assert.equal(room.canChange, false);
    socket().open();
    await settled();
    assert.deepEqual(known, [true]);
  });

  test("is known from the end of a catch-up without news, after each connect", async () => {
    const answers = [{ changes: true }, { changes: false }, {}];
    replies.getHistory = nothingNew(answers[0]);
    const room = await opened();
    socket().open();
    await settled();
    const known = [room.canChange];
    for (const fields of answers.slice(1)) {
      replies.getHistory = nothingNew(fields);
      await reconnect();
      known.push(room.canChange);
    }
    assert.deepEqual([room.state, ...known], ["online", true, false, false]);
  });
});

test("a client of one group changes messages, too", async () => {
  const server = new FakeChat({ clock });
  const options = { url: "wss://chat.example", groupId: "a", userId: "U", storage: null, clock, random: () => 0.5 };
  chat = new ChatClient({ ...options, WebSocket: server.WebSocket });
  const changes = [];
  chat.on("change", ({ message, reactions }) => changes.push([message, reactions]));
  chat.connect();
  assert.equal(chat.canChange, false);
  chat.send("Hello", { type: "note", replyTo: "m0", data: { a: 1 } });
  await clock.until(() => chat.messages[0]?.status === "sent");
  assert.equal(chat.canChange, true);
  const [{ messageId, type, replyTo, data }] = chat.messages;
  assert.deepEqual([type, replyTo, data], ["note", "m0", { a: 1 }]);
  const all = [chat.edit(messageId, "Hi"), chat.react(messageId, "👍"), chat.react(messageId, "👍", false)];
  all.push(chat.delete(messageId));
  await clock.until(() => changes.length === 4);
  await Promise.all(all);
  assert.deepEqual(changes, [
    ["Hi", undefined],
    ["Hi", { "👍": ["U"] }],
    ["Hi", undefined],
    ["", undefined],
  ]);
  assert.ok(chat.messages[0].deletedAt);
  await clock.advance(KEEP_ALIVE_MS);
  assert.equal(changes.length, 4);
});
