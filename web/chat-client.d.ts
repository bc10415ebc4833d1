/** The public API of chat-client.js. docs/client.md shows how to use it, docs/protocol.md describes the frames. */

/**
 * Durations of the client, in milliseconds, from 1 to 2^31 - 1, the longest time of a timer. Each default is at the end
 * of its text. Source of API Gateway's limits:
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
 */
export interface Timing {
  /** Time to open a socket, `getToken` included. After it the client gives up and tries again. Default: 15 s. */
  connectTimeoutMs: number;
  /**
   * Time to wait for an answer. If an ack is missing, the client sends the message again. If a pong is missing, the
   * connection is dead. Default: 10 s.
   */
  replyTimeoutMs: number;
  /**
   * Longest time between keep-alives. Each comes at a random moment in the last tenth of this time. It is one frame for
   * up to 25 groups, which also fetches the messages that a failed push may have left out. API Gateway closes a
   * connection that is idle for 10 minutes, and a browser may run the timers of a hidden page a minute late.
   * Default: 8 min.
   */
  pingIntervalMs: number;
  /**
   * Longest use of one socket. The client moves to a new one at a random moment in the last tenth of this time. API
   * Gateway closes every connection after 2 hours. Default: 1 h 55 min.
   */
  maxConnectionMs: number;
  /** Maximum of the random delay before the first retry. It doubles with each further retry. Default: 1 s. */
  backoffBaseMs: number;
  /**
   * Maximum of every such delay. After a connection that was complete for this time, the next delay is short again.
   * Default: 30 s.
   */
  backoffMaxMs: number;
  /** Time from a recovery until the client asks for history once more, because index reads lag writes. Default: 4 s. */
  resyncDelayMs: number;
  /** The client sends at most one "is typing" in this time. Default: 3 s. */
  typingIntervalMs: number;
  /** The client sends at most one "read" of a group in this time. Default: 3 s. */
  markReadIntervalMs: number;
  /** Time after which `edit`, `delete` and `react` give up. Default: 1 min. */
  changeTimeoutMs: number;
}

/** What the client uses of a `WebSocket`. */
export interface Socket {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: string): void;
  close(): void;
}

export interface ClientOptions {
  /**
   * This user's id, 1 to 256 bytes in UTF-8. With authentication, it must be the one in the token. The client does
   * not normalize ids. If a person types one, pass `typed.normalize()`.
   */
  userId: string;
  /** The name that others see, at most 256 bytes in UTF-8. Default, and if nothing of it can be seen: `userId`. */
  senderName?: string;
  /**
   * The client calls it before every connect, waits for the result, and sends it as `token` in the query.
   *
   * With `fresh`, return a new token, not one that you keep: the last one is about to end, or the server may have refused
   * it.
   */
  getToken?: (need: { fresh: boolean }) => string | Promise<string>;
  /**
   * Send the token as a subprotocol instead. API Gateway takes URLs of at most 4,096 characters, and 8,192 bytes of token
   * as a subprotocol. Addresses appear in logs, subprotocols do not. Default: false.
   */
  tokenAsSubprotocol?: boolean;
  /**
   * Keeps unsent messages over reloads. Default: `localStorage`. With null, and where there is no `localStorage`, they are
   * lost when the page closes.
   */
  storage?: Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem"> | null;
  /** Records which page owns which unsent messages. Default: `navigator.locks`. */
  locks?: Pick<LockManager, "request">;
  /** Default: the global `WebSocket`. Node.js 20 has none: pass that of the npm package `ws`. */
  WebSocket?: new (url: string, protocols: string[]) => Socket;
  /** Default: the global `setTimeout` and `clearTimeout`. */
  clock?: { setTimeout(callback: () => void, ms: number): unknown; clearTimeout(timer: any): void };
  /** Returns a number from 0 to below 1, which spreads retries. Default: `Math.random`. */
  random?: () => number;
  timing?: Partial<Timing>;
}

/** Options of a client of one group. */
export interface Options extends ClientOptions {
  /** The output `WebSocketURL` of the deployment. */
  url: string;
  /** 1 to 256 bytes in UTF-8. */
  groupId: string;
}

/**
 * - `idle`: `connect()` has not been called
 * - `connecting`: a socket is opening
 * - `syncing`: connected, and fetching what was missed. You can send already
 * - `online`: connected, and every message is here
 * - `waiting`: not connected, the next attempt comes in `retryInMs`
 * - `closed`: `close()` has been called. Of a group: or the server refused it, and an error said why
 */
export type State = "idle" | "connecting" | "syncing" | "online" | "waiting" | "closed";

/** A message to show. The object never changes: after a change, a new object with the same `key` replaces it. */
export interface Message {
  /** Unique in the list. It stays the same when the message changes from sending to sent. */
  key: string;
  /** The server's id. Missing until the message is sent. */
  messageId?: string;
  /** The sender's id for the message. The server recognises a retry by it. */
  clientMessageId?: string;
  groupId: string;
  senderId: string;
  senderName?: string;
  /** The text. Show it as text, never as HTML. Empty if another program stored none. */
  message: string;
  /** Whether another program stored a message that is too large for a frame. It comes without its text. */
  omitted?: boolean;
  /** What kind of message it is, as its sender said. `system`: it is from the back end. */
  type?: string;
  /** The `messageId` of the message that it answers, as its sender said. */
  replyTo?: string;
  /** What its sender added. Check it: other people's programs wrote it. */
  data?: Record<string, unknown>;
  /** When the message was last changed. Missing if it never was. Each version has a later one. */
  changedAt?: string;
  /** When its text was last changed. */
  editedAt?: string;
  /** When it was deleted. `message` is empty then. */
  deletedAt?: string;
  /** The ids of the users of each reaction. */
  reactions?: Record<string, string[]>;
  /** ISO 8601 in UTC: the server's time, or this machine's time until the message is sent. */
  timestamp: string;
  /** Whether this user wrote it, on this or another device. */
  own: boolean;
  status: "sending" | "sent" | "failed";
  /** Why it failed: a code, and a sentence to show. */
  error?: { code: string; message: string };
}

/** What can go with a message. The server stores it as it is. */
export interface MessageOptions {
  /** What kind of message it is, such as `image`: 1 to 256 bytes in UTF-8. The server refuses `system`. */
  type?: string | null | undefined;
  /** The `messageId` of the message that it answers. */
  replyTo?: string | null | undefined;
  /** At most 2,048 bytes as JSON. */
  data?: object | null | undefined;
}

/** The answer to a change of a message. */
export interface Changed {
  messageId: string;
  /** When the message was last changed. Missing if it never was. */
  changedAt?: string;
}

export interface Presence {
  /** `name` is what the user's client gave. It is missing if the client gave none. */
  members: { userId: string; name?: string; devices: number }[];
  /** Whether there are more members than these. The client then does not ask again until it reconnects. */
  truncated: boolean;
}

/** A place in a group's order: that of a message. */
export interface Position {
  messageId: string;
  /** ISO 8601 in UTC. */
  timestamp: string;
}

/** How far a user has read, on any device. */
export interface Reader extends Position {
  userId: string;
}

/** What `on` delivers. Except for the last three, each is the property of that name, whenever it has changed. */
export interface ChatEvents {
  state: State;
  messages: readonly Message[];
  presence: Presence;
  typing: readonly string[];
  readers: readonly Reader[];
  /**
   * A message that was edited, deleted or reacted to, as it is now. It comes once for each version, after `messages`, which
   * has it, too. A version that is older than the last one does not come. The message may be from before those in
   * `messages`. A message that was changed before it came is new, and comes in `messages` only.
   */
  change: Message;
  /**
   * The client was away for so long that changes are missing. Drop what you keep of the group. `messages` comes next, with
   * the newest page.
   */
  reset: undefined;
  /**
   * Refusals by the server and local faults, including those that the client retries. Not UNKNOWN_ACTION, the answer of a
   * chat without presence, typing, unread messages or changes.
   */
  error: ChatError;
}

/** The newest message of a group in the list of `groups()`. */
export interface LastMessage extends Position {
  senderId: string;
  senderName?: string;
  /** The first 200 characters of the text, or all of it. Empty as in `Message`. */
  message: string;
  omitted?: boolean;
  type?: string;
  deletedAt?: string;
}

/** A group in the list of `groups()`. */
export interface GroupSummary {
  groupId: string;
  /** Null if there is no message. */
  lastMessage: LastMessage | null;
  /** How many messages of others come after `readUpTo`. Deleted ones do not count. */
  unread: number;
  /** Whether there may be more unread messages than `unread` says. Show it as "100+". */
  unreadMore: boolean;
  /** How far this user has read, on any device. Null: nothing yet. */
  readUpTo: Position | null;
}

/** What `on` of a client of many groups delivers. */
export interface ClientEvents extends Pick<ChatEvents, "state" | "error"> {
  /** The list of `groups()`, now and whenever it changes. It never comes if the chat does not count unread messages. */
  groups: readonly GroupSummary[];
}

/** Why something failed. */
export class ChatError extends Error {
  constructor(
    code: string,
    message: string,
    details?: Partial<Pick<ChatError, "retryable" | "retryAfterMs" | "groupId" | "clientMessageId">>,
  );
  /**
   * The server's code (docs/protocol.md), or one of the client's own:
   * - `TIMEOUT`: no answer came
   * - `DISCONNECTED`: the connection ended before the answer
   * - `CONNECT`: the socket could not be created, or `getToken` failed
   * - `REFUSED`: two or more connections in a row did not open, one of them with a fresh token. The server cannot be
   *   reached, or refuses the user. The client goes on trying
   * - `STORAGE`: unsent messages will be lost on a reload
   */
  readonly code: string;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Minimum time to wait before a retry, in milliseconds. */
  readonly retryAfterMs: number;
  /** The group that the error is about, if the server named it. */
  readonly groupId: string | undefined;
  /** The message that the error is about. */
  readonly clientMessageId: string | undefined;
}

/** One group of a client. */
export interface Room {
  readonly groupId: string;
  readonly state: State;
  /** The sent messages in the group's order, then this user's unsent ones. */
  readonly messages: readonly Message[];
  /**
   * Who is connected to the group. It comes while something listens to `presence` or `typing`. At other times, and while
   * the client is not connected: who was, at last report.
   */
  readonly presence: Presence;
  /** Ids of the other users who are typing. It comes while something listens to `presence` or `typing`. */
  readonly typing: readonly string[];
  /**
   * How far each user has read, this user included. A user has read the messages whose `timestamp` is not after theirs
   * here. It comes while something listens to `readers`, if the chat counts unread messages. In a group with more members
   * than `readReceiptLimit` (20), what the others read comes only when the client joins.
   */
  readonly readers: readonly Reader[];
  /** Whether `loadOlder()` would find more. */
  readonly hasOlder: boolean;
  /** Whether the chat has `edit`, `delete` and `react`. It is known once the state has been `online`. Until then, false. */
  readonly canChange: boolean;

  /** Listen to an event. Call the returned function to stop. */
  on<E extends keyof ChatEvents>(event: E, listener: (payload: ChatEvents[E]) => void): () => void;

  /**
   * Send a message, connected or not. It is in `messages` at once and survives a reload. The client repeats it until
   * the server has stored or refused it, even after `close()` of the room. The server stores your messages of a group in
   * the order in which you sent them.
   *
   * @param options Kept and repeated with the message.
   * @returns Its `clientMessageId`.
   * @throws {TypeError} If `message` is no string, or has nothing that can be seen (`isVisible`), or an option is not valid.
   */
  send(message: string, options?: MessageOptions): string;

  /**
   * Give one of your messages another text. `change` brings the message as it is then.
   *
   * `edit`, `delete` and `react` work connected or not. The client repeats each until the server has answered, even over
   * several connections, but does not keep it over a reload. It sends the changes in the order of your calls.
   *
   * @param messageId The server's id, of a message that is sent.
   * @throws {TypeError} If the text is no string, or has nothing that can be seen.
   * @throws {ChatError} The server's refusal: FORBIDDEN if the message is not yours, NOT_FOUND if it is deleted,
   *   UNKNOWN_ACTION if the chat has no changes, TOO_LARGE, BAD_REQUEST. Or TIMEOUT after `changeTimeoutMs`: the server may
   *   have made the change. Or DISCONNECTED if the client is closed.
   */
  edit(messageId: string, message: string): Promise<Changed>;

  /** Delete a message: one of yours, or as a moderator. It keeps its place, without its text. As `edit` otherwise. */
  delete(messageId: string): Promise<Changed>;

  /**
   * Add your reaction to a message, or take it away. As `edit` otherwise. TOO_LARGE: the message has no room for it.
   *
   * @param reaction 1 to 64 bytes in UTF-8, usually an emoji.
   * @param on Default: true.
   */
  react(messageId: string, reaction: string, on?: boolean): Promise<Changed>;

  /** Try a failed message again. */
  retry(clientMessageId: string): void;

  /** Drop a failed message. */
  discard(clientMessageId: string): void;

  /**
   * Add the page of messages before the oldest one.
   *
   * @returns Whether there are even older messages.
   * @throws {ChatError} DISCONNECTED if there is no connection, or the server's refusal.
   */
  loadOlder(): Promise<boolean>;

  /** Tell the others that this user is typing or has stopped. Call it on every keystroke: the client sends only a few. */
  setTyping(isTyping?: boolean): void;

  /**
   * The user has read the newest message in `messages`. Call it when the user sees new messages, connected or not, as
   * often as you like: the client sends only a few, and never moves back. It does nothing if the chat does not count
   * unread messages.
   */
  markRead(): void;

  /** The name that a user last gave to presence, typing or a message here. The id of a user who gave none. */
  nameOf(userId: string): string;

  /** Leave the group: its messages do not come any more. `group()` of the client joins again, with the same room. */
  close(): void;
}

/** One user in many groups, over one connection. Use it once: after `close()`, create another. */
export interface Chat {
  /** `online` when every room that was open at the connect has all its messages. */
  readonly state: State;
  /** While `waiting`: time from the start of the wait to the next attempt, in milliseconds. */
  readonly retryInMs: number;

  /** Listen to an event. Errors of all rooms come here, too. Call the returned function to stop. */
  on<E extends keyof ClientEvents>(event: E, listener: (payload: ClientEvents[E]) => void): () => void;

  /**
   * Connect, and stay connected until `close()`. Takes over unsent messages from this user's pages that have closed.
   *
   * @throws {Error} If called twice.
   */
  connect(): void;

  /** Disconnect. Unsent messages stay in the storage. Another client of this user will send them. */
  close(): void;

  /**
   * Tell the client that the network may have changed. It retries at once, or checks that the connection still works.
   * A browser does this itself when the network comes or goes and when the page is shown. You can pass `wake` as a
   * listener.
   */
  readonly wake: () => void;

  /**
   * The room of a group, which the client joins, and joins again after each reconnect. Calls with the same id return the
   * same room. Rooms that you take at the same moment are joined together.
   *
   * @throws {TypeError} If the id is empty, or has more than 256 bytes in UTF-8.
   */
  group(groupId: string): Room;

  /**
   * Ask for the user's groups, with unread messages and the newest message, the newest first. These are the groups in
   * which the members table has the user. Without that table, they are those that the user has joined now or read in.
   *
   * While something listens to `groups`, the client asks after each connect, and adds what its rooms receive.
   *
   * @throws {ChatError} DISCONNECTED if there is no connection, or UNKNOWN_ACTION if the chat does not count unread
   *   messages.
   */
  groups(): Promise<readonly GroupSummary[]>;
}

/** One user in one group. It is the client and the room at once, and `close()` ends both. */
export interface ChatClient extends Omit<Room, "groupId" | "close">, Omit<Chat, "on"> {}

/**
 * Whether a person can see something of a text: it is a string with more than white space, control characters and what
 * fonts leave out, such as U+200B, or draw as a blank, such as U+2800. The client sends no other message or name.
 */
export const isVisible: (text: unknown) => boolean;

/** Whether a value can be a user id, a group or a name: a string of 1 to 256 bytes in UTF-8. */
export const isId: (value: unknown) => boolean;

/** Whether a value can be the URL of a chat: it begins with wss:// or ws://, and has no white space and no #. */
export const isUrl: (value: unknown) => boolean;

/**
 * Create a client. It connects only when you call `connect()`.
 *
 * @throws {TypeError} If the URL does not begin with wss:// or ws:// or has white space or a #, an id does not have 1 to
 *   256 bytes in UTF-8, a name has more, a time is unknown or not from 1 to 2^31 - 1 ms, the storage has other methods, or
 *   there is no WebSocket. The message names the option.
 */
export const ChatClient: {
  /** One user in many groups. `url` is the output `WebSocketURL` of the deployment. */
  new (url: string, options: ClientOptions): Chat;
  /** One user in one group. */
  new (options: Options): ChatClient;
};
