"""Which answers are worth a retry, when it comes, and how many posts may be in progress at the same time.

``Limits`` has the number of attempts.
"""

from __future__ import annotations

import heapq
import itertools
import random
import time
from typing import Generic

from .posts import P

_BACKOFF_S = 0.1
"""The first retry waits up to twice as many seconds. Each further retry may wait twice as long as the one before."""
_MAX_BACKOFF_S = 3.2
_REFUSED = 5
"""Recipients whose posts answer 429 shortly after each other if the account has reached its limit. A client with a full
buffer answers 429, too."""
_PATIENCE = 4
"""How many times as many attempts a post has then."""
_REFUSED_S = 2.0
"""Seconds without a 429 after which the account is below its limit again."""


class Window:
    """The number of posts that may be in progress at the same time.

    A delivery adds a fraction of a post, a 429 takes one post away. So a client with a full buffer hardly slows the
    others, and an account at its limit soon gets only as many posts as it accepts.

    Attributes:
        size: The number. It is rounded down when it is used.
    """

    def __init__(self, most: int) -> None:
        self.size = float(most)
        self._most = most

    def widen(self) -> None:
        """Count a delivery. A whole window of deliveries adds one post."""
        if self.size < self._most:
            self.size = min(self.size + 1 / self.size, self._most)

    def narrow(self) -> None:
        """Count a 429."""
        self.size = max(self.size - 1, 1.0)


class Quota:
    """The account's quota of requests, as this process sees it. It cannot be asked for.

    The quota is shared by everything in the account and region that calls API Gateway.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    """

    def __init__(self) -> None:
        self._refused: set[str] = set()
        # Not the monotonic clock: it may stand still while Lambda has the process frozen.
        self._until = 0.0

    def refuse(self, connection_id: str) -> None:
        """Count a 429."""
        if not self._is_recent():
            self._refused.clear()
        self._until = time.time() + _REFUSED_S
        if len(self._refused) < _REFUSED:
            self._refused.add(connection_id)

    def attempts(self, usual: int) -> int:
        """The number of attempts of a post that answers 429. It is larger while the quota is exhausted."""
        return usual * _PATIENCE if self.exhausted else usual

    @property
    def exhausted(self) -> bool:
        """Whether the account seems to have reached its quota."""
        return len(self._refused) == _REFUSED and self._is_recent()

    def _is_recent(self) -> bool:
        return 0 < self._until - time.time() <= _REFUSED_S


class Retries(Generic[P]):
    """Posts that wait for a retry, the first due at the front."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, P, int]] = []
        self._sequence = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def due(self) -> float:
        """The moment at which the first post is due. There must be a post."""
        return self._heap[0][0]

    def push(self, due: float, post: P, tries: int) -> None:
        """Add a post, with the number of its failed attempts."""
        heapq.heappush(self._heap, (due, next(self._sequence), post, tries))

    def pop(self) -> tuple[P, int]:
        """Take the first post, and the number of its failed attempts."""
        _, _, post, tries = heapq.heappop(self._heap)
        return post, tries


def is_retried(status: int) -> bool:
    """Whether an answer says that the frame was not delivered, but may be later: 408, 429 and every 5xx.

    A gateway on the way that answers 502 or 504 does not know. Then the frame may come twice.
    """
    return status in (408, 429) or status >= 500


def backoff(tries: int) -> float:
    """Seconds to wait after a number of failed attempts.

    Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
    """
    return random.uniform(0, min(_BACKOFF_S * 2**tries, _MAX_BACKOFF_S))  # noqa: S311 - not for secrets
