"""A client that loses nothing and doubles nothing: what `docs/protocol.md` asks of a front end, in asyncio."""

import asyncio
import json
import random
import socket
import struct
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

Frame = dict[str, Any]

_INDEX_LAG_S = 4.0
"""How long after a recovery history is asked once more."""
_PATIENCE_S = 8.0
"""How long to wait for the first ack or reply before asking again, twice as long each further time."""
_BACKOFF_S = 0.2
_MAX_BACKOFF_S = 5.0
_PAGE = 100


class RefusedError(Exception):
    """The server refuses a frame of ours, and would again."""


class _ConnectAgainError(Exception):
    """The connection is of no use any more."""


@dataclass(eq=False, frozen=True, slots=True)
class Outgoing:
    """A message on its way.

    Attributes:
        frame: What is sent, each time the same.
        acked: The first ack.
    """

    frame: str
    acked: asyncio.Future[Frame]


class ReliableClient:
    """A user on one device, connected again and again while :meth:`run` runs.

    Attributes:
        messages: All that is known of the group, by ``messageId``.
        contradictions: Messages that came a second time with another content.
        acks: What each ``clientMessageId`` was acknowledged as. One each, if all is well.
        groups: Groups of all frames that came. One, if all is well.
        counts: What happened, for people.
    """

    def __init__(self, url: str, user_id: str, group_id: str) -> None:
        self.user_id = user_id
        self.group_id = group_id
        self.messages: dict[str, Frame] = {}
        self.contradictions: list[Frame] = []
        self.acks: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.groups: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._address = f"{url}?{urlencode({'userId': user_id, 'groupId': group_id})}"
        self._outbox: dict[str, Outgoing] = {}
        self._cursor: str | None = None
        self._aside: list[Frame] | None = None
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._recovered = asyncio.Event()
        self._failures = 0
        self._life: asyncio.Task[None] | None = None
        self._connection: ClientConnection | None = None
        self._undelivered: asyncio.Queue[Outgoing] = asyncio.Queue()

    @property
    def timeline(self) -> list[Frame]:
        """What a user sees."""
        return sorted(self.messages.values(), key=lambda message: (message["timestamp"], message["messageId"]))

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def say(self, text: str) -> Outgoing:
        """Put a message into the outbox, from where it goes over as many connections as it takes."""
        client_message_id = str(uuid4())
        frame = {
            "action": "sendMessage",
            "groupId": self.group_id,
            "senderId": self.user_id,
            "message": text,
            "clientMessageId": client_message_id,
        }
        outgoing = Outgoing(json.dumps(frame), asyncio.get_running_loop().create_future())
        self._outbox[client_message_id] = outgoing
        self._undelivered.put_nowait(outgoing)
        return outgoing

    async def send_text(self, text: str | bytes) -> bool:
        """Send whatever it is, and tell whether there was a connection to send it on."""
        if self._connection is None:
            return False
        try:
            await self._connection.send(text)
        except WebSocketException:
            return False
        return True

    def kill(self) -> bool:
        """Break the connection off with a TCP reset, or the handshake under way; tell whether there was any."""
        if self._life is None or self._life.done():
            return False
        if self._connection is not None and not self._connection.transport.is_closing():
            transport = self._connection.transport
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return self._life.cancel()

    async def recover(self) -> None:
        """Break the connection off, and return when a new one has recovered."""
        self._recovered = recovered = asyncio.Event()
        self.kill()
        await recovered.wait()

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            RefusedError: The server refuses a frame of this client's own making. Alone, or in groups.
        """
        while True:
            self._life = asyncio.create_task(self._live())
            try:
                await asyncio.wait({self._life})
            finally:
                self.kill()
            if not self._life.cancelled():
                self._life.result()
            # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
            await asyncio.sleep(random.uniform(0, min(_MAX_BACKOFF_S, _BACKOFF_S * 2**self._failures)))
            self._failures += 1

    async def _live(self) -> None:
        """One connection, from its handshake to its end."""
        try:
            async with connect(
                self._address, compression=None, proxy=None, ping_interval=None, open_timeout=60, close_timeout=1
            ) as connection:
                self.counts["connections"] += 1
                await self._serve(connection)
        except* (OSError, WebSocketException, _ConnectAgainError):
            pass

    async def _serve(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._aside = []
        self._replies.clear()
        self._undelivered = asyncio.Queue()
        for outgoing in self._outbox.values():
            self._undelivered.put_nowait(outgoing)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(connection))
                tasks.create_task(self._recover_twice(connection, self._recovered))
                while True:
                    tasks.create_task(self._deliver(await self._undelivered.get()))
        finally:
            self._connection = None

    async def _deliver(self, outgoing: Outgoing) -> None:
        """Send a message, and again until it is acknowledged. An error that can be retried is no ack either."""
        for attempt in count():
            if not await self.send_text(outgoing.frame):
                raise _ConnectAgainError
            self.counts["sends"] += 1
            acked, _ = await asyncio.wait({outgoing.acked}, timeout=_patience(attempt))
            if acked:
                return

    async def _recover_twice(self, connection: ClientConnection, recovered: asyncio.Event) -> None:
        await self._recover(connection)
        self._failures = 0
        await asyncio.sleep(_INDEX_LAG_S)
        await self._recover(connection)
        recovered.set()

    async def _recover(self, connection: ClientConnection) -> None:
        if self._cursor is None:
            cursor = await self._read_all(connection)
        else:
            cursor = await self._read_on(connection, self._cursor)
        for message in self._aside or ():
            self._merge(message, "pushed again")
        self._aside = None
        self._cursor = cursor

    async def _read_on(self, connection: ClientConnection, cursor: str) -> str:
        while True:
            page = await self._history(connection, after=cursor)
            cursor = page["after"]
            if not page["more"]:
                return cursor

    async def _read_all(self, connection: ClientConnection) -> str:
        """Read back from the newest page, which ends where reading on begins."""
        newest = page = await self._history(connection)
        while page["more"]:
            page = await self._history(connection, before=page["before"])
        return str(newest["after"])

    async def _history(self, connection: ClientConnection, **cursor: str) -> Frame:
        page = await self._ask(connection, {"action": "getHistory", "limit": _PAGE} | cursor)
        for message in page["messages"]:
            self._merge(message, "read again")
        return page

    async def _ask(self, connection: ClientConnection, frame: Frame) -> Frame:
        """Send a frame until a reply comes that is no error."""
        request_id = str(uuid4())
        for attempt in count():
            # A late reply to an earlier attempt is as good.
            reply = self._replies.setdefault(request_id, asyncio.get_running_loop().create_future())
            await connection.send(json.dumps(frame | {"requestId": request_id}))
            await asyncio.wait({reply}, timeout=_patience(attempt))
            if reply.done():
                if reply.result()["action"] != "error":
                    break
                await asyncio.sleep(random.uniform(0, _patience(attempt)))
            self.counts["asked again"] += 1
        return reply.result()

    async def _receive(self, connection: ClientConnection) -> None:
        async for text in connection:
            frame: Frame = json.loads(text)
            if "groupId" in frame:
                self.groups.add(frame["groupId"])
            match frame.pop("action"):
                case "message" if self._aside is not None:
                    self._aside.append(frame)
                case "message":
                    self._merge(frame, "pushed again")
                case "ack":
                    self._take_ack(frame)
                case "error":
                    self._take_error(frame)
                case action if reply := self._replies.pop(frame.get("requestId", ""), None):
                    reply.set_result(frame | {"action": action})
                case action:
                    self.counts[action] += 1
        raise _ConnectAgainError

    def _merge(self, message: Frame, known_already: str) -> None:
        self.groups.add(message["groupId"])
        known = self.messages.setdefault(message["messageId"], message)
        if known is not message:
            self.counts[known_already] += 1
        if known != message:
            self.contradictions.append(message)

    def _take_ack(self, ack: Frame) -> None:
        client_message_id = ack["clientMessageId"]
        self.acks[client_message_id].add((ack["messageId"], ack["timestamp"]))
        self.counts["acks of duplicates"] += ack["duplicate"]
        if outgoing := self._outbox.pop(client_message_id, None):
            outgoing.acked.set_result(ack)

    def _take_error(self, error: Frame) -> None:
        self.counts[error["code"]] += 1
        if error["code"] == "NOT_CONNECTED":
            raise _ConnectAgainError
        reply = self._replies.pop(error.get("requestId", ""), None)
        ours = reply is not None or error.get("clientMessageId") in self._outbox
        if (ours and not error["retryable"]) or error["code"] == "INTERNAL":
            raise RefusedError(error)
        if reply is not None:
            reply.set_result(error | {"action": "error"})


def _patience(attempt: int) -> float:
    return random.uniform(0.5, 1) * _PATIENCE_S * 2.0**attempt
