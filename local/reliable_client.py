"""An asyncio client that loses and duplicates no message, as `docs/protocol.md` describes it."""

import asyncio
import json
import random
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

Frame = dict[str, Any]

MAX_FRAME_BYTES = 32 * 1024
"""API Gateway would close the connection on a larger frame, and again on each retry.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

_INDEX_LAG_S = 4.0
"""Time from a recovery until the client asks for history once more."""
_RECOVER_EVERY_S = 240.0
_PATIENCE_S = 8.0
"""How long to wait for the first reply before asking again. It doubles with each further attempt."""
_SILENCE_S = 30.0
"""How long the server may send nothing while a reply is due."""
_BACKOFF_S = 0.2
_MAX_BACKOFF_S = 5.0
_PAGE = 100
_PROTOCOL = 2
"""The version of `docs/protocol.md` that the client speaks."""


class RefusedError(Exception):
    """The server refuses a frame, and would refuse it again.

    Attributes:
        error: The error frame.
    """

    def __init__(self, error: Frame) -> None:
        """Keep the error frame."""
        super().__init__(error)
        self.error = error


class _ConnectAgainError(Exception):
    """The connection does not work any more."""


@dataclass(eq=False, frozen=True, slots=True)
class Outgoing:
    """A message that the client is sending.

    Attributes:
        text: The text of the message.
        client_message_id: Its id. Every repetition has the same one.
        frame: The frame, the same each time.
        answer: The ack, or the error frame if no retry can help.
    """

    text: str
    client_message_id: str
    frame: str
    answer: asyncio.Future[Frame]


class ReliableClient:
    """A user on one device. It reconnects for as long as :meth:`run` runs.

    It reports to its ``on_…`` methods. Override them: they do nothing here.

    Attributes:
        url: The address to connect to, without the query.
        proxy: Address of the proxy that the environment names for it, with its password. Not set without a proxy.
        outbox: Messages that are not acknowledged yet, by ``clientMessageId``, oldest first.
    """

    def __init__(
        self,
        url: str,
        user_id: str,
        group_id: str,
        *,
        sender_name: str | None = None,
        token: str | None = None,
        first_pages: int | None = None,
        recover_every: float = _RECOVER_EVERY_S,
    ) -> None:
        """Set the user, the group and the address.

        Args:
            url: The output ``WebSocketURL`` of the stack.
            user_id: The user of the connection.
            group_id: The group of the connection.
            sender_name: The name that others see. Default: the user id.
            token: For a chat with authentication. Sent with each handshake.
            first_pages: How many pages of 100 messages to read at first. Default: all.
            recover_every: Most seconds between further recoveries. Each comes at a random moment in its last
                tenth. They find failed pushes, keep the connection below the idle limit, and notice a dead network.
        """
        self.url = url
        self.user_id = user_id
        self.group_id = group_id
        self.outbox: dict[str, Outgoing] = {}
        self._sender = {"senderName": sender_name} if sender_name else {}
        query = {"userId": user_id, "groupId": group_id, "protocol": _PROTOCOL} | ({"token": token} if token else {})
        self._address = f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query, quote_via=quote)}"
        # A proxy cannot reach the emulator.
        self.proxy = None if _is_this_machine(urlsplit(url).hostname or "") else get_proxy(parse_uri(url))
        self._first_pages = first_pages
        self._recover_every = recover_every
        self._known: set[str] = set()
        self._oldest = ""
        self._cursor: str | None = None
        self._aside: list[Frame] | None = None
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._said = asyncio.Event()
        self._heard_at = 0.0
        self._failures = 0
        self._life: asyncio.Task[None] | None = None
        self._connection: ClientConnection | None = None

    def on_frame(self, frame: Frame) -> None:
        """Receive every frame, before the client acts on it."""

    def on_message(self, message: Frame) -> None:
        """Receive each message once: first those from history, oldest first, then new ones as they come."""

    async def on_recovered(self, *, first: bool) -> None:
        """Learn that no message is missing. ``first``: for the first time on this connection."""

    def on_lost(self, reason: Exception | None) -> None:
        """Learn that there is no connection. ``reason``: why the handshake failed. None if an open connection ended."""

    def say(self, text: str) -> Outgoing:
        """Put a message into the outbox. The client sends the outbox in order, over as many connections as it takes.

        Raises:
            ValueError: The message is too long for a frame.
        """
        client_message_id = str(uuid4())
        own = {"groupId": self.group_id, "senderId": self.user_id} | self._sender
        message = {"message": text, "clientMessageId": client_message_id}
        frame = json.dumps({"action": "sendMessage"} | own | message, ensure_ascii=False)
        if (excess := len(frame.encode()) - MAX_FRAME_BYTES) > 0:
            raise ValueError(f"the message is {excess} bytes too long")
        outgoing = Outgoing(text, client_message_id, frame, asyncio.get_running_loop().create_future())
        self.outbox[client_message_id] = outgoing
        self._said.set()
        return outgoing

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            RefusedError: The server refuses to send the history.
        """
        while True:
            self._life = asyncio.create_task(self._live())
            try:
                await asyncio.wait({self._life})
            finally:
                self._life.cancel()
            fault = None if self._life.cancelled() else self._life.exception()
            while isinstance(fault, BaseExceptionGroup):
                fault = fault.exceptions[0]
            if fault:
                raise fault
            # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
            await asyncio.sleep(_jitter(min(_MAX_BACKOFF_S, _BACKOFF_S * 2**self._failures)))
            self._failures += 1

    async def ask(self, action: str, **fields: object) -> Frame:
        """Ask until there is an answer.

        Raises:
            RefusedError: The server refuses, and a retry cannot help.
        """
        request_id = str(uuid4())
        return await self._ask(request_id, json.dumps({"action": action, "requestId": request_id} | fields))

    async def _live(self) -> None:
        """Use one connection, from its handshake to its end."""
        try:
            connection = await connect(
                self._address, compression=None, proxy=self.proxy, ping_interval=None, open_timeout=60, close_timeout=1
            )
        except (OSError, WebSocketException, ValueError) as reason:  # ValueError: the proxy's address is no URL.
            self.on_lost(reason)
            return
        try:
            async with connection:
                await self._serve(connection)
        except* (OSError, WebSocketException, _ConnectAgainError):
            self.on_lost(None)

    async def _serve(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._aside = self._aside or []
        self._replies.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._receive(connection))
                tasks.create_task(self._stay_complete())
                tasks.create_task(self._deliver())
        finally:
            self._connection = None

    async def _deliver(self) -> None:
        """Send the outbox, one message after the other, to keep their order."""
        while True:
            while outgoing := next(iter(self.outbox.values()), None):
                try:
                    answer = await self._ask(outgoing.client_message_id, outgoing.frame)
                except RefusedError as refused:
                    answer = refused.error
                del self.outbox[outgoing.client_message_id]
                if not outgoing.answer.done():
                    outgoing.answer.set_result(answer)
            self._said.clear()
            await self._said.wait()

    async def _stay_complete(self) -> None:
        await self._recover()
        self._failures = 0
        await self.on_recovered(first=True)
        await asyncio.sleep(_INDEX_LAG_S)
        while True:
            await self._recover()
            await self.on_recovered(first=False)
            # Clients that connected together, such as after a failure, must not stay together.
            await asyncio.sleep(random.uniform(0.9, 1) * self._recover_every)  # noqa: S311 - no secret

    async def _recover(self) -> None:
        try:
            cursor = await (self._read_on(self._cursor) if self._cursor else self._read_back())
        except RefusedError as refused:
            # A new deployment does not know the cursors of the one before it.
            if self._cursor is None or refused.error["code"] != "BAD_REQUEST":
                raise
            cursor = await self._read_back()
        for message in self._aside or ():
            self._merge(message)
        self._aside = None
        self._cursor = cursor

    async def _read_on(self, cursor: str) -> str:
        while True:
            page = await self._history(after=cursor)
            cursor = page["after"]
            if not page["more"]:
                return cursor

    async def _read_back(self) -> str:
        """Read back from the newest page. Return the cursor at its end, from where to read on."""
        pages = [await self.ask("getHistory", limit=_PAGE)]
        while pages[-1]["more"] and len(pages) != self._first_pages:
            pages.append(await self.ask("getHistory", limit=_PAGE, before=pages[-1]["before"]))
        if pages[-1]["more"] and pages[-1]["messages"]:
            # Reading on starts before the cursor's position, and may find messages older than those asked for.
            self._oldest = pages[-1]["messages"][0]["timestamp"]
        for page in reversed(pages):
            self._merge_all(page)
        return str(pages[0]["after"])

    async def _history(self, **cursor: str) -> Frame:
        page = await self.ask("getHistory", limit=_PAGE, **cursor)
        self._merge_all(page)
        return page

    def _merge_all(self, page: Frame) -> None:
        for message in page["messages"]:
            self._merge(message)

    async def _ask(self, reply_id: str, frame: str) -> Frame:
        """Send a frame until a reply with this id comes that is not a retryable error."""
        connection = self._connection
        if connection is None:
            raise _ConnectAgainError
        for attempt in count():
            # A late reply to an earlier attempt also counts.
            reply = self._replies.setdefault(reply_id, asyncio.get_running_loop().create_future())
            await connection.send(frame)
            patience = _PATIENCE_S * 2.0**attempt
            await asyncio.wait({reply}, timeout=random.uniform(0.5, 1) * patience)  # noqa: S311 - no secret
            if reply.done():
                answer = reply.result()
                if answer["action"] != "error":
                    break
                if not answer.get("retryable"):
                    raise RefusedError(answer)
                await asyncio.sleep(answer.get("retryAfterMs", 0) / 1000 + _jitter(min(_MAX_BACKOFF_S, patience / 16)))
            elif asyncio.get_running_loop().time() - self._heard_at > _SILENCE_S:
                raise _ConnectAgainError
        return answer

    async def _receive(self, connection: ClientConnection) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        async for text in connection:
            self._heard_at = asyncio.get_running_loop().time()
            try:
                frame: Frame = json.loads(text)
                action = frame.get("action")
            except (ValueError, AttributeError):
                continue  # No chat sends such a frame.
            self.on_frame(frame)
            match action:
                case "message":
                    self._take(frame)
                case "error" if frame.get("code") == "NOT_CONNECTED":
                    break
                case "ack" | "error" | "history" | "presence":
                    reply_id = frame.get("requestId") or frame.get("clientMessageId")
                    if reply := self._replies.pop(reply_id or "", None):
                        reply.set_result(frame)
        raise _ConnectAgainError

    def _take(self, message: Frame) -> None:
        if self._aside is None:
            self._merge(message)
        else:
            self._aside.append(message)

    def _merge(self, message: Frame) -> None:
        if message["messageId"] not in self._known and message["timestamp"] >= self._oldest:
            self._known.add(message["messageId"])
            self.on_message(message)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _jitter(most: float) -> float:
    return random.uniform(0, most)  # noqa: S311 - no secret
