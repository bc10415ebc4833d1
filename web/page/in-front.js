/** Whether the user looks at another tab of the page, which shows them what is new. The others then need not notify. */

// The browser ends the locks of a tab with the tab, however that ends. Without locks, each tab notifies.
const { locks } = navigator;
const tab = Math.random();
/** The lock that says that this tab is in front. Empty if it is not. */
let name = "";
let release = () => {};

/** @param {string} user */
const prefixOf = (user) => `chat-in-front:${user}:`;

/** @param {string} user Of the page, if this tab is in front, and otherwise empty. */
export function setInFront(user) {
  const next = user && `${prefixOf(user)}${tab}`;
  if (next === name) return;
  release();
  name = next;
  if (!name) return;
  const ended = new Promise((resolve) => (release = () => resolve(undefined)));
  locks?.request(name, () => ended).catch(() => {});
}

/** @param {string} user */
export async function isInFrontElsewhere(user) {
  const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
  const prefix = prefixOf(user);
  return held.some((lock) => lock.name?.startsWith(prefix) && lock.name !== `${prefix}${tab}`);
}
