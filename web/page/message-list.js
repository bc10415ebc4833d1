/** The messages of a group as a list of elements. Text only, never HTML. */
import { copyOf, isEmoji, part, showAvatar, showText, textOf } from "./elements.js";
import { dayOf, momentOf, nameOfDay, showTime, timeOf } from "./dates.js";
import { addressOf, splitAtLinks } from "./links.js";
import { mentionsUser, splitAtMentions, splitAtOwn } from "./mentions.js";
import { showQuote } from "./quote.js";
import { showReactions } from "./reactions.js";

/** @import { Message } from "../chat-client.js" */
/** @import { Names } from "./names.js" */
/** @typedef {["text" | "link" | "mark" | "person", string]} Part */
/** @typedef {{ element: HTMLElement, start: number, message?: Message, look?: string, parts?: string }} Row */
/**
 * @typedef {object} People Of the group.
 * @property {Names} names
 * @property {string} userId The user of the page.
 * @property {(userId: string) => string} nameOf The name to show.
 */

/** Messages that a sender sends within this time are one block, with one name and one time. */
const BLOCK_MS = 300_000;

const SYSTEM = "system";

/** Whether a person can answer a message, react to it or change it. @param {Message} message */
export const isOpenToActions = ({ status, deletedAt }) => status === "sent" && !deletedAt;

const STATUS = { sending: "Sending", sent: "Sent", failed: "Not sent" };

export class MessageList {
  element = document.createElement("ol");
  /** The element above the first unread message. */
  line = copyOf("line-template");

  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {readonly Message[]} */
  #shown = [];
  /** @type {string | undefined} */
  #unread;
  /** The key of each message by its id. @type {Map<string, string>} */
  #keys = new Map();
  /** The keys of the answers to each message. @type {Map<string, Set<string>>} */
  #answers = new Map();
  #people;
  #names;
  #version = 0;

  /** @param {People} people */
  constructor(people) {
    this.#people = people;
    this.#names = people.names;
    this.element.id = "messages";
  }

  /** The shown message with an id of the server. @param {string} [messageId] @returns {Message | undefined} */
  withId(messageId = "") {
    return this.message(this.#keys.get(messageId) ?? "");
  }

  /** @param {string} messageId @returns {HTMLElement | undefined} */
  elementOf(messageId) {
    return this.#rows.get(this.#keys.get(messageId) ?? "")?.element;
  }

  /** @param {string} key @returns {Message | undefined} */
  message(key) {
    return this.#rows.get(key)?.message;
  }

  /**
   * Touch only what has changed. A change is most often one message at one end.
   *
   * @param {readonly Message[]} messages @param {string} [unread] Key of the first unread message, for the line.
   */
  show(messages, unread) {
    const before = this.#shown;
    const { version } = this.#names;
    const [start, end, endBefore] =
      version === this.#version ? changedRange(before, messages) : [0, messages.length, before.length];
    this.#version = version;

    const keys = new Set(messages.slice(start, end).map(({ key }) => key));
    const gone = before.slice(start, endBefore).filter(({ key }) => !keys.has(key));
    for (const { key, messageId = "", replyTo = "" } of gone) {
      this.#rows.get(key)?.element.remove();
      this.#rows.delete(key);
      this.#keys.delete(messageId);
      this.#answers.get(replyTo)?.delete(key);
    }
    const moved = unread === this.#unread ? [] : [this.#unread, unread];
    this.#shown = messages;
    this.#unread = unread;
    this.#placeFrom(start, end);
    for (const { messageId = "" } of [...gone, ...messages.slice(start, end)])
      for (const key of this.#answers.get(messageId) ?? []) this.#quote(key);
    for (const key of moved) {
      const index = key ? messages.findIndex((message) => message.key === key) : -1;
      if (index >= 0) this.#placeFrom(index, index);
    }
    const below = unread && this.#rows.get(unread)?.element;
    if (!below) this.line.remove();
    else if (this.line.parentElement !== below) part(below, "day").after(this.line);
  }

  /** Show the names of the days again, because it is another day now. */
  renameDays() {
    for (const { element, message } of this.#rows.values())
      if (message) part(element, "day").textContent = nameOfDay(dayOf(timeOf(message)));
  }

  /**
   * Place the messages of a range, and those after it as long as they are in other blocks than before.
   *
   * @param {number} start @param {number} end
   */
  #placeFrom(start, end) {
    for (let index = start; index < this.#shown.length; index++) {
      const row = this.#rows.get(this.#shown[index].key);
      const block = row?.start;
      if (this.#place(index).start === block && index >= end) return;
    }
  }

  /** @param {number} index */
  #place(index) {
    const message = this.#shown[index];
    const previous = this.#shown[index - 1];
    let row = this.#rows.get(message.key);
    if (!row) this.#rows.set(message.key, (row = { element: copyOf("message-template"), start: 0 }));
    const above = previous && this.#rows.get(previous.key);
    this.#fill(row, message, previous, above?.start);
    const place = above ? above.element.nextElementSibling : this.element.firstElementChild;
    if (place !== row.element) this.element.insertBefore(row.element, place);
    return row;
  }

  /** @param {Row} row @param {Message} message @param {Message} [previous] @param {number} [start] Of the previous one's block. */
  #fill(row, message, previous, start = 0) {
    const time = timeOf(message);
    const day = dayOf(time);
    const newDay = !previous || dayOf(timeOf(previous)) !== day;
    const continued =
      !newDay &&
      previous.senderId === message.senderId &&
      (previous.type === SYSTEM) === (message.type === SYSTEM) &&
      +time - start < BLOCK_MS &&
      message.key !== this.#unread;
    row.start = continued ? start : +time;
    const name = this.#names.of(message.senderId, message.senderName);
    const mentions = message.message.includes("@") ? this.#names.version : "";
    const reactions = message.reactions ? this.#names.version : "";
    const look = `${newDay} ${continued} ${name} ${mentions} ${reactions}`;
    if (row.message === message && row.look === look) return;
    const { element } = row;
    // A screen reader would read the whole text of an old message again, as if it were new.
    if (row.message && row.message.changedAt !== message.changedAt) element.ariaLive = "off";
    row.message = message;
    row.look = look;
    if (message.messageId) this.#keys.set(message.messageId, message.key);

    const isSystem = message.type === SYSTEM;
    element.className = `${message.own && !isSystem ? "own" : ""} ${continued ? "continued" : ""}`;
    element.classList.toggle("system", isSystem);
    element.classList.toggle("deleted", !!message.deletedAt);
    element.classList.toggle("mention", mentionsUser(message, this.#names));
    element.classList.toggle("emoji", isEmoji(textOf(message)) && !message.replyTo);
    element.dataset.status = message.status;
    element.dataset.key = message.key;
    showText(part(element, "day"), nameOfDay(day));
    part(element, "day").hidden = !newDay;
    showAvatar(part(element, "avatar"), message.senderId, name);
    showText(part(element, "name"), message.own ? "You" : name);
    showTime(part(element, "time"), message);
    const edited = part(element, "edited");
    const isEdited = !!message.editedAt && !message.deletedAt;
    edited.hidden = !isEdited;
    if (isEdited) edited.title = momentOf(message.editedAt);
    // A message without a time of its own says it beside its text.
    const place = part(element, continued ? "beside" : "by");
    if (edited.parentElement !== place) place.append(edited);
    const parts = partsOf(message, this.#names);
    if (row.parts !== JSON.stringify(parts)) part(element, "text").replaceChildren(...parts.map(elementOf));
    row.parts = JSON.stringify(parts);
    const status = part(element, "status");
    status.hidden = !message.own;
    status.ariaLabel = status.title = STATUS[message.status];
    status.role = "img";
    part(element, "more").hidden = !isOpenToActions(message);
    showReactions(part(element, "reactions"), message.reactions, this.#people);
    this.#quote(message.key);
    part(element, "trouble").hidden = !message.error;
    showText(part(element, "reason"), message.error ? `Not sent: ${message.error.message}.` : "");
  }

  /** Show which message another one answers. @param {string} key Of the answer. */
  #quote(key) {
    const { element, message } = this.#rows.get(key) ?? {};
    if (!element || !message) return;
    const { replyTo } = message;
    const quote = part(element, "quote");
    quote.hidden = !replyTo || !!message.deletedAt;
    if (!replyTo) return;
    this.#answers.set(replyTo, (this.#answers.get(replyTo) ?? new Set()).add(key));
    this.showQuote(quote, replyTo);
  }

  /** @param {HTMLElement} element @param {string} messageId */
  showQuote(element, messageId) {
    showQuote(element, this.withId(messageId), this.#people);
  }
}

/** The text, with links, and with mentions marked. @param {Message} message @param {Names} names @returns {Part[]} */
function partsOf(message, names) {
  /** @type {(texts: string[], every: Part[0], other: (text: string) => Part[]) => Part[]} */
  const each = (texts, kind, other) =>
    texts.flatMap((text, index) => (index % 2 ? [/** @type {Part} */ ([kind, text])] : text ? other(text) : []));
  const plain = (/** @type {string} */ text) => [/** @type {Part} */ (["text", text])];
  const isForUser = mentionsUser(message, names);
  // Nobody sees spaces at the ends of lines, but they break lines.
  const shown = textOf(message).replace(/[^\S\n]+$/gmu, "");
  return each(splitAtLinks(shown), "link", (text) =>
    each(splitAtMentions(text, names), "person", (text) =>
      isForUser ? each(splitAtOwn(text), "mark", plain) : plain(text),
    ),
  );
}

/** @param {Part} part */
function elementOf([kind, text]) {
  const address = kind === "link" ? addressOf(text) : "";
  if (kind === "text" || (kind === "link" && !URL.canParse(address))) return text;
  const element = document.createElement(kind === "link" ? "a" : kind === "mark" ? "mark" : "span");
  element.textContent = text;
  // The "@" stands where the name begins.
  if (kind !== "link") element.dir = "auto";
  if (kind === "person") element.className = kind;
  if (element instanceof HTMLAnchorElement) {
    // A long address breaks between its parts.
    const pieces = text.split(/(?<=[/.?&])(?=[^/.?&])/u);
    element.replaceChildren(
      ...pieces.flatMap((piece, index) => (index ? [document.createElement("wbr"), piece] : [piece])),
    );
    element.href = address;
    element.target = "_blank";
    // The other page must not reach this one. The page's referrer policy hides where the user came from.
    element.rel = "noopener noreferrer";
  }
  return element;
}

/**
 * What has changed between two lists: the start of it, its end in the new list, and its end in the old one.
 *
 * @param {readonly Message[]} old @param {readonly Message[]} messages
 */
export function changedRange(old, messages) {
  let start = 0;
  while (start < messages.length && messages[start] === old[start]) start++;
  let same = 0;
  const most = Math.min(old.length, messages.length) - start;
  while (same < most && old[old.length - 1 - same] === messages[messages.length - 1 - same]) same++;
  return [start, messages.length - same, old.length - same];
}
