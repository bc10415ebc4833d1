/** The list of groups at the side. On a phone it slides over the conversation. */
import { isId } from "../chat-client.js";
import { byId, copyOf, isTaken, moveFocus, part, showAvatar, showText, textOf } from "./elements.js";
import { showDayOrTime } from "./dates.js";
import { faultOf } from "./faults.js";
import { areNotSent } from "./leaving.js";
import { preview } from "./quote.js";

/** @import { Message } from "../chat-client.js" */
/**
 * @typedef {object} Group
 * @property {string} groupId
 * @property {Pick<Message, "messageId" | "senderId" | "senderName" | "message" | "omitted" | "deletedAt" | "timestamp"> | null} last The newest message. Those that are not sent are the newest.
 * @property {string} at When the newest one was sent or written. Empty if there is none.
 * @property {string} without What to say if there is no newest message.
 * @property {string} sender Who sent it, as it is shown.
 * @property {number} unread
 * @property {boolean} mentioned Whether an unread message mentions the user.
 * @property {boolean} more Whether there may be more unread messages.
 * @property {string} draft What the user has written there, and not sent.
 * @property {number} unsent How many messages are still to be sent, or have failed.
 * @property {boolean} failed Whether one of them has failed.
 */

const view = byId("chat-view");
const list = byId("group-list");
const toggle = byId("groups-toggle");
const field = /** @type {HTMLInputElement} */ (byId("other-group"));
const conversation = byId("conversation");
const wide = matchMedia("(min-width: 48rem)");

/** The group that the user has chosen last. The Tab key leads to it, also while the list covers it. */
const chosen = () => /** @type {HTMLElement | null} */ (list.querySelector("[tabindex='0']"));

/** @type {Map<string, { element: HTMLElement, look: string }>} */
const rows = new Map();

/**
 * Touch only what has changed.
 *
 * @param {readonly Group[]} groups The newest first. @param {string} current Id of the group that the user has chosen last.
 */
export function showGroups(groups, current) {
  const ids = new Set(groups.map(({ groupId }) => groupId));
  for (const [groupId, { element }] of rows) {
    if (ids.has(groupId)) continue;
    element.remove();
    rows.delete(groupId);
  }
  /** @type {Element | null} */
  let place = list.firstElementChild;
  for (const group of groups) {
    let row = rows.get(group.groupId);
    if (!row) rows.set(group.groupId, (row = { element: copyOf("group-template"), look: "" }));
    fill(row, group, group.groupId === current);
    if (row.element === place) place = place.nextElementSibling;
    else list.insertBefore(row.element, place);
  }
  const elsewhere = count(groups.filter(({ groupId }) => groupId !== current));
  part(toggle, "badge").hidden = !elsewhere;
  part(toggle, "count").textContent = elsewhere;
  part(toggle, "at").hidden = !groups.some(({ groupId, mentioned }) => groupId !== current && mentioned);
}

/** How many messages are unread in these groups. Empty if there are none. @param {readonly Group[]} groups */
export function count(groups) {
  const unread = groups.reduce((sum, group) => sum + group.unread, 0);
  return unread ? `${unread}${groups.some(({ more }) => more) ? "+" : ""}` : "";
}

/** @param {{ element: HTMLElement, look: string }} row @param {Group} group @param {boolean} current */
function fill(row, group, current) {
  const { groupId, last, without, sender, mentioned, draft, unsent, failed } = group;
  const shown = current && !coversConversation();
  const look = JSON.stringify([group, current, shown]);
  if (row.look === look) return;
  row.look = look;
  const { element } = row;
  const button = part(element, "group");
  button.dataset.group = groupId;
  if (shown) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
  // One stop for the Tab key, however many groups there are. The arrows go on from there.
  button.tabIndex = current ? 0 : -1;
  showAvatar(part(element, "avatar"), groupId, groupId);
  part(element, "name").textContent = groupId;
  part(element, "time").hidden = !last;
  if (last) showDayOrTime(part(element, "time"), last);
  part(element, "last").replaceChildren(...(last ? preview(sender, textOf(last)) : [without]));
  part(element, "draft").hidden = !draft;
  part(element, "draft").lastElementChild?.replaceChildren(draft);
  const mark = part(element, "unsent");
  mark.hidden = !unsent;
  mark.ariaLabel = mark.title = areNotSent(unsent);
  mark.classList.toggle("failed", failed);
  part(element, "badge").hidden = !group.unread;
  part(element, "at").hidden = !mentioned;
  part(element, "count").textContent = count([group]);
}

/** The days are other days now, so show all times again. */
export function forgetDays() {
  for (const row of rows.values()) row.look = "";
}

/**
 * @param {(groupId: string) => void} choose The user wants to see this group, and to join it if it is new.
 * @param {(typed: string) => Promise<string | undefined>} meant The group that they mean by a name. Undefined for no group.
 */
export function onChoose(choose, meant) {
  list.addEventListener("click", ({ target }) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (target).closest(".group"));
    if (button?.dataset.group) choose(button.dataset.group);
  });
  document.addEventListener("keydown", ({ key }) => {
    const groupId = chosen()?.dataset.group;
    if (key !== "Escape" || !coversConversation() || !groupId) return;
    choose(groupId);
    toggle.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || view.hidden || !(event.key in STEPS) || isTaken(event)) return;
    event.preventDefault();
    const next = groupAt(chosen(), STEPS[event.key]);
    if (next?.dataset.group) choose(next.dataset.group);
  });
  const form = /** @type {HTMLFormElement} */ (byId("join-group"));
  field.addEventListener("input", () => showFault(""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const typed = field.value.trim().normalize();
    const fault = faultOf(typed, isId, "is too long");
    showFault(fault && `The name of the group ${fault}.`);
    const groupId = !fault && (await meant(typed));
    if (!groupId) return field.focus();
    form.reset();
    choose(groupId);
  });
}

/** @param {string} sentence What is wrong with the name of a group to join. Empty: nothing. */
function showFault(sentence) {
  field.setAttribute("aria-invalid", `${!!sentence}`);
  showText(byId("other-group-error"), sentence);
}

// With the keyboard

/** @type {Record<string, number>} */
const STEPS = { ArrowUp: -1, ArrowDown: 1 };

/** The group some steps from another one in the list, if there is one. @param {Element | null} group @param {number} steps */
function groupAt(group, steps) {
  const all = /** @type {HTMLElement[]} */ ([...list.querySelectorAll(".group")]);
  return all[all.findIndex((each) => each === group) + steps];
}

list.addEventListener("keydown", (event) => {
  if (event.altKey || !(event.key in STEPS)) return;
  event.preventDefault();
  groupAt(document.activeElement, STEPS[event.key])?.focus();
});

// On a phone

export const isOnPhone = () => !wide.matches;

/** Whether the list covers the conversation. */
export const coversConversation = () => view.classList.contains("listing");

/** @param {boolean} open */
export function openGroups(open) {
  const covers = open && !wide.matches;
  view.classList.toggle("listing", covers);
  conversation.inert = covers;
  toggle.ariaExpanded = `${covers}`;
  showFault("");
}

export function focusGroups() {
  const last = chosen();
  if (last) moveFocus(last);
}

/** @param {() => void} act What to do when the page becomes so wide that the list is beside the conversation. */
export const onWide = (act) => wide.addEventListener("change", () => wide.matches && act());
