"""How many posts are under way at once, and when one is tried again."""

from __future__ import annotations

import heapq
import itertools
import random
from typing import Generic

from .posts import P

_BACKOFF_S = 0.1
"""The first retry waits up to twice as many seconds, and each further one up to twice as long as the one before."""
_THROTTLED = 0.5
"""Part of its full size below which 429s have driven the window if they come from the account's limit. Single clients
whose buffers are full do not drive it there."""


class Window:
    """The number of posts that may be under way at once.

    A delivery makes room for a fraction of a post, a 429 takes one away. So a client whose own buffer is full costs the
    others next to nothing, and an account at its limit soon gets what it can take.

    Attributes:
        size: The number, rounded down when it is used.
    """

    def __init__(self, most: int) -> None:
        self.size = float(most)
        self._most = most

    def widen(self) -> None:
        """Count a delivery: a whole window of them makes room for one more post."""
        if self.size < self._most:
            self.size = min(self.size + 1 / self.size, self._most)

    def narrow(self) -> bool:
        """Count a 429.

        Returns:
            Whether 429s come from all sides: the account is at its limit.
        """
        self.size = max(self.size - 1, 1.0)
        return self.size < self._most * _THROTTLED


class Retries(Generic[P]):
    """Posts that wait to be tried again, the one that is due first at the front."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, P, int]] = []
        self._sequence = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def due(self) -> float:
        """The moment at which the first one is due. There must be one."""
        return self._heap[0][0]

    def push(self, due: float, post: P, tries: int) -> None:
        """Let a post wait, after so many failed attempts."""
        heapq.heappush(self._heap, (due, next(self._sequence), post, tries))

    def pop(self) -> tuple[P, int]:
        """Take the first post, and the number of its failed attempts."""
        _, _, post, tries = heapq.heappop(self._heap)
        return post, tries


def backoff(tries: int) -> float:
    """Seconds to wait after that many failed attempts.

    Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return random.uniform(0, _BACKOFF_S * 2**tries)  # noqa: S311 - not for secrets
