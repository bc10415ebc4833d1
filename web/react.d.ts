/** The public API of react.js: hooks for React 18 and newer. docs/nextjs.md shows how to use them. */

import type {
  Chat,
  ChatError,
  ClientOptions,
  GroupSummary,
  Message,
  Presence,
  Reader,
  Room,
  State,
} from "./chat-client.js";

/** What `useChat` returns. It changes only when a property changes. */
export interface ChatSnapshot {
  /** Undefined until the first component is on the page: while a server renders, and in the first render. */
  readonly client: Chat | undefined;
  readonly state: State;
  /** While `waiting`: time from the start of the wait to the next attempt, in milliseconds. */
  readonly retryInMs: number;
  /**
   * The last error that is about no group and that the user should know: `getToken` failed, unsent messages cannot be
   * stored, or the server refused a request for good. It goes when the client is online again. For every error, listen
   * to `error` of the client.
   */
  readonly error: ChatError | undefined;
}

/** What `useGroup` returns. It changes only when a property changes. */
export interface GroupSnapshot {
  /** For what the user does: `send`, `markRead`, `loadOlder` and more. Undefined as long as there is no client. */
  readonly room: Room | undefined;
  readonly state: State;
  readonly messages: readonly Message[];
  readonly hasOlder: boolean;
  readonly canChange: boolean;
  readonly presence: Presence;
  readonly typing: readonly string[];
  readonly readers: readonly Reader[];
  /** The last error of this group that is not shown at a message, such as FORBIDDEN. It goes when the room is online again. */
  readonly error: ChatError | undefined;
}

/** What `useUnread` returns. It changes only when a property changes. */
export interface UnreadSnapshot {
  /** The user's groups, the one with the newest message first. Undefined until they have come. */
  readonly groups: readonly GroupSummary[] | undefined;
  /** Unread messages in all these groups. */
  readonly unread: number;
  /** Whether there may be more than `unread` says. */
  readonly unreadMore: boolean;
  /** UNKNOWN_ACTION if the chat does not count unread messages. */
  readonly error: ChatError | undefined;
}

/**
 * One user's connection. Components that pass the same `url`, `userId`, `senderName` and `tokenAsSubprotocol` share it.
 * It closes one second after the last of them has unmounted. Of `getToken` the client takes what you passed last, of the
 * other options what you passed first.
 *
 * @param url The output `WebSocketURL` of the deployment.
 * @param options Null as long as nobody is signed in: there is then no connection.
 */
export function useChat(url: string, options: ClientOptions | null | undefined): ChatSnapshot;

/**
 * A group. The user joins it with the first component that uses it, and leaves it one second after the last one has
 * unmounted. What was sent there is still sent.
 *
 * @param client From `useChat`.
 * @param groupId Undefined for no group.
 * @param options With `events: false` presence, typing and reads do not come, which saves messages. Default: true.
 */
export function useGroup(
  client: Chat | undefined,
  groupId: string | undefined,
  options?: { events?: boolean },
): GroupSnapshot;

/**
 * The user's groups with unread messages. New messages change it at once in groups that a component uses with `useGroup`.
 *
 * @param client From `useChat`.
 */
export function useUnread(client: Chat | undefined): UnreadSnapshot;
