/** What the user has read: the list of groups with unread messages, markRead, and who else has read. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { ChatClient } from "../../../web/chat-client.js";
import { FakeClock, RESYNC_MS, fakes, joined, settled, upToDate } from "./fakes.mjs";

const MARK_READ_MS = 3_000;

let clock, sockets, replies, chat, errors;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  replies = {
    joinGroup: joined,
    getHistory: upToDate,
    getPresence: ({ groupId }) => ({ action: "presence", groupId, members: [], truncated: false }),
    markRead: ({ groupId, messageId, timestamp }) => ({ action: "read", groupId, userId: "U", messageId, timestamp }),
  };
});

afterEach(() => chat?.close());

function start() {
  chat = new ChatClient("wss://chat.example", { userId: "U", ...fakes(clock, sockets, () => replies) });
  errors = [];
  chat.on("error", ({ code }) => errors.push(code));
  chat.connect();
  return settled();
}

async function online(ids = ["a"]) {
  await start();
  const rooms = ids.map((id) => chat.group(id));
  socket().open();
  await settled();
  return rooms;
}

async function reconnect() {
  socket().drop();
  await clock.advance(chat.retryInMs);
  socket().open();
  await settled();
}

const socket = () => sockets.at(-1);
const frames = (action) => sockets.flatMap((one) => one.frames(action));
const marked = () => frames("markRead").map(({ groupId, messageId }) => [groupId, messageId].join(" "));
const at = (groupId, n) => ({ messageId: `${groupId}${n}`, timestamp: `2026-01-01T00:00:0${n}.000000Z` });
const row = (groupId, n, fields = {}) => ({
  ...at(groupId, n),
  groupId,
  senderId: "V",
  senderName: "Vera",
  message: `text ${n}`,
  ...fields,
});
const push = (groupId, n, fields) => socket().receive({ action: "message", ...row(groupId, n, fields) });
const read = (groupId, n, userId) => socket().receive({ action: "read", groupId, userId, ...at(groupId, n) });
const unknown = { action: "error", code: "UNKNOWN_ACTION", message: "no", retryable: false };

/** A group in the server's list, of which the user has read up to message `readUpTo`, and `last` is the newest. */
const summary = (groupId, last, unread = 0, readUpTo = 0) => ({
  groupId,
  joined: true,
  lastMessage: last ? row(groupId, last) : null,
  unread,
  unreadMore: false,
  readUpTo: readUpTo ? at(groupId, readUpTo) : null,
});
const lists = (...groups) => ({ action: "groups", groups, after: "1", more: false });
const short = (list) =>
  list.map(({ groupId, unread, unreadMore, lastMessage }) =>
    [groupId, `${unread}${unreadMore ? "+" : ""}`, lastMessage?.message].join(" "),
  );

/** Listen to the list. Returns what came last. */
function listen() {
  const heard = { list: undefined, times: 0 };
  chat.on("groups", (list) => Object.assign(heard, { list: short(list), times: heard.times + 1 }));
  return heard;
}

describe("the list of groups", () => {
  test("comes page by page, the newest first, and follows the messages of rooms", async () => {
    replies.getGroups = ({ after }) =>
      after
        ? lists(summary("c", 1, 5), summary("d"))
        : { ...lists(summary("a", 2, 1, 1), summary("b", 3, 0, 3)), more: true };
    await online(["a", "b"]);
    push("a", 2);
    const list = await chat.groups();
    assert.deepEqual(short(list), ["b 0 text 3", "a 1 text 2", "c 5 text 1", "d 0 "]);
    const heard = listen();
    await settled();
    assert.deepEqual(heard, { list: short(list), times: 1 });
    push("a", 4);
    push("a", 1);
    push("a", 4);
    push("b", 5, { senderId: "U" });
    push("c", 9);
    assert.deepEqual(heard.list, ["b 0 text 5", "a 2 text 4", "c 5 text 1", "d 0 "]);
    assert.equal(heard.times, 4);
  });

  test("has a last message without text and sender if that is too large", async () => {
    replies.getGroups = lists({ ...summary("a", 1), lastMessage: { ...at("a", 1), omitted: true } });
    await online([]);
    const [{ lastMessage }] = await chat.groups();
    assert.deepEqual(lastMessage, { ...at("a", 1), senderId: "", message: "", omitted: true });
  });

  test("does not count a message that its last message lacks, but its marker is after", async () => {
    replies.getGroups = lists(summary("a", 1, 0, 2));
    await online();
    push("a", 2);
    push("a", 3);
    assert.deepEqual(short(await chat.groups()), ["a 1 text 3"]);
  });

  test("comes after each connect while something listens", async () => {
    replies.getGroups = lists(summary("a", 1, 1));
    await online();
    await reconnect();
    assert.equal(frames("getGroups").length, 0);
    const heard = listen();
    await settled();
    assert.deepEqual(heard, { list: ["a 1 text 1"], times: 1 });
    replies.getGroups = lists(summary("a", 1, 0, 1));
    await reconnect();
    assert.deepEqual([heard.list, frames("getGroups").length], [["a 0 text 1"], 2]);
  });

  test("has a group that is joined later, and loses one that the user is removed from", async () => {
    replies.getGroups = lists(summary("a", 1));
    await online();
    const heard = listen();
    await clock.advance(RESYNC_MS);
    assert.equal(frames("getGroups").length, 1);
    replies.getGroups = lists(summary("a", 1), summary("b", 2, 1));
    chat.group("b");
    await settled();
    assert.deepEqual([heard.list, frames("getGroups").length], [["b 1 text 2", "a 0 text 1"], 2]);
    await clock.advance(RESYNC_MS);
    assert.equal(frames("getGroups").length, 2);
    replies.getGroups = lists(summary("b", 2, 1));
    socket().receive({ action: "left", groupIds: ["a"], reason: "REMOVED" });
    await settled();
    assert.deepEqual(heard.list, ["b 1 text 2"]);
  });

  test("is asked for once by calls at the same time", async () => {
    replies.getGroups = lists();
    await online();
    assert.deepEqual(await Promise.all([chat.groups(), chat.groups()]), [[], []]);
    assert.equal(frames("getGroups").length, 1);
  });

  test("needs a connection, and a chat that counts", async () => {
    await start();
    await assert.rejects(chat.groups(), { code: "DISCONNECTED" });
    replies.getGroups = unknown;
    const heard = listen();
    socket().open();
    await settled();
    await assert.rejects(chat.groups(), { code: "UNKNOWN_ACTION" });
    assert.deepEqual([heard.times, errors], [0, []]);
  });
});

describe("markRead", () => {
  test("says what is read, at most every 3 s and group, the newest alone", async () => {
    const [a, b] = await online(["a", "b"]);
    a.markRead();
    push("a", 1);
    a.markRead();
    a.markRead();
    push("b", 1);
    b.markRead();
    assert.deepEqual(marked(), ["a a1", "b b1"]);
    assert.deepEqual(frames("markRead")[0].timestamp, at("a", 1).timestamp);
    push("a", 2);
    a.markRead();
    await clock.advance(1_000);
    push("a", 3);
    a.markRead();
    push("a", 4);
    await clock.advance(MARK_READ_MS - 1_001);
    assert.equal(marked().length, 2);
    await clock.advance(1);
    assert.deepEqual(marked(), ["a a1", "b b1", "a a3"]);
    await clock.advance(60_000);
    assert.equal(marked().length, 3);
  });

  test("sets the count of unread messages to 0 at once", async () => {
    replies.getGroups = lists(summary("a", 2, 7));
    const [a] = await online();
    push("a", 2);
    const heard = listen();
    await settled();
    assert.deepEqual(heard.list, ["a 7 text 2"]);
    a.markRead();
    assert.deepEqual(heard.list, ["a 0 text 2"]);
    push("a", 3);
    assert.deepEqual(heard.list, ["a 1 text 3"]);
    await reconnect();
    // The server counted before the mark came.
    assert.deepEqual(heard.list, ["a 1 text 3"]);
  });

  test("waits for the connection, and repeats what a lost connection may have lost", async () => {
    const [a] = await online();
    push("a", 1);
    socket().drop();
    a.markRead();
    await clock.advance(500);
    assert.deepEqual(marked(), []);
    replies.markRead = undefined;
    socket().open();
    await settled();
    assert.deepEqual(marked(), ["a a1"]);
    await reconnect();
    assert.deepEqual(marked(), ["a a1", "a a1"]);
  });

  test("does not go back behind what another device has read", async () => {
    const [a] = await online();
    push("a", 1);
    read("a", 2, "U");
    a.markRead();
    push("a", 2);
    a.markRead();
    await settled();
    assert.deepEqual(marked(), []);
  });

  test("is tried again if the server asks for it", async () => {
    const [a] = await online();
    replies.markRead = { action: "error", code: "RATE_LIMITED", message: "later", retryable: true, retryAfterMs: 700 };
    push("a", 1);
    a.markRead();
    await settled();
    replies.markRead = undefined;
    await clock.advance(2_000);
    assert.deepEqual([marked(), errors], [["a a1", "a a1"], ["RATE_LIMITED"]]);
  });

  test("is given up if the chat does not count", async () => {
    replies.markRead = unknown;
    const [a] = await online();
    for (const n of [1, 2, 3]) {
      push("a", n);
      a.markRead();
      await clock.advance(2 * MARK_READ_MS);
    }
    await reconnect();
    assert.deepEqual([marked(), errors], [["a a1"], []]);
  });

  test("works in a client of one group", async () => {
    const options = { url: "wss://chat.example", groupId: "a", userId: "U" };
    const client = new ChatClient({ ...options, ...fakes(clock, sockets, () => replies) });
    client.connect();
    await settled();
    socket().open();
    await settled();
    push("a", 1);
    client.markRead();
    assert.deepEqual(marked(), ["a a1"]);
    assert.deepEqual(client.readers, [{ userId: "U", ...at("a", 1) }]);
    client.close();
  });
});

describe("another device of the user", () => {
  test("that reads changes the count, without a question to the server", async () => {
    replies.getGroups = lists(summary("a", 3, 3));
    await online();
    for (const n of [1, 2, 3]) push("a", n);
    push("a", 4, { senderId: "U" });
    push("a", 5);
    const heard = listen();
    await settled();
    assert.deepEqual(heard.list, ["a 4 text 5"]);
    read("a", 2, "U");
    assert.deepEqual(heard.list, ["a 2 text 5"]);
    read("a", 1, "U");
    read("a", 3, "V");
    assert.equal(heard.times, 2);
    read("a", 5, "U");
    assert.deepEqual([heard.list, frames("getGroups").length], [["a 0 text 5"], 1]);
  });

  test("that reads in a group without a room here changes the count, unless messages after it are not here", async () => {
    replies.getGroups = lists(summary("b", 5, 3));
    await online();
    const heard = listen();
    await settled();
    read("b", 4, "U");
    assert.deepEqual(heard.list, ["b 3 text 5"]);
    read("b", 5, "V");
    read("b", 5, "U");
    assert.deepEqual([heard.list, frames("getGroups").length], [["b 0 text 5"], 1]);
    assert.deepEqual(
      frames("joinGroup").map(({ groupIds }) => groupIds),
      [["a"]],
    );
  });

  test("that reads what is not loaded here leaves a count that says so", async () => {
    replies.getHistory = ({ groups: [{ groupId, after }] }) =>
      after
        ? upToDate({ groups: [{ groupId, after }] })
        : { action: "history", groupId, messages: [row("a", 3), row("a", 4)], after: "e", before: "b", more: true };
    replies.getGroups = lists(summary("a", 4, 100));
    await online();
    const heard = listen();
    await settled();
    read("a", 1, "U");
    assert.deepEqual(heard.list, ["a 2+ text 4"]);
    read("a", 3, "U");
    assert.deepEqual(heard.list, ["a 1 text 4"]);
  });
});

describe("readers", () => {
  const readers = (room) => room.readers.map(({ userId, messageId }) => [userId, messageId].join(" "));

  beforeEach(() => {
    replies.getReads = ({ groupId }) => ({
      action: "reads",
      groupId,
      readers: [
        { userId: "U", ...at(groupId, 2) },
        { userId: "V", ...at(groupId, 3) },
      ],
      truncated: false,
    });
  });

  test("come while something listens, and follow what others read", async () => {
    const [a] = await online(["a", "b"]);
    assert.equal(frames("getReads").length, 0);
    let times = 0;
    a.on("readers", () => (times += 1));
    await settled();
    assert.deepEqual([frames("joinGroup").at(-1).groupIds, frames("joinGroup").at(-1).events], [["a"], true]);
    assert.deepEqual(readers(a), ["U a2", "V a3"]);
    read("a", 4, "V");
    read("a", 1, "V");
    read("a", 1, "W");
    assert.deepEqual([readers(a), times], [["U a2", "V a4", "W a1"], 3]);
    // The index lags, so ask once more.
    await clock.advance(RESYNC_MS);
    assert.deepEqual(
      frames("getReads").map(({ groupId }) => groupId),
      ["a", "a"],
    );
    assert.equal(times, 3);
    await reconnect();
    assert.equal(frames("getReads").length, 3);
  });

  test("are asked for at once where presence came already", async () => {
    const [a] = await online();
    a.on("presence", () => {});
    await settled();
    assert.equal(frames("getReads").length, 0);
    a.on("readers", () => {});
    await settled();
    assert.deepEqual([readers(a), frames("joinGroup").length], [["U a2", "V a3"], 2]);
  });

  test("of a large group are asked for once in a connection", async () => {
    replies.getReads = { action: "reads", groupId: "a", readers: [], truncated: true };
    const [a] = await online();
    a.on("readers", () => {});
    await clock.advance(2 * RESYNC_MS);
    assert.equal(frames("getReads").length, 1);
  });

  test("stay empty if the chat does not count", async () => {
    replies.getReads = unknown;
    const [a] = await online();
    a.on("readers", () => {});
    await settled();
    assert.deepEqual([a.readers, a.state, errors], [[], "online", []]);
  });
});
