/** Two users chat over a real server, in the runtime that loads this. It has nothing of browsers and nothing of Node.js. */
import { ChatClient } from "../../../web/chat-client.js";

const PATIENCE_MS = 20_000;

/** Resolves when the condition holds. It looks at each event. */
function seen(source, event, holds) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not seen within ${PATIENCE_MS} ms: ${holds}`)), PATIENCE_MS);
    const look = () => {
      if (!holds()) return;
      clearTimeout(timer);
      stop();
      resolve();
    };
    const stop = source.on(event, look);
    look();
  });
}

/** A socket class, and the list of its sockets. @param {typeof WebSocket} Socket */
function breakable(Socket) {
  const sockets = [];
  class Breakable extends Socket {
    constructor(...connection) {
      super(...connection);
      sockets.push(this);
    }
  }
  return { Breakable, sockets };
}

/** @param {string} url @param {typeof WebSocket} [given] What to pass where there is no global one. */
export async function chat(url, given) {
  const { Breakable, sockets } = breakable(given ?? WebSocket);
  const names = { ann: "Änn + Zoë & Co", ben: "Ben 😀" };
  const ann = new ChatClient(url, { userId: names.ann, WebSocket: Breakable, timing: { backoffBaseMs: 50 } });
  const ben = new ChatClient(url, given ? { userId: names.ben, WebSocket: given } : { userId: names.ben });
  try {
    const group = `gröup ${Date.now()} ${Math.random()}`;
    const [anns, bens] = [ann.group(group), ben.group(group)];
    const all = ["before the connection", "h€llo 😀\n".repeat(500), "without a connection", "the end"];
    const both = (number) =>
      Promise.all(
        [anns, bens].map((room) => {
          const complete = () =>
            JSON.stringify(room.messages.map(({ message, status }) => [message, status])) ===
            JSON.stringify(all.slice(0, number).map((message) => [message, "sent"]));
          return seen(room, "messages", complete);
        }),
      );
    anns.send(all[0]);
    ann.connect();
    ben.connect();
    await both(1);
    await seen(anns, "presence", () => anns.presence.members.some(({ userId }) => userId === names.ben));
    await seen(bens, "presence", () => bens.presence.members.some(({ userId }) => userId === names.ann));
    bens.send(all[1]);
    await both(2);
    sockets[0].close();
    await seen(ann, "state", () => ann.state !== "online");
    anns.send(all[2]);
    await both(3);
    bens.send(all[3]);
    await both(4);
    if (sockets.length !== 2) throw new Error(`${sockets.length} connections`);
  } finally {
    ann.close();
    ben.close();
  }
}

/** The same two users edit, delete and react to messages. With `off`, over a chat that has no changes. */
export async function change(url, given, off) {
  const { Breakable, sockets } = breakable(given ?? WebSocket);
  const timing = { backoffBaseMs: 2_000 };
  const ann = new ChatClient(url, { userId: "ann", WebSocket: Breakable, timing, random: () => 0.99 });
  const ben = new ChatClient(url, given ? { userId: "ben", WebSocket: given } : { userId: "ben" });
  const is = (room, number, expected) =>
    seen(room, "messages", () => {
      const { message, deletedAt, editedAt, reactions, type, replyTo, data } = room.messages[number] ?? {};
      const found = { message, deletedAt: !!deletedAt, editedAt: !!editedAt, reactions, type, replyTo, data };
      return Object.entries(expected).every(([name, value]) => JSON.stringify(found[name]) === JSON.stringify(value));
    });
  const refused = async (promise, code) => {
    const error = await promise.then(
      () => undefined,
      (error) => error,
    );
    if (error?.code !== code) throw new Error(`${error?.code} instead of ${code}`);
  };
  try {
    const group = `changes ${Date.now()} ${Math.random()}`;
    const [anns, bens] = [ann.group(group), ben.group(group)];
    const changes = [];
    anns.on("change", ({ messageId, changedAt }) => changes.push(`${messageId} ${changedAt}`));
    ann.connect();
    ben.connect();
    await Promise.all([ann, ben].map((client) => seen(client, "state", () => client.state === "online")));
    bens.send("first");
    await is(anns, 0, { message: "first" });
    const [{ messageId }] = anns.messages;
    const options = { type: "image", replyTo: messageId, data: { b: [1, null], a: "é" } };
    bens.send("second", options);
    await is(anns, 1, { message: "second", ...options });
    if (off) {
      await refused(bens.edit(messageId, "edited"), "UNKNOWN_ACTION");
      return;
    }
    const { changedAt } = await bens.edit(messageId, "edited");
    await is(anns, 0, { message: "edited", editedAt: true });
    if (changes.join() !== `${messageId} ${changedAt}`) throw new Error(changes.join());
    await refused(anns.edit(messageId, "not mine"), "FORBIDDEN");
    await anns.react(messageId, "👍");
    await is(bens, 0, { message: "edited", reactions: { "👍": ["ann"] } });
    // While Ann is away.
    sockets[0].close();
    await seen(ann, "state", () => ann.state === "waiting");
    const waits = anns.react(messageId, "👍", false);
    await bens.delete(bens.messages[1].messageId);
    await bens.react(messageId, "🎈");
    await waits;
    const last = { message: "edited", reactions: { "🎈": ["ben"] } };
    const deleted = { message: "", deletedAt: true, data: undefined, replyTo: messageId };
    await Promise.all([anns, bens].flatMap((room) => [is(room, 0, last), is(room, 1, deleted)]));
    await refused(bens.edit(bens.messages[1].messageId, "too late"), "NOT_FOUND");
    if (new Set(changes).size !== changes.length) throw new Error(`a change came twice: ${changes}`);
    if (sockets.length !== 2) throw new Error(`${sockets.length} connections`);
  } finally {
    ann.close();
    ben.close();
  }
}
