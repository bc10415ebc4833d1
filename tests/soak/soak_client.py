"""The client of `make join`, with faults for the soak, and records of what it received."""

import asyncio
import socket
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable

from websockets.exceptions import WebSocketException

from local.link import Frame, RefusedError
from local.reliable_client import ReliableClient


class SoakClient(ReliableClient):
    """Records everything that it receives.

    Attributes:
        messages: The messages of its group, by ``messageId``.
        contradictions: Messages that came a second time with other content.
        acks: Message id and timestamp of the acks, by ``clientMessageId``. Exactly one each is right.
        groups: Groups of all frames received, except refusals. Exactly one is right.
        counts: Numbers of events, for the progress lines.
    """

    def __init__(self, url: str, user_id: str, group_id: str) -> None:
        super().__init__(url, user_id, group_id)
        self.messages: dict[str, Frame] = {}
        self.contradictions: list[Frame] = []
        self.acks: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        self.groups: set[str] = set()
        self.counts: Counter[str] = Counter()
        self._seen: dict[str, Frame] = {}
        self._complete = asyncio.Event()
        self._recoveries = 0
        self._reached: set[tuple[int, bool]] = set()

    @property
    def progress(self) -> int:
        """A number that grows only while something is left to do, however often the client connects again."""
        return len(self.messages) + len(self.acks) + len(self._reached)

    @property
    def timeline(self) -> list[Frame]:
        """The messages in the order in which a user sees them."""
        return sorted(self.messages.values(), key=lambda message: (message["timestamp"], message["messageId"]))

    @property
    def connected(self) -> bool:
        return self._link is not None

    async def send_text(self, text: str | bytes) -> bool:
        """Send anything. Returns False if there is no connection."""
        if self._link is None:
            return False
        try:
            await self._link.connection.send(text)
        except WebSocketException:
            return False
        return True

    def kill(self) -> bool:
        """End the connection with a TCP reset, or cancel the handshake. Returns False if there is neither."""
        if self._life is None or self._life.done():
            return False
        if self._link is not None and not self._link.connection.transport.is_closing():
            transport = self._link.connection.transport
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return self._life.cancel()

    async def recover(self) -> None:
        """End the connection, and wait until a new one has caught up."""
        self._complete.clear()
        self._recoveries += 1
        self.kill()
        await self._complete.wait()

    def on_message(self, message: Frame) -> None:
        assert message["messageId"] not in self.messages, "a message is delivered twice"
        self.messages[message["messageId"]] = _content(message)

    async def on_recovered(self, *, first: bool) -> None:
        self.counts["connections"] += first
        self._reached.add((self._recoveries, first))
        if not first:
            self._complete.set()

    def on_frame(self, frame: Frame) -> None:
        match frame.get("action"):
            case "message":
                self._see([frame], "pushed again")
            case "history":
                self._see(frame["messages"], "read again")
            case "ack":
                self.acks[frame["clientMessageId"]].add((frame["messageId"], frame["timestamp"]))
                self.counts["acks of duplicates"] += frame["duplicate"]
            case "error":
                self.counts[frame["code"]] += 1
                ours = "requestId" in frame or frame.get("clientMessageId") in self.outbox
                if (ours and not frame["retryable"] and frame["code"] != "NOT_CONNECTED") or frame[
                    "code"
                ] == "INTERNAL":
                    raise RefusedError(frame)
            case str(action):
                self.counts[action] += 1
        # A refusal names the group of the frame that it refuses.
        if "groupId" in frame and frame["action"] != "error":
            self.groups.add(frame["groupId"])

    def _see(self, messages: Iterable[Frame], repeated: str) -> None:
        for message in messages:
            self.groups.add(message["groupId"])
            content = _content(message)
            known = self._seen.setdefault(message["messageId"], content)
            if known is not content:
                self.counts[repeated] += 1
            if known != content:
                self.contradictions.append(message)


def _content(message: Frame) -> Frame:
    return {name: value for name, value in message.items() if name != "action"}
