/**
 * Group chat over one WebSocket. It loses and duplicates no message, and keeps the group's order.
 *
 *     const chat = new ChatClient({ url, groupId: "team", userId: "ann", senderName: "Ann" });
 *     chat.on("messages", (messages) => render(messages));
 *     chat.connect();
 *     chat.send("Hello");
 *
 * chat-client.d.ts describes the public API, docs/client.md its use, docs/protocol.md the rules that it follows.
 * @module
 */

/** @import { ChatEvents, Message, Options, Presence, State, Timing } from "./chat-client.js" */
/** @typedef {Record<string, any>} Frame */

/** @type {Readonly<Timing>} */
const TIMING = {
  connectTimeoutMs: 15_000,
  replyTimeoutMs: 10_000,
  pingIntervalMs: 240_000,
  maxConnectionMs: 6_900_000,
  backoffBaseMs: 1_000,
  backoffMaxMs: 30_000,
  resyncDelayMs: 4_000,
  typingIntervalMs: 3_000,
};

// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
// API Gateway would close the connection on a larger frame, and again on each retry.
const MAX_FRAME_BYTES = 32 * 1024;

const PAGE_SIZE = 50;

export class ChatError extends Error {
  name = "ChatError";

  /** @param {string} code @param {string} message @param {Frame} [details] */
  constructor(code, message, details = {}) {
    super(message);
    this.code = code;
    this.retryable = !!details.retryable;
    this.retryAfterMs = Number(details.retryAfterMs) || 0;
    /** @type {string | undefined} */
    this.clientMessageId = details.clientMessageId;
  }
}

// Not crypto.randomUUID: pages on plain http do not have it.
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** One socket, with its timers and its requests that wait for an answer. They all end with the socket. */
class Link {
  /** @type {WebSocket | undefined} */
  socket;
  open = false;
  synced = false;
  probing = false;
  ended = false;
  /** @type {unknown} */
  due;
  #clock;
  #replyTimeoutMs;
  /** @type {Set<unknown>} */
  #timers = new Set();
  /** @type {Map<string, (outcome: any) => void>} */
  #waiting = new Map();

  /** @param {NonNullable<Options["clock"]>} clock @param {number} replyTimeoutMs */
  constructor(clock, replyTimeoutMs) {
    this.#clock = clock;
    this.#replyTimeoutMs = replyTimeoutMs;
  }

  /** @param {number} ms @param {() => void} callback */
  after(ms, callback) {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  /** @param {unknown} timer */
  cancel(timer) {
    this.#clock.clearTimeout(timer);
    this.#timers.delete(timer);
  }

  /**
   * Settles with the outcome that `answer` gets for the id, with `outcome` after `ms`, or with DISCONNECTED.
   *
   * @param {string} id @param {number} ms @param {unknown} [outcome] @returns {Promise<any>}
   */
  wait(id, ms, outcome) {
    return new Promise((resolve, reject) => {
      const timer = this.after(ms, () => this.answer(id, outcome));
      this.#waiting.set(id, (result) => {
        this.cancel(timer);
        if (result instanceof ChatError) reject(result);
        else resolve(result);
      });
    });
  }

  /** @param {string} id @param {unknown} outcome */
  answer(id, outcome) {
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(outcome);
  }

  /** @param {Frame} frame */
  send(frame) {
    this.socket?.send(JSON.stringify(frame));
  }

  /** @param {Frame} frame @returns {Promise<Frame>} */
  request(frame) {
    const requestId = newId();
    this.send({ ...frame, requestId });
    return this.wait(
      requestId,
      this.#replyTimeoutMs,
      new ChatError("TIMEOUT", "The server did not answer", { retryable: true }),
    );
  }

  end() {
    this.ended = true;
    this.open = false;
    for (const timer of this.#timers) this.#clock.clearTimeout(timer);
    for (const id of [...this.#waiting.keys()]) {
      this.answer(id, new ChatError("DISCONNECTED", "The connection ended", { retryable: true }));
    }
    if (this.socket) {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
    }
  }
}

export class ChatClient {
  /** @type {State} */
  state = "idle";
  retryInMs = 0;
  /** @type {readonly Message[]} */
  messages = [];
  /** @type {Presence} */
  presence = { members: [], truncated: false };
  /** @type {readonly string[]} */
  typing = [];

  #options;
  #timing;
  #clock;
  #random;
  /** Ends the client's listeners and locks. */
  #life = new AbortController();
  /** @type {{ [event: string]: Set<(payload: any) => void> }} */
  #listeners = {};

  /** The socket in use. @type {Link | undefined} */
  #link;
  /** The socket that is opening, or that catches up beside the one in use. @type {Link | undefined} */
  #next;
  /** The socket that was replaced. It may still deliver. @type {Link | undefined} */
  #old;
  #failures = 0;
  /** @type {any} */
  #retryTimer;

  /** @type {string | undefined} */
  #cursor;
  /** @type {string | null | undefined} */
  #before;
  /** @type {Promise<boolean> | undefined} */
  #older;
  /** Live messages that wait until the history before them is here. @type {Frame[]} */
  #aside = [];
  /** Message ids and keys of the known messages. @type {Set<string | undefined>} */
  #known = new Set();
  /** @type {Message[]} */
  #sent = [];

  /** @type {Message[]} */
  #outbox = [];
  /** The message that waits for its ack or its next attempt. @type {string | undefined} */
  #flight;
  /** @type {unknown} */
  #flightTimer;
  #attempts = 0;
  /** @type {Options["storage"]} */
  #storage;
  #prefix;
  #ownKey;
  /** Keys of other outboxes that this client inherits when their owner is gone. @type {Set<string>} */
  #heirOf = new Set();

  /** Timers that end each "is typing", by user id. @type {Map<string, any>} */
  #typists = new Map();
  /** Runs while "is typing" need not be sent again. @type {any} */
  #typingTimer;

  /** @param {Options} options */
  constructor(options) {
    const { url, groupId, userId } = options;
    if (!/^wss?:$/.test(new URL(url).protocol)) throw new TypeError("url must begin with wss:// or ws://");
    if (!groupId || !userId) throw new TypeError("groupId and userId must not be empty");
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#random = options.random ?? Math.random;
    this.#clock = options.clock ?? globalThis;
    this.#storage = options.storage;
    if (this.#storage === undefined) {
      try {
        this.#storage = globalThis.localStorage;
      } catch {
        // The browser's settings block it. Unsent messages are lost when the page closes.
      }
    }
    this.#prefix = `chat-outbox:${JSON.stringify([url, groupId, userId])}:`;
    this.#ownKey = this.#prefix + newId();
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
    const listeners = (this.#listeners[event] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  connect() {
    if (this.state !== "idle") throw new Error("connect() works only once. Create another client");
    const { signal } = this.#life;
    for (const event of ["online", "offline"]) globalThis.addEventListener?.(event, this.wake, { signal });
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.wake(), { signal });
    this.#inherit();
    this.#open();
  }

  close() {
    this.#life.abort();
    this.#clock.clearTimeout(this.#retryTimer);
    this.#clock.clearTimeout(this.#typingTimer);
    for (const link of [this.#old, this.#next, this.#link]) if (link) this.#lost(link);
    this.#update();
  }

  wake = () => {
    if (this.#life.signal.aborted) return;
    if (this.#retryTimer !== undefined) this.#open();
    else if (this.#link) this.#probe(this.#link);
  };

  /** @param {string} message */
  send(message) {
    if (!message.trim()) throw new TypeError("message must not be empty");
    const { groupId, userId, senderName } = this.#options;
    const clientMessageId = newId();
    this.#queue([
      {
        key: clientMessageId,
        clientMessageId,
        groupId,
        senderId: userId,
        senderName,
        message,
        timestamp: new Date().toISOString(),
        own: true,
        status: "sending",
      },
    ]);
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

  loadOlder() {
    return (this.#older ??= this.#loadOlder().finally(() => (this.#older = undefined)));
  }

  setTyping(isTyping = true) {
    const due = this.#typingTimer === undefined;
    // Send a start only when it is due again, and a stop only before that.
    if (!this.#link || due !== isTyping) return;
    this.#typingDue();
    if (isTyping) this.#typingTimer = this.#clock.setTimeout(() => this.#typingDue(), this.#timing.typingIntervalMs);
    this.#link.send({ action: "typing", isTyping });
  }

  // Connection

  async #open() {
    this.#clock.clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    if (this.#next) return;
    const link = (this.#next = new Link(this.#clock, this.#timing.replyTimeoutMs));
    this.#update();
    link.after(this.#timing.connectTimeoutMs, () => {
      if (!link.open) this.#lost(link);
    });
    try {
      const { url, userId, groupId, getToken } = this.#options;
      const token = await getToken?.();
      if (link.ended) return;
      const address = new URL(url);
      const query = [...address.searchParams, ["userId", userId], ["groupId", groupId], ["protocol", "2"]];
      if (token) query.push(["token", token]);
      // Not every server reads "+" as a space.
      address.search = `${new URLSearchParams(query)}`.replaceAll("+", "%20");
      const socket = (link.socket = new (this.#options.WebSocket ?? WebSocket)(address.href));
      socket.onopen = () => this.#opened(link);
      socket.onmessage = ({ data }) => this.#receive(link, data);
      socket.onclose = () => this.#lost(link);
    } catch (cause) {
      this.#emit("error", new ChatError("CONNECT", `${/** @type {Error} */ (cause)?.message}`, { retryable: true }));
      this.#lost(link);
    }
  }

  /** @param {Link} link */
  async #opened(link) {
    const { maxConnectionMs, resyncDelayMs } = this.#timing;
    link.open = true;
    link.after(maxConnectionMs * (0.9 + this.#random() / 10), () => this.#open());
    this.#keepAlive(link);
    // The answer says when the token's rights end.
    if (this.#options.getToken) this.#probe(link);
    if (!this.#link) this.#use(link);
    if (!(await this.#catchUp(link))) return;
    link.synced = true;
    this.#failures = 0;
    this.#merge(this.#aside.splice(0));
    if (link === this.#next) this.#use(link);
    this.#update();
    this.#fetchPresence(link);
    link.after(resyncDelayMs, () => this.#sync(link));
  }

  /** @param {Link} link */
  #use(link) {
    const old = (this.#old = this.#link);
    this.#link = link;
    this.#next = this.#flight = undefined;
    old?.cancel(this.#flightTimer);
    // The server finds a group's connections in an index, which lags. Until the new one is in it, pushes go to the old.
    old?.after(this.#timing.resyncDelayMs, () => old.end());
    this.#update();
    this.#pump();
  }

  /** @param {Link} link */
  #lost(link) {
    link.end();
    if (link === this.#next) {
      this.#next = undefined;
      this.#retry();
    } else if (link === this.#link) {
      this.#link = undefined;
      for (const userId of this.#typists.keys()) this.#stopTyping(userId);
      if (this.#next?.open) this.#use(this.#next);
      else if (!this.#next) this.#retry();
      this.#update();
    }
  }

  #retry() {
    if (this.#retryTimer === undefined && !this.#life.signal.aborted) {
      this.retryInMs = this.#backoff(this.#failures++);
      this.#retryTimer = this.#clock.setTimeout(() => this.#open(), this.retryInMs);
    }
    this.#update();
  }

  /** Full jitter: a random delay between 0 and a maximum that doubles. @param {number} attempt */
  #backoff(attempt) {
    return this.#random() * Math.min(this.#timing.backoffMaxMs, this.#timing.backoffBaseMs * 2 ** attempt);
  }

  /** @param {Link} link */
  #keepAlive(link) {
    // Clients that connected together, such as after a failure, must not stay together.
    link.after(this.#timing.pingIntervalMs * (1 - this.#random() / 10), () => {
      this.#probe(link);
      this.#sync(link);
      this.#keepAlive(link);
    });
  }

  /** @param {Link} link */
  async #probe(link) {
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
    if (!(leftMs < this.#timing.maxConnectionMs)) return;
    link.cancel(link.due);
    // A token that ends at once must not make the client connect in a loop.
    link.due = link.after(Math.max(leftMs - 60_000, leftMs / 2, 1_000), () => this.#open());
  }

  #update() {
    /** @type {State} */
    let state = this.#next ? "connecting" : "waiting";
    if (this.#link) state = this.#link.synced ? "online" : "syncing";
    if (this.#life.signal.aborted) state = "closed";
    if (state !== this.state) this.#set("state", state);
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
    const { userId, groupId } = this.#options;
    if ((frame.groupId ?? groupId) !== groupId) return;
    switch (frame.action) {
      case "message":
        this.#stopTyping(frame.senderId);
        if (this.state === "syncing") this.#aside.push(frame);
        else this.#merge([frame]);
        return;
      case "ack": {
        const item = this.#outbox.find((item) => item.clientMessageId === frame.clientMessageId);
        if (item) this.#merge([{ ...item, messageId: frame.messageId, timestamp: frame.timestamp }]);
        return;
      }
      case "history":
      case "presence":
      case "pong":
        return link.answer(frame.requestId, frame);
      case "error":
        return this.#refused(link, frame);
      case "presenceChanged": {
        const members = new Map(this.presence.members.map((member) => [member.userId, member]));
        for (const { userId } of frame.joined) members.set(userId, members.get(userId) ?? { userId, devices: 1 });
        for (const { userId } of frame.left) {
          members.delete(userId);
          this.#stopTyping(userId);
        }
        return this.#set("presence", { ...this.presence, members: [...members.values()] });
      }
      case "typing":
        if (frame.userId === userId) return;
        this.#stopTyping(frame.userId);
        if (!frame.isTyping) return;
        this.#typists.set(
          frame.userId,
          this.#clock.setTimeout(() => this.#stopTyping(frame.userId), frame.expiresInMs),
        );
        this.#set("typing", [...this.#typists.keys()]);
    }
  }

  /** @param {Link} link @param {Frame} frame */
  #refused(link, frame) {
    const error = new ChatError(frame.code, frame.message, frame);
    const { code, clientMessageId, retryable } = error;
    link.answer(frame.requestId, error);
    if (code === "NOT_CONNECTED") this.#lost(link);
    else if (clientMessageId) {
      if (!retryable) this.#fail(error);
      else if (clientMessageId === this.#flight) this.#resend(error.retryAfterMs);
    }
    this.#emit("error", error);
  }

  /**
   * Ask until there is an answer. Throws only if no retry can help, or if the connection ends.
   *
   * @param {Link} link @param {Frame} frame @returns {Promise<Frame>}
   */
  async #ask(link, frame) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await link.request(frame);
      } catch (cause) {
        const error = /** @type {ChatError} */ (cause);
        if (link.ended || !error.retryable) throw error;
        if (error.code === "TIMEOUT") this.#probe(link);
        await link.wait(newId(), error.retryAfterMs + this.#backoff(attempt));
      }
    }
  }

  // History

  /**
   * Fetch everything after the cursor. Without a cursor, fetch the newest page.
   *
   * @param {Link} link @returns {Promise<boolean>} False if the link ended.
   */
  async #catchUp(link) {
    let after = this.#cursor;
    for (;;) {
      let page;
      try {
        page = await this.#ask(link, { action: "getHistory", limit: PAGE_SIZE, after });
      } catch (error) {
        // A server without history still pushes live messages. A new deployment may not know the cursor: drop it.
        if (link.ended || !after || /** @type {ChatError} */ (error).code !== "BAD_REQUEST") return !link.ended;
        after = undefined;
        continue;
      }
      this.#merge(page.messages);
      const complete = !after || !page.more;
      if (!after) this.#before = page.before;
      after = page.after;
      // Keep only the last page's cursor. After any other, the server does not look again for rows its index lacked.
      if (complete) {
        this.#cursor = after;
        return true;
      }
    }
  }

  /** @param {Link} link */
  #sync(link) {
    this.#catchUp(link);
    // In a large group, the list would be incomplete again, and all its members would ask.
    if (!this.presence.truncated) this.#fetchPresence(link);
  }

  async #loadOlder() {
    if (!this.#before) return false;
    if (!this.#link) throw new ChatError("DISCONNECTED", "There is no connection", { retryable: true });
    const page = await this.#ask(this.#link, { action: "getHistory", limit: PAGE_SIZE, before: this.#before });
    this.#before = page.before;
    this.#merge(page.messages);
    return this.hasOlder;
  }

  /** @param {Frame[]} stored Messages of the group: frames, or this user's messages with the server's id and time. */
  #merge(stored) {
    const unsent = this.#outbox.length;
    const fresh = [];
    for (const { messageId, clientMessageId, groupId, senderId = "", senderName, message = "", timestamp } of stored) {
      const own = senderId === this.#options.userId;
      // Other users may repeat our ids, so ignore theirs.
      const key = (own && clientMessageId) || messageId;
      this.#outbox = this.#outbox.filter((item) => item.key !== key);
      if (this.#known.has(messageId)) continue;
      this.#known.add(messageId).add(key);
      /** @type {Message["status"]} */
      const status = "sent";
      fresh.push({ key, messageId, clientMessageId, groupId, senderId, senderName, message, timestamp, own, status });
    }
    if (fresh.length) this.#sent = [...this.#sent, ...fresh].sort(inOrder);
    if (this.#outbox.length < unsent) this.#outboxChanged();
    else if (fresh.length) this.#messagesChanged();
  }

  #messagesChanged() {
    this.#set("messages", [...this.#sent, ...this.#outbox]);
  }

  // Outbox

  /** @param {Message[]} items @returns {boolean} Whether the messages survive a reload. */
  #queue(items) {
    for (const item of items) {
      if (!this.#known.has(item.key)) this.#outbox.push(item);
      this.#known.add(item.key);
    }
    return this.#outboxChanged();
  }

  #pump() {
    const link = this.#link;
    if (!link || this.#flight) return;
    const item = this.#outbox.find(({ error }) => !error);
    if (!item) return;
    const { clientMessageId, groupId, senderId, senderName, message } = item;
    const frame = { action: "sendMessage", groupId, senderId, senderName, message, clientMessageId };
    const excess = new TextEncoder().encode(JSON.stringify(frame)).length - MAX_FRAME_BYTES;
    if (excess > 0)
      return this.#fail(new ChatError("TOO_LARGE", `The message is ${excess} bytes too long. Shorten it`, frame));
    this.#flight = clientMessageId;
    link.send(frame);
    this.#flightTimer = link.after(this.#timing.replyTimeoutMs, () => {
      this.#probe(link);
      this.#resend(0);
    });
  }

  /** @param {number} leastMs */
  #resend(leastMs) {
    this.#link?.cancel(this.#flightTimer);
    this.#flightTimer = this.#link?.after(leastMs + this.#backoff(this.#attempts++), () => {
      this.#flight = undefined;
      this.#pump();
    });
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
    let saved = true;
    try {
      if (this.#outbox.length) this.#storage?.setItem(this.#ownKey, JSON.stringify(this.#outbox));
      else this.#storage?.removeItem(this.#ownKey);
    } catch {
      saved = false;
      this.#emit("error", new ChatError("STORAGE", "Storage is full or blocked. A reload loses unsent messages"));
    }
    this.#messagesChanged();
    if (!this.#outbox.some((item) => item.clientMessageId === this.#flight && !item.error)) {
      // The server has stored or refused the message in flight.
      this.#link?.cancel(this.#flightTimer);
      this.#flight = undefined;
      this.#attempts = 0;
    }
    this.#pump();
    return saved;
  }

  /**
   * Take over the outboxes of clients that are gone. Each client keeps its outbox under its own key and holds a lock
   * with that name. A client that gets another client's lock knows that the other is gone, and inherits its outbox. So
   * no two clients send the same message, and no outbox stays behind.
   */
  #inherit() {
    const storage = this.#storage;
    if (!storage) return;
    const { signal } = this.#life;
    const locks = this.#options.locks ?? globalThis.navigator?.locks;
    const inherit = (/** @type {string | null} */ key) => {
      if (!key?.startsWith(this.#prefix) || key === this.#ownKey || this.#heirOf.has(key)) return;
      this.#heirOf.add(key);
      const adopt = () => {
        try {
          // Remove them from the old key only when they are safe under the new one.
          if (this.#queue(JSON.parse(storage.getItem(key) ?? "[]"))) storage.removeItem(key);
        } catch {
          // No client wrote this. It must not stop the chat.
        }
      };
      // Without locks (plain http), two pages may send the same message. The server stores it once.
      if (locks) locks.request(key, { signal }, adopt).catch(() => {});
      else adopt();
    };
    // The browser may grant the lock only after the end.
    const end = new Promise((resolve) => signal.addEventListener("abort", resolve));
    locks?.request(this.#ownKey, () => end);
    for (const key of Array.from(storage, (_, i) => storage.key(i))) inherit(key);
    if (locks) globalThis.addEventListener?.("storage", ({ key }) => inherit(key), { signal });
  }

  // Presence and typing

  /** @param {Link} link */
  async #fetchPresence(link) {
    try {
      const { members, truncated } = await this.#ask(link, { action: "getPresence" });
      this.#set("presence", { members, truncated });
    } catch {
      // The link ended, or presence is off. An event already reported it.
    }
  }

  /** @param {string} userId */
  #stopTyping(userId) {
    this.#clock.clearTimeout(this.#typists.get(userId));
    if (this.#typists.delete(userId)) this.#set("typing", [...this.#typists.keys()]);
  }

  #typingDue() {
    this.#clock.clearTimeout(this.#typingTimer);
    this.#typingTimer = undefined;
  }

  /**
   * @template {Exclude<keyof ChatEvents, "error">} E
   * @param {E} event
   * @param {ChatEvents[E]} value
   */
  #set(event, value) {
    /** @type {any} */ (this)[event] = value;
    this.#emit(event, value);
  }

  /**
   * @template {keyof ChatEvents} E
   * @param {E} event
   * @param {ChatEvents[E]} payload
   */
  #emit(event, payload) {
    for (const listener of this.#listeners[event] ?? []) {
      try {
        listener(payload);
      } catch (error) {
        // Report a fault of the page as an uncaught error. It must not stop the chat.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** @param {Frame} a @param {Frame} b */
const inOrder = (a, b) =>
  a.timestamp < b.timestamp || (a.timestamp === b.timestamp && a.messageId < b.messageId) ? -1 : 1;
