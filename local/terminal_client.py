"""What ``python -m local.join`` sends and says: its commands, and the lines for what happens in the chat."""

import asyncio
import json
import re
import ssl
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TextIO

from websockets.exceptions import InvalidProxy, InvalidStatus, ProxyError

from .link import DisconnectedError, Frame, RefusedError
from .names import Names
from .reliable_client import ReliableClient
from .room import Room
from .shown import Shown
from .terminal import Terminal, harmless, harmless_lines, is_visible

MAX_ID_BYTES = 256
"""Maximum size of a group, a name or a user id (docs/protocol.md)."""

_TOLD_AGAIN_S = 60.0
"""How long not to repeat a notice about something that the client retries."""

_ADVICE = {
    "TOO_LARGE": "Split it into several messages.",
    "RATE_LIMITED": "The client sends it again. Please type a little slower.",
    "UNAVAILABLE": "The client sends it again.",
}
_HANDSHAKE_ADVICE = {
    400: "Your name or user id is empty or too long: use 1 to 256 bytes for each. Or the chat is older than this "
    "client: deploy it again.",
    401: "CHAT_TOKEN is missing, wrong or expired. Get a new token.",
    403: "The URL or CHAT_TOKEN is not accepted. Check that the URL is complete, and that CHAT_TOKEN is set, right and "
    "not expired. If another claim than `sub` is the user, name the user: ARGS=--user=…",
    404: "The URL is wrong. Compare it with the output WebSocketURL.",
    429: "There are too many connections. Close some, or try again later.",
}
_TRY_AGAIN = 429
_COMMANDS = (
    "/join GROUP         join a group and write to it. If you are in it, write to it",
    "/leave [GROUP]      leave a group",
    "/who [GROUP]        show who is in a group",
    "/messages [GROUP]   show the last messages with their numbers",
    "/reply [#3] TEXT    answer message #3. Without #3: the last one of somebody else",
    "/edit [#3] TEXT     give your message another text. Without #3: your last one",
    "/delete [#3]        delete a message. Without #3: your last one",
    "/react [#3] EMOJI   add or take away your reaction. Without #3: as for /reply",
    "/help               show the commands",
    "//text              send a text that begins with /",
    "Alt-Enter           begin another line of the same message. Or Esc, then Enter",
    "Without GROUP, a command is about the group that you write to.",
)
_USAGE = {
    "/reply": "/reply TEXT, or /reply #3 TEXT",
    "/edit": "/edit TEXT, or /edit #3 TEXT",
    "/delete": "/delete, or /delete #3",
    "/react": "/react EMOJI, or /react #3 EMOJI",
}
_LISTED = 10
"""How many messages /messages shows."""
_SHORT = 60
"""Characters of a message where it is only named."""
_NAMED = 3
"""How many users of a reaction are named. Of more, it is their number."""
_CHOOSE = "Choose one: /join GROUP"


class TerminalClient(ReliableClient):
    """Shows messages on standard output, and everything else on standard error.

    Attributes:
        over: Why the client must stop. Set when it must.
        recovered: Set when all messages so far have been shown.
        refused: Whether something that the user typed could not be done.
        answering: Commands that wait for an answer of the chat.
        changing: Changes of messages that wait for an answer, with what to say if none comes.
    """

    def __init__(
        self,
        url: str,
        user_id: str,
        group_ids: list[str],
        terminal: Terminal,
        *,
        sender_name: str | None = None,
        token: str | None = None,
    ) -> None:
        """Take the groups to join. What is typed goes to the first one."""
        super().__init__(url, user_id, sender_name=sender_name, token=token, first_pages=1)
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.recovered = asyncio.Event()
        self.refused = False
        self.answering: set[asyncio.Task[None]] = set()
        self.changing: dict[asyncio.Task[None], str] = {}
        self._terminal = terminal
        terminal.status = self._status_line
        self._own: set[str] = set()
        self._shown = Shown()
        self._held: list[str] = []  # What is typed after a command about messages, until they are here.
        self._to_delete = ""  # The message whose deletion the user has to confirm.
        self._day = ""
        self._connected = False
        self._told_at: dict[str, float] = {}
        self._joined: set[Room] = set()  # Those of which the user knows that they are joined.
        self._names: dict[str, str] = {}
        self._known = Names()
        self._known.learn(user_id, sender_name or user_id)
        for group_id in group_ids:
            self.group(group_id)
        self._write_to(self.rooms[group_ids[0]])

    # What the user types

    def take(self, line: str) -> None:
        """Send a typed line, unless nothing of it can be seen. Or do what it says, if it begins with a slash."""
        text = line.rstrip("\r\n")
        command = re.match(r"/\S+", text)
        is_about_messages = command and command[0] in {"/messages", *_USAGE}
        if not self.recovered.is_set() and (self._held or is_about_messages):
            self._held.append(text)
            return
        if not text.startswith("/delete"):
            self._to_delete = ""
        if text.startswith("/") and not text.startswith("//"):
            self._do(text)
        elif is_visible(text):
            self._say(text[1:] if text.startswith("//") else text)

    def _do(self, text: str) -> None:
        command, _, rest = re.sub(r"\s", " ", text, count=1).partition(" ")
        if "\n" in text and command not in {"/reply", "/edit"}:
            self._reject(f"A command is one line. To send this as a message: /{_quote(text)}")
            return
        group_id = unicodedata.normalize("NFC", rest.strip())  # As in the arguments of join.py.
        match command:
            case "/join":
                self._join_group(group_id)
            case "/leave" if room := self._room(group_id):
                self._leave_group(room)
            case "/who" if room := self._room(group_id):
                task = asyncio.create_task(self._answer_who(room))
                self.answering.add(task)
                task.add_done_callback(self.answering.discard)
            case "/messages" if room := self._room(group_id):
                self._list_messages(room)
            case "/leave" | "/who" | "/messages":
                pass  # The user knows why.
            case _ if command in _USAGE:
                self._do_to_message(command, rest)
            case "/help":
                for line in _COMMANDS:
                    self._notice(line)
            case _:
                self._reject(
                    f"There is no command {harmless(command)}. /help shows the commands. "
                    f"To send this as a message: /{harmless(text)}"
                )

    def _room(self, group_id: str) -> Room | None:
        """The group that a command names, or the one that the user writes to. If that is missing, the user is told."""
        if not group_id:
            if self._current is None:
                self._reject(f"You write to no group. {_CHOOSE}")
            return self._current
        room = self.rooms.get(group_id)
        if room and room.open:
            return room
        self._reject(f"You are not in {harmless(group_id)}")
        return None

    def _join_group(self, group_id: str) -> None:
        if not group_id:
            names = ", ".join(_name(room) for room in self._open)
            self._reject(f"Name the group: /join GROUP. You are in: {names or 'no group'}")
            return
        if len(group_id.encode(errors="replace")) > MAX_ID_BYTES:
            self._reject(f"The group's name is too long. It must have at most {MAX_ID_BYTES} bytes")
            return
        here_already = self.rooms.get(group_id) in self._open
        room = self.group(group_id)
        self._write_to(room)
        if here_already:
            self._notice(f"You write to {_name(room)} now")
        elif self.recovered.is_set() and not self._connected:
            self._notice(f"{_name(room)} is joined when the connection is back. You can write to it now.")

    def _leave_group(self, room: Room) -> None:
        room.close()
        self._joined.discard(room)
        self._write_to(next(reversed(self._open), None) if room is self._current else self._current)
        now = f"You write to {_name(self._current)} now" if self._current else f"You write to no group now. {_CHOOSE}"
        self._notice(f"Left {_name(room)}. {now}")

    async def _answer_who(self, room: Room) -> None:
        await self.recovered.wait()  # If it never was connected, this is about to change.
        try:
            await self._show_who(room)
        except DisconnectedError:
            self._notice("There is no connection now. Ask again when it is back.")
        except RefusedError as refused:
            self._notice(f"The chat does not say who is in {_name(room)}: {explain(refused.error)}")

    def _list_messages(self, room: Room) -> None:
        messages = self._shown.last(room.group_id, _LISTED)
        for message in messages:
            reactions = f" + {self._reactions(message)}" if message.get("reactions") else ""
            _, time = _when(message)
            self._notice(f"#{self._shown.number(message)} {time} {self._short(message)}{_mark(message)}{reactions}")
        if not messages:
            self._notice(f"There are no messages in {_name(room)}")

    def _do_to_message(self, command: str, rest: str) -> None:
        """Do a command about the message that its number names, or else about the last one that it can be about."""
        found = re.match(r"\s*(?:#(\d+)(?:\s+|$))?", rest)
        number, text = (found[1], rest[found.end() :]) if found else (None, rest)
        if (command == "/delete") == is_visible(text):
            self._reject(f"Type it like this: {_USAGE[command]}")
            return
        match command:
            case "/reply":
                if message := self._target(number, own=False):
                    self._reply(message, text)
            case "/react":
                if message := self._target(number, own=False):
                    reaction = text.strip()
                    on = self.user_id not in message.get("reactions", {}).get(reaction, [])
                    self._change("Your reaction is not changed", message, "react", reaction=reaction, on=on)
            case "/edit":
                if message := self._target(number, own=True):
                    self._change(f"Not edited: {_quote(text)}", message, "editMessage", message=text)
            case "/delete":
                if message := self._target(number, own=True):
                    self._delete(message)

    def _target(self, number: str | None, *, own: bool) -> Frame | None:
        """The message with a number, or the last one of this user or of another. If there is none, the user is told."""
        if number:
            message = self._shown.numbered(int(number))
            if message is None:
                self._reject(f"There is no message #{number}. /messages shows the numbers")
            return message
        room = self._room("")
        if room is None:
            return None
        unsent = [one.frame for one in self.outbox.values() if one.room is room]
        if own and unsent:
            return dict(json.loads(unsent[-1]))

        def is_wanted(one: Frame) -> bool:
            return (one.get("senderId") == self.user_id) == own and not one.get("deletedAt")

        last = self._shown.last(room.group_id, 1, is_wanted)
        if not last:
            self._reject(f"There is no message of {'yours' if own else 'others'} in {_name(room)}")
        return last[0] if last else None

    def _reply(self, message: Frame, text: str) -> None:
        room = self._room(message["groupId"])
        if room:
            if self._terminal.echoes:
                self._notice(f"Reply to {self._short(message)}")
            self._say(text, room, replyTo=message["messageId"])

    def _delete(self, message: Frame) -> None:
        key = message.get("clientMessageId") or message["messageId"]
        if self._to_delete == key:
            self._to_delete = ""
            self._change("Not deleted", message, "deleteMessage")
        else:
            self._to_delete = key
            self._notice(f"To delete this message, type the same again: {self._short(message)}")

    def _change(self, failed: str, message: Frame, action: str, /, **fields: object) -> None:
        """Change a message. It may still be on its way.

        Args:
            failed: What to say if it is not changed.
            message: The message.
            action: The action.
            fields: The other fields of the frame.
        """
        outgoing = self.outbox.get(message.get("clientMessageId", ""))

        async def change() -> None:
            message_id = message.get("messageId") or (outgoing and (await outgoing.answer).get("messageId"))
            if not message_id:
                self._reject(f"{failed}: the message itself was not sent")
                return
            try:
                await self.rooms[message["groupId"]].change(action, message_id, **fields)
            except RefusedError as refused:
                self._reject(f"{failed}: {_why_not_changed(refused.error)}")
            except ValueError as error:
                self._reject(f"Not changed: {error}. Shorten it")
            except TimeoutError:
                self._reject(f"{failed}: the chat does not answer. It may have made the change")

        task = asyncio.create_task(change())
        self.changing[task] = failed
        task.add_done_callback(self.changing.pop)

    def _say(self, text: str, room: Room | None = None, **options: object) -> None:
        room = room or self._current
        if room is None:
            self._reject(f"Not sent: {_quote(text)}: you write to no group. {_CHOOSE}")
            return
        try:
            outgoing = room.say(text, **options)
        except ValueError as error:
            self._reject(f"Not sent: {error}. {_ADVICE['TOO_LARGE']}")
            return
        if self._terminal.echoes:
            self._own.add(outgoing.client_message_id)

        def answered(answer: asyncio.Future[Frame]) -> None:
            self._terminal.refresh()  # The status has the number of unsent messages.
            frame = answer.result()
            if frame["action"] == "error":
                self._reject(f"Not sent: {_quote(text)}: {explain(frame)}")
            else:  # Show it now: the push may come late, or after the end.
                message = json.loads(outgoing.frame) | frame
                if not self._shown.get(message["messageId"]):
                    self._shown.keep(message)
                room.take(message)

        outgoing.answer.add_done_callback(answered)

    @property
    def is_unfinished(self) -> bool:
        """Whether something that the user typed is not done yet."""
        return bool(self.outbox or self.changing or self._held)

    def say_unsent(self) -> None:
        """Show each message that was not sent, and each change that was not answered."""
        for text in [*(outgoing.text for outgoing in self.outbox.values()), *self._held]:
            self._notice(f"Not sent: {_quote(text)}")
        for failed in self.changing.values():
            self._notice(f"{failed}. The chat has not answered")

    # What happens in the chat

    def on_message(self, message: Frame) -> None:
        """Show a message, with its time in the time zone of this machine."""
        self._shown.keep(message)
        # Other users may repeat our ids.
        if message.get("senderId") == self.user_id and message.get("clientMessageId") in self._own:
            return
        day, time = _when(message)
        if day and day != self._day:
            self._day = day
            self._show(f"--- {day}", sys.stdout)
        indent = " " * len(time)
        name = self._name_of(message)
        # With several groups, each line has one: a user could have a name that looks like it.
        group = f"[{harmless(message['groupId'])}] " if self._several else ""
        said = f"{time} {group}{name}: {harmless_lines(_text(message), f'{indent} | ')}{_mark(message)}"
        if reply_to := message.get("replyTo"):
            answered = self._shown.get(str(reply_to))
            said = f"{indent} > {self._short(answered) if answered else '(a message that is not shown here)'}\n{said}"
        if message.get("reactions"):
            said += f"\n{indent} + {self._reactions(message)}"
        self._show(said, sys.stdout)

    def on_change(self, message: Frame) -> None:
        """Say what has changed about a message. A terminal cannot change what it has shown."""
        before = self._shown.replace(message)
        group = f"[{harmless(message['groupId'])}] " if self._several else ""
        for what in self._what_changed(before, message):
            self._notice(f"{group}{what}")

    def _what_changed(self, before: Frame | None, message: Frame) -> Iterator[str]:
        name = self._name_of(message)
        if message.get("deletedAt"):
            yield f"{name}'s message of {_when(message)[1]} is deleted"
            return
        # Of a message that was not shown, only what changed last is known.
        known = before or {
            "editedAt": message.get("editedAt") if message.get("editedAt") != message["changedAt"] else ""
        }
        is_edited = message.get("editedAt") not in (None, known.get("editedAt"))
        if is_edited:
            yield f"{name} edited: {_quote(_text(message))}"
        if message.get("reactions") != before.get("reactions") if before else not is_edited:
            yield f"{self._short(message)} + {self._reactions(message)}"

    def on_reset(self, room: Room) -> None:
        """Say that what is shown of a group may be wrong."""
        self._shown.forget(room.group_id)
        self._notice(f"You were away from {_name(room)} for long. These are its messages as they are now:")

    def _name_of(self, message: Frame) -> str:
        user_id = str(message.get("senderId") or "")
        name = next(filter(is_visible, (str(message.get("senderName") or ""), user_id)), "?")
        self._known.learn(user_id, name)
        return harmless(self._known.of(user_id, name))

    def _short(self, message: Frame) -> str:
        """A message in a few words."""
        text = harmless(" ".join(_text(message).split()))
        return f"{self._name_of(message)}: {text if len(text) <= _SHORT else text[: _SHORT - 1] + '…'}"

    def _reactions(self, message: Frame) -> str:
        """The reactions to a message, with the users, or with their number if they are many."""
        found = [
            f"{harmless(reaction)} "
            + (str(len(users)) if len(users) > _NAMED else ", ".join(harmless(self._called(one)) for one in users))
            for reaction, users in message.get("reactions", {}).items()
        ]
        return "  ".join(found) or "no reactions"

    async def on_recovered(self, *, first: bool) -> None:
        """Say that the client is connected or has joined a group, and who is there."""
        if self.over.done():
            return
        new = [room for room in self._open if room not in self._joined]
        self._joined.update(new)
        show = [self._current] if first and self._current else []
        if self.recovered.is_set():
            if first:
                self._notice("Connected again")
            for room in new:
                self._notice(f"Joined {_name(room)}{'. You write to it now' if room is self._current else ''}")
            show += new
        else:
            to = f" to {', '.join(_name(room) for room in new)}" if new else ""
            self._notice(f"Connected{to} as {harmless(self.user_id)}")
        self._connected = True
        self.recovered.set()
        held, self._held = self._held, []
        for text in held:
            self.take(text)
        for room in dict.fromkeys(show):
            with suppress(RefusedError):  # Presence may be off.
                await self._show_who(room)

    def on_lost(self, reason: Exception | None) -> None:
        """Say that the connection is lost. Give up if it never worked, or if the chat refuses the handshake."""
        status = _status(reason)
        if status in _HANDSHAKE_ADVICE and (status != _TRY_AGAIN or not self.recovered.is_set()):
            self._end(f"The chat refuses the connection ({status}). {_HANDSHAKE_ADVICE[status]}")
        elif reason is not None and not self.recovered.is_set():
            through = proxy = ""
            if self.proxy:
                through = f" through the proxy {harmless(_without_user(self.proxy))}"
                proxy = ", and the proxy in the environment variables https_proxy, http_proxy and no_proxy"
            self._end(f"No chat can be reached at {harmless(self.url)}{through}: {_why(reason)}. Check the URL{proxy}.")
        elif self._connected:
            self._connected = False
            self._notice("The connection is lost. Connecting again. What you type is sent after that.")

    def on_refused(self, room: Room, error: Frame) -> None:
        """Say that the user is not in a group. Give up if this was the last one before the client was connected."""
        why = f"{harmless(error['message'])} ({harmless(error['code'])})"
        if room in self._joined:
            self._joined.remove(room)
            out = f"You are out of {_name(room)}"
        else:
            self.refused = True
            out = f"You are not in {_name(room)}"
        if not self._open and not self.recovered.is_set():
            self._end(f"{out}: {why}. Check GROUP, and with authentication CHAT_TOKEN.")
            return
        if room is self._current:
            why += f". You write to no group now. {_CHOOSE}"
        # Not to another group: the user may be typing.
        self._write_to(None if room is self._current else self._current)
        self._notice(f"{out}: {why}")

    def on_frame(self, frame: Frame) -> None:
        """Say who joins and leaves, and what the chat refuses."""
        match frame.get("action"):
            case "presenceChanged" if self.rooms[frame["groupId"]].open:
                self._learn(frame["joined"])
                where = f" {_name(self.rooms[frame['groupId']])}" if self._several else ""
                for event in ("joined", "left"):
                    others = [one["userId"] for one in frame[event] if one["userId"] != self.user_id]
                    if users := [harmless(self._called(user_id)) for user_id in others]:
                        self._notice(f"{', '.join(users)} {'has' if len(users) == 1 else 'have'} {event}{where}")
            case "error" if frame.get("retryable"):
                now = asyncio.get_running_loop().time()
                if self._told_at.get(frame["code"], -_TOLD_AGAIN_S) + _TOLD_AGAIN_S <= now:
                    self._told_at[frame["code"]] = now
                    self._notice(explain(frame))

    async def _show_who(self, room: Room) -> None:
        presence = await self.ask("getPresence", groupId=room.group_id)
        self._learn(presence["members"])
        here = []
        for member in presence["members"]:
            user_id, devices = member["userId"], member["devices"]
            name = self._names.get(user_id, user_id)
            more = [harmless(user_id)] if name != user_id else []
            more += [f"{devices} devices"] if devices > 1 else []
            here.append(harmless(name) + (f" ({', '.join(more)})" if more else ""))
        where = f" in {_name(room)}" if self._several else ""
        self._notice(f"Here{where}: {', '.join(here)}{', and more' if presence['truncated'] else ''}")

    def _learn(self, members: list[Frame]) -> None:
        self._names |= {member["userId"]: member["name"] for member in members if member.get("name")}
        for user_id in (str(member["userId"]) for member in members):
            self._known.learn(user_id, self._names.get(user_id, user_id))

    def _called(self, user_id: str) -> str:
        return self._known.of(user_id, self._names.get(user_id, user_id))

    @property
    def _open(self) -> list[Room]:
        return [room for room in self.rooms.values() if room.open]

    @property
    def _several(self) -> bool:
        return len(self._open) > 1

    def _write_to(self, room: Room | None) -> None:
        self._current = room
        self._terminal.prompt = f"{_name(room)}> " if room and self._several else "> "

    def _status_line(self) -> str:
        """What the status line says. A group's name may be longer than the line, so it is last."""
        connection = "connected" if self._connected else "connecting again" if self.recovered.is_set() else "connecting"
        unsent = f" | {len(self.outbox)} unsent" if self.outbox else ""
        return f"{connection}{unsent} | you write to {_name(self._current) if self._current else 'no group'}"

    # What is shown

    def _reject(self, what: str) -> None:
        self.refused = True
        self._notice(what)

    def _notice(self, what: str) -> None:
        self._show(f"* {what}", sys.stderr)

    def _show(self, text: str, stream: TextIO) -> None:
        if not self._terminal.show(text, stream):
            self._end("")

    def _end(self, why: str) -> None:
        if not self.over.done():
            self.over.set_result(why)


def _when(message: Frame) -> tuple[str, str]:
    """The day and the time of a message, in the time zone of this machine. The day is empty if it cannot be read."""
    try:
        said_at = datetime.fromisoformat(message["timestamp"]).astimezone()
    except (ValueError, OverflowError, OSError):  # Another program stored this row, with any text or year.
        return "", "(unreadable time)"
    return f"{said_at:%A, %d %B %Y}", f"{said_at:%H:%M}"


def _text(message: Frame) -> str:
    """The text of a message, or why there is none."""
    if message.get("deletedAt"):
        return "(deleted)"
    text = "(too long to show)" if message.get("omitted") else str(message.get("message", ""))
    return text if is_visible(text) else "(no text)"


def _mark(message: Frame) -> str:
    return " (edited)" if message.get("editedAt") and not message.get("deletedAt") else ""


def _why_not_changed(error: Frame) -> str:
    return "this chat was deployed without `changes`" if error["code"] == "UNKNOWN_ACTION" else explain(error)


def _name(room: Room) -> str:
    return harmless(room.group_id)


def _quote(text: str) -> str:
    return harmless_lines(text, "  | ")


def _status(reason: Exception | None) -> int | None:
    return reason.response.status_code if isinstance(reason, InvalidStatus) else None


def _why(reason: Exception) -> str:
    """Why a handshake failed. Most errors' own texts may quote the address, with its token, so they are not shown."""
    status = _status(reason)
    why: object = status and f"its answer is {status}"
    if isinstance(reason, ssl.SSLError):
        why = "it has no TLS that can be trusted. If it has no TLS at all, use ws:// instead of wss://"
    elif isinstance(reason, OSError):
        why = reason.strerror or "it does not answer"
    elif isinstance(reason, InvalidProxy):
        why = reason.msg
    elif isinstance(reason, ProxyError):
        why = harmless(reason.__cause__ or reason)
    elif isinstance(reason, ValueError):
        why = "the proxy's address is not valid"
    return str(why or "the answer is not from a chat")


def explain(error: Frame) -> str:
    """What an error frame says, and what to do about it."""
    advice = _ADVICE.get(error["code"], "")
    return f"{harmless(error['message'])} ({harmless(error['code'])}). {advice}".strip()


def _without_user(proxy: str) -> str:
    """The address of a proxy without its user and password. It need not be a URL."""
    return re.sub(r"(?s)^([\w+.-]*://)?.*@", r"\1", proxy)
