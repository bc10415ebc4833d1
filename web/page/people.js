/** Who is in the group now, and who is typing. */
import { byId, isolated, showAvatar } from "./elements.js";

/** @import { Room } from "../chat-client.js" */
/** @import { Person } from "./completion.js" */
/** @import { Names } from "./names.js" */

const people = byId("people");
const toggle = byId("people-toggle");

/** What the list shows, to leave it alone until it changes. */
let shown = "";

/** @param {Room} room @param {Names} names @param {{ userId: string, name: string }} user The user of the page. */
export function showPeople(room, names, user) {
  const { members, truncated } = room.presence;
  // The server's list may lag, so add this user here.
  const ids = members.map(({ userId }) => userId).filter((userId) => userId !== user.userId);
  const others = named(ids, room, names).sort((a, b) => a.name.localeCompare(b.name));
  const look = JSON.stringify([user, others, truncated]);
  if (look === shown) return;
  shown = look;
  byId("members").replaceChildren(
    ...[{ ...user, own: true }, ...others.map((other) => ({ ...other, own: false }))].map(({ userId, name, own }) => {
      const item = document.createElement("li");
      const avatar = document.createElement("span");
      avatar.className = "avatar";
      avatar.ariaHidden = "true";
      showAvatar(avatar, userId, name);
      const who = document.createElement("span");
      who.append(isolated(name), own ? " (you)" : "");
      item.append(avatar, who);
      return item;
    }),
  );
  byId("more-members").hidden = !truncated;
  byId("people-count").textContent = `${others.length + 1}${truncated ? "+" : ""}`;
}

/** @param {Iterable<string>} ids @param {Room} room @param {Names} names @returns {Person[]} */
const named = (ids, room, names) => [...ids].map((userId) => ({ userId, name: names.of(userId, room.nameOf(userId)) }));

/**
 * The others of a group: who is here now, then who has written, the last one first.
 *
 * @param {Room} room @param {Names} names @param {string} ownId
 */
export function othersOf(room, names, ownId) {
  const here = room.presence.members.map(({ userId }) => userId);
  const ids = new Set([...here, ...room.messages.map(({ senderId }) => senderId).reverse()]);
  ids.delete(ownId);
  return named(ids, room, names).filter(({ name }) => name !== "?");
}

/** @param {Room} room @param {Names} names */
export function showTyping(room, names) {
  const [first, second, third] = room.typing.map((userId) => isolated(names.of(userId, room.nameOf(userId))));
  /** @type {(string | HTMLElement)[]} */
  let sentence = [];
  if (third) sentence = ["Several people are typing …"];
  else if (second) sentence = [first, " and ", second, " are typing …"];
  else if (first) sentence = [first, " is typing …"];
  byId("typing").replaceChildren(...sentence);
}

/** @param {boolean} open */
export function openPeople(open) {
  people.classList.toggle("open", open);
  toggle.ariaExpanded = `${open}`;
}

toggle.addEventListener("click", () => openPeople(toggle.ariaExpanded !== "true"));

document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !people.classList.contains("open")) return;
  openPeople(false);
  toggle.focus();
});
