/** The chat page. It shows what chat-client.js reports. Its parts are in page/. */
import { ChatClient, isId, isUrl, isVisible } from "./chat-client.js";
import { alert, endAlert, endAlerts, isAlerted } from "./page/alerts.js";
import { addGroup, addList, isAtList, namedGroup, nameGroup } from "./page/address.js";
import { draftOf, edit, reply, rewrite, writeTo } from "./page/composer.js";
import { endState, onTry, showState } from "./page/connection.js";
import { Conversation } from "./page/conversation.js";
import { today } from "./page/dates.js";
import { byId, isolated, isTouched, moveFocus, showAvatar, textOf } from "./page/elements.js";
import {
  count,
  coversConversation,
  focusGroups,
  forgetDays,
  isOnPhone,
  onChoose,
  onWide,
  openGroups,
  showGroups,
} from "./page/groups.js";
import { isInFrontElsewhere, otherTabs, setInFront, setSignedIn } from "./page/in-front.js";
import { inviteTo } from "./page/invitation.js";
import { onJoin, showJoinForm } from "./page/join-form.js";
import { mayLeave, unsentIn } from "./page/leaving.js";
import { areIds, joinedIn, joinedKey, writeJoined } from "./page/joined.js";
import { groupMeant } from "./page/look-alikes.js";
import { setOwnName } from "./page/mentions.js";
import { endNotice, tellQuietly } from "./page/notice.js";
import { endNotification, endNotifications, notify } from "./page/notifications.js";
import { openPeople, othersOf, showPeople, showTyping } from "./page/people.js";
import { readJson, write } from "./page/storage.js";

/** @import { Chat, ChatError, GroupSummary, Message, Room } from "./chat-client.js" */
/** @import { Group } from "./page/groups.js" */
/** @import { Values } from "./page/join-form.js" */
/** @typedef {Values & { groups: string[] }} Session The user, their groups, and the one that is shown. */

const SESSION_KEY = "chat-session-2";
const DAY_CHECK_MS = 60_000;
/** Reason of alerts: what is wrong with the shown group. */
const GROUP = "group";
const question = /** @type {HTMLDialogElement} */ (byId("question"));
const KEPT = "What you write is kept and sent when you are back.";
const UNREACHED = `Not connected: the server cannot be reached. ${KEPT}`;
const IF_NOT_YOU = "If that was not you on another device, sign out and choose another name.";

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
/** Whether the client has been online in this session. */
let reached = false;
/** The group in which to look, after the user has joined it, whether somebody else has the same name. */
let watched = "";
/** Whether the user knows that somebody writes with their name. */
let warned = false;
/** Rooms that the user has left. They may still have messages to send. @type {Room[]} */
let departed = [];
/** Messages that came before it was known what the user has read on other devices. @type {Map<Conversation, Message>} */
const unsure = new Map();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retitle;
/** @type {number | undefined} */
let redraw;

// The session

onJoin(async (values) => {
  const { endpoint, userId, token } = values;
  const same = session?.endpoint === endpoint && session.userId === userId && session.token === token;
  const theirs = [...new Set([...(same ? (session?.groups ?? []) : []), ...joinedIn(values)])];
  const group = await groupMeant(values.group, theirs);
  if (!group) return;
  enter({ ...values, group, groups: [...new Set([...theirs, group])] });
  show(group);
  // A token says who the user is. Without one, somebody else may have chosen the same name.
  if (!token) watched = group;
});

/** @param {any} value @returns {value is Session} */
function isSession(value) {
  const { group, name, endpoint, userId, groups, token, givenId } = Object(value);
  return (
    Array.isArray(groups) &&
    [group, name, userId, ...groups].every(isId) &&
    isUrl(endpoint) &&
    [token, givenId].every((text) => typeof text === "string")
  );
}

/** @param {Session} joined */
function enter(joined) {
  session = joined;
  const { endpoint, userId, name, token } = joined;
  byId("join-view").hidden = true;
  byId("chat-view").hidden = false;
  byId("my-name").textContent = name;
  showAvatar(byId("my-avatar"), userId, name);
  setOwnName(name);
  endAlerts();
  endNotice();
  reached = settled = false;
  watched = "";
  warned = false;
  departed = [];
  unsure.clear();
  summaries = new Map();
  left = new Set(readJson("localStorage", leftKey(joined), areIds));
  chat = new ChatClient(endpoint, { userId, senderName: name, getToken: () => token });
  chat.on("state", connectionChanged);
  chat.on("groups", counted);
  chat.on("error", failed);
  for (const groupId of joined.groups) open(groupId);
  chat.connect();
  frontChanged();
}

/** What each error of the client means here, and what to do. @type {Record<string, (message: string) => string>} */
const ADVICE = {
  FORBIDDEN: () => "You are not a member of this group, or not any more. Ask to be added, or leave it.",
  TOO_MANY_GROUPS: () => "You are in too many groups. Leave another one, and choose this one again.",
  REFUSED: (message) => {
    // Without a token, the server has nobody to refuse. But it may want one.
    if (!session?.token)
      return reached
        ? UNREACHED
        : `${UNREACHED} If this goes on, sign out and check the address. You may need a token.`;
    return reached
      ? `Not connected. ${message}. ${KEPT} If you have a new token, sign out and join with it.`
      : "Not connected: the server cannot be reached, or it refused you. Sign out, and check the address, group, user ID and token.";
  },
  STORAGE: () =>
    "This browser keeps no messages: its storage is full or blocked. Do not close the page before all are sent.",
};

/** Without a message's id, only changes of messages get these. */
const OF_CHANGES = ["BAD_REQUEST", "NOT_FOUND", "TOO_LARGE"];

/** @param {ChatError} error */
function failed({ code, message, retryable, clientMessageId, groupId }) {
  const isOurs = code === "STORAGE" || code === "CONNECT" || code === "REFUSED";
  // A failed message shows its own error, a failed change is told where it was made, and the user need not know about retries.
  if (!isOurs && (retryable || clientMessageId || OF_CHANGES.includes(code))) return;
  if (groupId && groupId !== session?.group) return;
  alert(isOurs ? code : GROUP, ADVICE[code]?.(message) ?? `${message}.`);
}

function signOut() {
  leaveView();
  for (const conversation of conversations.values()) conversation.hide();
  conversations.clear();
  chat?.close();
  chat = undefined;
  frontChanged();
  write("sessionStorage", SESSION_KEY, "");
  endNotifications();
  endState();
  openPeople(false);
  openGroups(false);
  // Not the group that they have just left.
  showJoinForm(session?.groups.length ? session : session && { ...session, group: undefined }, !reached);
}

byId("sign-out").addEventListener("click", async () => {
  if (await mayLeave(rooms(), "Sign out", whatWaits)) signOut();
});

const whatWaits = () =>
  isAlerted("STORAGE")
    ? "What is not sent will be lost, because this browser cannot keep it."
    : `This browser keeps what is not sent, and sends it when you join again as “${session?.givenId || session?.name}”.`;

function connectionChanged() {
  if (chat?.state !== "online") {
    // The server does not notice at once that a connection has gone: the user seems to be there twice.
    if (reached) stopWatching();
    return;
  }
  chat.groups().then(settle, settle);
  // It is known now whether messages can be changed.
  shownConversation()?.update();
  reached = true;
  for (const reason of ["CONNECT", "REFUSED"]) endAlert(reason);
}

onTry(() => chat?.wake());

// Groups

/** @param {readonly GroupSummary[]} list */
function counted(list) {
  summaries = new Map(list.map((summary) => [summary.groupId, summary]));
  // Also the groups that the user has joined on other devices.
  const others = list.map(({ groupId }) => groupId).filter((id) => !left.has(id) && !conversations.has(id));
  for (const groupId of others) open(groupId);
  if (session && others.length) writeJoined(session, [...new Set([...others, ...joinedIn(session)])]);
  for (const conversation of conversations.values()) conversation.update();
}

function settle() {
  settled = true;
  for (const conversation of conversations.values()) conversation.update();
  for (const [conversation, message] of unsure) if (conversation.unread) tell(conversation, message);
  unsure.clear();
}

/** @param {Session} user */
const leftKey = ({ endpoint, userId }) => `chat-left:${JSON.stringify([endpoint, userId])}`;

/** @param {string} groupId @param {boolean} isLeft */
function setLeft(groupId, isLeft) {
  if (isLeft) left.add(groupId);
  else left.delete(groupId);
  if (!session) return;
  write("localStorage", leftKey(session), left.size ? JSON.stringify([...left]) : "");
  const others = joinedIn(session).filter((joined) => joined !== groupId);
  writeJoined(session, isLeft ? others : [...others, groupId]);
}

// Another tab of this browser has joined a group, or left one.
addEventListener("storage", ({ key }) => {
  if (!session || key !== joinedKey(session)) return;
  left = new Set(readJson("localStorage", leftKey(session), areIds));
  for (const groupId of joinedIn(session)) if (!conversations.has(groupId)) open(groupId);
  groupsChanged();
});

/** @param {string} groupId @returns {Conversation} */
function open(groupId) {
  if (!chat || !session) throw new Error("not signed in");
  // It joins again if the server had refused the group.
  const room = chat.group(groupId);
  const known = conversations.get(groupId);
  if (known) return known;
  const conversation = new Conversation(room, {
    userId: session.userId,
    isLooking,
    isSettled: () => settled,
    summary: (id) => summaries.get(id),
    rewrite,
    reply,
    // The user may look at another group by now.
    edit: (messageId, text) => {
      if (session?.group !== groupId) show(groupId);
      edit(messageId, text);
    },
    arrived: (message) => arrived(conversation, message),
    sentElsewhere,
    changed: groupsChanged,
  });
  conversation.learn([{ userId: session.userId, name: session.name }]);
  conversations.set(groupId, conversation);
  return conversation;
}

/** Show a group, and join it if it is new. @param {string} groupId @param {boolean} [isNext] Whether Back returns from it. */
function show(groupId, isNext = true) {
  if (!session || !chat) return;
  const user = session;
  const client = chat;
  leaveView();
  const conversation = open(groupId);
  const { room } = conversation;
  setLeft(groupId, false);
  session = { ...session, group: groupId, groups: [...conversations.keys()] };
  keepSession();
  if (isNext) addGroup(user.endpoint, groupId);
  else nameGroup(user.endpoint, groupId);

  byId("title").textContent = groupId;
  endAlert(GROUP);
  const stateChanged = () => showState(client, room.state);
  const peopleChanged = () => showPeople(room, conversation.names, user);
  const presenceChanged = () => {
    conversation.learn(room.presence.members.map(({ userId }) => ({ userId, name: room.nameOf(userId) })));
    peopleChanged();
    lookElsewhere(room);
  };
  const typingChanged = () => showTyping(room, conversation.names);
  const stops = [
    room.on("state", stateChanged),
    room.on("presence", presenceChanged),
    room.on("messages", peopleChanged),
    room.on("typing", typingChanged),
  ];
  leaveView = () => {
    for (const stop of stops.splice(0)) stop();
  };
  stateChanged();
  presenceChanged();
  typingChanged();
  openPeople(false);
  openGroups(false);
  writeTo({
    draftKey: draftKey(groupId),
    send: (text, replyTo) => {
      stopWatching();
      conversation.send(text, replyTo);
    },
    edit: (messageId, text) => conversation.edit(messageId, text),
    lastOwn: () => conversation.lastOwn,
    showQuote: (element, messageId) => conversation.list.showQuote(element, messageId),
    typing: (isTyping) => room.setTyping(isTyping),
    people: () => othersOf(room, conversation.names, user.userId),
  });
  inviteTo(groupId, user.endpoint);
  conversation.show();
  groupsChanged();
  // On a touch screen, the keyboard would cover half of the conversation.
  moveFocus(byId(isTouched() ? "log" : "text"));
}

/** For this tab only: a reload returns to the conversation, and another tab can be another user. */
const keepSession = () => write("sessionStorage", SESSION_KEY, JSON.stringify(session));

/** Show the list on a phone. Meanwhile, no group is shown. */
function showList() {
  openPeople(false);
  openGroups(true);
  drawGroups();
  focusGroups();
  groupsChanged();
}

function goToList() {
  showList();
  if (session) addList(session.endpoint);
}

/** @param {string} groupId */
const draftKey = (groupId) => `chat-draft:${JSON.stringify([session?.endpoint, session?.userId, groupId])}`;

byId("groups-toggle").addEventListener("click", goToList);

onChoose(show, (typed) => groupMeant(typed, [...conversations.keys()]));

addEventListener("popstate", () => {
  if (!chat || !session) return;
  if (isAtList()) return showList();
  const asked = namedGroup() ?? "";
  show(conversations.has(asked) ? asked : session.group, false);
});

// A wide page shows a group beside the list.
onWide(() => session && coversConversation() && show(session.group));

const LEAVING = "You stop getting messages of this group on this device. You can join it again by its name.";

byId("leave").addEventListener("click", async () => {
  const conversation = shownConversation();
  if (!conversation || !session) return;
  const { groupId } = conversation.room;
  const next = groups().find((group) => group.groupId !== groupId);
  const then = (/** @type {boolean} */ isSending) =>
    isSending
      ? "This page goes on sending, also after you have left the group. Keep it open."
      : "What is not sent stays here until you join the group again.";
  const always = {
    title: ["Leave “", isolated(groupId), "”?"],
    what: next ? LEAVING : `${LEAVING} You are in no other group, so you also sign out.`,
  };
  const leaves = next ? [conversation.room] : rooms();
  if (!(await mayLeave(leaves, "Leave the group", next ? then : whatWaits, always))) return;
  setLeft(groupId, true);
  if (!next) {
    session = { ...session, groups: [] };
    nameGroup(session.endpoint);
    return signOut();
  }
  leaveView();
  conversation.close();
  conversations.delete(groupId);
  departed.push(conversation.room);
  unsure.delete(conversation);
  endNotification(groupId);
  if (!isOnPhone()) return show(next.groupId);
  session = { ...session, group: next.groupId, groups: [...conversations.keys()] };
  keepSession();
  goToList();
});

/** Those in which the user may have unsent messages. */
const rooms = () => [...new Set([...conversations.values()].map(({ room }) => room).concat(departed))];

/** The groups of the list, the one with the newest message first. @returns {Group[]} */
function groups() {
  const all = [...conversations].map(([groupId, { room, names, unread, mentioned, loaded, changes }]) => {
    const sent = summaries.get(groupId)?.lastMessage ?? room.messages.findLast(({ status }) => status === "sent");
    const unsent = unsentIn(room);
    const newest = unsent.at(-1) ?? sent;
    const last = newest ? changes.shown(newest) : null;
    const own = last?.senderId === session?.userId;
    const without = loaded ? "No messages yet" : room.state === "waiting" ? "Not loaded yet" : "";
    const sender = last && !own ? names.of(last.senderId, last.senderName) : "You";
    const draft = draftOf(draftKey(groupId));
    return {
      groupId,
      last,
      // The clock of this machine may be slow.
      at: [sent?.timestamp ?? "", last?.timestamp ?? ""].sort()[1],
      without,
      sender,
      unread,
      mentioned,
      more: unread > 0 && !!summaries.get(groupId)?.unreadMore,
      draft: isVisible(draft) ? draft : "",
      unsent: unsent.length,
      failed: unsent.some(({ status }) => status === "failed"),
    };
  });
  const newestFirst = (/** @type {Group} */ a, /** @type {Group} */ b) =>
    b.at.localeCompare(a.at) || a.groupId.localeCompare(b.groupId);
  return all.sort(newestFirst);
}

function groupsChanged() {
  // A hidden page draws nothing, but its title can be seen.
  retitle ??= setTimeout(() => {
    retitle = undefined;
    for (const { room, unread } of conversations.values()) if (!unread) endNotification(room.groupId);
    if (rooms().every((room) => !unsentIn(room).length)) endAlert("STORAGE");
    const unread = count(groups());
    const shown = shownConversation();
    if (chat) document.title = `${unread && `(${unread}) `}${shown ? `${shown.room.groupId} – ` : ""}Chat`;
  });
  redraw ??= requestAnimationFrame(() => {
    redraw = undefined;
    drawGroups();
  });
}

function drawGroups() {
  if (chat && session) showGroups(groups(), session.group);
}

/** @param {Conversation} conversation @param {Message} message */
function arrived(conversation, message) {
  if (chat?.state === "online") tell(conversation, message);
  else unsure.set(conversation, message);
}

/** @param {Conversation} conversation @param {Message} message */
async function tell({ room: { groupId }, names }, message) {
  const user = userKey();
  if (isHere() || !user || (await isInFrontElsewhere(user))) return;
  const text = `${names.of(message.senderId, message.senderName)}: ${textOf(message)}`;
  if (user === userKey()) notify(groupId, user, text, () => show(groupId));
}

/** Says who the user is. Empty after they have signed out. */
const userKey = () => (chat && session ? JSON.stringify([session.endpoint, session.userId]) : "");

// People

/** @param {Room} room */
async function lookElsewhere({ groupId, presence }) {
  const user = userKey();
  const own = presence.members.find(({ userId }) => userId === session?.userId);
  if (groupId !== watched || !own) return;
  // A tab of this browser is no other person.
  const tabs = own.devices < 2 ? 1 : 1 + (await otherTabs(user));
  if (groupId !== watched || user !== userKey()) return;
  if (own.devices <= tabs) endNotice();
  else tellQuietly(`Somebody was already here as “${session?.name}” when you joined. ${IF_NOT_YOU}`);
}

async function sentElsewhere() {
  const user = userKey();
  if (session?.token || warned || (await otherTabs(user))) return;
  if (warned || user !== userKey()) return;
  warned = true;
  // Or who comes and goes would end this.
  stopWatching();
  tellQuietly(`A message was sent as “${session?.name}” from elsewhere. ${IF_NOT_YOU}`);
}

function stopWatching() {
  watched = "";
  endNotice();
}

// Looking

const isHere = () => !document.hidden && document.hasFocus();
const isLooking = () => isHere() && !coversConversation() && !question.open;
/** The conversation that can be seen, also behind a question. */
const shownConversation = () => (session && !coversConversation() ? conversations.get(session.group) : undefined);

question.addEventListener("close", () => shownConversation()?.update());

function frontChanged() {
  setInFront(isHere() ? userKey() : "");
  setSignedIn(userKey());
}

document.addEventListener("visibilitychange", () => {
  frontChanged();
  if (!document.hidden) shownConversation()?.show();
});
addEventListener("blur", frontChanged);
// The browser does not keep a page that has a lock for the way back.
addEventListener("pagehide", () => {
  setInFront("");
  setSignedIn("");
});
addEventListener("pageshow", frontChanged);
addEventListener("focus", () => {
  frontChanged();
  checkDay();
  shownConversation()?.update();
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

const asked = namedGroup() ?? session?.group;
const known = session?.groups.find((groupId) => groupId === asked);
// A link to another group leads to that group's join form, not back to the old one.
if (session && known) {
  enter({ ...session, group: known });
  if (isAtList()) showList();
  else show(known);
} else showJoinForm(session, false);
