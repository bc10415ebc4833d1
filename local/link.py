"""One socket of a client, the requests that wait for an answer on it, and the pauses between attempts to connect."""

import asyncio
import json
import random
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import uuid4

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

Frame = dict[str, Any]

_PATIENCE_S = 8.0
"""How long to wait for the first reply before asking again. It doubles with each further attempt."""
_SILENCE_S = 30.0
"""How long the server may send nothing while a reply is due."""
_BACKOFF_S = 0.2
_MAX_BACKOFF_S = 5.0


class RefusedError(Exception):
    """The server refuses a frame, and would refuse it again.

    Attributes:
        error: The error frame.
    """

    def __init__(self, error: Frame) -> None:
        """Keep the error frame."""
        super().__init__(error)
        self.error = error


class DisconnectedError(Exception):
    """There is no connection, or it does not work any more."""


class Link:
    """One socket. Its requests end with it.

    Attributes:
        connection: The socket.
    """

    def __init__(self, connection: ClientConnection, on_frame: Callable[[Frame], None]) -> None:
        """Take an open socket. ``on_frame`` gets every frame, before the request that waits for it."""
        self.connection = connection
        self._on_frame = on_frame
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._readers: dict[str, Callable[[Frame], None]] = {}
        self._heard_at = asyncio.get_running_loop().time()

    async def ask(self, action: str, read: Callable[[Frame], None] | None = None, /, **fields: object) -> Frame:
        """Ask until there is an answer.

        Args:
            action: The action.
            read: Takes the pages of history that come before the answer.
            fields: The other fields of the frame.

        Raises:
            RefusedError: The server refuses, and a retry cannot help.
            DisconnectedError: The socket ended.
        """
        request_id = str(uuid4())
        if read:
            self._readers[request_id] = read
        try:
            return await self.request(request_id, encode({"action": action, "requestId": request_id} | fields))
        finally:
            self._readers.pop(request_id, None)

    async def request(self, reply_id: str, frame: str) -> Frame:
        """Send a frame until a reply with this id comes that is not a retryable error.

        Raises:
            RefusedError: The server refuses, and a retry cannot help.
            DisconnectedError: The socket ended.
        """
        for attempt in count():
            # A late reply to an earlier attempt also counts.
            reply = self._replies.setdefault(reply_id, asyncio.get_running_loop().create_future())
            try:
                await self.connection.send(frame)
            except (OSError, WebSocketException) as error:
                raise DisconnectedError from error
            patience = _PATIENCE_S * 2.0**attempt
            await asyncio.wait({reply}, timeout=random.uniform(0.5, 1) * patience)  # noqa: S311 - no secret
            if reply.cancelled():
                raise DisconnectedError
            if reply.done():
                answer = reply.result()
                if answer["action"] != "error":
                    break
                if not answer.get("retryable"):
                    raise RefusedError(answer)
                await asyncio.sleep(answer.get("retryAfterMs", 0) / 1000 + _jitter(min(_MAX_BACKOFF_S, patience / 16)))
            elif asyncio.get_running_loop().time() - self._heard_at > _SILENCE_S:
                raise DisconnectedError
        return answer

    async def receive(self) -> None:
        """Receive until the socket ends.

        Raises:
            DisconnectedError: The socket ended, or the server does not know it any more.
        """
        async for text in self.connection:
            self._heard_at = asyncio.get_running_loop().time()
            try:
                frame: Frame = json.loads(text)
                action = frame.get("action")
            except (ValueError, AttributeError):
                continue  # No chat sends such a frame.
            self._on_frame(frame)
            if action == "error" and frame.get("code") == "NOT_CONNECTED":
                break
            reply_id = frame.get("requestId") or frame.get("clientMessageId") or ""
            if action == "history" and reply_id in self._readers:
                self._readers[reply_id](frame)
            elif action != "message" and (reply := self._replies.pop(reply_id, None)):
                reply.set_result(frame)
        raise DisconnectedError

    def end(self) -> None:
        """Let nobody wait for an answer any more."""
        for reply in self._replies.values():
            reply.cancel()


def encode(frame: Frame) -> str:
    """The text of a frame. Not ASCII, in which a text of other letters may not fit into a frame."""
    return json.dumps(frame, ensure_ascii=False)


def backoff(attempt: int) -> float:
    """Seconds until the next attempt, with full jitter.

    https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return _jitter(min(_MAX_BACKOFF_S, _BACKOFF_S * 2.0**attempt))


def _jitter(most: float) -> float:
    return random.uniform(0, most)  # noqa: S311 - no secret
