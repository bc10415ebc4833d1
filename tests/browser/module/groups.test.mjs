/** One client in many groups: joining, leaving and catching up over one socket. The test is the server. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";

import { ChatClient } from "../../../web/chat-client.js";
import {
  FakeClock,
  FakeSocket,
  FakeStorage,
  KEEP_ALIVE_MS,
  REPLY_MS,
  RESYNC_MS,
  fakes,
  joined,
  settled,
  upToDate,
} from "./fakes.mjs";

const left = ({ groupIds }) => ({ action: "left", groupIds });
const refused = (code, ...ids) => ({
  action: "joined",
  groupIds: [],
  refused: ids.map((groupId) => ({ groupId, code })),
});
const names = (count) => Array.from({ length: count }, (_, n) => `g${n}`);

let clock, sockets, replies, chat, errors;

beforeEach(() => {
  clock = new FakeClock();
  sockets = [];
  replies = {
    joinGroup: joined,
    leaveGroup: left,
    getHistory: upToDate,
    getPresence: ({ groupId }) => ({ action: "presence", groupId, members: [], truncated: false }),
  };
});

afterEach(() => chat?.close());

function start(options = {}) {
  chat = new ChatClient("wss://chat.example/production", {
    userId: "U",
    ...fakes(clock, sockets, () => replies),
    ...options,
  });
  errors = [];
  chat.on("error", ({ code, groupId }) => errors.push([code, groupId]));
  chat.connect();
  return settled();
}

/** Connect and open rooms. */
async function online(ids = ["a"], options = {}) {
  await start(options);
  const rooms = ids.map((id) => chat.group(id));
  socket().open();
  await settled();
  return rooms;
}

const socket = () => sockets.at(-1);
const asked = (action) => socket().frames(action).at(-1);
const groupsOf = (action) =>
  socket()
    .frames(action)
    .map(({ groupIds, groups }) => groupIds ?? groups.map(({ groupId }) => groupId));
const row = (groupId, n, fields = {}) => ({
  messageId: `${groupId}${n}`,
  groupId,
  senderId: "V",
  senderName: "Vera",
  message: `text ${n}`,
  timestamp: `2026-01-01T00:00:0${n}.000000Z`,
  ...fields,
});
const push = (groupId, n, fields) => socket().receive({ action: "message", ...row(groupId, n, fields) });
const ids = (room) => room.messages.map(({ messageId }) => messageId);

describe("the handshake", () => {
  test("names no group", async () => {
    await start({ senderName: "Uli & Co" });
    assert.equal(socket().url.search, "?userId=U&name=Uli%20%26%20Co&protocol=2");
    assert.deepEqual(socket().protocols, []);
  });

  test("has the token in the query, or as the second subprotocol", async () => {
    await start({ getToken: () => "t.o.k" });
    assert.deepEqual([socket().url.searchParams.get("token"), socket().protocols], ["t.o.k", []]);
    chat.close();
    await start({ getToken: () => "t.o.k", tokenAsSubprotocol: true });
    assert.deepEqual([socket().url.search, socket().protocols], ["?userId=U&protocol=2", ["websocket-chat", "t.o.k"]]);
  });

  test("a client of many groups is no room", async () => {
    await start();
    assert.throws(() => chat.messages, /group\(\)/);
    assert.throws(() => chat.send("x"), TypeError);
    assert.throws(() => chat.group(""), TypeError);
  });

  test("without rooms, the client is online at once and pings", async () => {
    await online([]);
    assert.equal(chat.state, "online");
    await clock.advance(KEEP_ALIVE_MS);
    assert.deepEqual(
      socket().sent.map(({ action }) => action),
      ["ping"],
    );
  });
});

describe("joining", () => {
  test("takes up to 25 groups in a frame, and so does catching up", async () => {
    await online(names(60));
    assert.deepEqual(groupsOf("joinGroup"), [names(25), names(50).slice(25), names(60).slice(50)]);
    assert.deepEqual(groupsOf("getHistory"), groupsOf("joinGroup"));
    assert.deepEqual([chat.state, chat.group("g59").state], ["online", "online"]);
    await clock.advance(RESYNC_MS);
    assert.equal(socket().frames("getHistory").length, 6);
  });

  test("a room opens while the client is online, and the same id gives the same room", async () => {
    const [a] = await online();
    const b = chat.group("b");
    assert.equal(chat.group("b"), b);
    assert.deepEqual([chat.state, a.state, b.state, b.groupId], ["online", "online", "syncing", "b"]);
    await settled();
    assert.deepEqual([b.state, groupsOf("joinGroup")], ["online", [["a"], ["b"]]]);
    await clock.advance(RESYNC_MS);
    assert.deepEqual(groupsOf("getHistory"), [["a"], ["b"], ["a"], ["b"]]);
  });

  test("asks for presence and typing only while the page listens to them", async () => {
    await online(["a", "b"], { senderName: "Uli" });
    const stops = ["presence", "typing", "messages"].map((event) => chat.group("b").on(event, () => {}));
    await settled();
    const [first, second] = socket().frames("joinGroup");
    assert.deepEqual([first.groupIds, first.events, first.name], [["a", "b"], false, "Uli"]);
    assert.deepEqual([second.groupIds, second.events], [["b"], true]);
    assert.deepEqual(
      socket()
        .frames("getPresence")
        .map(({ groupId }) => groupId),
      ["b"],
    );
    stops[0]();
    await settled();
    assert.equal(socket().frames("joinGroup").length, 2);
    stops[1]();
    await settled();
    assert.deepEqual([asked("joinGroup").groupIds, asked("joinGroup").events], [["b"], false]);
    // It was in the group all the time, so there is nothing to catch up with.
    assert.equal(socket().frames("getHistory").length, 1);
  });

  test("in the same tick, a room that closes and opens sends nothing", async () => {
    const [a] = await online();
    const sent = socket().sent.length;
    const stop = a.on("typing", () => {});
    stop();
    a.close();
    assert.equal(a.state, "closed");
    assert.equal(chat.group("a"), a);
    assert.equal(a.state, "online");
    await settled();
    assert.equal(socket().sent.length, sent);
  });

  for (const code of ["FORBIDDEN", "TOO_MANY_GROUPS"]) {
    test(`${code} closes that room alone, until the page opens it again`, async () => {
      await start();
      replies.joinGroup = ({ groupIds }) => ({ ...refused(code, "b"), groupIds: groupIds.filter((id) => id !== "b") });
      const [a, b] = ["a", "b"].map((id) => chat.group(id));
      const heard = { a: [], b: [] };
      for (const room of [a, b]) room.on("error", (error) => heard[room.groupId].push(error.code));
      socket().open();
      await settled();
      assert.deepEqual([a.state, b.state, chat.state, errors], ["online", "closed", "online", [[code, "b"]]]);
      assert.deepEqual(heard, { a: [], b: [code] });
      replies.joinGroup = joined;
      chat.group("b");
      await settled();
      assert.equal(b.state, "online");
    });
  }

  test("UNAVAILABLE for a group, a rate limit, or no answer: the client asks again", async () => {
    replies.joinGroup = undefined;
    await online(["a", "b"]);
    const again = async (answer, afterMs) => {
      const before = socket().frames("joinGroup").length;
      if (answer) socket().answer("joinGroup", answer);
      await clock.advance(afterMs - 1);
      assert.equal(socket().frames("joinGroup").length, before);
      await clock.advance(1);
      assert.equal(socket().frames("joinGroup").length, before + 1);
    };
    replies.ping = { action: "pong" };
    await again(undefined, REPLY_MS + 500);
    const busy = { action: "error", code: "RATE_LIMITED", message: "later", retryable: true, retryAfterMs: 700 };
    await again(busy, 1_700);
    await again({ ...refused("UNAVAILABLE", "b"), groupIds: ["a"] }, 2_000);
    assert.deepEqual([chat.group("a").state, chat.group("b").state], ["online", "syncing"]);
    assert.deepEqual(asked("joinGroup").groupIds, ["b"]);
    socket().answer("joinGroup", joined({ groupIds: ["b"] }));
    await settled();
    assert.equal(chat.state, "online");
  });

  test("a server that knows no groups refuses each room", async () => {
    replies.joinGroup = { action: "error", code: "UNKNOWN_ACTION", message: "no", retryable: false };
    const [a] = await online();
    assert.deepEqual([a.state, chat.state], ["closed", "online"]);
  });
});

describe("leaving", () => {
  test("takes up to 25 groups in a frame, and reconnects do not join them again", async () => {
    const rooms = await online(names(30));
    for (const room of rooms.slice(1)) room.close();
    await settled();
    assert.deepEqual(groupsOf("leaveGroup"), [names(26).slice(1), names(30).slice(26)]);
    socket().drop();
    await clock.advance(500);
    socket().open();
    await settled();
    assert.deepEqual(groupsOf("joinGroup"), [["g0"]]);
    assert.deepEqual([rooms[0].state, rooms[1].state], ["online", "closed"]);
  });

  test("messages that still come are dropped, and are there when the room opens again", async () => {
    const [a] = await online();
    push("a", 1);
    a.close();
    await settled();
    push("a", 2);
    assert.deepEqual(ids(a), ["a1"]);
    replies.getHistory = undefined;
    chat.group("a");
    await settled();
    assert.deepEqual(asked("getHistory").groups, [{ groupId: "a", after: "c1" }]);
    push("a", 3);
    assert.deepEqual(ids(a), ["a1"]);
    socket().history([row("a", 1), row("a", 2)], { groupId: "a" });
    await settled();
    assert.deepEqual(ids(a), ["a1", "a2", "a3"]);
  });

  test("messages are kept until the client has asked to leave", async () => {
    const [a] = await online();
    replies.joinGroup = undefined;
    chat.group("b");
    await settled();
    a.close();
    await settled();
    // There is one frame at a time, so the leave waits.
    push("a", 1);
    chat.group("a");
    assert.deepEqual([ids(a), socket().frames("leaveGroup").length], [["a1"], 0]);
  });

  test("an unanswered leave is repeated before anything else, unless the room has opened again", async () => {
    const [a] = await online();
    replies.ping = { action: "pong" };
    replies.leaveGroup = undefined;
    a.close();
    await clock.advance(REPLY_MS + 500);
    assert.equal(socket().frames("leaveGroup").length, 2);
    chat.group("a");
    assert.equal(a.state, "syncing");
    await clock.advance(REPLY_MS + 1_000);
    assert.deepEqual([socket().frames("leaveGroup").length, socket().frames("joinGroup").length], [2, 2]);
    assert.equal(a.state, "online");
  });

  test("history from before the room was left does not count after it is joined again", async () => {
    replies.getHistory = undefined;
    const [a] = await online();
    const { requestId } = asked("getHistory");
    a.close();
    await settled();
    chat.group("a");
    await settled();
    assert.equal(socket().frames("getHistory").length, 2);
    socket().receive({ ...upToDate({ groups: [{ groupId: "a" }] }), requestId });
    await settled();
    assert.equal(a.state, "syncing");
    socket().history([row("a", 1)], { groupId: "a" });
    await settled();
    assert.deepEqual([a.state, ids(a)], ["online", ["a1"]]);
  });

  test("history that comes after the room was left is dropped, and is there when the room opens again", async () => {
    const [a] = await online();
    replies.getHistory = undefined;
    await clock.advance(RESYNC_MS);
    const { requestId } = asked("getHistory");
    a.close();
    await settled();
    socket().receive({ action: "history", groupId: "a", messages: [row("a", 1)], after: "c2", more: false, requestId });
    socket().receive({ ...upToDate({ groups: [{ groupId: "a", after: "c2" }] }), requestId });
    await settled();
    assert.deepEqual(ids(a), []);
    chat.group("a");
    await settled();
    assert.deepEqual(asked("getHistory").groups, [{ groupId: "a", after: "c1" }]);
    socket().history([row("a", 1)], { groupId: "a" });
    await settled();
    assert.deepEqual(ids(a), ["a1"]);
  });

  test("groups that the end of a connection kept from being joined are joined over the next one", async () => {
    replies.joinGroup = { action: "error", code: "NOT_CONNECTED", message: "connect again", retryable: false };
    const [a] = await online(["a"]);
    assert.deepEqual([a.state, chat.state], ["waiting", "waiting"]);
    replies.joinGroup = joined;
    await clock.until(() => sockets.length === 2);
    socket().open();
    await settled();
    assert.equal(a.state, "online");
  });

  test("REMOVED closes the room and leaves the others alone", async () => {
    const [a, b] = await online(["a", "b"]);
    socket().receive({ action: "left", groupIds: ["b"], reason: "REMOVED" });
    assert.deepEqual([a.state, b.state, chat.state, errors], ["online", "closed", "online", [["FORBIDDEN", "b"]]]);
    push("b", 1);
    await clock.advance(KEEP_ALIVE_MS);
    assert.deepEqual([ids(b), groupsOf("getHistory").at(-1), socket().frames("leaveGroup")], [[], ["a"], []]);
  });
});

describe("catching up", () => {
  test("each room is online when its own history is here, and holds back live messages until then", async () => {
    replies.getHistory = undefined;
    const [a, b] = await online(["a", "b"]);
    push("a", 3);
    push("b", 3);
    const { requestId } = asked("getHistory");
    const page = { action: "history", requestId, before: "b", after: "c", more: true };
    socket().receive({ ...page, groupId: "a", messages: [row("a", 1)] });
    assert.deepEqual([a.state, ids(a), a.hasOlder, b.state, ids(b)], ["online", ["a1", "a3"], true, "syncing", []]);
    assert.equal(chat.state, "syncing");
    socket().receive({ ...upToDate({ groups: [{ groupId: "a", after: "c" }, { groupId: "b" }] }), requestId });
    await settled();
    assert.deepEqual([b.state, ids(b), b.hasOlder, chat.state], ["online", ["b3"], false, "online"]);
  });

  test("goes on with each group's own cursor until there is no more", async () => {
    const [a, b] = await online(["a", "b"]);
    socket().drop();
    replies.getHistory = undefined;
    await clock.advance(500);
    socket().open();
    await settled();
    assert.deepEqual(asked("getHistory").groups, [
      { groupId: "a", after: "c1" },
      { groupId: "b", after: "c1" },
    ]);
    socket().history([row("a", 1)], { groupId: "a", after: "c2", more: true });
    await settled();
    assert.deepEqual(asked("getHistory").groups, [{ groupId: "a", after: "c2" }]);
    assert.deepEqual([a.state, b.state], ["syncing", "online"]);
    socket().history([row("a", 2)], { groupId: "a", after: "c3" });
    await settled();
    assert.deepEqual([ids(a), a.state], [["a1", "a2"], "online"]);
    await clock.advance(RESYNC_MS);
    assert.deepEqual(asked("getHistory").groups, [
      { groupId: "a", after: "c3" },
      { groupId: "b", after: "c1" },
    ]);
  });

  test("asks again for groups that were refused for now, and drops a cursor that is not known", async () => {
    const [a, b, c] = await online(["a", "b", "c"]);
    socket().drop();
    replies.getHistory = undefined;
    await clock.advance(500);
    socket().open();
    await settled();
    const codes = (...pairs) => pairs.map(([groupId, code]) => ({ groupId, code }));
    const count = socket().frames("getHistory").length;
    socket().answer("getHistory", {
      ...upToDate({ groups: [{ groupId: "a" }] }),
      refused: codes(["b", "UNAVAILABLE"], ["c", "BAD_REQUEST"]),
    });
    await settled();
    assert.deepEqual([a.state, b.state, c.state], ["online", "syncing", "syncing"]);
    await clock.advance(499);
    assert.equal(socket().frames("getHistory").length, count);
    await clock.advance(1);
    assert.deepEqual(asked("getHistory").groups, [{ groupId: "b", after: "c1" }, { groupId: "c" }]);
    const still = codes(["b", "UNAVAILABLE"], ["c", "FORBIDDEN"]);
    socket().answer("getHistory", { ...upToDate({ groups: [] }), refused: still });
    await clock.advance(1_000);
    assert.deepEqual([asked("getHistory").groups, c.state], [[{ groupId: "b", after: "c1" }], "online"]);
  });

  test("keeps the connection alive with one frame for up to 25 groups", async () => {
    await online(names(25));
    await clock.advance(RESYNC_MS);
    const sent = socket().sent.length;
    await clock.advance(3_600_000);
    // One in at most 8 minutes.
    assert.equal(socket().sent.length - sent, 7);
    assert.deepEqual(groupsOf("getHistory").at(-1), names(25));
  });
});

describe("rooms are apart", () => {
  test("messages, presence, typing and older messages", async () => {
    const [a, b] = await online(["a", "b"]);
    for (const room of [a, b]) room.on("typing", () => {});
    await settled();
    push("a", 1);
    push("x", 1);
    socket().receive({ action: "presenceChanged", groupId: "a", joined: [{ userId: "V", name: "Vera" }], left: [] });
    socket().receive({ action: "typing", groupId: "b", userId: "W", name: "Wim", isTyping: true, expiresInMs: 6_000 });
    assert.deepEqual([ids(a), ids(b)], [["a1"], []]);
    assert.deepEqual([a.presence.members, b.presence.members], [[{ userId: "V", name: "Vera", devices: 1 }], []]);
    assert.deepEqual([a.typing, b.typing], [[], ["W"]]);
    assert.deepEqual(["V", "W"].map(a.nameOf, a), ["Vera", "W"]);
    assert.deepEqual(["V", "W"].map(b.nameOf, b), ["V", "Wim"]);
    a.setTyping();
    b.setTyping();
    assert.deepEqual(
      socket()
        .frames("typing")
        .map(({ groupId }) => groupId),
      ["a", "b"],
    );
    b.close();
    assert.deepEqual([a.typing, b.typing], [[], []]);
  });

  test("the name of a message is used until the user gives another", async () => {
    const [a] = await online();
    push("a", 1);
    assert.equal(a.nameOf("V"), "Vera");
    a.on("presence", () => {});
    replies.getPresence = { action: "presence", members: [{ userId: "V", name: "V.", devices: 1 }], truncated: false };
    await settled();
    assert.equal(a.nameOf("V"), "V.");
  });

  test("each sends its own messages in order, and none waits for another room", async () => {
    const [a, b] = await online(["a", "b"]);
    for (const text of ["1", "2"]) for (const room of [a, b]) room.send(text);
    const sent = () =>
      socket()
        .frames("sendMessage")
        .map(({ groupId, message }) => groupId + message);
    assert.deepEqual(sent(), ["a1", "b1"]);
    const [{ clientMessageId }] = socket().frames("sendMessage");
    // An answer to a message need not name the group.
    socket().receive({ action: "ack", clientMessageId, messageId: "m", timestamp: row("a", 1).timestamp });
    assert.deepEqual(sent(), ["a1", "b1", "a2"]);
    const second = asked("sendMessage").clientMessageId;
    socket().receive({ action: "error", code: "TOO_LARGE", message: "no", retryable: false, clientMessageId: second });
    assert.deepEqual(
      [a.messages.map(({ status }) => status), b.messages.map(({ status }) => status)],
      [
        ["sent", "failed"],
        ["sending", "sending"],
      ],
    );
  });

  test("a message that is sent before the room is joined follows the join", async () => {
    await start();
    const a = chat.group("a");
    a.send("early");
    replies.joinGroup = undefined;
    socket().open();
    await settled();
    assert.equal(socket().frames("sendMessage").length, 0);
    socket().answer("joinGroup", joined({ groupIds: ["a"] }));
    await settled();
    assert.equal(asked("sendMessage").message, "early");
  });

  test("a room that is closed still sends what it has", async () => {
    const [a] = await online();
    a.send("1");
    a.send("2");
    a.close();
    await settled();
    const ack = ({ clientMessageId }, n) =>
      socket().receive({ action: "ack", clientMessageId, messageId: `m${n}`, timestamp: row("a", n).timestamp });
    ack(asked("sendMessage"), 1);
    ack(asked("sendMessage"), 2);
    assert.deepEqual(
      a.messages.map(({ message, status }) => message + status),
      ["1sent", "2sent"],
    );
  });

  test("the unsent messages of another page are sent, even in a group that this page does not open", async () => {
    const storage = new FakeStorage();
    await start({ storage, locks: undefined });
    chat.group("a").send("left behind");
    chat.close();
    storage.setItem("chat-outbox:[broken", "[]");
    storage.setItem('chat-outbox:["wss://chat.example/production","a","another user"]:1', '[{"key":"x"}]');
    await online(["b"], { storage, locks: undefined });
    assert.deepEqual([asked("sendMessage").message, asked("sendMessage").groupId], ["left behind", "a"]);
    assert.deepEqual(groupsOf("joinGroup"), [["b"]]);
    assert.deepEqual(
      chat.group("a").messages.map(({ message, status }) => message + status),
      ["left behindsending"],
    );
  });
});

describe("a client of one group that opens others", () => {
  test("may act there only when it has joined them", async () => {
    const storage = new FakeStorage();
    const elsewhere = 'chat-outbox:["wss://chat.example","other","U"]:1';
    storage.setItem(elsewhere, '[{"key":"x"}]');
    const single = new ChatClient({
      url: "wss://chat.example",
      groupId: "G",
      userId: "U",
      storage,
      locks: undefined,
      clock,
      WebSocket: class extends FakeSocket {
        constructor(url) {
          super(url);
          this.replies = replies;
          sockets.push(this);
        }
      },
    });
    single.connect();
    const b = single.group("b");
    b.send("x");
    replies.joinGroup = undefined;
    await settled();
    socket().open();
    await settled();
    assert.deepEqual([groupsOf("joinGroup"), socket().frames("sendMessage")], [[["b"]], []]);
    assert.notEqual(storage.getItem(elsewhere), null);
    single.send("y");
    assert.equal(asked("sendMessage").groupId, "G");
    socket().answer("joinGroup", joined({ groupIds: ["b"] }));
    await settled();
    assert.equal(asked("sendMessage").groupId, "b");
    assert.equal(single.group("G").messages, single.messages);
    single.close();
    assert.deepEqual([single.state, b.state], ["closed", "closed"]);
  });
});
