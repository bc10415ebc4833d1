/** Storage of the browser. It may be full or blocked: the chat works without it. */

/** @param {"localStorage" | "sessionStorage"} storage @param {string} key */
export function read(storage, key) {
  try {
    return globalThis[storage].getItem(key);
  } catch {
    return null;
  }
}

/**
 * What an older page or another program may have stored, in any shape.
 *
 * @template T @param {"localStorage" | "sessionStorage"} storage @param {string} key
 * @param {(value: any) => value is T} isWhole @returns {T | undefined} Undefined if it is damaged.
 */
export function readJson(storage, key, isWhole) {
  try {
    const value = JSON.parse(read(storage, key) ?? "null");
    return isWhole(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** @param {"localStorage" | "sessionStorage"} storage @param {string} key @param {string} value Empty: remove the key. */
export function write(storage, key, value) {
  try {
    if (value) globalThis[storage].setItem(key, value);
    else globalThis[storage].removeItem(key);
  } catch {
    // The value is then lost when the page closes.
  }
}
