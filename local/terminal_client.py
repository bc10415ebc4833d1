"""What ``python -m local.join`` sends and says: its commands, and the lines for what happens in the chat."""

import asyncio
import json
import re
import ssl
import sys
import unicodedata
from contextlib import suppress
from datetime import datetime
from typing import TextIO

from websockets.exceptions import InvalidProxy, InvalidStatus, ProxyError

from .link import DisconnectedError, Frame, RefusedError
from .names import Names
from .reliable_client import ReliableClient
from .room import Room
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
    "/join GROUP     join a group and write to it. If you are in it, write to it",
    "/leave [GROUP]  leave a group",
    "/who [GROUP]    show who is in a group",
    "/help           show the commands",
    "//text          send a text that begins with /",
    "Alt-Enter       begin another line of the same message. Or Esc, then Enter",
    "Without GROUP, a command is about the group that you write to.",
)
_CHOOSE = "Choose one: /join GROUP"


class TerminalClient(ReliableClient):
    """Shows messages on standard output, and everything else on standard error.

    Attributes:
        over: Why the client must stop. Set when it must.
        recovered: Set when all messages so far have been shown.
        refused: Whether something that the user typed could not be done.
        answering: Commands that wait for an answer of the chat.
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
        self._terminal = terminal
        terminal.status = self._status_line
        self._own: set[str] = set()
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
        if text.startswith("/") and not text.startswith("//"):
            self._do(text)
        elif is_visible(text):
            self._say(text[1:] if text.startswith("//") else text)

    def _do(self, text: str) -> None:
        if "\n" in text:
            self._reject(f"A command is one line. To send this as a message: /{_quote(text)}")
            return
        command, _, group_id = re.sub(r"\s", " ", text, count=1).partition(" ")
        group_id = unicodedata.normalize("NFC", group_id.strip())  # As in the arguments of join.py.
        match command:
            case "/join":
                self._join_group(group_id)
            case "/leave" if room := self._room(group_id):
                self._leave_group(room)
            case "/who" if room := self._room(group_id):
                task = asyncio.create_task(self._answer_who(room))
                self.answering.add(task)
                task.add_done_callback(self.answering.discard)
            case "/leave" | "/who":
                pass  # The user knows why.
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

    def _say(self, text: str) -> None:
        room = self._current
        if room is None:
            self._reject(f"Not sent: {_quote(text)}: you write to no group. {_CHOOSE}")
            return
        try:
            outgoing = room.say(text)
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
                room.take(json.loads(outgoing.frame) | frame)

        outgoing.answer.add_done_callback(answered)

    def say_unsent(self) -> None:
        """Show each message that was not sent."""
        for outgoing in self.outbox.values():
            self._notice(f"Not sent: {_quote(outgoing.text)}")

    # What happens in the chat

    def on_message(self, message: Frame) -> None:
        """Show a message, with its time in the time zone of this machine."""
        # Other users may repeat our ids.
        if message.get("senderId") == self.user_id and message.get("clientMessageId") in self._own:
            return
        try:
            said_at = datetime.fromisoformat(message["timestamp"]).astimezone()
            day, time = f"{said_at:%A, %d %B %Y}", f"{said_at:%H:%M}"
        except (ValueError, OverflowError, OSError):  # Another program stored this row, with any text or year.
            day, time = self._day, "(unreadable time)"
        if day != self._day:
            self._day = day
            self._show(f"--- {day}", sys.stdout)
        user_id = str(message.get("senderId") or "")
        name = next(filter(is_visible, (str(message.get("senderName") or ""), user_id)), "?")
        self._known.learn(user_id, name)
        name = harmless(self._known.of(user_id, name))
        text = "(too long to show)" if message.get("omitted") else str(message.get("message", ""))
        if not is_visible(text):
            text = "(no text)"
        # With several groups, each line has one: a user could have a name that looks like it.
        group = f"[{harmless(message['groupId'])}] " if self._several else ""
        self._show(f"{time} {group}{name}: {harmless_lines(text, ' ' * len(time) + ' | ')}", sys.stdout)

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
