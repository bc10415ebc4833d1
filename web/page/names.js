/** What the people of one group are called, so that two of one name are told apart. */
import { keyOf, nameToShow, plain } from "./elements.js";

export class Names {
  /** How often it was found that two people have one name. What shows names is then out of date. */
  clashes = 0;

  /** Ids of the users who have a name. @type {Map<string, Set<string>>} */
  #users = new Map();

  /** Learn that a user has a name. @param {string} userId @param {string} [name] */
  learn(userId, name) {
    const key = keyOf(nameToShow(userId, name));
    const users = this.#users.get(key);
    if (!users) return void this.#users.set(key, new Set([userId]));
    if (users.has(userId)) return;
    users.add(userId);
    this.clashes++;
  }

  /** The name to show, with the id if another user has the same name, or could seem to have an id. @param {string} userId @param {string} [name] */
  of(userId, name) {
    const shown = nameToShow(userId, name);
    const alone = (this.#users.get(keyOf(shown))?.size ?? 0) < 2 && !shown.endsWith(")");
    return alone || keyOf(shown) === keyOf(plain(userId)) ? shown : `${shown} (${plain(userId)})`;
  }
}
