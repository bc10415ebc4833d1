"""Two clients that chat while the deployment changes."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Self

from local.reliable_client import Frame, ReliableClient

_EVERY_S = 0.1
_PATIENCE_S = 60


class _Listener(ReliableClient):
    def __init__(self, url: str, user_id: str) -> None:
        super().__init__(url, user_id, "engine")
        self.heard: Counter[str] = Counter()
        self.at: list[float] = []

    def on_message(self, message: Frame) -> None:
        self.heard[message["message"]] += 1
        self.at.append(time.monotonic())


class Chatting:
    """Alice says something ten times a second, from the start of a ``with`` statement to its end, and Bob hears it.

    At the end it waits until Bob has heard everything, and fails if he has not, or heard something twice.

    Attributes:
        said: The texts, in order.
    """

    def __init__(self, url: str) -> None:
        self.said: list[str] = []
        self._alice, self._bob = _Listener(url, "alice"), _Listener(url, "bob")
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._ending = threading.Event()

    @property
    def gap(self) -> float:
        """Longest time in which Bob heard nothing, in seconds."""
        return max(after - before for before, after in zip(self._bob.at, self._bob.at[1:], strict=False))

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(lambda: self._bob.heard.total() > 1, "nobody heard anything")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said = len(self.said)
        try:
            if not kind:  # Let them speak a little longer, over what is deployed now.
                self._wait(lambda: len(self.said) > said + 5, "Alice cannot speak any more")
        finally:
            self._ending.set()
            self._thread.join()
        if not kind:
            print(f"longest silence: {self.gap:.1f} s, {len(self.said)} messages")
            assert self._bob.heard == Counter(self.said), "a message was lost or came twice"

    def _wait(self, done: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not done():
            assert time.monotonic() < deadline, otherwise
            time.sleep(0.02)

    async def _run(self) -> None:
        clients = [asyncio.create_task(client.run()) for client in (self._alice, self._bob)]
        for number in count(1):
            if self._ending.is_set():
                break
            text = f"message {number}"
            self.said.append(text)
            self._alice.say(text)
            await asyncio.sleep(_EVERY_S)
        deadline = time.monotonic() + _PATIENCE_S
        while self._bob.heard.total() < len(self.said) and time.monotonic() < deadline:  # noqa: ASYNC110 - with a limit
            await asyncio.sleep(0.05)
        for client in clients:
            client.cancel()
            with suppress(asyncio.CancelledError):
                await client
