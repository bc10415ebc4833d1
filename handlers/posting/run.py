"""One run of the engine: every post of one fan-out, until each has its outcome."""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Generic, NamedTuple

from handlers.runtime.memory import remember

from .http1 import ProtocolError, Response
from .posts import Outcome, P
from .read_ahead import ReadAhead
from .retries import Quota, Retries, Window, backoff, is_retried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .connection import Connection
    from .connection_pool import ConnectionPool
    from .sigv4 import CredentialSource, RequestSigner

_log = logging.getLogger(__name__)

_MAX_WAITING = 512
"""Largest number of posts that wait for a retry. Above it, no new posts are taken."""
_MAX_OPENING = 8
"""Connections that are opened at the same time. A handshake costs more CPU than a post, and the first connections may
be enough for all posts."""
_SWEEP_S = 0.05
"""Seconds between two checks for timeouts. A timeout may be noticed this much too late."""
_SLOW_TIMEOUT_S = 0.5
"""Seconds that an attempt may take whose recipient did not answer the last time."""
_MOST_SLOW = 10_000
_DRAIN_S = 0.5
"""Seconds after the deadline during which posts are still read, only to report them as failed."""


class Limits(NamedTuple):  # A dataclass would cost a cold start 0.6 ms more.
    """Limits of the engine.

    Attributes:
        connections: Largest number of open connections, and so of posts at the same time.
        request_timeout: Seconds that one attempt may take, including connecting.
        attempts: Largest number of attempts of a post, if the answer is 408, 429 or 5xx, or if connecting fails. Four
            times as many while the account is at its limit.
    """

    connections: int = 64
    request_timeout: float = 3.0
    attempts: int = 3


class Memory(NamedTuple):
    """What is remembered from one run to the next.

    Attributes:
        slow: Recipients that did not answer in time. They get less time until they answer.
        quota: Whether the account has reached its quota.
    """

    slow: set[str]
    quota: Quota


class Run(Generic[P]):
    """One call of ``ManagementApi.post_all``."""

    def __init__(
        self,
        pool: ConnectionPool,
        signer: RequestSigner,
        credentials: CredentialSource,
        limits: Limits,
        memory: Memory,
        posts: Iterable[P],
        *,
        gives_way: bool,
        deadline: float,
        on_outcome: Callable[[P, Outcome], None],
    ) -> None:
        self._pool = pool
        self._signer = signer
        self._credential_source = credentials
        self._limits = limits
        self._slow, self._quota = memory
        self._gives_way = gives_way
        self._deadline = deadline
        self._on_outcome = on_outcome
        self._signed_at = int(time.time())
        self._credentials = credentials.current()
        self._window = Window(limits.connections)
        self._retries: Retries[P] = Retries()
        self._opening = 0
        self._failures: Counter[str] = Counter()
        self._source = ReadAhead(posts, pool.wake)

    def run(self) -> None:
        """Post until every post has its outcome."""
        source = self._source
        wait, next_sweep = 0.0, 0.0
        while True:
            # The first round finds the connections that were closed since the last call.
            for connection in self._pool.ready(wait):
                self._on_ready(connection)
            now = time.monotonic()
            if now >= self._deadline:
                self._give_up()
                break
            if now >= next_sweep:
                next_sweep = now + _SWEEP_S
                self._expire(now)
            exhausted = source.exhausted  # Read this before checking whether items are left.
            wait = self._start_posts(now)
            if exhausted and not (source.items or self._retries or self._pool.busy_count):
                break
            source.starving = not source.items
            if source.starving and source.items:  # It came just before the flag was set, so nothing will wake us.
                wait = 0.0
        if source.error is not None:
            raise source.error

    def stop(self) -> None:
        """Close connections that are not idle, and log the failures."""
        self._source.stop()
        for connection in self._pool.busy():
            self._pool.discard(connection)
        if self._failures:
            # A 403 is never the recipient's fault: the role, the endpoint or the clock is wrong.
            forbidden = any(reason.startswith("403") for reason in self._failures)
            level = logging.ERROR if forbidden else logging.WARNING
            _log.log(level, "%d posts failed: %s", self._failures.total(), dict(self._failures))

    def _start_posts(self, now: float) -> float:
        """Start as many posts as allowed. Returns the number of seconds to wait for events."""
        idle, source, retries = self._pool.idle, self._source, self._retries
        at = int(time.time())
        if at != self._signed_at:
            self._signed_at, self._credentials = at, self._credential_source.current()
        usual = min(now + self._limits.request_timeout, self._deadline)
        short = min(now + _SLOW_TIMEOUT_S, usual)
        wait = min(_SWEEP_S, self._deadline - now)
        if self._gives_way and self._quota.exhausted:
            for dropped in iter(source.take, None):
                self._fail(dropped, "gave way to messages")
        room = int(self._window.size) - self._pool.busy_count
        while room > 0 and (idle or self._opening < _MAX_OPENING):
            room -= 1
            waiting = len(retries)
            if waiting and retries.due <= now:
                post, tries = retries.pop()
            elif waiting < _MAX_WAITING and (taken := source.take()) is not None:
                post, tries = taken, 0
            elif waiting:
                return min(wait, retries.due - now)
            else:
                return wait
            expires = short if post.connection_id in self._slow else usual
            if idle:
                self._assign(idle.pop(), post, tries, expires)
            elif not self._open(post, tries, expires):
                return wait  # The reason may affect every connection, and each failure may take a long time.
        return wait

    def _open(self, post: P, tries: int, expires: float) -> bool:
        try:
            connection = self._pool.connect(expires)
        except OSError as error:
            self._retry(post, tries, type(error).__name__)
            return False
        self._opening += 1
        self._assign(connection, post, tries, expires)
        return True

    def _assign(self, connection: Connection, post: P, tries: int, expires: float) -> None:
        request = self._signer.request(post.connection_id, post.body, self._signed_at, self._credentials)
        try:
            connection.assign(post, tries, expires, request)
        except OSError as error:
            self._break(connection, error)

    def _on_ready(self, connection: Connection) -> None:
        response = None
        try:
            if connection.established:
                response = connection.receive()
            else:
                connection.continue_opening()
                if connection.established:
                    self._opening -= 1
        except (OSError, ProtocolError) as error:
            self._break(connection, error)
            return
        if response is not None:
            self._answered(connection, response)

    def _answered(self, connection: Connection, response: Response) -> None:
        post, tries, status = connection.post, connection.tries, response.status
        self._pool.release(connection, keep_alive=response.keep_alive)
        self._slow.discard(post.connection_id)
        if 200 <= status < 300:
            self._window.widen()
            self._on_outcome(post, Outcome.DELIVERED)
        elif status == 410:
            self._on_outcome(post, Outcome.GONE)
        elif is_retried(status):
            if status == 429:
                self._window.narrow()
                self._quota.refuse(post.connection_id)
            self._retry(post, tries, str(status))
        else:
            self._fail(post, f"{status} {response.error_type}".strip())

    def _break(self, connection: Connection, reason: Exception) -> None:
        """Give up a connection, and try its post again unless the frame may have been delivered."""
        post, name = connection.post, type(reason).__name__
        silent = isinstance(reason, TimeoutError)
        self._pool.discard(connection)
        if not connection.established:
            self._opening -= 1
            self._retry(post, connection.tries, name)
        elif connection.stale and not silent:
            self._open(post, connection.tries, connection.expires)
        else:
            if silent:
                remember(self._slow, post.connection_id, most=_MOST_SLOW)
            self._fail(post, name)

    def _retry(self, post: P, tries: int, reason: str) -> None:
        tries += 1
        due = time.monotonic() + backoff(tries)
        attempts = 1 if self._gives_way and reason == "429" else self._quota.attempts(self._limits.attempts)
        if tries < attempts and due < self._deadline:
            self._retries.push(due, post, tries)
        else:
            self._fail(post, reason)

    def _fail(self, post: P, reason: str) -> None:
        self._failures[reason] += 1
        self._on_outcome(post, Outcome.FAILED)

    def _expire(self, now: float) -> None:
        for connection in self._pool.busy():
            if now >= connection.expires:
                self._break(connection, TimeoutError())

    def _give_up(self) -> None:
        """After the deadline: fail the posts in progress, the waiting posts, and the unread ones."""
        for connection in self._pool.busy():
            self._pool.discard(connection)
            self._fail(connection.post, "deadline")
        while self._retries:
            self._fail(self._retries.pop()[0], "deadline")
        end = time.monotonic() + _DRAIN_S
        while True:
            exhausted = self._source.exhausted
            for post in iter(self._source.take, None):
                self._fail(post, "deadline")
            if exhausted:
                return
            if time.monotonic() > end:
                raise TimeoutError("posts were still being read at the deadline")
            time.sleep(0.005)
