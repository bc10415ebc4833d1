/** What the people of one group are called, so that two of one name are told apart. */
import { keyOf, nameToShow, plain } from "./elements.js";
import { patternOf } from "./mentions.js";

export class Names {
  /** Raised when what shows names may be out of date: there is a new name, or two people have one name. */
  version = 0;

  /** What users are called, by the key of the name and by user. @type {Map<string, Map<string, string>>} */
  #users = new Map();
  /** @type {{ version: number, pattern?: RegExp }} */
  #mentions = { version: 0 };

  /** Learn that a user has a name. @param {string} userId @param {string} [name] */
  learn(userId, name) {
    const shown = nameToShow(userId, name);
    const key = keyOf(shown);
    const users = this.#users.get(key) ?? new Map();
    if (users.has(userId)) return;
    this.#users.set(key, users.set(userId, shown));
    this.version++;
  }

  /** The name to show, with the id if another user has the same name, or could seem to have an id. @param {string} userId @param {string} [name] */
  of(userId, name) {
    const shown = nameToShow(userId, name);
    const key = keyOf(shown);
    const alone = (this.#users.get(key)?.size ?? 0) < 2 && !key.endsWith(")");
    return alone || !userId || key === keyOf(plain(userId)) ? shown : `${shown} (${plain(userId)})`;
  }

  /** "@" and the name of somebody else. Undefined without others. */
  get mentions() {
    if (this.#mentions.version !== this.version) {
      const users = [...this.#users.values()].flatMap((users) => [...users]);
      const names = users.flatMap(([userId, name]) => [name, this.of(userId, name)]);
      this.#mentions = { version: this.version, pattern: patternOf(names) };
    }
    return this.#mentions.pattern;
  }
}
