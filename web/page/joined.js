/** Which groups a user has joined in any tab of this browser. They stay known after the user has signed out. */
import { isId } from "../chat-client.js";
import { readJson, write } from "./storage.js";

/** @typedef {{ endpoint: string, userId: string }} User */

/** @param {User} user */
export const joinedKey = ({ endpoint, userId }) => `chat-joined:${JSON.stringify([endpoint, userId])}`;

/** The one that was shown last is the last. @param {User} user */
export const joinedIn = (user) => readJson("localStorage", joinedKey(user), areIds) ?? [];

/** @param {User} user @param {string[]} groupIds */
export const writeJoined = (user, groupIds) => write("localStorage", joinedKey(user), JSON.stringify(groupIds));

/** @param {any} value @returns {value is string[]} */
export const areIds = (value) => Array.isArray(value) && value.every(isId);
