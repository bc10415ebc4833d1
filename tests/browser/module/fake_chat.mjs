/**
 * A small server for the protocol, in memory. It follows the rules, and can cause faults.
 *
 * Its index lags behind writes, for messages and for connections, like an index of DynamoDB.
 */
import { createHash } from "node:crypto";
import { FakeSocket } from "./fakes.mjs";

const EPOCH = Date.UTC(2026, 0, 1);
const OVERLAP_MS = 10_000;

export class FakeChat {
  /** Stored messages as they are now, oldest write first. `said` is what was first sent. */
  rows = [];
  /** Whether messages can be changed. */
  hasChanges = true;
  /** How long changes are listed. */
  changesKeptMs = Infinity;
  /** Number of events that have reached a client or the server. */
  events = 0;
  kills = 0;
  connects = 0;
  /** Called at each event. Returns true to end the connection of the event. */
  killer = () => false;
  /** Called with each frame of a client. Returns an error as the answer, "lost", "unanswered", or undefined. */
  fault = () => undefined;
  /** Called with each group of a batch. Returns the code with which the group is refused, or undefined. */
  refusal = () => undefined;
  /** Called with each changed message and each recipient. Returns true to lose the push. */
  lost = () => false;
  /** Called with each new message. */
  stored = () => {};
  #clock;
  #random;
  #indexLagMs;
  #connections = new Set();
  /** How far each user has read, by user and group. */
  #markers = new Map();
  /** Where in the order of changes each message was changed. */
  #changes = [];
  #tick = 0;

  /** @param {{ clock: { now: number, setTimeout: Function }, random?: () => number, indexLagMs?: number }} options */
  constructor({ clock, random = () => 0.5, indexLagMs = 0 }) {
    this.#clock = clock;
    this.#random = random;
    this.#indexLagMs = indexLagMs;
  }

  /** The `WebSocket` class of clients in the same process. */
  get WebSocket() {
    const chat = this;
    return class extends FakeSocket {
      constructor(url, protocols) {
        super(url, protocols);
        const { userId, groupId } = Object.fromEntries(this.url.searchParams);
        const post = (frame) => this.receive(frame);
        this.connection = { userId, groupId, rooms: new Map(), post, end: () => this.drop(), alive: true };
        chat.#happens(this.connection, () => {
          chat.connect(this.connection);
          this.open();
        });
      }

      send(text) {
        if (this.readyState === 1) chat.#happens(this.connection, () => chat.serve(this.connection, JSON.parse(text)));
      }

      close() {
        super.close();
        chat.disconnect(this.connection);
      }
    };
  }

  /** Add a connection to the table. Its `post` delivers a frame, its `end` closes it. */
  connect(connection) {
    this.connects += 1;
    this.#connections.add(connection);
    if (connection.groupId) this.#join(connection, connection.groupId, true);
  }

  disconnect(connection) {
    connection.alive = false;
    this.#connections.delete(connection);
    for (const groupId of [...connection.rooms.keys()]) this.#leave(connection, groupId);
  }

  #join(connection, groupId, events) {
    const first = !this.#of(groupId).some(({ userId }) => userId === connection.userId);
    // Until the index shows that a connection has left, it shows it.
    const before = connection.rooms.get(groupId);
    const shown = before && (before.goneAt ?? Infinity) > this.#clock.now;
    connection.rooms.set(groupId, { events, indexedAt: shown ? before.indexedAt : this.#indexedAt() });
    if (first) this.#presence("joined", connection, groupId);
  }

  #leave(connection, groupId) {
    const room = connection.rooms.get(groupId);
    if (!room || room.goneAt !== undefined) return;
    room.goneAt = this.#indexedAt();
    if (!this.#of(groupId).some(({ userId }) => userId === connection.userId))
      this.#presence("left", connection, groupId);
  }

  /** End a connection without a close frame. Frames on their way, in both directions, are lost. */
  kill(connection) {
    this.kills += 1;
    this.disconnect(connection);
    this.#clock.setTimeout(() => connection.end(), 5);
  }

  killAll() {
    for (const connection of this.#connections) this.kill(connection);
  }

  serve(connection, frame) {
    const { requestId, clientMessageId } = frame;
    const reply = (answer) => this.#post(connection, { requestId, ...answer });
    const fault = this.fault(frame);
    if (fault === "lost") return;
    if (fault && fault !== "unanswered") return reply({ action: "error", clientMessageId, ...fault });
    switch (frame.action) {
      case "sendMessage":
        return this.#send(connection, frame, fault === "unanswered" ? () => {} : reply);
      case "editMessage":
      case "deleteMessage":
      case "react":
        return this.#change(connection, frame, fault === "unanswered" ? () => {} : reply, reply);
      case "joinGroup":
      case "leaveGroup": {
        const refused = this.#refused(frame.groupIds);
        const groupIds = frame.groupIds.filter((id) => !refused.some(({ groupId }) => groupId === id));
        if (frame.action === "joinGroup") for (const id of groupIds) this.#join(connection, id, frame.events);
        else for (const id of frame.groupIds) this.#leave(connection, id);
        if (fault === "unanswered") return undefined;
        if (frame.action === "leaveGroup") return reply({ action: "left", groupIds: frame.groupIds });
        return reply({ action: "joined", groupIds, refused });
      }
      case "getHistory":
        return frame.groups ? this.#catchUp(connection, frame) : reply(this.#history(frame.groupId, frame));
      case "getPresence":
        return reply({
          action: "presence",
          groupId: frame.groupId,
          members: this.#members(frame.groupId),
          truncated: false,
        });
      case "typing": {
        const { userId } = connection;
        const typing = {
          action: "typing",
          groupId: frame.groupId,
          userId,
          isTyping: frame.isTyping,
          expiresInMs: 6000,
        };
        return this.#events(frame.groupId, typing, ({ userId: other }) => other !== userId);
      }
      case "markRead":
        return this.#markRead(connection, frame, fault === "unanswered" ? () => {} : reply);
      case "getReads": {
        const readers = [...this.#markers.values()].filter(({ groupId }) => groupId === frame.groupId);
        return reply({ action: "reads", groupId: frame.groupId, readers, truncated: false });
      }
      case "getGroups":
        return reply({ action: "groups", groups: this.#groups(connection), after: "", more: false });
      case "ping":
        return reply({ action: "pong", serverTime: this.#timestamp(), protocol: 2 });
      default:
        return reply({ action: "error", code: "UNKNOWN_ACTION", message: "There is no such action", retryable: false });
    }
  }

  #refused(groupIds) {
    return groupIds.flatMap((groupId) => {
      const code = this.refusal(groupId);
      return code ? [{ groupId, code }] : [];
    });
  }

  #catchUp(connection, { requestId, groups, limit }) {
    const refused = this.#refused(groups.map(({ groupId }) => groupId));
    const current = [];
    const answers = [];
    for (const { groupId, after } of groups) {
      if (refused.some((one) => one.groupId === groupId)) continue;
      const page = this.#history(groupId, { after, limit });
      const hasNews = page.messages.length || page.changes?.length || page.more || page.reset;
      if (hasNews || after === undefined) answers.push(page);
      if (after === undefined || !page.more) current.push({ groupId, after: page.after });
    }
    answers.push({ action: "upToDate", groups: current, refused, changes: true });
    this.#postInOrder(
      connection,
      answers.map((answer) => ({ requestId, ...answer })),
    );
  }

  #postInOrder(connection, [first, ...others]) {
    this.#happens(connection, () => {
      connection.post(first);
      if (others.length) this.#postInOrder(connection, others);
    });
  }

  #send(connection, frame, reply) {
    const { groupId, senderId, senderName = senderId, message, clientMessageId, type, replyTo, data } = frame;
    const messageId = createHash("sha1")
      .update(JSON.stringify([groupId, senderId, clientMessageId]))
      .digest("hex");
    const said = JSON.stringify([message, type, replyTo, data]);
    let row = this.rows.find((row) => row.messageId === messageId);
    const duplicate = !!row;
    if (duplicate && row.said !== said)
      return reply({ action: "error", code: "CONFLICT", message: "no", retryable: false, clientMessageId });
    if (!row) {
      const timestamp = this.#timestamp();
      const stored = { messageId, groupId, senderId, senderName, message, timestamp, clientMessageId };
      row = { ...stored, type, replyTo, data, said, indexedAt: this.#indexedAt() };
      row.versions = [{ at: row.indexedAt, message: asStored(row) }];
      this.rows.push(row);
      this.stored(row);
    }
    reply({ action: "ack", clientMessageId, messageId, timestamp: row.timestamp, duplicate });
    for (const other of this.reached(groupId, connection)) this.#post(other, { action: "message", ...asStored(row) });
  }

  #change(connection, frame, reply, refuse) {
    const { userId } = connection;
    const { action, groupId, messageId } = frame;
    const no = (code) => refuse({ action: "error", code, message: "no", retryable: false });
    const row = this.rows.find((row) => row.messageId === messageId && row.groupId === groupId);
    if (!this.hasChanges) return no("UNKNOWN_ACTION");
    if (!row) return no("NOT_FOUND");
    if (action !== "react" && row.senderId !== userId) return no("FORBIDDEN");
    if (action !== "deleteMessage" && row.deletedAt) return no("NOT_FOUND");
    const change = this.#decide(row, frame, userId);
    if (change) {
      const before = row.changedAt ?? "";
      do row.changedAt = this.#timestamp();
      while (row.changedAt <= before);
      Object.assign(row, change(row.changedAt));
      row.versions.push({ at: this.#indexedAt(), message: asStored(row) });
      this.#changes.push({ groupId, messageId, place: `${row.changedAt}#${messageId}` });
    }
    reply({ action: "changed", groupId, messageId, changedAt: row.changedAt });
    if (!change) return undefined;
    const changed = { action: "messageChanged", groupId, message: asStored(row) };
    for (const other of this.reached(groupId, connection)) if (!this.lost(changed, other)) this.#post(other, changed);
    return undefined;
  }

  /** What a change does to a row, from its time. Undefined: nothing. */
  #decide(row, { action, message, reaction, on }, userId) {
    if (action === "editMessage") return row.message === message ? undefined : (editedAt) => ({ message, editedAt });
    if (action === "deleteMessage") {
      const gone = { message: "", data: undefined, reactions: undefined };
      return row.deletedAt ? undefined : (deletedAt) => ({ ...gone, deletedAt });
    }
    const { [reaction]: users = [], ...others } = row.reactions ?? {};
    if (users.includes(userId) === on) return undefined;
    const now = on ? [...users, userId].sort() : users.filter((user) => user !== userId);
    const reactions = { ...others, ...(now.length && { [reaction]: now }) };
    return () => ({ reactions: Object.keys(reactions).length ? reactions : undefined });
  }

  #markRead(connection, { groupId, messageId, timestamp }, reply) {
    const { userId } = connection;
    const key = JSON.stringify([userId, groupId]);
    const before = this.#markers.get(key);
    const marker = { userId, groupId, messageId, timestamp };
    const moves = !before || position(before) < position(marker);
    if (moves) this.#markers.set(key, marker);
    reply({ action: "read", ...(moves ? marker : before) });
    for (const other of this.#connections) {
      if (!moves || other === connection) continue;
      if (other.userId === userId || other.rooms.get(groupId)?.events) this.#post(other, { action: "read", ...marker });
    }
  }

  #groups(connection) {
    const { userId, rooms } = connection;
    const joined = [...rooms].filter(([, { goneAt }]) => goneAt === undefined).map(([groupId]) => groupId);
    const read = [...this.#markers.values()].filter((marker) => marker.userId === userId);
    const ids = new Set([...joined, ...read.map(({ groupId }) => groupId)]);
    return [...ids].map((groupId) => this.summary(userId, groupId, this.#clock.now));
  }

  /** A group in a user's list, from what the index shows at some time. */
  summary(userId, groupId, at) {
    const rows = this.#index(groupId, at);
    const readUpTo = this.#markers.get(JSON.stringify([userId, groupId])) ?? null;
    const after = rows.filter(
      (row) => row.senderId !== userId && !row.deletedAt && (!readUpTo || position(row) > position(readUpTo)),
    );
    return { groupId, lastMessage: rows.at(-1) ?? null, unread: after.length, unreadMore: false, readUpTo };
  }

  /** The connections that the index shows in a group, and the sender's if it is in the group. */
  reached(groupId, sender) {
    return [...this.#connections].filter((connection) => {
      const { indexedAt, goneAt = Infinity } = connection.rooms.get(groupId) ?? {};
      const now = this.#clock.now;
      return (connection === sender && goneAt === Infinity && indexedAt) || (indexedAt <= now && now < goneAt);
    });
  }

  /** The messages of a group that the index shows at some time, as it shows them. */
  #index(groupId, at) {
    return this.rows
      .filter((row) => row.groupId === groupId && row.indexedAt <= at)
      .map(({ versions }) => versions.findLast((version) => version.at <= at).message)
      .sort((a, b) => (position(a) < position(b) ? -1 : 1));
  }

  #history(groupId, { after, before, limit = 50 }) {
    const rows = this.#index(groupId, this.#clock.now);
    const now = this.#timestamp();
    const page = (messages, fields) => ({ action: "history", groupId, messages, before: null, ...fields });
    const cursor = after === undefined ? undefined : JSON.parse(after);
    const reset = !!cursor && Date.parse(now) - Date.parse(cursor.changes) > this.changesKeptMs;
    if (!cursor || reset) {
      const older = before === undefined ? rows : rows.filter((row) => position(row) < before);
      const messages = older.slice(-limit);
      const more = older.length > messages.length;
      const end = messages.length ? position(messages.at(-1)) : "0";
      return page(messages, {
        changes: this.hasChanges ? [] : null,
        before: more ? position(messages[0]) : null,
        after: JSON.stringify({ end, isSettled: true, changes: now }),
        more: more && !reset,
        ...(reset && { reset }),
      });
    }
    const { end, isSettled, changes, place, began = now } = cursor;
    // Only the first page after a cursor overlaps. Otherwise a page could end where it began.
    const from = isSettled ? overlapped(end) : end;
    const newer = place ? [] : rows.filter((row) => position(row) > from);
    const messages = newer.slice(0, limit);
    if (newer.length > limit) {
      const next = { end: position(messages.at(-1)), changes, began };
      return page(messages, { changes: this.hasChanges ? [] : null, after: JSON.stringify(next), more: true });
    }
    const last = [end, ...messages.map(position)].sort().at(-1);
    const found = this.#changesAfter(groupId, place ?? overlapped(changes), limit);
    const next = found.place
      ? { end: last, changes, began, place: found.place }
      : { end: last, isSettled: true, changes: began };
    return page(messages, {
      changes: this.hasChanges ? found.messages : null,
      after: JSON.stringify(next),
      more: !!found.place,
    });
  }

  /** Messages that were changed, each once, and where to go on if there are more. */
  #changesAfter(groupId, start, limit) {
    const listed = this.#changes.filter((change) => change.groupId === groupId && change.place > start);
    const page = listed.slice(0, limit);
    const last = new Map(page.map(({ messageId, place }) => [messageId, place]));
    const ids = page.filter(({ messageId, place }) => last.get(messageId) === place).map(({ messageId }) => messageId);
    return {
      messages: ids.map((id) => asStored(this.rows.find(({ messageId }) => messageId === id))),
      place: listed.length > limit ? page.at(-1).place : undefined,
    };
  }

  #of(groupId) {
    return [...this.#connections].filter(({ rooms }) => rooms.has(groupId) && rooms.get(groupId).goneAt === undefined);
  }

  #members(groupId) {
    const users = this.#of(groupId).map(({ userId }) => userId);
    return [...new Set(users)].map((userId) => ({ userId, devices: users.filter((other) => other === userId).length }));
  }

  #presence(event, { userId }, groupId) {
    this.#events(groupId, { action: "presenceChanged", groupId, joined: [], left: [], [event]: [{ userId }] });
  }

  #events(groupId, frame, among = () => true) {
    for (const other of this.#of(groupId))
      if (other.rooms.get(groupId).events && among(other)) this.#post(other, frame);
  }

  #post(connection, frame) {
    this.#happens(connection, () => connection.post(frame));
  }

  /** Run an event after some time, unless the connection has ended. */
  #happens(connection, event) {
    this.#clock.setTimeout(
      () => {
        if (!connection.alive) return;
        this.events += 1;
        event();
        if (connection.alive && this.killer(this.events)) this.kill(connection);
      },
      5 + 20 * this.#random(),
    );
  }

  #indexedAt() {
    return this.#clock.now + this.#indexLagMs * this.#random();
  }

  #timestamp() {
    // Several messages in a row have the same timestamp, so that the message id decides their order.
    this.#tick += 1;
    const micros = String(Math.floor(this.#tick / 3) % 1000).padStart(3, "0");
    return new Date(EPOCH + Math.floor(this.#clock.now / 10) * 10).toISOString().replace("Z", `${micros}Z`);
  }
}

/** What the server sends of a row. */
function asStored({ indexedAt, versions, said, ...message }) {
  return JSON.parse(JSON.stringify(message));
}

const position = (row) => `${row.timestamp} ${row.messageId}`;

function overlapped(cursor) {
  if (cursor === "0") return cursor;
  return new Date(Date.parse(cursor.split(" ")[0]) - OVERLAP_MS).toISOString();
}
