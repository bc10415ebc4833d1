/** The conversation of one group: what is in view, what is unread, and where the unread line is. */
import { onAct, refreshActions } from "./actions.js";
import { alert, endAlert } from "./alerts.js";
import { beginningOf } from "./beginning.js";
import { Changes } from "./changes.js";
import { showAbout } from "./composer.js";
import { changedRange, isOpenToActions, MessageList } from "./message-list.js";
import { byId, isolated, showText } from "./elements.js";
import { mentionsUser } from "./mentions.js";
import { Names } from "./names.js";
import { ask } from "./question.js";
import { lineOf } from "./quote.js";
import { reactionsOf } from "./reactions.js";

/** @import { ChatError, GroupSummary, Message, Position, Room } from "../chat-client.js" */
/**
 * @typedef {object} Reader
 * @property {string} userId
 * @property {() => boolean} isLooking Whether the user looks at the log now.
 * @property {() => boolean} isSettled Whether it is known if the server counts unread messages.
 * @property {(groupId: string) => GroupSummary | undefined} summary What the server counted, if it does.
 * @property {(text: string, replyTo?: string) => void} rewrite The user wants to write this text again.
 * @property {(messageId: string) => void} reply The user wants to answer a message.
 * @property {(messageId: string, text: string) => void} edit The user wants to give a message another text, and begins with this one.
 * @property {(message: Message) => void} arrived A message of another user is new and unread.
 * @property {() => void} sentElsewhere The user has sent a message, but not with this page.
 * @property {() => void} changed There are other messages, or other unread ones.
 */

const log = byId("log");
const newest = byId("newest");

/** Closer to the end than this, the log follows it, in pixels. */
const NEAR_END = 40;
/** Closer to the top than this, older messages are fetched, in pixels. */
const NEAR_TOP = 200;
/** What stays in view above the unread line, in pixels. */
const ABOVE_LINE = 80;
/** @type {Position} */
const BEGINNING = { timestamp: "", messageId: "" };
/** So many pages are fetched to find a message. */
const MOST_PAGES = 10;
/** How long a message that was looked for stands out. */
const FOUND_MS = 2_500;
/** Reason of an alert: a message was not found. */
const FAR = "far";
const THEN_DELETED = "Others will see “Message deleted” in its place.";

/** The conversation in the log. @type {Conversation | undefined} */
let shown;

export class Conversation {
  /** Number of other users' messages that the user has not seen. */
  unread = 0;
  /** Whether one of them mentions the user. */
  mentioned = false;
  room;
  names = new Names();
  list;
  changes;

  #reader;
  /** How far the user has read on this page. What the first history has is not new. @type {Position | undefined} */
  #readUpTo;
  /** Whether it was ever known how far the user has read. */
  #known = false;
  /** The unread line is after this message. @type {Position | undefined} */
  #line;
  /** Whether the first history was here at the last update: what came then is not new. */
  loaded = false;
  /** The messages of the last update. @type {readonly Message[]} */
  #messages = [];
  /** Unread messages that came late: their place is before what the user had read. @type {Message[]} */
  #late = [];
  /** How far the user had read then, here or on another device. @type {Position} */
  #lateAt = BEGINNING;
  /** Whether to keep the end in view when messages come. */
  #following = true;
  #scrolledTo = 0;
  /** Height of the log when the place in it was last looked at. */
  #height = 0;
  /** What was in view when another conversation came. @type {{ element?: HTMLElement, offset: number }} */
  #place = { offset: 0 };
  #frame = 0;
  #stops;

  /** @param {Room} room @param {Reader} reader */
  constructor(room, reader) {
    this.room = room;
    this.#reader = reader;
    const { userId } = reader;
    this.list = new MessageList({ names: this.names, userId, nameOf: (id) => this.names.of(id, room.nameOf(id)) });
    this.changes = new Changes(room, userId, () => this.update());
    this.#stops = [room.on("messages", () => this.update()), room.on("state", () => this.update())];
    this.#stops.push(room.on("presence", () => room.messages.length || this.update()));
    this.list.element.addEventListener("click", ({ target }) => this.#click(/** @type {HTMLElement} */ (target)));
  }

  /** Show it, or show it again after the user was away: from the first unread message on. */
  show() {
    const comes = shown !== this;
    if (comes) {
      shown?.hide();
      shown = this;
      byId("messages").replaceWith(this.list.element);
      resized.observe(this.list.element);
    }
    log.ariaBusy = "true";
    this.#draw();
    const { line } = this.list;
    if (this.#following && this.unread && line.parentElement) {
      log.scrollTop = line.parentElement.offsetTop + line.offsetTop - ABOVE_LINE;
      this.#scrolledTo = log.scrollTop;
      this.#following = isAtEnd();
    } else if (comes && !this.#following) {
      log.scrollTop = bottomOf(this.#place.element) - this.#place.offset;
    }
    this.update();
  }

  hide() {
    if (shown !== this) return;
    this.#keepPlace();
    if (!this.unread) this.#line = undefined;
    resized.unobserve(this.list.element);
    shown = undefined;
  }

  /** Leave the group. */
  close() {
    this.hide();
    for (const stop of this.#stops) stop();
    this.room.close();
  }

  /** @param {string} text @param {string} [replyTo] */
  send(text, replyTo) {
    this.#following = true;
    this.#line = undefined;
    this.room.send(text, { replyTo });
  }

  /** Learn what users are called. @param {readonly { userId: string, name?: string }[]} users */
  learn(users) {
    const { version } = this.names;
    for (const { userId, name } of users) this.names.learn(userId, name);
    if (this.names.version !== version) this.update();
  }

  // Reading

  /** Call it when the user looks at the page again, or the server has counted. */
  update() {
    const { room } = this;
    const last = room.messages.findLast(({ status }) => status === "sent");
    const newest = positionOf(last);
    if (room.state === "online" && this.#reader.isSettled()) this.#readUpTo ??= newest;
    const summary = this.#reader.summary(room.groupId);
    const readUpTo = summary ? (summary.readUpTo ?? BEGINNING) : this.#readUpTo;
    // The list of groups before the log, which asks the browser for its size.
    this.#reader.changed();
    if (shown === this) this.#frame ||= requestAnimationFrame(() => this.#draw());
    if (!readUpTo) return;

    const first = !this.#known;
    this.#known = true;
    const arrived = this.#arrived();
    // On another device the user may have read them since.
    if (isAfter(readUpTo, this.#lateAt)) this.#late = [];
    this.#lateAt = readUpTo;
    // What was read elsewhere while this page was not connected is not late, but not known here yet.
    const seen = this.#readUpTo ?? readUpTo;
    const late = arrived.filter((message) => !isAfter(message, readUpTo) && !isAfter(message, seen));
    this.#late = [...this.#late, ...late].flatMap((message) => this.#unlessDeleted(message));
    const counted = this.#after(readUpTo).filter(({ own, deletedAt }) => !own && !deletedAt);
    const unread = (summary?.unread ?? counted.length) + this.#late.length;
    if ((first || unread) && shown === this) this.#noteScroll(); // The scroll event may not have come yet.
    // The first time, the line comes before the user reads.
    const reads = !first && shown === this && this.#following && this.#reader.isLooking();
    // In a group that is new to the user, everything is.
    const isNew = first && readUpTo === BEGINNING;
    if (unread && !this.unread && !reads && !isNew) this.#line = readUpTo;
    // What came late stands above what was read.
    if (late.length && !reads) this.#line = earlier(this.#line, this.#before(late[0]));
    this.unread = reads ? 0 : unread;
    this.mentioned =
      this.unread > 0 && [...counted, ...this.#late].some((message) => mentionsUser(message, this.names));
    const news = arrived.at(-1);
    if (news && !reads) this.#reader.arrived(news);
    if (reads) {
      this.#late = [];
      this.#readUpTo = newest;
      room.markRead();
    }
    if (first && shown === this) this.show();
  }

  /** The messages of others that have come since the last time. The first history and older pages are not news. */
  #arrived() {
    const { messages, state } = this.room;
    const old = this.#messages;
    if (messages === old && this.loaded) return [];
    const loaded = this.loaded;
    this.loaded ||= state === "online";
    const [start, end, oldEnd] = changedRange(old, messages);
    const known = new Set(old.slice(start, oldEnd).map(({ key }) => key));
    const oldest = old.find(({ status }) => status === "sent");
    this.#messages = messages;
    const fresh = messages.slice(start, end).filter(({ key }) => !known.has(key));
    for (const { senderId, senderName } of fresh) this.names.learn(senderId, senderName);
    const arrived = fresh.filter(
      (message) => loaded && message.status === "sent" && (!oldest || isAfter(message, oldest)),
    );
    if (arrived.some(({ own }) => own)) this.#reader.sentElsewhere();
    return arrived.filter(({ own, deletedAt }) => !own && !deletedAt);
  }

  /** The version of a message that is there now. @param {Message} message */
  #unlessDeleted({ key }) {
    const version = this.room.messages.find((message) => message.key === key);
    return version && !version.deletedAt ? [version] : [];
  }

  /** The sent messages after a position. @param {Position} position @returns {readonly Message[]} */
  #after(position) {
    const { messages } = this.room;
    const index = messages.findLastIndex((message) => message.status === "sent" && !isAfter(message, position));
    return messages.slice(index + 1).filter(({ status }) => status === "sent");
  }

  /** The position before a message. @param {Message} message @returns {Position} */
  #before(message) {
    return positionOf(this.room.messages[this.room.messages.indexOf(message) - 1]);
  }

  /** Key of the message below the unread line. */
  #firstUnread() {
    if (!this.#line) return undefined;
    const first = this.#after(this.#line).find(({ own }) => !own);
    // It may be on a page that is not loaded yet.
    return this.room.hasOlder && first === this.room.messages[0] ? undefined : first?.key;
  }

  // Drawing

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (shown !== this) return;
    const { messages, hasOlder, state } = this.room;
    // The first one may go, with what the client drops after a long absence.
    const anchors = this.#following ? [] : this.#visible().map((element) => ({ element, place: bottomOf(element) }));
    const shows = messages.map((message) => this.changes.shown(message));
    this.list.show(shows, this.#firstUnread());
    log.classList.toggle("loading", !this.loaded);
    byId("older").hidden = !hasOlder;
    const beginning = beginningOf(this.room, this.#reader.userId, this.loaded);
    byId("beginning").hidden = !beginning;
    showText(byId("beginning"), beginning);
    const anchor = anchors.find(({ element }) => element.isConnected);
    if (this.#following) this.showEnd();
    else if (anchor) log.scrollTop += bottomOf(anchor.element) - anchor.place;
    this.#showNewest();
    showAbout();
    refreshActions();
    // Screen readers read out new messages, but not those that were there before.
    if (state === "online") log.ariaBusy = "false";
  }

  #showNewest() {
    const { unread } = this;
    newest.hidden = this.#following;
    newest.classList.toggle("icon", !unread);
    newest.ariaLabel = unread ? null : "Go to the newest message";
    newest.textContent = unread ? `${unread} new ${unread === 1 ? "message" : "messages"} ↓` : "↓";
  }

  // Scrolling

  showEnd() {
    log.scrollTop = log.scrollHeight;
    this.#scrolledTo = log.scrollTop;
    this.#height = log.clientHeight;
  }

  resized() {
    if (this.#following) this.showEnd();
  }

  scrolled() {
    this.#noteScroll();
    this.update();
    if (log.scrollTop < NEAR_TOP) this.loadOlder();
  }

  #noteScroll() {
    // A longer text below has moved the log, not the user.
    if (this.#following && log.clientHeight !== this.#height) return this.showEnd();
    const atEnd = isAtEnd();
    // Stop following only if the user scrolls up. The end also moves when a narrower window breaks lines.
    if (atEnd || log.scrollTop < this.#scrolledTo) this.#following = atEnd;
    this.#scrolledTo = log.scrollTop;
    this.#height = log.clientHeight;
  }

  #keepPlace() {
    const [element] = this.#visible();
    this.#place = { element, offset: bottomOf(element) - log.scrollTop };
  }

  /** The messages in sight, from the top. */
  #visible() {
    const all = /** @type {HTMLElement[]} */ ([...this.list.element.children]);
    const first = all.findIndex((child) => bottomOf(child) > log.scrollTop);
    const end = all.findIndex((child) => child.offsetTop > log.scrollTop + log.clientHeight);
    return first < 0 ? [] : all.slice(first, end < 0 ? undefined : end);
  }

  /** Bring a message into sight, and fetch older ones until it is there. @param {string} messageId */
  async goTo(messageId) {
    endAlert(FAR);
    for (let page = 0; page < MOST_PAGES && !this.list.withId(messageId) && this.room.hasOlder; page++) {
      const { length } = this.room.messages;
      await this.loadOlder();
      if (shown !== this) return;
      this.#draw();
      if (this.room.messages.length === length) break;
    }
    const element = this.list.elementOf(messageId);
    if (!element) return alert(FAR, "This message is not here. It may be too far back.", [["Close", () => {}]]);
    this.#following = false;
    log.scrollTop = element.offsetTop - (log.clientHeight - element.offsetHeight) / 2;
    const more = /** @type {HTMLElement} */ (element.querySelector(".more"));
    (more.hidden ? log : more).focus({ preventScroll: true });
    element.classList.add("found");
    setTimeout(() => element.classList.remove("found"), FOUND_MS);
  }

  async loadOlder() {
    const { room } = this;
    if (!room.hasOlder || room.state !== "online") return;
    // Older messages are not new, so screen readers must not read them out.
    log.ariaBusy = "true";
    try {
      await room.loadOlder();
    } catch {
      // The connection is gone, and the page shows that. Scrolling asks again.
    }
    this.update();
  }

  // What a person does with a message

  /** @param {HTMLElement} target */
  #click(target) {
    const button = target.closest("button");
    const key = /** @type {HTMLElement | null} */ (button?.closest("li"))?.dataset.key;
    const message = this.list.message(key ?? "");
    if (!button || !key || !message) return;
    const { replyTo } = message;
    if (button.classList.contains("quote")) this.goTo(replyTo ?? "");
    else if (button.classList.contains("chip")) this.act(key, button.dataset.reaction ?? "");
    else if (button.closest(".trouble")) {
      if (button.classList.contains("retry")) this.room.retry(key);
      else this.room.discard(key);
      this.#reader.rewrite(button.classList.contains("edit") ? message.message : "", replyTo);
    }
  }

  /** What the user can do with a message. @param {string} key */
  offers(key) {
    const message = this.list.message(key);
    if (!message || !isOpenToActions(message)) return undefined;
    const { canChange } = this.room;
    return {
      line: `${message.own ? "You" : this.names.of(message.senderId, message.senderName)}: ${lineOf(message)}`,
      reactions: canChange ? reactionsOf(message.reactions, this.#reader.userId) : undefined,
      isOwn: canChange && message.own && message.type !== "system",
    };
  }

  /** @param {string} key @param {string} action `reply`, `edit`, `delete`, or a reaction. */
  async act(key, action) {
    const message = this.list.message(key);
    const { messageId } = message ?? {};
    if (!message || !messageId) return;
    if (action === "reply") this.#reader.reply(messageId);
    else if (action === "edit") this.#reader.edit(messageId, message.message);
    else if (action === "delete") {
      const what = ["“", isolated(lineOf(message)), "”", document.createElement("br"), THEN_DELETED];
      if ((await ask(["Delete this message?"], what, "Keep it", "Delete")) === "other")
        this.#try("Not deleted", messageId, this.changes.delete(messageId));
    } else if (this.room.canChange) {
      const on = !reactionsOf(message.reactions, this.#reader.userId).includes(action);
      this.#try(
        on ? "Reaction not added" : "Reaction not removed",
        messageId,
        this.changes.react(messageId, action, on),
      );
    }
  }

  /** @param {string} messageId @param {string} text */
  edit(messageId, text) {
    if (this.list.withId(messageId)?.message === text) return;
    this.#try("Not edited", messageId, this.changes.edit(messageId, text), [
      ["Edit again", () => this.#reader.edit(messageId, text)],
    ]);
  }

  /** The user's last message that they can edit. */
  get lastOwn() {
    const key = this.room.messages.findLast(({ key }) => this.offers(key)?.isOwn)?.key ?? "";
    return this.list.message(key);
  }

  /**
   * Tell of a change that was not made. It is taken back already.
   *
   * @param {string} failed What has failed. @param {string} messageId @param {Promise<void>} change
   * @param {[string, () => void][]} [actions] What the user can do then.
   */
  async #try(failed, messageId, change, actions = []) {
    const reason = `${failed} ${messageId}`;
    endAlert(reason);
    try {
      await change;
    } catch (error) {
      const { message } = /** @type {ChatError} */ (error);
      alert(reason, `${failed}: ${message}.`, [...actions, ["Close", () => {}]]);
    }
  }
}

/** @param {Message | undefined} message @returns {Position} */
const positionOf = (message) =>
  message?.messageId ? { messageId: message.messageId, timestamp: message.timestamp } : BEGINNING;

/** @param {Pick<Message, "timestamp" | "messageId">} message @param {Pick<Message, "timestamp" | "messageId">} other */
const isAfter = (message, other) =>
  message.timestamp > other.timestamp ||
  (message.timestamp === other.timestamp && (message.messageId ?? "") > (other.messageId ?? ""));

/** @param {Position | undefined} one @param {Position} other */
const earlier = (one, other) => (one && isAfter(other, one) ? one : other);

const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_END;

// Not the top: it moves when an older message comes above and takes the day's heading.
/** @param {HTMLElement} [element] */
const bottomOf = (element) => (element ? element.offsetTop + element.offsetHeight : 0);

// The size changes with a phone's keyboard, a longer text below, or the width of the window.
const resized = new ResizeObserver(() => shown?.resized());
resized.observe(log);

log.addEventListener("scroll", () => shown?.scrolled());

byId("older").addEventListener("click", () => {
  shown?.loadOlder();
  log.focus();
});

newest.addEventListener("click", () => {
  shown?.showEnd();
  byId("text").focus();
});

onAct({
  offers: (key) => shown?.offers(key),
  act: (key, action) => shown?.act(key, action),
});
