/**
 * Take from Node.js what React Native does not have, or had not in earlier versions: `node --import` this.
 *
 * The WebSocket is that of the package ws, because Node.js 20 has none.
 */
import WebSocket from "ws";

/** https://github.com/facebook/react-native/blob/v0.79.0/packages/react-native/Libraries/Blob/URL.js */
class PartialURL {
  #url;

  constructor(url) {
    this.#url = url.endsWith("/") ? url : `${url}/`;
  }

  toString() {
    return this.#url;
  }

  get href() {
    return this.#url;
  }
}
for (const name of ["hash", "host", "hostname", "origin", "pathname", "port", "protocol", "search", "searchParams"]) {
  const refuse = () => {
    throw new Error(`URL.${name} is not implemented`);
  };
  Object.defineProperty(PartialURL.prototype, name, { get: refuse, set: refuse });
}

// First these, because Node.js needs some of the others to create its own.
for (const [name, value] of Object.entries({ WebSocket, URL: PartialURL, navigator: { product: "ReactNative" } }))
  Object.defineProperty(globalThis, name, { value, configurable: true });
for (const name of [
  "crypto",
  "TextEncoder",
  "TextDecoder",
  "Event",
  "EventTarget",
  "queueMicrotask",
  "structuredClone",
])
  delete globalThis[name];
for (const name of ["at", "findLast", "findLastIndex"]) delete Array.prototype[name];
delete String.prototype.replaceAll;
