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

/** @param {string} url @param {typeof WebSocket} [given] What to pass where there is no global one. */
export async function chat(url, given) {
  const Socket = given ?? WebSocket;
  const sockets = [];
  class Breakable extends Socket {
    constructor(...connection) {
      super(...connection);
      sockets.push(this);
    }
  }
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
