/**
 * React hooks for chat-client.js. All components share one connection of each user, and one room of each group.
 *
 * react.d.ts describes the public API, docs/nextjs.md its use.
 * @module
 */

import { useCallback, useEffect, useSyncExternalStore } from "react";

import { ChatClient, ChatError } from "./chat-client.js";

/** @import { Chat, ClientOptions } from "./chat-client.js" */
/** @import { ChatSnapshot, GroupSnapshot, UnreadSnapshot } from "./react.js" */

// React unmounts components that are soon back: in StrictMode at once, else when the user moves to another page.
const LINGER_MS = 1_000;

/** @type {ChatSnapshot} */
const NO_CHAT = { client: undefined, state: "idle", retryInMs: 0, error: undefined };

/** @type {GroupSnapshot} */
const NO_GROUP = {
  room: undefined,
  state: "idle",
  messages: [],
  hasOlder: false,
  canChange: false,
  presence: { members: [], truncated: false },
  typing: [],
  readers: [],
  error: undefined,
};

/** @type {UnreadSnapshot} */
const NO_LIST = { groups: undefined, unread: 0, unreadMore: false, error: undefined };

/**
 * A value that components share. It starts with its first listener, and ends some time after its last one.
 *
 * @template {object} S
 */
class Store {
  snapshot;
  #start;
  /** @type {(() => void) | undefined} */
  #end;
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {S} initial @param {(store: Store<S>) => () => void} start Returns what ends it. */
  constructor(initial, start) {
    this.snapshot = initial;
    this.#start = start;
  }

  /** @param {Partial<S>} changes */
  set(changes) {
    this.snapshot = { ...this.snapshot, ...changes };
    for (const listener of this.#listeners) listener();
  }

  /** @param {() => void} listener */
  subscribe(listener) {
    // Only when it runs: React Native may throw for another one.
    if (!this.#listeners.size && this.#end) clearTimeout(this.#timer);
    this.#listeners.add(listener);
    this.#end ??= this.#start(this);
    return () => {
      this.#listeners.delete(listener);
      if (!this.#listeners.size) this.#timer = setTimeout(() => this.#end?.(), LINGER_MS);
    };
  }
}

/**
 * The snapshot of a store that is made with its first component, after that component is on the page: a component that
 * is only rendered, such as on a server, changes nothing.
 *
 * @template {object} S
 * @param {Map<string, Store<S>> | undefined} stores
 * @param {string | undefined} key
 * @param {S} initial
 * @param {(store: Store<S>) => () => void} start
 */
function useStore(stores, key, initial, start) {
  const subscribe = useCallback(
    (/** @type {() => void} */ listener) => {
      if (!stores || key === undefined) return () => {};
      let store = stores.get(key);
      if (!store) {
        store = new Store(initial, (store) => {
          const end = start(store);
          return () => {
            stores.delete(key);
            end();
          };
        });
        stores.set(key, store);
      }
      return store.subscribe(listener);
    },
    // The key names all that `start` depends on.
    [stores, key],
  );
  const current = () => (key === undefined ? undefined : stores?.get(key)?.snapshot) ?? initial;
  return useSyncExternalStore(subscribe, current, () => initial);
}

/** Whether a user should know: it is neither repeated by itself nor shown at its message. @param {ChatError} error */
const matters = ({ code, retryable, clientMessageId }) =>
  !clientMessageId && (!retryable || code === "CONNECT" || code === "REFUSED");

/**
 * A wrong id or name is an error to show. React would take the page away if it were thrown here.
 *
 * @template T @param {{ set(change: { error: ChatError }): void }} store @param {() => T} create @returns {T | undefined}
 */
function attempt(store, create) {
  try {
    return create();
  } catch (cause) {
    store.set({ error: new ChatError("BAD_REQUEST", /** @type {Error} */ (cause).message) });
    return undefined;
  }
}

/** @type {Map<string, Store<ChatSnapshot>>} */
const chats = new Map();

/** What the components passed last, by the key of the chat. @type {Map<string, ClientOptions["getToken"]>} */
const tokens = new Map();

/** @param {string} url @param {ClientOptions | null | undefined} options */
export function useChat(url, options) {
  const { userId, senderName, tokenAsSubprotocol, getToken } = options ?? {};
  const key = options ? JSON.stringify([url, userId, senderName, tokenAsSubprotocol, !!getToken]) : undefined;
  // Before the store starts, because its client connects at once.
  useEffect(() => {
    if (key !== undefined) tokens.set(key, getToken);
  });
  return useStore(chats, key, NO_CHAT, (store) => {
    const latest = getToken && {
      getToken: (/** @type {{ fresh: boolean }} */ need) => (tokens.get(key ?? "") ?? getToken)(need),
    };
    const client = attempt(store, () => new ChatClient(url, { .../** @type {ClientOptions} */ (options), ...latest }));
    if (!client) return () => {};
    client.on("state", (state) => {
      store.set({ state, retryInMs: client.retryInMs, ...(state === "online" && { error: undefined }) });
    });
    client.on("error", (error) => {
      if (error.groupId === undefined && matters(error)) store.set({ error });
    });
    client.connect();
    store.set({ client });
    return () => {
      tokens.delete(key ?? "");
      client.close();
    };
  });
}

/**
 * The stores of a client. They go with it.
 *
 * @type {WeakMap<Chat, { groups: Map<string, Store<GroupSnapshot>>, unread: Map<string, Store<UnreadSnapshot>> }>}
 */
const shared = new WeakMap();

/** @param {Chat} client */
function storesOf(client) {
  const stores = shared.get(client) ?? { groups: new Map(), unread: new Map() };
  shared.set(client, stores);
  return stores;
}

/** @param {Chat | undefined} client @param {string | undefined} groupId @param {{ events?: boolean }} [options] */
export function useGroup(client, groupId, { events = true } = {}) {
  const stores = client && storesOf(client).groups;
  const snapshot = useStore(stores, groupId, NO_GROUP, (store) => {
    const room = attempt(store, () => /** @type {Chat} */ (client).group(/** @type {string} */ (groupId)));
    if (!room) return () => {};
    const stops = [
      room.on("state", (state) =>
        store.set({ state, canChange: room.canChange, ...(state === "online" && { error: undefined }) }),
      ),
      room.on("messages", (messages) => store.set({ messages, hasOlder: room.hasOlder })),
      room.on("error", (error) => {
        if (error.groupId === groupId && matters(error)) store.set({ error });
      }),
    ];
    const { state, messages, hasOlder, canChange, presence, typing, readers } = room;
    store.set({ room, state, messages, hasOlder, canChange, presence, typing, readers });
    return () => {
      for (const stop of stops) stop();
      room.close();
    };
  });
  const { room } = snapshot;
  useEffect(() => {
    const store = stores?.get(groupId ?? "");
    if (!events || !room || !store) return undefined;
    const stops = [
      room.on("presence", (presence) => store.set({ presence })),
      room.on("typing", (typing) => store.set({ typing })),
      room.on("readers", (readers) => store.set({ readers })),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [stores, groupId, room, events]);
  return snapshot;
}

/** @param {Chat | undefined} client */
export function useUnread(client) {
  return useStore(client && storesOf(client).unread, "", NO_LIST, (store) => {
    const chat = /** @type {Chat} */ (client);
    const ask = () => {
      if (chat.state !== "online" || store.snapshot.groups) return;
      // The list comes as an event, but a refusal only as the answer.
      chat.groups().catch((error) => {
        if (matters(error)) store.set({ error });
      });
    };
    const stops = [
      chat.on("groups", (groups) => {
        const unread = groups.reduce((sum, group) => sum + group.unread, 0);
        store.set({ groups, unread, unreadMore: groups.some((group) => group.unreadMore), error: undefined });
      }),
      chat.on("state", ask),
    ];
    ask();
    return () => {
      for (const stop of stops) stop();
    };
  });
}
