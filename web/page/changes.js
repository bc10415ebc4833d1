/** Changes of messages that the user has made: shown at once, and taken back if the server refuses them. */
import { withReaction } from "./reactions.js";

/** @import { Changed, ChatError, Message, Room } from "../chat-client.js" */
/** @typedef {Partial<Pick<Message, "message" | "editedAt" | "deletedAt" | "reactions">>} Changeable */
/**
 * @typedef {object} Pending
 * @property {string} messageId
 * @property {(message: Changeable) => Changeable} make What the change gives the message.
 * @property {string} [doneAt] The version that has it. Missing until the server has answered.
 */

const now = () => new Date().toISOString();

export class Changes {
  #room;
  #userId;
  #changed;
  /** In the order in which the user made them. @type {Pending[]} */
  #pending = [];
  /** What was shown for a version, while nothing changes. @type {WeakMap<object, { changes: Pending[], shown: any }>} */
  #shown = new WeakMap();

  /** @param {Room} room @param {string} userId @param {() => void} changed There is something else to show. */
  constructor(room, userId, changed) {
    this.#room = room;
    this.#userId = userId;
    this.#changed = changed;
  }

  /** What to show for a message. @template {Changeable & { messageId?: string, changedAt?: string }} M @param {M} message @returns {M} */
  shown(message) {
    const { messageId, changedAt = "" } = message;
    if (!this.#pending.some((change) => change.messageId === messageId)) return message;
    this.#pending = this.#pending.filter(
      (change) => change.messageId !== messageId || change.doneAt === undefined || change.doneAt > changedAt,
    );
    const changes = this.#pending.filter((change) => change.messageId === messageId);
    if (!changes.length) return message;
    const known = this.#shown.get(message);
    if (known?.changes.length === changes.length && changes.every((change, index) => change === known.changes[index]))
      return known.shown;
    const shown = changes.reduce((made, { make }) => ({ ...made, ...make(made) }), message);
    this.#shown.set(message, { changes, shown });
    return shown;
  }

  /** @param {string} messageId @param {string} text */
  edit(messageId, text) {
    const make = () => ({ message: text, editedAt: now() });
    return this.#make({ messageId, make }, this.#room.edit(messageId, text));
  }

  /** @param {string} messageId */
  delete(messageId) {
    const make = () => ({ message: "", reactions: undefined, deletedAt: now() });
    return this.#make({ messageId, make }, this.#room.delete(messageId));
  }

  /** @param {string} messageId @param {string} reaction @param {boolean} on */
  react(messageId, reaction, on) {
    /** @type {Pending["make"]} */
    const make = ({ reactions }) => ({ reactions: withReaction(reactions, reaction, this.#userId, on) });
    return this.#make({ messageId, make }, this.#room.react(messageId, reaction, on));
  }

  /** @param {Pending} change @param {Promise<Changed>} answer @throws {ChatError} The reason if it was not made. */
  async #make(change, answer) {
    this.#pending.push(change);
    this.#changed();
    try {
      // Its version may come later than the answer. Without a version, the message was like that before.
      change.doneAt = (await answer).changedAt ?? "";
    } catch (error) {
      this.#pending = this.#pending.filter((other) => other !== change);
      throw error;
    } finally {
      this.#changed();
    }
  }
}
