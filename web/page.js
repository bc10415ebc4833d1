/** The chat page. It shows what chat-client.js reports. Its parts are in page/. */
import { ChatClient } from "./chat-client.js";
import { rewrite, writeTo } from "./page/composer.js";
import { showState } from "./page/connection.js";
import { Conversation } from "./page/conversation.js";
import { today } from "./page/dates.js";
import { byId, showAvatar } from "./page/elements.js";
import { count, coversConversation, forgetDays, onChoose, openGroups, showGroups } from "./page/groups.js";
import { isAddress, isId, onJoin, showJoinForm } from "./page/join-form.js";
import { openPeople, showPeople, showTyping } from "./page/people.js";
import { readJson, write } from "./page/storage.js";

/** @import { Chat, GroupSummary } from "./chat-client.js" */
/** @import { Group } from "./page/groups.js" */
/** @import { Values } from "./page/join-form.js" */
/** @typedef {Values & { groups: string[] }} Session The user, their groups, and the one that is shown. */

const SESSION_KEY = "chat-session-2";
const DAY_CHECK_MS = 60_000;

/** @type {Session | undefined} */
let session = readJson("sessionStorage", SESSION_KEY, isSession);
/** @type {Chat | undefined} */
let chat;
/** By group. @type {Map<string, Conversation>} */
const conversations = new Map();
/** What the server counted, by group, if it counts unread messages. @type {Map<string, GroupSummary>} */
let summaries = new Map();
/** Whether it is known if the server counts. */
let settled = false;
/** Groups that the user has left. The server still lists those in which they have read. @type {Set<string>} */
let left = new Set();
/** End what only the shown group needs. */
let leaveView = () => {};
/** Whether the client has been online in this session, and how often it has failed to connect since. */
let reached = false;
let attempts = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retitle;
/** @type {number | undefined} */
let redraw;

// The session

onJoin((values) => {
  const { endpoint, userId, token } = values;
  const same = session?.endpoint === endpoint && session.userId === userId && session.token === token;
  enter({ ...values, groups: [...new Set([...(same ? (session?.groups ?? []) : []), values.group])] });
});

/** @param {any} value @returns {value is Session} */
function isSession(value) {
  const { group, name, endpoint, userId, groups, token, givenId } = Object(value);
  return (
    Array.isArray(groups) &&
    [group, name, userId, ...groups].every(isId) &&
    isAddress(endpoint) &&
    [token, givenId].every((text) => typeof text === "string")
  );
}

/** @param {Session} joined */
function enter(joined) {
  session = joined;
  const { endpoint, userId, name, token } = joined;
  byId("chat-view").hidden = false;
  byId("my-name").textContent = name;
  showAvatar(byId("my-avatar"), userId, name);
  reached = settled = false;
  attempts = 0;
  summaries = new Map();
  left = new Set(readJson("localStorage", leftKey(joined), Array.isArray));
  chat = new ChatClient(endpoint, { userId, senderName: name, getToken: () => token });
  chat.on("state", connectionChanged);
  chat.on("groups", counted);
  chat.on("error", ({ code, message, retryable, clientMessageId, groupId = session?.group }) => {
    // A failed message shows its own error, and the user need not know about retries.
    const ours = code === "STORAGE" || code === "CONNECT";
    if (!ours && (retryable || clientMessageId || groupId !== session?.group)) return;
    byId("alert").textContent = `${message}.`;
  });
  for (const groupId of joined.groups) open(groupId);
  chat.connect();
  show(joined.group);
}

function signOut() {
  leaveView();
  for (const conversation of conversations.values()) conversation.hide();
  conversations.clear();
  chat?.close();
  chat = undefined;
  write("sessionStorage", SESSION_KEY, "");
  openPeople(false);
  openGroups(false);
  showJoinForm(session, !reached);
}

byId("sign-out").addEventListener("click", signOut);

function connectionChanged() {
  if (!chat) return;
  if (chat.state === "online") {
    if (!reached) chat.groups().then(settle, settle);
    reached = true;
    if (attempts) byId("alert").textContent = "";
    attempts = 0;
  }
  // A browser does not say why.
  if (chat.state === "waiting" && ++attempts > 1 && !reached)
    byId("alert").textContent =
      "Not connected: the server cannot be reached, or it refused you. Leave, and check the address, group and token.";
}

byId("try-now").addEventListener("click", () => chat?.wake());

// Groups

/** @param {readonly GroupSummary[]} list */
function counted(list) {
  summaries = new Map(list.map((summary) => [summary.groupId, summary]));
  // Also the groups that the user has joined on other devices.
  for (const { groupId } of list) if (!left.has(groupId) && !conversations.has(groupId)) open(groupId);
  for (const conversation of conversations.values()) conversation.update();
}

function settle() {
  settled = true;
  for (const conversation of conversations.values()) conversation.update();
}

/** @param {Session} user */
const leftKey = ({ endpoint, userId }) => `chat-left:${JSON.stringify([endpoint, userId])}`;

/** @param {string} groupId @param {boolean} isLeft */
function setLeft(groupId, isLeft) {
  if (isLeft) left.add(groupId);
  else left.delete(groupId);
  if (session) write("localStorage", leftKey(session), left.size ? JSON.stringify([...left]) : "");
}

/** @param {string} groupId @returns {Conversation} */
function open(groupId) {
  if (!chat) throw new Error("not signed in");
  // It joins again if the server had refused the group.
  const room = chat.group(groupId);
  let conversation = conversations.get(groupId);
  if (conversation) return conversation;
  conversation = new Conversation(room, {
    isLooking,
    isSettled: () => settled,
    summary: (id) => summaries.get(id),
    edit: rewrite,
    changed: groupsChanged,
  });
  conversations.set(groupId, conversation);
  return conversation;
}

/** Show a group, and join it if it is new. @param {string} groupId */
function show(groupId) {
  if (!session || !chat) return;
  const user = session;
  const client = chat;
  leaveView();
  const conversation = open(groupId);
  const { room } = conversation;
  setLeft(groupId, false);
  session = { ...session, group: groupId, groups: [...conversations.keys()] };
  // For this tab only: a reload returns to the conversation, and another tab can be another user.
  write("sessionStorage", SESSION_KEY, JSON.stringify(session));
  const query = new URLSearchParams(location.search);
  query.set("group", groupId);
  if (query.has("endpoint")) query.set("endpoint", session.endpoint);
  history.replaceState(null, "", `?${query}`);

  byId("title").textContent = groupId;
  byId("alert").textContent = "";
  const stateChanged = () => showState(client, room.state);
  const peopleChanged = () => showPeople(room, user);
  const typingChanged = () => showTyping(room);
  const stops = [
    room.on("state", stateChanged),
    room.on("presence", peopleChanged),
    room.on("messages", peopleChanged),
    room.on("typing", typingChanged),
  ];
  leaveView = () => {
    for (const stop of stops.splice(0)) stop();
  };
  stateChanged();
  peopleChanged();
  typingChanged();
  openPeople(false);
  openGroups(false);
  writeTo({
    draftKey: `chat-draft:${JSON.stringify([groupId, session.userId])}`,
    send: (text) => conversation.send(text),
    typing: (isTyping) => room.setTyping(isTyping),
  });
  conversation.show();
  groupsChanged();
  // On a touch screen, the keyboard would cover half of the conversation.
  byId(matchMedia("(pointer: coarse)").matches ? "log" : "text").focus();
}

onChoose(show);

byId("leave").addEventListener("click", () => {
  const conversation = session && conversations.get(session.group);
  const next = groups().find(({ groupId }) => groupId !== session?.group);
  if (!conversation || !next) return signOut();
  leaveView();
  conversation.close();
  conversations.delete(conversation.room.groupId);
  setLeft(conversation.room.groupId, true);
  show(next.groupId);
  openGroups(true);
});

/** The groups of the list, the one with the newest message first. @returns {Group[]} */
function groups() {
  const all = [...conversations].map(([groupId, { room, unread }]) => ({
    groupId,
    last: summaries.get(groupId)?.lastMessage ?? room.messages.findLast(({ status }) => status === "sent") ?? null,
    unread,
    more: unread > 0 && !!summaries.get(groupId)?.unreadMore,
  }));
  const newestFirst = (/** @type {Group} */ a, /** @type {Group} */ b) =>
    (b.last?.timestamp ?? "").localeCompare(a.last?.timestamp ?? "") || a.groupId.localeCompare(b.groupId);
  return all.sort(newestFirst);
}

function groupsChanged() {
  // A hidden page draws nothing, but its title can be seen.
  retitle ??= setTimeout(() => {
    retitle = undefined;
    const unread = count(groups());
    if (chat && session) document.title = `${unread && `(${unread}) `}${session.group} – Chat`;
  });
  redraw ??= requestAnimationFrame(() => {
    redraw = undefined;
    if (chat && session) showGroups(groups(), session.group, session.userId);
  });
}

// Looking

const isLooking = () => !document.hidden && document.hasFocus() && !coversConversation();
const conversation = () => session && conversations.get(session.group);

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) conversation()?.show();
});
addEventListener("focus", () => {
  checkDay();
  conversation()?.update();
});

let day = today();
/** "Today" changes at midnight. */
function checkDay() {
  if (day === today()) return;
  day = today();
  for (const { list } of conversations.values()) list.renameDays();
  forgetDays();
  if (chat) groupsChanged();
}
setInterval(checkDay, DAY_CHECK_MS);

const asked = new URLSearchParams(location.search).get("group") ?? session?.group;
const known = session?.groups.find((groupId) => groupId === asked);
// A link to another group leads to that group's join form, not back to the old one.
if (session && known) enter({ ...session, group: known });
else showJoinForm(session, false);
