/** Which other tabs of the page the user has, and whether they look at one, which shows them what is new. */

// The browser ends the locks of a tab with the tab, however that ends. Without locks, each tab notifies.
const { locks } = navigator;
const tab = Math.random();

/** What a tab says of itself to the others of this browser: a lock that it holds while it is so. @param {string} kind */
function sign(kind) {
  /** Empty if this tab has no lock. */
  let name = "";
  let release = () => {};
  const prefixOf = (/** @type {string} */ user) => `${kind}:${user}:`;
  return {
    /** @param {string} user Of the page, if this tab is so, and otherwise empty. */
    set(user) {
      const next = user && `${prefixOf(user)}${tab}`;
      if (next === name) return;
      release();
      name = next;
      if (!name) return;
      const ended = new Promise((resolve) => (release = () => resolve(undefined)));
      locks?.request(name, () => ended).catch(() => {});
    },
    /** Number of other tabs of the user that are so. @param {string} user */
    async others(user) {
      const { held = [] } = (await locks?.query().catch(() => undefined)) ?? {};
      const prefix = prefixOf(user);
      return held.filter((lock) => lock.name?.startsWith(prefix) && lock.name !== `${prefix}${tab}`).length;
    },
  };
}

const inFront = sign("chat-in-front");
const signedIn = sign("chat-signed-in");

export const setInFront = inFront.set;
/** The user is signed in with this tab, or, if empty, not. */
export const setSignedIn = signedIn.set;

/** @param {string} user */
export const isInFrontElsewhere = async (user) => (await inFront.others(user)) > 0;
/** In how many other tabs of this browser the user is signed in. Without locks, 0. */
export const otherTabs = signedIn.others;
