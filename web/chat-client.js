/**
 * Group chat over one WebSocket. It loses and duplicates no message, and keeps each group's order.
 *
 *     const chat = new ChatClient("wss://…", { userId: "ann", senderName: "Ann" });
 *     const team = chat.group("team");
 *     team.on("messages", (messages) => render(messages));
 *     chat.connect();
 *     team.send("Hello");
 *
 * chat-client.d.ts describes the public API, docs/client.md its use, docs/protocol.md the rules that it follows.
 *
 * A ChatClient has one Connection, which has a Link for each socket. A Room is one group. The connection joins and
 * catches up; the room keeps messages, unsent ones, presence and typing.
 * @module
 */

/** @import { ChatEvents, ClientEvents, ClientOptions, GroupSummary } from "./chat-client.js" */
/** @import { Changed, LastMessage, Message, MessageOptions, Options, Presence, Reader } from "./chat-client.js" */
/** @import { Socket, State, Timing } from "./chat-client.js" */
/** @typedef {Record<string, any>} Frame */

/** @type {Readonly<Timing>} */
const TIMING = {
  connectTimeoutMs: 15_000,
  replyTimeoutMs: 10_000,
  pingIntervalMs: 480_000,
  maxConnectionMs: 6_900_000,
  backoffBaseMs: 1_000,
  backoffMaxMs: 30_000,
  resyncDelayMs: 4_000,
  typingIntervalMs: 3_000,
  markReadIntervalMs: 3_000,
  changeTimeoutMs: 60_000,
};

// The largest frame that API Gateway takes.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const MAX_FRAME_BYTES = 32 * 1024;

// The longest id, group or name that the server takes.
const MAX_ID_BYTES = 256;

// The largest `data` of a message that the server takes.
const MAX_DATA_BYTES = 2 * 1024;

// https://developer.mozilla.org/en-US/docs/Web/API/Window/setTimeout#maximum_delay_value
// After a longer time, a timer would end at once.
const MAX_TIMER_MS = 2 ** 31 - 1;

const PAGE_SIZE = 50;

// While no socket opens, every eighth attempt asks for a fresh token.
const FRESH_TOKEN_EVERY = 8;

// The server takes this many groups in one frame.
const BATCH_SIZE = 25;

// The server chooses the first of two subprotocols, and takes the second for the token.
const SUBPROTOCOL = "websocket-chat";

// The keys of unsent messages in the storage begin with this.
const OUTBOX = "chat-outbox:";

// The server sends these of a group only to a connection that asks for them.
const EVENTS = ["presence", "typing", "readers"];

/** @type {Record<string, string>} */
const REFUSALS = {
  FORBIDDEN: "You are not a member of this group",
  TOO_MANY_GROUPS: "Too many groups are open. Close another one",
};

export class ChatError extends Error {
  name = "ChatError";

  /** @param {string} code @param {string} message @param {Frame} [details] */
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    this.retryable = !!details.retryable;
    this.retryAfterMs = details.retryAfterMs || 0;
    /** @type {string | undefined} */
    this.groupId = details.groupId;
    /** @type {string | undefined} */
    this.clientMessageId = details.clientMessageId;
  }
}

// Not crypto.randomUUID: pages on plain http do not have it. React Native has no crypto, and Math.random may start at the
// same number twice, but not in the same millisecond.
const newId = () =>
  globalThis.crypto?.getRandomValues?.(new Uint32Array(4)).join("-") ??
  [Date.now(), Math.random(), Math.random()].join("-").replace(/\./g, "");

/** Listeners of a client or a room, by event. */
class Listeners {
  /** @type {{ [event: string]: Set<(payload: any) => void> }} */
  #byEvent = {};

  /** @param {string} event @param {(payload: any) => void} listener */
  on(event, listener) {
    const listeners = (this.#byEvent[event] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** @param {string} event */
  has(event) {
    return !!this.#byEvent[event]?.size;
  }

  /** @param {string} event @param {unknown} payload */
  emit(event, payload) {
    for (const listener of this.#byEvent[event] ?? []) {
      try {
        listener(payload);
      } catch (error) {
        // Report a fault of the page as an uncaught error. It must not stop the chat.
        setTimeout(() => {
          throw error;
        }, 0);
      }
    }
  }
}

/**
 * A group that one socket has joined.
 *
 * @typedef {object} Place
 * @property {boolean} [events] Whether presence and typing come. Undefined while a leave has no answer.
 * @property {boolean} synced Whether the room has caught up.
 * @property {boolean} [getPresence] Whether the group is too large for this list.
 * @property {boolean} [getReads] Whether the group is too large for this list.
 */

/**
 * A room as its connection sees it.
 *
 * @typedef {object} Member
 * @property {Room} room
 * @property {string} ownKey The key of its unsent messages in the storage.
 * @property {boolean} open Whether the page wants it.
 * @property {string} [cursor] The end of the last complete history.
 * @property {(event: string) => boolean} wants Whether something listens.
 * @property {() => void} changed Called after each change of the connection, and of the room's place in it.
 * @property {(frame: Frame) => void} receive
 * @property {(page: Frame, newest: boolean) => void} read Takes a page of history. `newest`: it begins the list, or goes
 *   before it.
 * @property {(answer: Frame | ChatError) => boolean} settle Takes an ack or a refusal. False if it is not about an unsent
 *   message of the room.
 * @property {(error: ChatError) => void} report
 * @property {(summary: GroupSummary) => GroupSummary} bring Brings the server's summary up to date.
 * @property {(stored: string | null) => boolean} inherit Takes the outbox of a client that is gone. Returns whether it
 *   survives a reload.
 */

// Not white space or a control character, nor what fonts leave out (Default_Ignorable_Code_Point) or draw as a blank. The
// engine of older React Native cannot read \p{…}.
const SEEN =
  /[^\s\0-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/u;

/** @param {unknown} text @returns {boolean} */
export const isVisible = (text) => typeof text === "string" && SEEN.test(text);

/** In UTF-8. Not every runtime has a TextEncoder. @param {string} text */
const bytesOf = (text) =>
  text
    .replace(/[\u{10000}-\u{10ffff}]/gu, "4444")
    .replace(/[\u0800-\uffff]/g, "333")
    .replace(/[\x80-\u07ff]/g, "22").length;

/** The server cannot store half a surrogate pair: it has no UTF-8. @param {unknown} value @returns {boolean} */
export const isId = (value) =>
  typeof value === "string" && !!value && bytesOf(value) <= MAX_ID_BYTES && !/[\ud800-\udfff]/u.test(value);

/** @param {unknown} value @returns {boolean} */
export const isUrl = (value) => typeof value === "string" && /^wss?:\/\/[^\s/?#][^\s#]*$/i.test(value);

/** The server would refuse it, and a browser does not say why. @param {string} name @param {unknown} value */
function checkId(name, value) {
  if (!isId(value)) throw new TypeError(`${name} must be a string of 1 to ${MAX_ID_BYTES} bytes in UTF-8`);
}

/** @param {Partial<Timing>} [given] @returns {Timing} */
function checkedTiming(given) {
  /** @type {Timing} */
  const timing = { ...TIMING };
  for (const [name, value] of Object.entries(given ?? {})) {
    if (!Object.keys(TIMING).includes(name)) throw new TypeError(`timing.${name} is not a known time`);
    if (value === undefined) continue;
    if (typeof value !== "number" || !(value >= 1 && value <= MAX_TIMER_MS))
      throw new TypeError(`timing.${name} must be a number of milliseconds from 1 to ${MAX_TIMER_MS}`);
    timing[/** @type {keyof Timing} */ (name)] = value;
  }
  return timing;
}

/**
 * What `send` takes beside the text, and what each must be.
 *
 * @type {[keyof MessageOptions, (value: any) => boolean, string][]}
 */
const MESSAGE_OPTIONS = [
  ["type", isId, `a string of 1 to ${MAX_ID_BYTES} bytes in UTF-8`],
  ["replyTo", isId, "the messageId of a message"],
  [
    "data",
    (value) => typeof value === "object" && !Array.isArray(value) && bytesOf(JSON.stringify(value)) <= MAX_DATA_BYTES,
    `an object of at most ${MAX_DATA_BYTES} bytes as JSON`,
  ],
];

/** What a message has only if it is not empty. */
const OPTIONAL = ["type", "replyTo", "data", "changedAt", "editedAt", "deletedAt", "reactions", "omitted"];

/** The fields of these names that an object has. @param {Frame} from @param {string[]} names @returns {Frame} */
const pick = (from, names) =>
  Object.fromEntries(names.flatMap((name) => (from[name] == null ? [] : [[name, from[name]]])));

/** @param {unknown} text */
function checkText(text) {
  if (!isVisible(text)) throw new TypeError("message must be a string with something that can be seen");
}

/** API Gateway would close the connection, and again on each retry. @param {Frame} frame */
function tooLarge(frame) {
  const excess = bytesOf(JSON.stringify(frame)) - MAX_FRAME_BYTES;
  return excess > 0
    ? new ChatError("TOO_LARGE", `The message is ${excess} bytes too long. Shorten it`, frame)
    : undefined;
}

/** @param {string} code @param {string} message */
const passing = (code, message) => new ChatError(code, message, { retryable: true });

const disconnected = () => passing("DISCONNECTED", "There is no connection");

/** One socket, with its timers and its requests that wait for an answer. They all end with the socket. */
class Link {
  /** @type {Socket | undefined} */
  socket;
  open = false;
  /** Whether all rooms have caught up. */
  synced = false;
  probing = false;
  reconciling = false;
  ended = false;
  /** Groups that the server pushes to this socket. @type {Map<string, Place>} */
  places = new Map();
  /** @type {unknown} */
  due;
  #clock;
  #replyTimeoutMs;
  /** @type {Set<unknown>} */
  #timers = new Set();
  /** @type {Map<string, (outcome: any) => void>} */
  #waiting = new Map();

  /** @param {NonNullable<ClientOptions["clock"]>} clock @param {number} replyTimeoutMs */
  constructor(clock, replyTimeoutMs) {
    this.#clock = clock;
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  /** @param {number} ms @param {() => void} callback */
  after(ms, callback) {
    if (this.ended) return;
    const timer = this.#clock.setTimeout(
      () => {
        this.#timers.delete(timer);
        callback();
      },
      Math.min(ms, MAX_TIMER_MS),
    );
    this.#timers.add(timer);
    return timer;
  }

  /** @param {unknown} timer */
  cancel(timer) {
    this.#clock.clearTimeout(timer);
    this.#timers.delete(timer);
  }

  /**
   * Settles with the outcome that `answer` gets for the id, with `outcome` after `ms`, or with DISCONNECTED. `read` takes
   * the pages of history that come before.
   *
   * @param {string} id @param {number} ms @param {unknown} [outcome] @param {(page: Frame) => void} [read]
   * @returns {Promise<any>}
   */
  wait(id, ms, outcome, read) {
    return new Promise((resolve, reject) => {
      const timer = this.after(ms, () => this.answer(id, outcome));
      this.#waiting.set(id, (result) => {
        if (read && result.action === "history") return read(result);
        this.#waiting.delete(id);
        this.cancel(timer);
        if (result instanceof ChatError) reject(result);
        else resolve(result);
      });
      if (this.ended) this.answer(id, disconnected());
    });
  }

  /** Resolves after some time, or when the link ends. @param {number} ms */
  pause(ms) {
    return this.wait(newId(), ms).catch(() => {});
  }

  /** @param {string} id @param {any} outcome */
  answer(id, outcome) {
    this.#waiting.get(id)?.(outcome);
  }

  /** @param {Frame} frame */
  send(frame) {
    try {
      this.socket?.send(JSON.stringify(frame));
    } catch {
      // A socket that has just broken may throw. There will be no answer, as with a frame that is lost on its way.
    }
  }

  /** @param {Frame} frame @param {(page: Frame) => void} [read] @returns {Promise<Frame>} */
  request(frame, read) {
    const requestId = newId();
    this.send({ ...frame, requestId });
    return this.wait(requestId, this.#replyTimeoutMs, passing("TIMEOUT", "The server did not answer"), read);
  }

  end() {
    this.ended = true;
    this.open = false;
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    for (const id of [...this.#waiting.keys()]) {
      this.answer(id, disconnected());
    }
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
    }
  }
}

/** One user's connection. It moves from socket to socket, and serves all rooms. Only this module sees it. */
class Connection extends Listeners {
  /** @type {State} */
  state = "idle";
  retryInMs = 0;
  /** Whether the chat has edits, deletions and reactions. Each history says it. */
  canChange = false;
  options;
  timing;
  clock;
  /** @type {ClientOptions["storage"]} */
  storage;
  /** @type {Map<string, Member>} */
  members = new Map();
  /** The socket in use. @type {Link | undefined} */
  link;
  /** The socket that is opening, or that catches up beside the one in use. @type {Link | undefined} */
  #next;
  /** The socket that was replaced. It may still deliver. @type {Link | undefined} */
  #old;
  #random;
  /** Ends the client's listeners and locks. */
  #life = new AbortController();
  #end = new Promise((resolve) => this.#life.signal.addEventListener("abort", resolve));
  #failures = 0;
  /** Sockets in a row that did not open. A browser does not say whether the server refused them. */
  #refusals = 0;
  /** Whether the token may have ended. */
  #stale = false;
  /** When it ends, in milliseconds since the epoch. NaN if the server does not say it. */
  #tokenEnds = NaN;
  /** Runs while the client is connected, until it has been so for long enough. @type {any} */
  #lasting;
  /** @type {any} */
  #retryTimer;
  #locks;
  /** Keys of other outboxes that this client inherits when their owner is gone. @type {Set<string>} */
  #heirOf = new Set();
  /** What the server last said about the user's groups. @type {GroupSummary[] | undefined} */
  #summaries;
  /** @type {Promise<GroupSummary[]> | undefined} */
  #counting;

  /** @param {ClientOptions & { url: string, groupId?: string }} options */
  constructor(options) {
    super();
    if (!isUrl(options.url)) throw new TypeError("url must begin with wss:// or ws://, without spaces and #");
    checkId("userId", options.userId);
    const senderName = isVisible(options.senderName) ? options.senderName : undefined;
    if (senderName) checkId("senderName", senderName);
    this.options = { ...options, senderName };
    this.timing = checkedTiming(options.timing);
    const clock = options.clock ?? globalThis;
    this.clock = {
      setTimeout: (/** @type {() => void} */ callback, /** @type {number} */ ms) => clock.setTimeout(callback, ms),
      clearTimeout(/** @type {any} */ timer) {
        try {
          clock.clearTimeout(timer);
        } catch {
          // React Native may throw for a timer that does not run.
        }
      },
    };
    this.#random = options.random ?? Math.random;
    this.#locks = options.locks ?? globalThis.navigator?.locks;
    this.storage = options.storage;
    if (this.storage === undefined) {
      try {
        this.storage = globalThis.localStorage;
      } catch {
        // The browser's settings block it. Unsent messages are lost when the page closes.
      }
    }
    if (options.storage && !options.storage.key)
      throw new TypeError("storage must have the methods of localStorage. AsyncStorage has others");
    if (!(options.WebSocket ?? globalThis.WebSocket))
      throw new TypeError("There is no WebSocket here. Pass one as the option WebSocket, as the npm package ws has it");
  }

  connect() {
    if (this.state !== "idle") throw new Error("connect() works only once. Create another client");
    const { signal } = this.#life;
    for (const event of ["online", "offline"]) globalThis.addEventListener?.(event, () => this.wake(), { signal });
    // A browser may keep a page that the user has left, with its connection, and others would see the user as present.
    globalThis.addEventListener?.("pagehide", () => this.#suspend(), { signal });
    globalThis.addEventListener?.("pageshow", () => this.wake(), { signal });
    globalThis.document?.addEventListener?.("visibilitychange", () => document.hidden || this.wake(), { signal });
    if (this.#locks) globalThis.addEventListener?.("storage", ({ key }) => this.#inherit(key), { signal });
    this.#open();
    for (const member of this.#all) this.#own(member);
    this.#inheritAll();
  }

  close() {
    this.#life.abort();
    this.clock.clearTimeout(this.#retryTimer);
    this.#interrupted();
    this.#disconnect();
    this.#changed();
  }

  #suspend() {
    this.#disconnect();
    // To go is no failure: when the user comes back, a loss is the first one.
    this.#failures = this.#refusals = 0;
  }

  #disconnect() {
    for (const link of [this.#old, this.#next, this.link]) {
      if (!link) continue;
      link.end();
      this.#lost(link);
    }
  }

  wake() {
    if (this.#life.signal.aborted) return;
    if (this.#retryTimer !== undefined) this.#open();
    else if (this.link) this.probe(this.link);
  }

  /** @param {string} groupId */
  group(groupId) {
    checkId("groupId", groupId);
    const member = this.#member(groupId);
    member.open = true;
    member.changed();
    if (this.state !== "idle") this.#inheritAll();
    this.reconcile();
    return member.room;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  on(event, listener) {
    const stop = super.on(event, listener);
    if (event === "groups") this.#recount();
    return stop;
  }

  /** Let the server know what the page wants now. */
  reconcile() {
    for (const link of [this.link, this.#next]) {
      if (!link?.open) continue;
      this.#reconcile(link);
      this.#progress(link);
    }
  }

  get #all() {
    return [...this.members.values()];
  }

  /** @param {string} groupId */
  #member(groupId) {
    let member = this.members.get(groupId);
    if (!member) {
      member = Room.of(this, groupId);
      this.members.set(groupId, member);
      if (this.state !== "idle") this.#own(member);
    }
    return member;
  }

  /** Tell the client's listeners and the room's, or all rooms'. @param {ChatError} error @param {Member} [member] */
  report(error, member) {
    this.emit("error", error);
    for (const { report } of member ? [member] : this.#all) report(error);
  }

  // Sockets

  async #open() {
    this.clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#next) return;
    const link = (this.#next = new Link(this.clock, this.timing.replyTimeoutMs));
    this.#changed();
    link.after(this.timing.connectTimeoutMs, () => {
      if (!link.open) this.#lost(link);
    });
    try {
      const { url, userId, groupId, senderName, getToken, tokenAsSubprotocol } = this.options;
      const token = await getToken?.({ fresh: this.#stale });
      if (link.ended) return;
      const query = { userId, groupId, name: senderName, protocol: "2", token: tokenAsSubprotocol ? "" : token };
      // Not URLSearchParams: not every server reads "+" as a space, and React Native has only a part of it.
      const given = Object.entries(query).map(([name, value]) => value && `${name}=${encodeURIComponent(value)}`);
      const address = `${url}${url.includes("?") ? "&" : "?"}${given.filter(Boolean).join("&")}`;
      const protocols = token && tokenAsSubprotocol ? [SUBPROTOCOL, token] : [];
      const socket = (link.socket = new (this.options.WebSocket ?? WebSocket)(address, protocols));
      // That of the package ws throws an error that nothing listens to.
      socket.onerror = () => {};
      socket.onopen = () => this.#opened(link);
      socket.onmessage = (/** @type {MessageEvent} */ { data }) => this.#receive(link, data);
      socket.onclose = () => this.#lost(link);
    } catch (cause) {
      this.report(passing("CONNECT", `${/** @type {Error} */ (cause)?.message}`));
      this.#lost(link);
    }
  }

  /** @param {Link} link */
  #opened(link) {
    const { groupId, getToken } = this.options;
    link.open = true;
    this.#refusals = 0;
    this.#stale = false;
    link.after(this.timing.maxConnectionMs * (0.9 + this.#random() / 10), () => this.#open());
    this.#keepAlive(link);
    // The answer says when the token's rights end.
    if (getToken) this.probe(link);
    if (!this.link) this.#use(link);
    // The handshake has joined its group.
    if (groupId) this.#enter(link, [groupId], true);
    this.#reconcile(link);
    this.#progress(link);
  }

  /** @param {Link} link */
  #use(link) {
    const old = (this.#old = this.link);
    this.link = link;
    this.#next = undefined;
    // The server finds a group's connections in an index, which lags. Until the new one is in it, pushes go to the old.
    old?.after(this.timing.resyncDelayMs, () => old.end());
    this.#changed();
  }

  /** @param {Link} link */
  #lost(link) {
    // What the client itself has ended was not refused.
    const refused = link.socket && !link.open && !link.ended;
    link.end();
    if (link === this.#next) {
      this.#next = undefined;
      this.#retry();
      if (refused) this.#refuse();
    } else if (link === this.link) {
      this.link = undefined;
      if (this.#next?.open) this.#use(this.#next);
      else if (!this.#next) this.#retry();
      this.#changed();
    }
  }

  /** A socket did not open. The next one gets a fresh token. If it does not help, the user must know. */
  #refuse() {
    if (globalThis.navigator?.onLine === false) return;
    // A fresh token may cost a request. While the server is gone, none helps.
    this.#stale = this.#refusals++ % FRESH_TOKEN_EVERY === 0;
    if (this.#refusals < 2 || this.link) return;
    const why =
      Date.now() >= this.#tokenEnds
        ? "The token has ended"
        : "The server cannot be reached, or does not accept this user or token";
    this.report(passing("REFUSED", why));
  }

  #interrupted() {
    this.clock.clearTimeout(this.#lasting);
    this.#lasting = undefined;
  }

  #retry() {
    this.#interrupted();
    if (this.#retryTimer === undefined && !this.#life.signal.aborted) {
      this.retryInMs = this.backoff(this.#failures++);
      this.#retryTimer = this.clock.setTimeout(() => this.#open(), this.retryInMs);
    }
    this.#changed();
  }

  /** Full jitter: a random delay between 0 and a maximum that doubles. @param {number} attempt */
  backoff(attempt) {
    return this.#random() * Math.min(this.timing.backoffMaxMs, this.timing.backoffBaseMs * 2 ** attempt);
  }

  /** @param {Link} link */
  #keepAlive(link) {
    // Clients that connected together, such as after a failure, must not stay together.
    link.after(this.timing.pingIntervalMs * (1 - this.#random() / 10), () => {
      // This also brings messages whose push failed.
      if (link.places.size) this.catchUp(link, [...link.places.keys()]);
      else this.probe(link);
      this.#keepAlive(link);
    });
  }

  /** @param {Link} link */
  async probe(link) {
    if (link.probing) return;
    link.probing = true;
    try {
      const { serverTime, expiresAt } = await link.request({ action: "ping" });
      this.#renew(link, Date.parse(expiresAt) - Date.parse(serverTime));
    } catch (error) {
      // A refusal also shows that the connection works.
      if (/** @type {ChatError} */ (error).code === "TIMEOUT") this.#lost(link);
    }
    link.probing = false;
  }

  /**
   * Move to a new connection, with a new token, one minute before the server stops serving this one.
   *
   * @param {Link} link @param {number} leftMs NaN if the server does not say it.
   */
  #renew(link, leftMs) {
    this.#tokenEnds = Date.now() + leftMs;
    if (!(leftMs < this.timing.maxConnectionMs)) return;
    link.cancel(link.due);
    // A token that ends at once must not make the client connect in a loop.
    const renewMs = Math.max(leftMs - 60_000, leftMs / 2, 1_000);
    link.due = link.after(renewMs, () => {
      this.#stale = true;
      this.#open();
      // The server then pushes nothing to this connection, and does not say so.
      link.due = link.after(Math.max(leftMs - renewMs, 0), () => this.#lost(link));
    });
  }

  #changed() {
    /** @type {State} */
    let state = this.#next ? "connecting" : "waiting";
    if (this.link) state = this.link.synced ? "online" : "syncing";
    if (this.#life.signal.aborted) state = "closed";
    if (state !== this.state) {
      this.state = state;
      this.emit("state", state);
    }
    for (const member of this.#all) member.changed();
  }

  // What the server says

  /** @param {Link} link @param {string} data */
  #receive(link, data) {
    /** @type {Frame} */
    let frame;
    try {
      frame = Object(JSON.parse(data));
    } catch {
      return;
    }
    switch (frame.action) {
      case "message":
      case "messageChanged":
      case "presenceChanged":
      case "typing":
      case "read": {
        // What the user reads on another device counts in the list of groups, too.
        const own = frame.userId === this.options.userId;
        const member = own ? this.#member(frame.groupId) : this.members.get(frame.groupId);
        // After it has asked to leave, the server may still push for some seconds.
        if (own || member?.open || link.places.get(frame.groupId)?.synced) member?.receive(frame);
        break;
      }
      case "ack":
        return void this.#settle(frame);
      case "error":
        return this.#refused(link, frame);
      case "left":
        if (frame.reason) for (const groupId of frame.groupIds) this.#exclude(link, groupId, "FORBIDDEN");
    }
    link.answer(frame.requestId, frame);
  }

  /** @param {Frame | ChatError} answer About a message. @returns {Member | undefined} The room of the message. */
  #settle(answer) {
    return this.#all.find((member) => member.settle(answer));
  }

  /** @param {Link} link @param {Frame} frame */
  #refused(link, frame) {
    const lost = frame.code === "NOT_CONNECTED";
    // The next connection repeats what this one did not take.
    const error = new ChatError(frame.code, frame.message, lost ? { ...frame, retryable: true } : frame);
    link.answer(frame.requestId, error);
    // The chat was deployed without this feature.
    if (error.code === "UNKNOWN_ACTION") return;
    if (lost) {
      this.#stale = true;
      this.#lost(link);
    }
    // A message is then sent again over the next connection.
    this.report(error, (lost ? undefined : this.#settle(error)) ?? this.members.get(frame.groupId));
  }

  /**
   * Ask until there is an answer. Throws only if no retry can help, or if the connection ends.
   *
   * @param {Link} link @param {Frame} frame @param {(page: Frame) => void} [read] @returns {Promise<Frame>}
   */
  async ask(link, frame, read) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await link.request(frame, read);
      } catch (/** @type {any} */ error) {
        if (link.ended || !error.retryable) throw error;
        await this.patience(link, error, attempt);
      }
    }
  }

  /** Wait until a request can be repeated. @param {Link} link @param {ChatError} error @param {number} attempt */
  patience(link, error, attempt) {
    if (error.code === "TIMEOUT") this.probe(link);
    return link.pause(error.retryAfterMs + this.backoff(attempt));
  }

  // Groups

  /**
   * Join and leave until the server has what the page wants. There is one frame at a time. So a frame that is repeated
   * never undoes a later one.
   *
   * @param {Link} link
   */
  async #reconcile(link) {
    if (link.reconciling) return;
    link.reconciling = true;
    // Rooms that open or close in the same tick share a frame.
    await undefined;
    let attempt = 0;
    while (!link.ended) {
      const frame = this.#nextMove(link);
      if (!frame) break;
      /** @type {string[]} */
      const groupIds = frame.groupIds;
      const leaves = frame.action === "leaveGroup";
      // If no answer comes, the server may have done it or not.
      if (leaves) for (const groupId of groupIds) link.places.set(groupId, { synced: false });
      try {
        const { refused = [] } = await link.request(frame);
        /** @type {Map<string, string>} */
        const codes = new Map(refused.map((/** @type {Frame} */ { groupId, code }) => [groupId, code]));
        const done = groupIds.filter((groupId) => !codes.has(groupId));
        if (leaves) for (const groupId of done) link.places.delete(groupId);
        else this.#enter(link, done, frame.events);
        for (const [groupId, code] of codes) if (code !== "UNAVAILABLE") this.#exclude(link, groupId, code);
        if ([...codes.values()].includes("UNAVAILABLE")) await link.pause(this.backoff(attempt++));
        else attempt = 0;
      } catch (/** @type {any} */ error) {
        if (error.retryable) await this.patience(link, error, attempt++);
        else for (const groupId of groupIds) this.#exclude(link, groupId, error.code);
      }
    }
    link.reconciling = false;
  }

  /** @param {Link} link @returns {Frame | undefined} The next frame that joins or leaves groups. */
  #nextMove(link) {
    const batch = (/** @type {string[]} */ groupIds) => groupIds.slice(0, BATCH_SIZE);
    const leaving = [...link.places.keys()].filter((groupId) => !this.members.get(groupId)?.open);
    if (leaving.length) return { action: "leaveGroup", groupIds: batch(leaving) };
    for (const events of [true, false]) {
      const joining = this.#all.filter(
        ({ open, room: { groupId }, wants }) =>
          open &&
          (groupId === this.options.groupId || EVENTS.some(wants)) === events &&
          link.places.get(groupId)?.events !== events,
      );
      const groupIds = batch(joining.map(({ room }) => room.groupId));
      if (groupIds.length) return { action: "joinGroup", groupIds, events, name: this.options.senderName || undefined };
    }
    return undefined;
  }

  /**
   * The connection has joined these groups: catch up, and again some seconds later, because the index lags.
   *
   * @param {Link} link @param {string[]} groupIds @param {boolean} events
   */
  async #enter(link, groupIds, events) {
    const fresh = groupIds.filter((groupId) => link.places.get(groupId)?.events === undefined);
    for (const groupId of fresh) link.places.set(groupId, { synced: false });
    for (const groupId of groupIds) {
      Object.assign(link.places.get(groupId) ?? {}, { events });
      this.members.get(groupId)?.changed();
    }
    const refresh = async () => {
      for (const groupId of events ? groupIds : []) {
        this.fetchState(link, groupId, "getPresence");
        if (this.members.get(groupId)?.wants("readers")) this.fetchState(link, groupId, "getReads");
      }
      await this.catchUp(link, fresh);
      if (fresh.some((id) => this.#summaries?.every(({ groupId }) => groupId !== id))) this.#recount();
    };
    await refresh();
    link.after(this.timing.resyncDelayMs, refresh);
  }

  /** The server keeps this user out of a group. @param {Link} link @param {string} groupId @param {string} code */
  #exclude(link, groupId, code) {
    const member = this.members.get(groupId);
    link.places.delete(groupId);
    if (!member) return;
    member.open = false;
    this.#recount();
    this.report(new ChatError(code, REFUSALS[code] ?? "The server refused this group", { groupId }), member);
    this.#progress(link);
  }

  /** A socket is complete when every room that the page wants has caught up. @param {Link} link */
  #progress(link) {
    const behind = this.#all.some(({ open, room }) => open && !link.places.get(room.groupId)?.synced);
    if (!behind && !link.synced) {
      link.synced = true;
      // A server or a proxy may end every connection soon. Only one that lasts makes the next delay short again. A planned
      // move to another socket does not begin this time again.
      this.#lasting ??= this.clock.setTimeout(() => {
        this.#lasting = undefined;
        this.#failures = 0;
      }, this.timing.backoffMaxMs);
      if (link === this.#next) this.#use(link);
      // The user may have read on another device, and groups without a room have got messages.
      this.#recount();
    }
    this.#changed();
  }

  /**
   * Fetch everything after the groups' cursors. Of a group without a cursor, fetch the newest page.
   *
   * @param {Link} link @param {string[]} groupIds
   */
  async catchUp(link, groupIds) {
    /** Where to go on. @type {Map<string, string | undefined>} */
    const rest = new Map(groupIds.map((groupId) => [groupId, this.members.get(groupId)?.cursor]));
    // A room that is left and joined again meanwhile has another place, which this history may not cover.
    const places = new Map(link.places);
    const complete = (/** @type {string} */ groupId, after = "") => {
      const member = this.members.get(groupId);
      const place = places.get(groupId);
      rest.delete(groupId);
      // Keep only the last page's cursor. After any other, the server does not look again for rows its index lacked.
      if (member && after) member.cursor = after;
      if (!place || place.synced) return;
      place.synced = true;
      this.#progress(link);
    };
    const read = (/** @type {Frame} */ page) => {
      const { groupId, after, more, changes } = page;
      this.canChange = !!changes;
      if (!rest.has(groupId)) return;
      // The client has asked to leave. The page's messages come again when it joins again.
      if (!link.places.has(groupId)) return rest.delete(groupId);
      const from = rest.get(groupId);
      this.members.get(groupId)?.read(page, !from || page.reset);
      if (from && more) rest.set(groupId, after);
      else complete(groupId, after);
    };
    const refuse = (/** @type {string} */ groupId, /** @type {string} */ code) => {
      if (code === "UNAVAILABLE") return;
      // A new deployment may not know the cursor: drop it. A server without history still pushes live messages.
      if (code === "BAD_REQUEST" && rest.get(groupId)) rest.set(groupId, undefined);
      else complete(groupId);
    };
    let attempt = 0;
    while (rest.size) {
      const groups = [...rest].slice(0, BATCH_SIZE).map(([groupId, after]) => ({ groupId, after }));
      try {
        const frame = { action: "getHistory", limit: PAGE_SIZE, groups };
        const { groups: current, refused, changes } = await this.ask(link, frame, read);
        this.canChange = !!changes;
        for (const { groupId, after } of current) if (rest.has(groupId)) complete(groupId, after);
        for (const { groupId, code } of refused) refuse(groupId, code);
      } catch (cause) {
        if (link.ended) return;
        for (const { groupId } of groups) refuse(groupId, /** @type {ChatError} */ (cause).code);
      }
      const stuck = groups.some(({ groupId, after }) => rest.has(groupId) && rest.get(groupId) === after);
      if (stuck) await link.pause(this.backoff(attempt++));
      else attempt = 0;
    }
  }

  /**
   * Fetch the state that events change from then on.
   *
   * @param {Link | undefined} link @param {string} groupId @param {"getPresence" | "getReads"} action
   */
  async fetchState(link, groupId, action) {
    const place = link?.places.get(groupId);
    // In a large group, the list would be incomplete again, and all its members would ask.
    if (!link || !place?.events || place[action]) return;
    try {
      const state = await this.ask(link, { action, groupId });
      place[action] = state.truncated;
      this.members.get(groupId)?.receive(state);
    } catch {
      // The link ended, or the chat was deployed without it.
    }
  }

  // The list of groups

  groups() {
    return (this.#counting ??= this.#count().finally(() => (this.#counting = undefined)));
  }

  async #count() {
    const { link } = this;
    if (!link) throw disconnected();
    const summaries = [];
    /** @type {Frame} */
    let page = {};
    do {
      page = await this.ask(link, { action: "getGroups", after: page.after });
      for (const { lastMessage, ...group } of page.groups)
        summaries.push({ ...group, lastMessage: lastMessage && { senderId: "", message: "", ...lastMessage } });
    } while (page.more);
    this.#summaries = summaries;
    return /** @type {GroupSummary[]} */ (this.groupsChanged());
  }

  #recount() {
    if (this.has("groups")) this.groups().catch(() => {});
  }

  /** Add what the rooms know to what the server said, and tell the page. */
  groupsChanged() {
    const list = this.#summaries
      ?.map((summary) => this.members.get(summary.groupId)?.bring(summary) ?? summary)
      .sort((a, b) => inOrder(b.lastMessage ?? BEFORE_ALL, a.lastMessage ?? BEFORE_ALL));
    if (list) this.emit("groups", list);
    return list;
  }

  // Unsent messages of pages that are gone

  /** @param {string} groupId */
  outboxPrefix(groupId) {
    const { url, userId } = this.options;
    return `${OUTBOX}${JSON.stringify([url, groupId, userId])}:`;
  }

  /** Hold the lock that says that this client lives. @param {Member} member */
  #own({ ownKey }) {
    // A page without an origin, as in a sandbox, has no locks.
    if (this.storage) this.#locks?.request(ownKey, () => this.#end).catch(() => {});
  }

  #inheritAll() {
    const { storage } = this;
    if (!storage) return;
    try {
      for (const key of Array.from(storage, (_, i) => storage.key(i))) this.#inherit(key);
    } catch {
      // The storage is blocked. It must not stop the chat.
    }
  }

  /**
   * Take over the outbox of a client that is gone. Each room keeps its outbox under its own key, and its client holds a
   * lock with that name. A client that gets another client's lock knows that the other is gone, and inherits its
   * outbox. So no two clients send the same message, and no outbox stays behind, also of a group that this page does
   * not open.
   *
   * @param {string | null} key
   */
  #inherit(key) {
    const { storage } = this;
    if (!storage || !key?.startsWith(OUTBOX)) return;
    let groupId;
    try {
      [, groupId] = JSON.parse(key.slice(OUTBOX.length, key.lastIndexOf(":")));
    } catch {
      return;
    }
    if (!key.startsWith(this.outboxPrefix(groupId))) return;
    // A connection of one group cannot send to others.
    if (this.options.groupId && !this.members.has(groupId)) return;
    const { ownKey, inherit } = this.#member(groupId);
    if (key === ownKey || this.#heirOf.has(key)) return;
    this.#heirOf.add(key);
    const adopt = () => {
      try {
        // Remove them from the old key only when they are safe under the new one.
        if (inherit(storage.getItem(key))) storage.removeItem(key);
      } catch {
        // The storage is blocked. It must not stop the chat.
      }
    };
    // Without locks (plain http), two pages may send the same message. The server stores it once.
    if (this.#locks) this.#locks.request(key, { signal: this.#life.signal }, adopt).catch(() => {});
    else adopt();
  }
}

/** One group of a client. The page sees it. */
class Room {
  /** @type {State} */
  state = "idle";
  /** @type {readonly Message[]} */
  messages = [];
  /** @type {Presence} */
  presence = { members: [], truncated: false };
  /** @type {readonly string[]} */
  typing = [];
  /** @type {readonly Reader[]} */
  readers = [];
  groupId;

  #connection;
  /** This user's id. */
  #self;
  #member;
  #listeners = new Listeners();

  /** @type {string | null | undefined} */
  #before;
  /** @type {Promise<boolean> | undefined} */
  #older;
  /** Live messages that wait until the history before them is here. @type {Frame[]} */
  #aside = [];
  /** Message ids and keys of the messages in the list. @type {Set<string | undefined>} */
  #known = new Set();
  /**
   * The newest version of each message, by its id. Also of those before the list that were changed.
   *
   * @type {Map<string, Message>}
   */
  #versions = new Map();
  /** @type {Message[]} */
  #sent = [];

  /** @type {Message[]} */
  #outbox = [];
  /** The message that waits for its ack or its next attempt. @type {{ id?: string, link: Link, timer: unknown } | undefined} */
  #flight;
  #attempts = 0;

  /** Ends when no change waits for its answer. @type {Promise<unknown>} */
  #changing = Promise.resolve();
  /** Called when the connection has changed. @type {(() => void)[]} */
  #waiting = [];

  /** Names that users gave to presence and typing, by user id. @type {Map<string, string>} */
  #names = new Map();
  /** Timers that end each "is typing", by user id. @type {Map<string, any>} */
  #typists = new Map();
  /** Runs while "is typing" need not be sent again. @type {any} */
  #typingTimer;

  /** How far users have read, this user included. @type {Map<string, Reader>} */
  #reads = new Map();
  /** How far this user has read, if the server does not know it. @type {Frame | undefined} */
  #unmarked;
  #marking = false;

  /** @param {Connection} connection @param {string} groupId */
  constructor(connection, groupId) {
    this.groupId = groupId;
    this.#connection = connection;
    this.#self = connection.options.userId;
    /** @type {Member} */
    this.#member = {
      room: this,
      ownKey: connection.outboxPrefix(groupId) + newId(),
      open: false,
      wants: (event) => this.#listeners.has(event),
      changed: () => this.#changed(),
      receive: (frame) => this.#receive(frame),
      read: (page, newest) => this.#read(page, newest),
      settle: (answer) => this.#settle(answer),
      report: (error) => this.#listeners.emit("error", error),
      bring: (summary) => this.#bring(summary),
      inherit: (stored) => this.#inherit(stored),
    };
  }

  /** @param {Connection} connection @param {string} groupId */
  static of(connection, groupId) {
    return new Room(connection, groupId).#member;
  }

  get canChange() {
    return this.#connection.canChange;
  }

  get hasOlder() {
    return !!this.#before;
  }

  /**
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {(payload: ChatEvents[E]) => void} listener
   */
  on(event, listener) {
    const stop = this.#listeners.on(event, listener);
    this.#connection.reconcile();
    if (event === "readers") this.#connection.fetchState(this.#connection.link, this.groupId, "getReads");
    return () => {
      stop();
      this.#connection.reconcile();
    };
  }

  close() {
    this.#member.open = false;
    this.#connection.reconcile();
    this.#changed();
  }

  /** @param {string} message @param {MessageOptions} [options] */
  send(message, options = {}) {
    checkText(message);
    // A copy: each repetition must be the same.
    const given = JSON.parse(JSON.stringify(options));
    for (const [name, isValid, rule] of MESSAGE_OPTIONS)
      if (given[name] != null && !isValid(given[name])) throw new TypeError(`${name} must be ${rule}`);
    const clientMessageId = newId();
    this.#queue([this.#unsent(clientMessageId, message, given)]);
    // The others stop showing "is typing" when the message comes.
    this.#typingDue();
    return clientMessageId;
  }

  /** @param {string} clientMessageId */
  retry(clientMessageId) {
    this.#edit(clientMessageId, (item) => {
      if (!item.error) return item;
      // The server stored another text under the old id and would refuse it every time.
      const id = item.error.code === "CONFLICT" ? newId() : clientMessageId;
      return { ...item, key: id, clientMessageId: id, status: "sending", error: undefined };
    });
  }

  /** @param {string} clientMessageId */
  discard(clientMessageId) {
    this.#edit(clientMessageId, (item) => (item.error ? [] : item));
  }

  /** @param {string} messageId @param {string} message */
  async edit(messageId, message) {
    checkText(message);
    return this.#change({ action: "editMessage", messageId, message });
  }

  /** @param {string} messageId */
  delete(messageId) {
    return this.#change({ action: "deleteMessage", messageId });
  }

  /** @param {string} messageId @param {string} reaction */
  react(messageId, reaction, on = true) {
    return this.#change({ action: "react", messageId, reaction, on });
  }

  loadOlder() {
    return (this.#older ??= this.#loadOlder().finally(() => (this.#older = undefined)));
  }

  setTyping(isTyping = true) {
    const { link, clock, timing } = this.#connection;
    const due = this.#typingTimer === undefined;
    // Send a start only when it is due again, and a stop only before that.
    if (!link || due !== isTyping) return;
    this.#typingDue();
    if (isTyping) this.#typingTimer = clock.setTimeout(() => this.#typingDue(), timing.typingIntervalMs);
    link.send({ action: "typing", groupId: this.groupId, isTyping });
  }

  markRead() {
    const [newest] = this.#sent.slice(-1);
    if (!newest || !behind(this.#reads.get(this.#self), newest)) return;
    const { groupId, messageId, timestamp } = newest;
    this.#hear([{ userId: this.#self, messageId, timestamp }]);
    this.#unmarked = { action: "markRead", groupId, messageId, timestamp };
    this.#mark();
  }

  /** @param {string} userId */
  nameOf(userId) {
    const said = this.#sent.filter(({ senderId }) => senderId === userId).pop();
    return this.#names.get(userId) || said?.senderName || userId;
  }

  // What the connection says

  #changed() {
    const { link, state: connected } = this.#connection;
    let state = connected;
    if (link) state = link.places.get(this.groupId)?.synced ? "online" : "syncing";
    if (!this.#member.open && state !== "idle") state = "closed";
    if (state === "online") this.#merge(this.#aside.splice(0));
    if (!link || state === "closed") for (const userId of this.#typists.keys()) this.#stopTyping(userId);
    if (state === "closed") this.#typingDue();
    if (state !== this.state) this.#set("state", state);
    this.#pump();
    this.#mark();
    for (const go of this.#waiting.splice(0)) go();
  }

  /** @param {Frame} frame */
  #receive(frame) {
    switch (frame.action) {
      case "message":
        this.#stopTyping(frame.senderId);
        return this.#take(frame);
      case "messageChanged":
        return this.#take(asChange(frame.message));
      case "presence":
        this.#learn(frame.members);
        return this.#set("presence", { members: frame.members, truncated: frame.truncated });
      case "presenceChanged": {
        this.#learn(frame.joined);
        const members = new Map(this.presence.members.map((member) => [member.userId, member]));
        for (const user of frame.joined) members.set(user.userId, { devices: 1, ...members.get(user.userId), ...user });
        for (const { userId } of frame.left) {
          members.delete(userId);
          this.#stopTyping(userId);
        }
        return this.#set("presence", { ...this.presence, members: [...members.values()] });
      }
      case "typing":
        if (frame.userId === this.#self) return;
        this.#learn([frame]);
        this.#stopTyping(frame.userId);
        if (!frame.isTyping) return;
        this.#typists.set(
          frame.userId,
          this.#connection.clock.setTimeout(() => this.#stopTyping(frame.userId), frame.expiresInMs),
        );
        return this.#typistsChanged();
      case "reads":
      case "read":
        this.#hear(frame.readers ?? [frame]);
    }
  }

  /** @param {Frame} message */
  #take(message) {
    if (this.state === "syncing") this.#aside.push(message);
    else this.#merge([message]);
  }

  /** @param {Frame} page @param {boolean} newest */
  #read({ messages, changes, before, reset }, newest) {
    if (newest) this.#before = before;
    if (reset) {
      this.#versions.clear();
      this.#known = new Set(this.#outbox.map(({ key }) => key));
      this.#sent = [];
      this.#listeners.emit("reset", undefined);
    }
    this.#merge([...messages, ...(changes ?? []).map(asChange)], newest);
  }

  /** @param {Frame[]} users */
  #learn(users) {
    for (const { userId, name } of users) if (name) this.#names.set(userId, name);
  }

  // Read state

  /** @param {Frame[]} frames */
  #hear(frames) {
    const moved = frames.filter((frame) => behind(this.#reads.get(frame.userId), frame));
    for (const { userId, messageId, timestamp } of moved) this.#reads.set(userId, { userId, messageId, timestamp });
    if (moved.length) this.#set("readers", [...this.#reads.values()]);
    if (moved.some(({ userId }) => userId === this.#self)) this.#connection.groupsChanged();
  }

  /** Tell the server how far this user has read. */
  async #mark() {
    const link = this.#usable;
    const frame = this.#unmarked;
    if (!link || !frame || this.#marking) return;
    this.#marking = true;
    this.#unmarked = undefined;
    try {
      await this.#connection.ask(link, frame);
    } catch (cause) {
      // The chat was deployed without it: ask no more.
      if (/** @type {ChatError} */ (cause).code === "UNKNOWN_ACTION") return;
      if (link.ended) this.#unmarked ??= frame;
    }
    await link.pause(this.#connection.timing.markReadIntervalMs);
    this.#marking = false;
    this.#mark();
  }

  /** @param {GroupSummary} summary @returns {GroupSummary} */
  #bring(summary) {
    const last = summary.lastMessage ?? BEFORE_ALL;
    const newest = /** @type {LastMessage | undefined} */ (this.#sent.slice(-1)[0]);
    const isBehind = behind(newest, last);
    const own = this.#reads.get(this.#self);
    const moved = own && behind(summary.readUpTo, own);
    const readUpTo = moved ? own : summary.readUpTo;
    const isOlderUnread = this.#before !== null && behind(readUpTo, this.#sent[0] ?? last);
    // Count here where the messages are here: the server's index lags, and the user may have read since it counted.
    const counted = isBehind ? !behind(readUpTo, last) : moved || !isOlderUnread;
    const fresh = this.#sent.filter(
      (message) =>
        !message.own && !message.deletedAt && behind(readUpTo, message) && (counted || behind(last, message)),
    ).length;
    return {
      ...summary,
      lastMessage: isBehind ? summary.lastMessage : (newest ?? null),
      readUpTo,
      unread: counted ? fresh : summary.unread + fresh,
      // Of those before the loaded messages, it is not known which are this user's own.
      unreadMore: counted ? isOlderUnread : summary.unreadMore,
    };
  }

  // History

  async #loadOlder() {
    if (!this.#before) return false;
    const { link } = this.#connection;
    if (!link) throw disconnected();
    const frame = { action: "getHistory", groupId: this.groupId, limit: PAGE_SIZE, before: this.#before };
    const page = await this.#connection.ask(link, frame);
    this.#read(page, true);
    return this.hasOlder;
  }

  /**
   * Of each message, keep the newest version, in whatever order the versions come.
   *
   * @param {Frame[]} stored Messages of the group: frames, or this user's messages with the server's id and time.
   * @param {boolean} [olderChanged] Whether `hasOlder` may have changed. The page hears of it with the messages.
   */
  #merge(stored, olderChanged) {
    const unsent = this.#outbox.length;
    let isDifferent = olderChanged;
    /** @type {Message[]} */
    const changes = [];
    for (const frame of stored) {
      const { messageId, clientMessageId, groupId, senderId = "", senderName, message = "", timestamp } = frame;
      const own = senderId === this.#self;
      const before = this.#versions.get(messageId);
      // Other users may repeat our ids, so ignore theirs.
      const key = before?.key ?? ((own && clientMessageId) || messageId);
      this.#outbox = this.#outbox.filter((item) => item.key !== key);
      const isNewer = !before || (frame.changedAt ?? "") > (before.changedAt ?? "");
      if (isNewer) {
        /** @type {Message["status"]} */
        const status = "sent";
        const content = { messageId, clientMessageId, groupId, senderId, senderName, message, timestamp };
        const version = { key, ...content, ...pick(frame, OPTIONAL), own, status };
        this.#versions.set(messageId, version);
        if (before || frame.isChange) changes.push(version);
      }
      const isListed = this.#known.has(messageId);
      // A message may be known only by its change. If its place is before the list, `loadOlder` brings it.
      const isPlaced = !frame.isChange || this.#before === null || (this.#sent[0] && !behind(frame, this.#sent[0]));
      if (isPlaced) this.#known.add(messageId).add(key);
      isDifferent ||= isListed ? isNewer : isPlaced;
    }
    if (isDifferent) {
      const listed = [...this.#versions.values()].filter(({ messageId }) => this.#known.has(messageId));
      this.#sent = listed.sort(inOrder);
      this.#connection.groupsChanged();
    }
    if (this.#outbox.length < unsent) this.#outboxChanged();
    else if (isDifferent) this.#messagesChanged();
    for (const change of changes) this.#listeners.emit("change", change);
  }

  #messagesChanged() {
    this.#set("messages", [...this.#sent, ...this.#outbox]);
  }

  // Changes of messages

  /**
   * Ask for a change over as many connections as it takes. There is one at a time: the repetition of one must not undo the
   * next.
   *
   * @param {Frame} change @returns {Promise<Changed>}
   */
  async #change(change) {
    const { clock, timing } = this.#connection;
    const frame = { ...change, groupId: this.groupId };
    const error = tooLarge({ ...frame, requestId: newId() });
    if (error) {
      this.#connection.report(error, this.#member);
      throw error;
    }
    let isOver = false;
    /** @type {unknown} */
    let timer;
    const limit = new Promise((_, reject) => {
      timer = clock.setTimeout(() => {
        isOver = true;
        reject(passing("TIMEOUT", "The server did not answer. It may have made the change"));
      }, timing.changeTimeoutMs);
    });
    const attempts = async () => {
      for (let attempt = 0; !isOver; attempt++) {
        const link = this.#usable;
        if (!link) {
          if (this.state === "closed") throw disconnected();
          await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
          continue;
        }
        try {
          const { messageId, changedAt } = await link.request(frame);
          this.#expect(link, messageId, changedAt);
          return pick({ messageId, changedAt }, ["messageId", "changedAt"]);
        } catch (/** @type {any} */ error) {
          if (!error.retryable) throw error;
          await this.#connection.patience(link, error, attempt);
        }
      }
    };
    const changed = Promise.race([limit, this.#changing.then(attempts)]).finally(() => clock.clearTimeout(timer));
    this.#changing = changed.catch(() => {});
    return changed;
  }

  /**
   * Ask for a change that does not come: a push may fail, and reactions in a large group are not pushed.
   *
   * @param {Link} link @param {string} messageId @param {string} [changedAt]
   */
  #expect(link, messageId, changedAt = "") {
    link.after(this.#connection.timing.resyncDelayMs, () => {
      if ((this.#versions.get(messageId)?.changedAt ?? "") < changedAt) this.#connection.catchUp(link, [this.groupId]);
    });
  }

  // Outbox

  /** @param {string} clientMessageId @param {string} message @param {Frame} options @returns {Message} */
  #unsent(clientMessageId, message, options) {
    return {
      key: clientMessageId,
      clientMessageId,
      groupId: this.groupId,
      senderId: this.#self,
      senderName: this.#connection.options.senderName || this.#self,
      message,
      ...pick(
        options,
        MESSAGE_OPTIONS.flatMap(([name, isValid]) => (isValid(options[name]) ? name : [])),
      ),
      timestamp: new Date().toISOString(),
      own: true,
      status: "sending",
    };
  }

  /** Drops what no client can have stored, and keeps the rest. @param {string | null} stored */
  #inherit(stored) {
    let items;
    try {
      items = JSON.parse(stored ?? "");
    } catch {
      // No client wrote this.
    }
    const texts = (/** @type {Frame} */ item, /** @type {string[]} */ ...names) =>
      names.every((name) => isVisible(item?.[name]));
    return this.#queue(
      (Array.isArray(items) ? items : [])
        .filter((item) => texts(item, "clientMessageId", "message") && /^[\w-]{1,64}$/.test(item.clientMessageId))
        .map(({ clientMessageId, message, senderName, timestamp, error, ...options }) => {
          const item = this.#unsent(clientMessageId, message, options);
          if (texts({ senderName }, "senderName")) item.senderName = senderName;
          if (texts({ timestamp }, "timestamp") && Date.parse(timestamp)) item.timestamp = timestamp;
          if (texts(error, "code", "message")) Object.assign(item, { status: "failed", error });
          return item;
        }),
    );
  }

  /** @param {Message[]} items */
  #queue(items) {
    for (const item of items) {
      if (!this.#known.has(item.key)) this.#outbox.push(item);
      this.#known.add(item.key);
    }
    return this.#outboxChanged();
  }

  /** The socket, once this user may act in the group over it. */
  get #usable() {
    const { link, options } = this.#connection;
    // A connection whose handshake named a group may act only in that group and in those it has joined.
    if (link?.places.has(this.groupId) || !(this.#member.open || options.groupId)) return link;
    return undefined;
  }

  #pump() {
    const { timing } = this.#connection;
    const link = this.#usable;
    if (!link || this.#flight?.link === link) return;
    const item = this.#outbox.find(({ error }) => !error);
    if (!item) return;
    const { key, own, status, error: none, timestamp, ...content } = item;
    const frame = { action: "sendMessage", ...content };
    const error = tooLarge(frame);
    if (error) {
      this.#fail(error);
      return this.#connection.report(error, this.#member);
    }
    this.#landed();
    link.send(frame);
    const timer = link.after(timing.replyTimeoutMs, () => {
      this.#connection.probe(link);
      this.#resend(0);
    });
    this.#flight = { id: item.clientMessageId, link, timer };
  }

  /** @param {number} leastMs */
  #resend(leastMs) {
    const flight = this.#flight;
    if (!flight) return;
    flight.link.cancel(flight.timer);
    flight.timer = flight.link.after(leastMs + this.#connection.backoff(this.#attempts++), () => {
      this.#flight = undefined;
      this.#pump();
    });
  }

  /** No message waits for an ack now. */
  #landed() {
    this.#flight?.link.cancel(this.#flight.timer);
    this.#flight = undefined;
  }

  /** @param {Frame | ChatError} answer */
  #settle(answer) {
    const item = this.#outbox.find(({ clientMessageId }) => clientMessageId === answer.clientMessageId);
    if (!item) return false;
    if (!(answer instanceof ChatError))
      this.#merge([{ ...item, messageId: answer.messageId, timestamp: answer.timestamp }]);
    else if (!answer.retryable) this.#fail(answer);
    else if (answer.clientMessageId === this.#flight?.id) this.#resend(answer.retryAfterMs);
    return true;
  }

  /** @param {ChatError} error */
  #fail({ code, message, clientMessageId }) {
    this.#edit(clientMessageId, (item) => ({ ...item, status: "failed", error: { code, message } }));
  }

  /** @param {string | undefined} clientMessageId @param {(item: Message) => Message | never[]} change */
  #edit(clientMessageId, change) {
    this.#outbox = this.#outbox.flatMap((item) => (item.clientMessageId === clientMessageId ? change(item) : item));
    this.#outboxChanged();
  }

  #outboxChanged() {
    const { storage } = this.#connection;
    const { ownKey } = this.#member;
    let saved = true;
    try {
      if (this.#outbox.length) storage?.setItem(ownKey, JSON.stringify(this.#outbox));
      else storage?.removeItem(ownKey);
    } catch {
      saved = false;
      this.#connection.report(
        new ChatError("STORAGE", "Storage is full or blocked. A reload loses unsent messages"),
        this.#member,
      );
    }
    this.#messagesChanged();
    if (!this.#outbox.some((item) => item.clientMessageId === this.#flight?.id && !item.error)) {
      // The server has stored or refused the message in flight.
      this.#landed();
      this.#attempts = 0;
    }
    this.#pump();
    return saved;
  }

  // Typing

  /** @param {string} userId */
  #stopTyping(userId) {
    this.#connection.clock.clearTimeout(this.#typists.get(userId));
    if (this.#typists.delete(userId)) this.#typistsChanged();
  }

  #typistsChanged() {
    this.#set("typing", [...this.#typists.keys()]);
  }

  #typingDue() {
    this.#connection.clock.clearTimeout(this.#typingTimer);
    this.#typingTimer = undefined;
  }

  /**
   * @template {Exclude<keyof ChatEvents, "error" | "change" | "reset">} E
   * @param {E} event
   * @param {ChatEvents[E]} value
   */
  #set(event, value) {
    /** @type {any} */ (this)[event] = value;
    this.#listeners.emit(event, value);
  }
}

/** @param {Frame} a @param {Frame} b */
const inOrder = (a, b) =>
  a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.messageId < b.messageId) ? -1 : 1;

/** @param {Frame} message @returns {Frame} */
const asChange = (message) => ({ ...message, isChange: true });

const BEFORE_ALL = { timestamp: "" };

/** @param {Frame | null | undefined} a @param {Frame} b */
const behind = (a, b) => inOrder(a ?? BEFORE_ALL, b) < 0;

export class ChatClient {
  #connection;
  #single;

  /** @param {string | Options} first @param {ClientOptions} [second] */
  constructor(first, second) {
    const single = typeof first === "object";
    this.#connection = new Connection(single ? first : { .../** @type {ClientOptions} */ (second), url: first });
    if (single) this.#single = this.#connection.group(first.groupId);
  }

  get state() {
    return (this.#single ?? this.#connection).state;
  }

  get retryInMs() {
    return this.#connection.retryInMs;
  }

  /**
   * @template {keyof ChatEvents | keyof ClientEvents} E
   * @param {E} event
   * @param {(payload: (ChatEvents & ClientEvents)[E]) => void} listener
   */
  on(event, listener) {
    return (this.#single ?? this.#connection).on(/** @type {any} */ (event), listener);
  }

  connect() {
    this.#connection.connect();
  }

  close() {
    this.#connection.close();
  }

  wake = () => this.#connection.wake();

  /** @param {string} groupId */
  group(groupId) {
    return this.#connection.group(groupId);
  }

  groups() {
    return this.#connection.groups();
  }

  // The single-group form: the client is also the room of its group.

  get #room() {
    if (!this.#single) throw new TypeError("This client has many groups: use its group()");
    return this.#single;
  }

  get messages() {
    return this.#room.messages;
  }

  get presence() {
    return this.#room.presence;
  }

  get typing() {
    return this.#room.typing;
  }

  get readers() {
    return this.#room.readers;
  }

  get canChange() {
    return this.#room.canChange;
  }

  get hasOlder() {
    return this.#room.hasOlder;
  }

  /** @param {string} message @param {MessageOptions} [options] */
  send(message, options) {
    return this.#room.send(message, options);
  }

  /** @param {string} messageId @param {string} message */
  edit(messageId, message) {
    return this.#room.edit(messageId, message);
  }

  /** @param {string} messageId */
  delete(messageId) {
    return this.#room.delete(messageId);
  }

  /** @param {string} messageId @param {string} reaction @param {boolean} [on] */
  react(messageId, reaction, on) {
    return this.#room.react(messageId, reaction, on);
  }

  /** @param {string} clientMessageId */
  retry(clientMessageId) {
    this.#room.retry(clientMessageId);
  }

  /** @param {string} clientMessageId */
  discard(clientMessageId) {
    this.#room.discard(clientMessageId);
  }

  loadOlder() {
    return this.#room.loadOlder();
  }

  /** @param {boolean} [isTyping] */
  setTyping(isTyping) {
    this.#room.setTyping(isTyping);
  }

  markRead() {
    this.#room.markRead();
  }

  /** @param {string} userId */
  nameOf(userId) {
    return this.#room.nameOf(userId);
  }
}
