/** The chat page. It shows what chat-client.js reports, and shows messages as text only. */
import { ChatClient } from "./chat-client.js";

/** @import { Message, State } from "./chat-client.js" */
/** @typedef {{ endpoint: string, group: string, name: string, givenId: string, userId: string, token: string }} Session */
/** @typedef {{ element: HTMLElement, message?: Message, look?: string }} Row */

/** @template {HTMLElement} [E=HTMLElement] @param {string} id @returns {E} */
const byId = (id) => /** @type {E} */ (document.getElementById(id));

const joinView = byId("join-view");
const joinForm = /** @type {HTMLFormElement} */ (byId("join"));
const chatView = byId("chat-view");
const log = byId("log");
const list = byId("messages");
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const people = byId("people");
const peopleToggle = byId("people-toggle");
const newest = byId("newest");
const template = /** @type {HTMLTemplateElement} */ (byId("message-template"));

const SESSION_KEY = "chat-session";
const NAME_KEY = "chat-name";
const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @type {ChatClient | undefined} */
let chat;
/** @type {Session} */
let session;
/** @type {Map<string, Row>} */
const rows = new Map();
/** Names by user id, from their messages. @type {Map<string, string>} */
const names = new Map();
let frame = 0;
let unseen = 0;
let unread = 0;
/** Whether the client has been online in this chat, and how often it has failed to connect since it joined. */
let reached = false;
let attempts = 0;
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdown;

// Storage. It may be full or blocked: the chat works without it.

/** @param {"localStorage" | "sessionStorage"} storage @param {string} key */
function read(storage, key) {
  try {
    return globalThis[storage].getItem(key);
  } catch {
    return null;
  }
}

/** @param {"localStorage" | "sessionStorage"} storage @param {string} key @param {string} value Empty: remove the key. */
function write(storage, key, value) {
  try {
    if (value) globalThis[storage].setItem(key, value);
    else globalThis[storage].removeItem(key);
  } catch {
    // The value is then lost when the page closes.
  }
}

// Joining

async function showJoin() {
  const query = new URLSearchParams(location.search);
  const known = session ?? {
    name: query.get("name") ?? read("localStorage", NAME_KEY),
    givenId: query.get("userId"),
  };
  fill("group", query.get("group") ?? known.group ?? "general");
  fill("name", known.name);
  // Without a given id, another name is another user.
  fill("userId", known.givenId);
  // The token comes after the #, which browsers do not send to servers.
  fill("token", known.token ?? new URLSearchParams(location.hash.slice(1)).get("token"));
  // A link may name an endpoint, which is then shown. It must not replace a session's endpoint, or a token could leak.
  fill("endpoint", known.endpoint ?? query.get("endpoint") ?? (await configuredEndpoint()));
  const doubtful = !field("endpoint").value || query.has("endpoint") || (session && !reached);
  byId("connection").toggleAttribute("open", Boolean(doubtful));
  joinView.hidden = false;
  chatView.hidden = true;
  document.title = "Chat";
  field(field("group").value ? "name" : "group").focus();
}

/** @param {string} name @returns {HTMLInputElement} */
const field = (name) => /** @type {HTMLInputElement} */ (joinForm.elements.namedItem(name));

/** @param {string} name @param {string | null | undefined} value */
function fill(name, value) {
  field(name).value = value ?? "";
}

async function configuredEndpoint() {
  try {
    const response = await fetch("config.json");
    return response.ok ? (await response.json()).endpoint : "";
  } catch {
    return "";
  }
}

joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const values = Object.fromEntries([...new FormData(joinForm)].map(([name, value]) => [name, `${value}`.trim()]));
  const missing = ["group", "name", "endpoint"].find((name) => !values[name]);
  const wrong =
    missing ?? (/^wss?:\/\/[^/]/.test(values.endpoint) && URL.canParse(values.endpoint) ? undefined : "endpoint");
  for (const name of ["group", "name", "endpoint"]) field(name).setAttribute("aria-invalid", `${name === wrong}`);
  if (wrong) {
    const label = field(wrong).labels?.[0].textContent;
    byId("join-error").textContent = missing ? `${label} is missing.` : `${label} must begin with wss:// or ws://.`;
    if (wrong === "endpoint") byId("connection").setAttribute("open", "");
    return field(wrong).focus();
  }
  byId("join-error").textContent = "";
  session = /** @type {Session} */ ({ ...values, givenId: values.userId, userId: values.userId || values.name });
  write("localStorage", NAME_KEY, session.name);
  // For this tab only: a reload returns to the conversation, and another tab can be another user.
  write("sessionStorage", SESSION_KEY, JSON.stringify(session));
  enter();
});

// Being in a group

function enter() {
  const query = new URLSearchParams(location.search);
  query.set("group", session.group);
  if (query.has("endpoint")) query.set("endpoint", session.endpoint);
  history.replaceState(null, "", `?${query}`);
  joinView.hidden = true;
  chatView.hidden = false;
  byId("title").textContent = session.group;
  log.ariaBusy = "true";
  text.value = read("sessionStorage", draftKey()) ?? "";
  unseen = unread = attempts = 0;
  reached = false;
  byId("alert").textContent = "";
  noticed = [];
  following = true;
  names.clear();
  names.set(session.userId, session.name);

  const { endpoint: url, group: groupId, userId, name: senderName, token } = session;
  chat = new ChatClient({ url, groupId, userId, senderName, getToken: () => token });
  chat.on("state", showState);
  chat.on("messages", noticeMessages);
  chat.on("presence", showPeople);
  chat.on("typing", showTyping);
  chat.on("error", ({ code, message, retryable, clientMessageId }) => {
    // A failed message shows its own error, and the user need not know about retries.
    const ours = code === "STORAGE" || code === "CONNECT";
    if (ours || !(retryable || clientMessageId || code === "UNKNOWN_ACTION")) byId("alert").textContent = `${message}.`;
  });
  chat.connect();
  showPeople();
  showTyping();
  render();
  fitText();
  showTitle();
  text.focus();
}

byId("leave").addEventListener("click", () => {
  chat?.close();
  chat = undefined;
  write("sessionStorage", SESSION_KEY, "");
  cancelAnimationFrame(frame);
  frame = 0;
  rows.clear();
  list.replaceChildren();
  openPeople(false);
  showJoin();
});

/** @param {State} state */
function showState(state) {
  const words = {
    idle: "",
    connecting: "Connecting …",
    syncing: "Fetching messages …",
    online: "Connected",
    waiting: "Not connected",
    closed: "",
  };
  chatView.dataset.state = state;
  byId("state").textContent = words[state];
  byId("try-now").hidden = state !== "waiting";
  clearInterval(countdown);
  byId("countdown").textContent = "";
  if (state === "online") {
    reached = true;
    byId("alert").textContent = "";
    if (!frame) frame = requestAnimationFrame(render);
  }
  if (state !== "waiting" || !chat) return;
  // A browser does not say why.
  if (++attempts > 1 && !reached)
    byId("alert").textContent =
      "Not connected: the server cannot be reached, or it refused you. Leave, and check the address, group and token.";
  const until = Date.now() + chat.retryInMs;
  const tick = () => {
    byId("countdown").textContent = `· trying again in ${Math.max(0, Math.ceil((until - Date.now()) / 1000))} s`;
  };
  tick();
  countdown = setInterval(tick, 1000);
}

byId("try-now").addEventListener("click", () => chat?.wake());

// Messages

/** @type {readonly Message[]} */
let noticed = [];

/** @param {readonly Message[]} messages */
function noticeMessages(messages) {
  // Until the first history is complete, no message is new.
  if (chat?.state === "online") {
    const known = new Set(noticed);
    const after = noticed.findLast(({ status }) => status === "sent")?.timestamp ?? "";
    const fresh = messages.filter((message) => !message.own && !known.has(message) && message.timestamp > after);
    noteScroll(); // The scroll event may not have come yet.
    if (!following) unseen += fresh.length;
    if (document.hidden) unread += fresh.length;
    showTitle();
  }
  noticed = messages;
  if (!frame) frame = requestAnimationFrame(render);
}

function showTitle() {
  document.title = `${unread ? `(${unread}) ` : ""}${session.group} – Chat`;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !chat) return;
  unread = 0;
  showTitle();
});

/** Update the list. Touch only what has changed. */
function render() {
  frame = 0;
  if (!chat) return;
  const { messages, hasOlder, state } = chat;
  const anchor = following ? undefined : firstVisible();
  const place = bottomOf(anchor);

  const keys = new Set(messages.map(({ key }) => key));
  for (const [key, { element }] of rows) {
    if (keys.has(key)) continue;
    element.remove();
    rows.delete(key);
  }
  let next = list.firstElementChild;
  /** @type {Message | undefined} */
  let previous;
  const latest = new Map();
  for (const message of messages) {
    if (!message.own) latest.set(message.senderId, senderOf(message));
    let row = rows.get(message.key);
    if (!row) rows.set(message.key, (row = newRow()));
    showMessage(row, message, previous);
    if (row.element === next) next = next.nextElementSibling;
    else list.insertBefore(row.element, next);
    previous = message;
  }

  const renamed = [...latest].filter(([userId, name]) => names.get(userId) !== name);
  for (const [userId, name] of renamed) names.set(userId, name);
  if (renamed.length) showPeople();

  byId("older").hidden = !hasOlder;
  byId("beginning").hidden = hasOlder || state !== "online";
  byId("beginning").textContent = messages.length
    ? "This is where the conversation begins."
    : "No messages yet. Say hello!";
  if (following) showEnd();
  else log.scrollTop += bottomOf(anchor) - place;
  showUnseen();
  // Screen readers read out new messages, but not those that were there before.
  if (state === "online") log.ariaBusy = "false";
}

/** @returns {Row} */
function newRow() {
  const copy = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  return { element: /** @type {HTMLElement} */ (copy.firstElementChild) };
}

/** The time of a message. Other programs may have stored an invalid one. @param {Message} message */
const timeOf = ({ timestamp }) => new Date(Date.parse(timestamp) || 0);

/** Removes characters that change the direction of writing. @param {string} name */
const plain = (name) => name.replace(/[^\P{Cf}\u200c\u200d]/gu, "").trim();

/** The name of a sender. Another user is never shown as "You". @param {Message} message */
function senderOf({ senderName = "", senderId, own }) {
  const name = plain(senderName);
  return name && (own || name.toLowerCase() !== "you") ? name : plain(senderId) || "?";
}

/** @param {Row} row @param {Message} message @param {Message} [previous] */
function showMessage(row, message, previous) {
  const time = timeOf(message);
  const newDay = !previous || day.format(timeOf(previous)) !== day.format(time);
  const continued = !newDay && previous.senderId === message.senderId && +time - +timeOf(previous) < 300_000;
  const look = `${newDay} ${continued}`;
  if (row.message === message && row.look === look) return;
  row.message = message;
  row.look = look;

  const { element } = row;
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(`.${name}`));
  const name = senderOf(message);
  element.className = `${message.own ? "own" : ""} ${continued ? "continued" : ""}`;
  element.dataset.status = message.status;
  element.dataset.key = message.key;
  part("day").textContent = day.format(time);
  part("day").hidden = !newDay;
  showAvatar(part("avatar"), message.senderId, name);
  part("name").textContent = message.own ? "You" : name;
  part("text").textContent = message.message || "This message is too large to show.";
  const clock = /** @type {HTMLTimeElement} */ (element.querySelector("time"));
  clock.textContent = timeOfDay.format(time);
  clock.dateTime = message.timestamp;
  clock.title = moment.format(time);
  const words = { sending: "Sending", sent: "Sent", failed: "Not sent" };
  part("status").hidden = !message.own;
  part("status").ariaLabel = part("status").title = words[message.status];
  part("status").role = "img";
  part("trouble").hidden = !message.error;
  part("reason").textContent = message.error ? `Not sent: ${message.error.message}.` : "";
}

/** @param {HTMLElement} avatar @param {string} userId @param {string} name */
function showAvatar(avatar, userId, name) {
  let hash = 0;
  for (const character of userId) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 997;
  // Similar hashes get very different colours.
  avatar.style.setProperty("--hue", `${(hash * 137) % 360}`);
  avatar.textContent = [...name.trim()][0]?.toUpperCase() ?? "?";
}

list.addEventListener("click", ({ target }) => {
  const button = /** @type {HTMLElement} */ (target).closest("button");
  const key = /** @type {HTMLElement | null} */ (button?.closest("li"))?.dataset.key;
  if (!button || !key) return;
  if (button.classList.contains("retry")) chat?.retry(key);
  else chat?.discard(key);
  if (button.classList.contains("edit")) {
    // Keep the text that the user is writing, below it.
    text.value = `${rows.get(key)?.message?.message}\n${text.value}`.trim();
    textChanged();
  }
  // The button disappears, so move the focus.
  text.focus();
});

// Scrolling

/** Whether to keep the end in view when messages come. */
let following = true;
let scrolledTo = 0;

function showEnd() {
  log.scrollTop = log.scrollHeight;
  scrolledTo = log.scrollTop;
}

/** @returns {HTMLElement | undefined} */
function firstVisible() {
  return Array.from(list.children, (child) => /** @type {HTMLElement} */ (child)).find(
    (child) => bottomOf(child) > log.scrollTop,
  );
}

// Not the top: it moves when an older message comes above and takes the day's heading.
/** @param {HTMLElement} [element] */
const bottomOf = (element) => (element ? element.offsetTop + element.offsetHeight : 0);

function showUnseen() {
  if (following) unseen = 0;
  newest.hidden = !unseen;
  newest.textContent = unseen === 1 ? "1 new message ↓" : `${unseen} new messages ↓`;
}

function noteScroll() {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  // Stop following only if the user scrolls up. The end also moves when a narrower window breaks lines.
  if (atEnd || log.scrollTop < scrolledTo) following = atEnd;
  scrolledTo = log.scrollTop;
}

log.addEventListener("scroll", () => {
  noteScroll();
  if (unseen) showUnseen();
  if (log.scrollTop < 200) loadOlder();
});

byId("older").addEventListener("click", () => {
  loadOlder();
  log.focus();
});

async function loadOlder() {
  if (!chat?.hasOlder || chat.state !== "online") return;
  // Older messages are not new, so screen readers must not read them out.
  log.ariaBusy = "true";
  try {
    await chat.loadOlder();
  } catch {
    // The connection is gone, and the page shows that. Scrolling asks again.
  }
  if (!frame) frame = requestAnimationFrame(render);
}

newest.addEventListener("click", () => {
  showEnd();
  text.focus();
});

// The size changes with a phone's keyboard, a longer text below, or the width of the window.
const resized = new ResizeObserver(() => {
  if (following) showEnd();
});
resized.observe(log);
resized.observe(list);

// Writing

const draftKey = () => `chat-draft:${JSON.stringify([session.group, session.userId])}`;

function fitText() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

function sendText() {
  if (!text.value.trim()) return;
  chat?.send(text.value.trim());
  text.value = "";
  following = true;
  textChanged();
}

function textChanged() {
  write("sessionStorage", draftKey(), text.value);
  fitText();
}

text.addEventListener("input", () => {
  textChanged();
  chat?.setTyping(text.value !== "");
});

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  sendText();
});

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  sendText();
  text.focus();
});

// Who is here

/** @param {string} userId */
const nameOf = (userId) => names.get(userId) ?? plain(userId);

function showPeople() {
  const { members, truncated } = chat?.presence ?? { members: [], truncated: false };
  // The server's list may lag, so add this user here.
  const others = members.filter(({ userId }) => userId !== session.userId);
  const users = [
    session.userId,
    ...others.map(({ userId }) => userId).sort((a, b) => nameOf(a).localeCompare(nameOf(b))),
  ];
  byId("members").replaceChildren(
    ...users.map((userId) => {
      const item = document.createElement("li");
      const avatar = document.createElement("span");
      avatar.className = "avatar";
      avatar.ariaHidden = "true";
      showAvatar(avatar, userId, nameOf(userId));
      item.append(avatar, userId === session.userId ? `${nameOf(userId)} (you)` : nameOf(userId));
      return item;
    }),
  );
  byId("more-members").hidden = !truncated;
  byId("people-count").textContent = `${users.length}${truncated ? "+" : ""} here`;
}

function showTyping() {
  const who = (chat?.typing ?? []).map(nameOf);
  const [first, second] = who;
  const sentences = ["", `${first} is typing …`, `${first} and ${second} are typing …`];
  byId("typing").textContent = sentences[who.length] ?? "Several people are typing …";
}

/** @param {boolean} open */
function openPeople(open) {
  people.classList.toggle("open", open);
  peopleToggle.ariaExpanded = `${open}`;
}

peopleToggle.addEventListener("click", () => openPeople(peopleToggle.ariaExpanded !== "true"));

document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !people.classList.contains("open")) return;
  openPeople(false);
  peopleToggle.focus();
});

const stored = read("sessionStorage", SESSION_KEY);
const asked = new URLSearchParams(location.search).get("group");
const resumed = stored ? JSON.parse(stored) : undefined;
if (resumed) session = resumed;
// A link to another group leads to that group's join form, not back to the old one.
if (resumed && (asked ?? resumed.group) === resumed.group) enter();
else showJoin();
