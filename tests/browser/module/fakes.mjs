/** Fakes of the browser's interfaces that the module uses, controlled by the test. */

/** A clock that only the test advances. */
export class FakeClock {
  now = 0;
  #timers = new Map();
  #last = 0;

  setTimeout = (callback, ms) => {
    // As in browsers, a timer of more than 2^31 - 1 ms ends at once.
    this.#timers.set(++this.#last, { at: this.now + (ms < 2 ** 31 ? ms : 0), callback });
    return this.#last;
  };

  clearTimeout = (id) => {
    // As in some versions of React Native: https://github.com/facebook/react-native/issues/45085
    if (!this.#timers.delete(id)) throw new Error("clearTimeout called with an invalid handle");
  };

  /** Delays of all running timers, the shortest first. */
  get pending() {
    return [...this.#timers.values()].map(({ at }) => at - this.now).sort((a, b) => a - b);
  }

  /** Let time pass, and run the timers that become due. */
  async advance(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const [id, timer] = this.#first();
      if (timer.at > end) break;
      this.#timers.delete(id);
      this.now = Math.max(this.now, timer.at);
      timer.callback();
    }
    this.now = end;
  }

  /** Let time pass until the condition holds. Fails if it does not hold within the limit. */
  async until(condition, limitMs = 3_600_000) {
    const end = this.now + limitMs;
    await settled();
    while (!condition()) {
      if (this.now > end) throw new Error(`did not happen within ${limitMs} ms: ${condition}`);
      await this.advance(Math.min(limitMs, Math.max(1, this.#first()[1].at - this.now)));
    }
  }

  /** The timer that runs first, with its id. Of the same time, the one that was set first, as in a browser. */
  #first() {
    let first = [0, { at: Infinity, callback: () => {} }];
    for (const one of this.#timers) if (one[1].at < first[1].at) first = one;
    return first;
  }
}

/** Resolves when no promise callback is left to run. */
export const settled = () => new Promise(setImmediate);

/** A socket with the test as the server. The client fills `sent`; the test calls `open`, `receive` and `drop`. */
export class FakeSocket {
  /** Automatic answers, by action: a frame, or a function from the client's frame to it. */
  replies = {};
  readyState = 0;
  sent = [];
  onopen = null;
  onmessage = null;
  onclose = null;

  constructor(url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  send(text) {
    if (this.readyState === 0) throw new Error("still connecting");
    if (this.readyState !== 1) return;
    const frame = JSON.parse(text);
    this.sent.push(frame);
    const reply = this.replies[frame.action];
    const answer = typeof reply === "function" ? reply(frame) : reply;
    if (answer) queueMicrotask(() => this.receive({ requestId: frame.requestId, ...answer }));
  }

  close() {
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen?.();
  }

  receive(frame) {
    this.onmessage?.({ data: typeof frame === "string" ? frame : JSON.stringify(frame) });
  }

  drop() {
    this.readyState = 3;
    this.onclose?.({ code: 1006 });
  }

  /** Frames of one action, oldest first. */
  frames(action) {
    return this.sent.filter((frame) => frame.action === action);
  }

  /** Answer the latest frame of an action, by its request id. */
  answer(action, frame) {
    this.receive({ requestId: this.frames(action).at(-1).requestId, ...frame });
  }

  /** Answer the latest getHistory with a page of one group. If it asked for several, the others have no news. */
  history(messages, { groupId = "G", after = "end", before = null, more = false } = {}) {
    const { groups } = this.frames("getHistory").at(-1);
    this.answer("getHistory", { action: "history", groupId, messages, after, before, more });
    const others = (groups ?? []).filter((asked) => asked.groupId !== groupId);
    if (groups) this.answer("getHistory", upToDate({ groups: more ? others : [...others, { groupId, after }] }));
  }
}

/** The answer to a getHistory of several groups that have no news. */
export const upToDate = ({ groups }) => ({
  action: "upToDate",
  groups: groups.map(({ groupId, after = "c1" }) => ({ groupId, after })),
  refused: [],
});

/** The answer to a joinGroup that refuses nothing. */
export const joined = ({ groupIds }) => ({ action: "joined", groupIds, refused: [] });

/** A `localStorage`. Several clients can share it. */
export class FakeStorage {
  #entries = new Map();
  full = false;

  get length() {
    return this.#entries.size;
  }

  key = (index) => [...this.#entries.keys()][index] ?? null;

  getItem = (key) => this.#entries.get(key) ?? null;

  setItem = (key, value) => {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.#entries.set(key, value);
  };

  removeItem = (key) => void this.#entries.delete(key);

  /** All messages in it. */
  get messages() {
    return [...this.#entries.values()].flatMap((value) => JSON.parse(value));
  }
}

/** The `navigator.locks` of one browser. Each tab has its own object, and releases its locks when it crashes. */
export class FakeLocks {
  #queues = new Map();

  tab() {
    let alive = true;
    const releases = [];
    return {
      request: (name, options, callback) => {
        if (typeof options === "function") [options, callback] = [{}, options];
        const before = this.#queues.get(name) ?? Promise.resolve();
        const aborted = new Promise((resolve) => options.signal?.addEventListener("abort", resolve));
        const crashed = new Promise((resolve) => releases.push(resolve));
        const held = before.then(() => {
          if (!alive || options.signal?.aborted) return undefined;
          return Promise.race([callback(), crashed]);
        });
        // If a waiting request is aborted, the next one must still wait for the lock's holder.
        this.#queues.set(name, Promise.all([before, Promise.race([held.catch(() => {}), aborted])]));
        return held;
      },
      crash: () => {
        alive = false;
        for (const release of releases) release();
      },
    };
  }
}

export const REPLY_MS = 10_000;
export const RESYNC_MS = 4_000;
/** 8 minutes at most. The random 0.5 takes the middle of the last tenth. */
export const KEEP_ALIVE_MS = 456_000;

/** Options of a client without a server. Its sockets go into a list, and answer with the current replies. */
export function fakes(clock, sockets, replies) {
  return {
    storage: null,
    clock,
    random: () => 0.5,
    WebSocket: class extends FakeSocket {
      constructor(url, protocols) {
        super(url, protocols);
        this.replies = replies();
        sockets.push(this);
      }
    },
  };
}
