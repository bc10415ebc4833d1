/** The address, which names the shown group, and where Back leads: to the group before, and on a phone to the list. */
import { isOnPhone } from "./groups.js";

/** Entry of the list, on a phone. */
const LIST = { inChat: true, list: true };

export const namedGroup = () => new URLSearchParams(location.search).get("group");

/** Whether the entry is that of the list. */
export const isAtList = () => isOnPhone() && !!history.state?.list;

/** @param {string} endpoint Of the user. @param {string} [groupId] */
function addressOf(endpoint, groupId) {
  const query = new URLSearchParams(location.search);
  if (groupId) query.set("group", groupId);
  else query.delete("group");
  if (query.has("endpoint")) query.set("endpoint", endpoint);
  return `${location.pathname}?${query}`.replace(/\?$/, "");
}

/** Name another group, or none, in the same entry. @param {string} endpoint Of the user. @param {string} [groupId] */
export function nameGroup(endpoint, groupId) {
  history.replaceState(history.state, "", addressOf(endpoint, groupId));
}

/** Add an entry for a group. On a phone, the entry before it is always that of the list. @param {string} endpoint Of the user. @param {string} groupId */
export function addGroup(endpoint, groupId) {
  const { inChat, list, overList } = history.state ?? {};
  const address = addressOf(endpoint, groupId);
  if (!isOnPhone()) {
    if (!inChat) history.replaceState({ inChat: true }, "", address);
    else if (address !== location.pathname + location.search) history.pushState({ inChat: true }, "", address);
  } else if (overList) history.replaceState({ inChat: true, overList }, "", address);
  else {
    if (!list) history.replaceState(LIST, "", addressOf(endpoint));
    history.pushState({ inChat: true, overList: true }, "", address);
  }
}

/** Go to the entry of the list. If it is the one before, Back must not lead to it once more. @param {string} endpoint Of the user. */
export function addList(endpoint) {
  if (history.state?.overList) history.back();
  else history.replaceState(LIST, "", addressOf(endpoint));
}
