/** The public surface of chat-client.js. How to use it: docs/client.md. What goes over the wire: docs/protocol.md. */

/**
 * Durations of the client, in milliseconds, and their defaults. The limits are those of
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
 */
export interface Timing {
  /** A socket that is not open by then, `getToken` included, is given up. 15 s. */
  connectTimeoutMs: number;
  /** How long an answer may take. A missing ack is asked for again; a missing pong means a dead connection. 10 s. */
  replyTimeoutMs: number;
  /**
   * Time between keep-alives, which also fetch what a failed push may have left out. API Gateway closes a connection
   * that is idle for 10 minutes. 4 min.
   */
  pingIntervalMs: number;
  /**
   * Latest time to move to a new socket; the move begins at random within the last tenth of it. API Gateway ends every
   * connection after 2 hours. Keep it below the lifetime of your tokens. 1 h 55 min.
   */
  maxConnectionMs: number;
  /** Ceiling of the random delay before the second attempt at something; doubles with each further one. 1 s. */
  backoffBaseMs: number;
  /** Ceiling of every such delay. 30 s. */
  backoffMaxMs: number;
  /** When history is asked once more after a recovery, because index reads lag writes. 4 s. */
  resyncDelayMs: number;
  /** At most one "is typing" is sent in this time. 3 s. */
  typingIntervalMs: number;
}

export interface Options {
  /** The deployment's `WebSocketURL`. */
  url: string;
  groupId: string;
  /** This user's id; with authentication on, the one in the token. */
  userId: string;
  /** Name that others see. Default: `userId`. */
  senderName?: string;
  /** Called before every connection; what it returns travels as `token` in the query. */
  getToken?: () => string | Promise<string>;
  /** Keeps unsent messages over reloads. Default `localStorage`; null: they live as long as the page. */
  storage?: Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem"> | null;
  /** Tells which page owns which unsent messages. Default `navigator.locks`. */
  locks?: Pick<LockManager, "request">;
  /** Default: the global one. */
  WebSocket?: new (url: string) => WebSocket;
  /** Default: the global functions. */
  clock?: { setTimeout(callback: () => void, ms: number): unknown; clearTimeout(timer: any): void };
  /** Spreads attempts: from 0 to below 1. Default `Math.random`. */
  random?: () => number;
  timing?: Partial<Timing>;
}

/**
 * - `idle`: `connect()` has not been called
 * - `connecting`: a socket is opening
 * - `syncing`: connected, what was missed is being fetched; sending works
 * - `online`: connected and complete
 * - `waiting`: not connected, the next attempt comes in `retryInMs`
 * - `closed`: `close()` has been called
 */
export type State = "idle" | "connecting" | "syncing" | "online" | "waiting" | "closed";

/** A message as it is shown. Never changed: a new object takes its place, under its `key`, when something changes. */
export interface Message {
  /** Unique in the list, and the same from sending to sent. */
  key: string;
  /** The server's id. None while the message is not sent. */
  messageId?: string;
  /** The sender's id for it, by which the server recognises a retry. */
  clientMessageId?: string;
  groupId: string;
  senderId: string;
  senderName?: string;
  /** The text. Show it as text, never as HTML. Empty where another program has stored more than a frame carries. */
  message: string;
  /** ISO 8601, UTC: the server's time, or this machine's while the message is not sent. */
  timestamp: string;
  /** Whether this user wrote it, here or on another device. */
  own: boolean;
  status: "sending" | "sent" | "failed";
  /** Why it failed: the server's code, and a sentence for people. */
  error?: { code: string; message: string };
}

export interface Presence {
  members: { userId: string; devices: number }[];
  /** Whether there are more members than these. */
  truncated: boolean;
}

/** What `on` delivers. All but `error` are the client's property of the same name, each time it has changed. */
export interface ChatEvents {
  state: State;
  messages: readonly Message[];
  presence: Presence;
  typing: readonly string[];
  /** Every refusal by the server and every local fault, also where the client tries again by itself. */
  error: ChatError;
}

/** Why something failed. */
export class ChatError extends Error {
  constructor(
    code: string,
    message: string,
    details?: Partial<Pick<ChatError, "retryable" | "retryAfterMs" | "clientMessageId">>,
  );
  /**
   * The server's code (docs/protocol.md), or one of the client's own: `TIMEOUT` no answer came, `DISCONNECTED` the
   * connection ended first, `CONNECT` no socket could be made or `getToken` failed, `STORAGE` unsent messages will not
   * survive a reload.
   */
  readonly code: string;
  /** Whether the same may succeed later. */
  readonly retryable: boolean;
  /** Least time to wait before that, in milliseconds. */
  readonly retryAfterMs: number;
  /** The message it is about. */
  readonly clientMessageId: string | undefined;
}

/** One user in one group. It lives once: after `close()`, make another. */
export class ChatClient {
  /**
   * Nothing is connected before `connect()`.
   *
   * @throws {TypeError} If `url` is no WebSocket address, or an id is empty.
   */
  constructor(options: Options);

  readonly state: State;
  /** In `waiting`: from its beginning to the next attempt, in milliseconds. */
  readonly retryInMs: number;
  /** Sent messages in the group's order, then one's own unsent. */
  readonly messages: readonly Message[];
  /** Who is connected to the group; while not connected, who was. */
  readonly presence: Presence;
  /** Ids of the other users who are typing. */
  readonly typing: readonly string[];
  /** Whether `loadOlder()` would bring more. */
  readonly hasOlder: boolean;

  /** Listen to an event. The function that is returned ends it. */
  on<E extends keyof ChatEvents>(event: E, listener: (payload: ChatEvents[E]) => void): () => void;

  /**
   * Connect, and stay connected until `close()`. Inherits unsent messages of this user's pages that are gone.
   *
   * @throws {Error} If called twice.
   */
  connect(): void;

  /** Disconnect. Unsent messages stay in the storage, for another client of this user and group. */
  close(): void;

  /**
   * Say that the network may have changed: tries again at once, or checks that the connection lives. In a browser this
   * happens by itself when the network comes or goes and when the page is shown. Usable as a listener.
   */
  readonly wake: () => void;

  /**
   * Send a message, connected or not. It is in `messages` at once, survives a reload, and is repeated until the server
   * has stored or refused it. One's own messages are stored in the order in which they were sent.
   *
   * @returns Its `clientMessageId`.
   * @throws {TypeError} If there is no text but space.
   */
  send(message: string): string;

  /** Try a failed message again. */
  retry(clientMessageId: string): void;

  /** Drop a failed message. */
  discard(clientMessageId: string): void;

  /**
   * Add the page of messages before the oldest one.
   *
   * @returns Whether there are still older ones.
   * @throws {ChatError} DISCONNECTED without a connection, or the server's refusal.
   */
  loadOlder(): Promise<boolean>;

  /** Tell the others that this user is typing, or has stopped. Meant to be called on every keystroke: few are sent. */
  setTyping(isTyping?: boolean): void;
}
