"""Two clients that chat while the deployment changes."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlencode

from websockets.asyncio.client import connect

from local.link import Frame
from local.reliable_client import ReliableClient

GROUP = "engine"
"""Where they chat."""
_MOST_AHEAD = 50
"""Messages that Bob has not heard yet. On a slow machine, Alice would never make up for more."""
_PATIENCE_S = 120


class _Client(Protocol):
    pause_s: float
    heard: Counter[str]
    at: list[float]

    def say(self, text: str) -> object: ...

    async def run(self) -> None: ...


class NewClient(ReliableClient):
    """One of our clients."""

    pause_s = 0.2  # Half as often as the server lets a connection speak, so that Alice can make up for a silence.

    def __init__(self, url: str, user_id: str, group_id: str, **options: Any) -> None:
        super().__init__(url, user_id, group_id, **options)
        self.heard: Counter[str] = Counter()
        self.at: list[float] = []

    def on_message(self, message: Frame) -> None:
        self.heard[message["message"]] += 1
        self.at.append(time.monotonic())


def asking(url: str, user_id: str, group_id: str, token: str | None = None) -> NewClient:
    """Make a client that asks for news every 5 seconds, and then notices that it must connect again."""
    return NewClient(url, user_id, group_id, token=token, recover_every=5)


class OldClient:
    """A client as users of the old stack have it. It connects once, sends once, and knows no frame but ``message``."""

    pause_s = 0.5  # The emulator serves one frame at a time. Those that pile up must not exceed ``messageBurst``.

    def __init__(self, url: str, user_id: str, group_id: str) -> None:
        self.heard: Counter[str] = Counter()
        self.at: list[float] = []
        self._url = f"{url}?{urlencode({'userId': user_id, 'groupId': group_id})}"
        self._said: asyncio.Queue[str] = asyncio.Queue()
        self._frame = {"action": "sendMessage", "groupId": group_id, "senderId": user_id, "senderName": user_id.title()}

    def say(self, text: str) -> None:
        self._said.put_nowait(text)

    async def run(self) -> None:
        async with connect(self._url, ping_interval=None) as connection, asyncio.TaskGroup() as tasks:

            async def send() -> None:
                while True:
                    await connection.send(json.dumps(self._frame | {"message": await self._said.get()}))

            sending = tasks.create_task(send())
            async for text in connection:
                frame = json.loads(text)
                assert frame["action"] == "message", f"an old client received {frame}"
                self.heard[frame["message"]] += 1
                self.at.append(time.monotonic())
            sending.cancel()


class Chatting:
    """Alice says something again and again, from the start of a ``with`` statement to its end, and Bob hears it.

    It is five times a second, unless their clients are old.

    At the end it waits until Bob has heard everything, and fails if he has not, or heard something twice.

    Attributes:
        said: The texts, in order.
    """

    def __init__(
        self, url: str, client: Callable[[str, str, str], _Client] = NewClient, *, group_id: str = GROUP
    ) -> None:
        """Prepare the clients.

        Args:
            url: Where they connect.
            client: Makes a client from the URL, a user and a group.
            group_id: Their group. It must have no messages yet: a new client reads them all.
        """
        self.said: list[str] = []
        self._alice, self._bob = client(url, "alice", group_id), client(url, "bob", group_id)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._ending = threading.Event()

    @property
    def gap(self) -> float:
        """Longest time in which Bob heard nothing, in seconds."""
        return max(after - before for before, after in zip(self._bob.at, self._bob.at[1:], strict=False))

    def catch_up(self) -> None:
        """Wait until Bob has heard what was said so far."""
        said = Counter(self.said)
        self._wait(lambda: not said - self._bob.heard, "Bob does not hear Alice any more")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait(lambda: self._bob.heard.total() > 1, "nobody heard anything")
        except AssertionError:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said = len(self.said)
        try:
            if not kind:  # Let them speak a little longer, over what is deployed now.
                self._wait(lambda: len(self.said) > said + 5, "Alice cannot speak any more")
        finally:
            self._end()
        if not kind:
            print(f"longest silence: {self.gap:.1f} s, {len(self.said)} messages")
            assert not self._bob.heard - Counter(self.said), "messages came twice"
            assert not Counter(self.said) - self._bob.heard, "messages were lost"

    def _end(self) -> None:
        self._ending.set()
        self._thread.join()

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.02)

    async def _run(self) -> None:
        clients = [asyncio.create_task(client.run()) for client in (self._alice, self._bob)]
        while not self._ending.is_set():
            if len(self.said) - self._bob.heard.total() < _MOST_AHEAD:
                text = f"message {len(self.said) + 1}"
                self.said.append(text)
                self._alice.say(text)
            await asyncio.sleep(self._alice.pause_s)
        deadline = time.monotonic() + _PATIENCE_S
        while Counter(self.said) - self._bob.heard and time.monotonic() < deadline:
            if any(client.done() for client in clients):
                break
            await asyncio.sleep(0.05)
        for client in clients:
            client.cancel()
            with suppress(asyncio.CancelledError):
                await client
