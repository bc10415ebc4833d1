"""Posts frames to connections through API Gateway's management API, many at once on one thread.

One selector loop drives all connections: sign, send, read, next. boto3 spends some forty times the CPU on the
same request, and CPU is what a small Lambda has least of (docs/benchmark.md).

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import random
import selectors
import socket
import ssl
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .http1 import ProtocolError, Response, parse_response
from .settings import settings
from .sigv4 import CredentialSource, RequestSigner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_log = logging.getLogger(__name__)

_READ_AHEAD = 512
"""Posts taken from the caller before they are needed, and the most that wait for a retry."""
_MAX_OPENING = 8
"""Handshakes at a time. They cost more CPU than posts, and the first ones done may serve all there is."""
_MAX_IDLE_S = 50.0
"""Seconds unused after which connections are closed, not tried: a peer gone silently would cost a timeout."""
_RESOLVE_S = 60.0
"""Seconds a DNS answer is used for new connections: the time to live API Gateway gives its names."""
_BACKOFF_S = 0.1
"""The first retry waits up to twice as many seconds, each further one up to twice as long as that before."""
_THROTTLED = 0.5
"""Part of its connections below which 429s have driven the engine if they are the account's limit: then a post is tried
twice as often. Single clients whose buffers are full do not get it there, and nobody is to wait for them."""
_SWEEP_S = 0.05
"""Seconds between two looks for timeouts, and so how late one may be noticed."""
_DRAIN_S = 0.5
"""Seconds after the deadline in which posts are still read, to be reported as failed."""
_RECEIVE_BYTES = 4096
_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Outcome(Enum):
    """What became of one post."""

    DELIVERED = "delivered"
    """Accepted by API Gateway (2xx)."""
    GONE = "gone"
    """410: no such connection, or its handshake is not over yet. What to do with its row is the caller's."""
    FAILED = "failed"
    """Anything else, after all retries or at the deadline. It may have been delivered nevertheless."""


@dataclass(frozen=True, slots=True)
class Post:
    """One frame for one connection. Subclass it to carry more; it comes back with the outcome."""

    connection_id: str
    body: bytes


P = TypeVar("P", bound=Post)


class ManagementApi:
    """A client of the management API that keeps its connections between calls. For one thread at a time.

    Args:
        endpoint: URL with stage, ``https://abc.execute-api.us-east-1.amazonaws.com/production``.
        region: the region signed for.
        connections: the most open connections, and so the most posts under way at once.
        request_timeout: seconds one attempt may take, connecting included.
        attempts: how often a post is tried in all when the answer is 429, 5xx, none or garbage; twice as often
            where 429s come from all sides.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        *,
        connections: int = 64,
        request_timeout: float = 3.0,
        attempts: int = 3,
    ) -> None:
        self.connections = connections
        self.request_timeout = request_timeout
        self.attempts = attempts
        self.signer = RequestSigner(endpoint, region)
        self.credentials = CredentialSource()
        # Loading the trusted certificates takes 15 ms: once, at Lambda's init, where CPU is not scarce.
        self._tls = ssl.create_default_context() if self.signer.tls else None
        self.tls_session: ssl.SSLSession | None = None
        """Of the newest connection: the next handshake costs less with it."""
        self.selector = selectors.DefaultSelector()
        self.wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)  # noqa: FBT003
        self.selector.register(self.wake_receiver, _READ)
        self.open: set[_Connection] = set()
        self.idle: list[_Connection] = []
        self._addresses: list[tuple[socket.AddressFamily, tuple[object, ...]]] = []
        # Wall clock, as for idle connections: a monotonic one may stand still while Lambda has the process frozen.
        self._resolved_at = 0.0
        self._turn = itertools.count()

    def post_all(self, posts: Iterable[P], *, deadline: float, on_outcome: Callable[[P, Outcome], None]) -> None:
        """Post every frame and report what became of each.

        A frame may reach its client twice: a post whose connection breaks before the answer is tried again.

        Args:
            posts: read on another thread, a bounded number ahead: one page is read while others are posted.
            deadline: in seconds of ``time.monotonic()``. From then on posts fail instead of being tried.
            on_outcome: called on the calling thread, once for each post read. All posting waits for it.

        Raises:
            botocore.exceptions.NoCredentialsError: nothing to sign with; no post was read.
            TimeoutError: ``posts`` was still not exhausted half a second after the deadline.
            Exception: what ``posts`` raised, after the posts read before were finished, or ``on_outcome``.
        """
        now = time.time()
        for connection in [one for one in self.idle if abs(now - one.idle_since) > _MAX_IDLE_S]:
            self.idle.remove(connection)
            self.discard(connection)
        run = _FanOut(self, posts, deadline, on_outcome)
        try:
            run.run()
        finally:
            run.stop()

    def close(self) -> None:
        """Close all connections. The object cannot be used afterwards."""
        for connection in list(self.open):
            self.discard(connection)
        self.selector.close()
        self.wake_receiver.close()
        self._wake_sender.close()

    def wake(self) -> None:
        """Make the selector return; from any thread, at any time."""
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: nobody waits any more
            self._wake_sender.send(b"\0")

    def _next_address(self, expires: float) -> tuple[socket.AddressFamily, tuple[object, ...]]:
        """Return where to connect to next: the addresses take turns, so a dead one costs a try."""
        now = time.time()
        if not self._addresses or abs(now - self._resolved_at) > _RESOLVE_S:
            try:
                self._addresses = self._resolve(expires)
                self._resolved_at = now
            except OSError:
                if not self._addresses:
                    raise
        return self._addresses[next(self._turn) % len(self._addresses)]

    def _resolve(self, expires: float) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
        """Look the name up, on another thread, because a lookup has no timeout of its own."""
        found: SimpleQueue[list[Any] | OSError] = SimpleQueue()

        def look_up() -> None:
            try:
                found.put(socket.getaddrinfo(*self.signer.address, type=socket.SOCK_STREAM))
            except OSError as error:
                found.put(error)

        threading.Thread(target=look_up, name="resolver", daemon=True).start()
        try:
            answers = found.get(timeout=max(expires - time.monotonic(), 0.0))
        except Empty:
            raise TimeoutError from None
        if isinstance(answers, OSError):
            raise answers
        return [(family, address) for family, _, _, _, address in answers]

    def connect(self, post: Post, tries: int, expires: float) -> _Connection:
        """Begin to open a connection.

        Raises:
            OSError: it failed at once.
        """
        family, address = self._next_address(expires)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(
                sock,
                do_handshake_on_connect=False,
                server_hostname=self.signer.address[0],
                session=self.tls_session,
            )
        connection = _Connection(sock, post, tries, expires)
        self.open.add(connection)
        self.selector.register(sock, _WRITE, connection)
        sock.connect_ex(address)  # an error shows when the socket becomes ready
        return connection

    def wait_for(self, connection: _Connection, events: int) -> None:
        """Change what a connection waits for."""
        if connection.waits_for != events:
            connection.waits_for = events
            self.selector.modify(connection.socket, events, connection)

    def check_idle(self, connection: _Connection) -> None:
        """Drop an idle connection that has become readable, unless it is just TLS's own business."""
        try:
            connection.socket.recv(1)
        except _WAIT:
            return
        except OSError:
            pass
        self.idle.remove(connection)
        self.discard(connection)

    def discard(self, connection: _Connection) -> None:
        """Close a connection."""
        self.open.remove(connection)
        self.selector.unregister(connection.socket)
        connection.socket.close()


class _Connection:
    """A connection and the post it has under way, if any."""

    __slots__ = (
        "expires",
        "idle_since",
        "post",
        "received",
        "reused",
        "socket",
        "step",
        "tries",
        "unsent",
        "waits_for",
    )

    def __init__(self, sock: socket.socket, post: Post, tries: int, expires: float) -> None:
        self.socket = sock
        self.step: Callable[[_FanOut[Any], _Connection], None] = _FanOut.on_connected
        """What to do when the socket is ready."""
        self.waits_for = _WRITE
        self.reused = False
        """It has carried a response: when it breaks before the next one, that is most likely its age."""
        self.post: Any = post  # None while idle
        self.tries = tries
        """Failed attempts at ``post`` so far."""
        self.expires = expires
        self.idle_since = 0.0
        self.unsent = b""
        self.received = b""


class _ReadAhead(Generic[P]):
    """Reads an iterable on a thread of its own, a bounded number of items ahead of the loop."""

    def __init__(self, items: Iterable[P], wake: Callable[[], None]) -> None:
        self.items: deque[P] = deque()
        self.exhausted = False
        self.error: BaseException | None = None
        self.starving = False
        """The loop has nothing to do and wants to be woken by the next item."""
        self._wake = wake
        self._stopped = False
        self._full = False
        self._room = threading.Event()
        threading.Thread(target=self._read, args=(items,), name="read-ahead", daemon=True).start()

    def take(self) -> P | None:
        """Return the next item, or None while there is none."""
        if not self.items:
            return None
        item = self.items.popleft()
        if self._full and len(self.items) <= _READ_AHEAD // 2:
            self._full = False
            self._room.set()
        return item

    def stop(self) -> None:
        """Read no further than the item being read."""
        self._stopped = True
        self._room.set()

    def _read(self, items: Iterable[P]) -> None:
        try:
            for item in items:
                self.items.append(item)
                if self.starving:
                    self.starving = False
                    self._wake()
                if len(self.items) >= _READ_AHEAD:
                    self._room.clear()
                    self._full = True
                    # Looked at again, because the loop may have taken some, or stopped, just before.
                    if len(self.items) >= _READ_AHEAD and not self._stopped:
                        self._room.wait()
                if self._stopped:
                    break
        except BaseException as error:
            self.error = error
        self.exhausted = True
        self._wake()


class _FanOut(Generic[P]):
    """One call of ``post_all``."""

    def __init__(
        self,
        api: ManagementApi,
        posts: Iterable[P],
        deadline: float,
        on_outcome: Callable[[P, Outcome], None],
    ) -> None:
        self._api = api
        self._deadline = deadline
        self._on_outcome = on_outcome
        self._signed_at = int(time.time())
        self._credentials = api.credentials.current()
        self._retries: list[tuple[float, int, P, int]] = []
        self._sequence = itertools.count()
        self._under_way = 0
        self._opening = 0
        self._window = float(api.connections)
        self._failures: Counter[str] = Counter()
        self._source = _ReadAhead(posts, api.wake)

    def run(self) -> None:
        """Return when every post has its outcome."""
        select, source = self._api.selector.select, self._source
        wait, next_sweep = 0.0, 0.0
        while True:
            # The first round finds the connections that were closed since the last call.
            for key, _ in select(wait):
                if key.data is None:
                    self._api.wake_receiver.recv(4096)
                else:
                    key.data.step(self, key.data)
            now = time.monotonic()
            if now >= self._deadline:
                self._give_up()
                break
            if now >= next_sweep:
                next_sweep = now + _SWEEP_S
                self._expire(now)
            exhausted = source.exhausted  # read before looking whether anything is left
            wait = self._start_posts(now)
            if exhausted and not (source.items or self._retries or self._under_way):
                break
            source.starving = not source.items
            if source.starving and source.items:  # it came just before the flag was up: nobody will wake us
                wait = 0.0
        if source.error is not None:
            raise source.error

    def stop(self) -> None:
        """Leave only idle connections behind, and log what failed."""
        self._source.stop()
        for connection in self._busy():
            self._api.discard(connection)
        if self._failures:
            # A 403 is never the recipient's fault: role, endpoint or clock are wrong.
            forbidden = any(reason.startswith("403") for reason in self._failures)
            level = logging.ERROR if forbidden else logging.WARNING
            _log.log(level, "%d posts failed: %s", self._failures.total(), dict(self._failures))

    def _start_posts(self, now: float) -> float:
        """Start as many posts as may be under way; return for how long to wait for events then."""
        api, source, retries = self._api, self._source, self._retries
        at = int(time.time())
        if at != self._signed_at:
            self._signed_at, self._credentials = at, api.credentials.current()
        expires = min(now + api.request_timeout, self._deadline)
        wait = min(_SWEEP_S, self._deadline - now)
        window = int(self._window)
        while self._under_way < window and (api.idle or self._opening < _MAX_OPENING):
            if retries and retries[0][0] <= now:
                _, _, post, tries = heapq.heappop(retries)
            elif len(retries) < _READ_AHEAD and (taken := source.take()) is not None:
                post, tries = taken, 0
            elif retries:
                return min(wait, retries[0][0] - now)
            else:
                return wait
            if api.idle:
                connection = api.idle.pop()
                connection.post, connection.tries, connection.expires = post, tries, expires
                self._under_way += 1
                self._send(connection)
            elif not self._open(post, tries, expires):
                return wait  # What keeps one connection from opening may keep all, and each may take its time.
        return wait

    def _open(self, post: P, tries: int, expires: float) -> bool:
        try:
            self._api.connect(post, tries, expires)
        except OSError as error:
            self._retry(post, tries, type(error).__name__)
            return False
        self._under_way += 1
        self._opening += 1
        return True

    def on_connected(self, connection: _Connection) -> None:
        """TCP is connected, or has failed to."""
        error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._break(connection, OSError(error, "connect"))
        elif isinstance(connection.socket, ssl.SSLSocket):
            connection.step = _FanOut.on_handshake
            self.on_handshake(connection)
        else:
            self._established(connection)

    def on_handshake(self, connection: _Connection) -> None:
        """TLS can take its next step."""
        try:
            cast("ssl.SSLSocket", connection.socket).do_handshake()
        except ssl.SSLWantReadError:
            self._api.wait_for(connection, _READ)
        except ssl.SSLWantWriteError:
            self._api.wait_for(connection, _WRITE)
        except OSError as error:
            self._break(connection, error)
        else:
            self._established(connection)

    def _established(self, connection: _Connection) -> None:
        self._opening -= 1
        connection.step = _FanOut.on_ready
        self._send(connection)

    def _send(self, connection: _Connection) -> None:
        post = connection.post
        connection.unsent = self._api.signer.request(post.connection_id, post.body, self._signed_at, self._credentials)
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        try:
            while connection.unsent:
                connection.unsent = connection.unsent[connection.socket.send(connection.unsent) :]
        except _WAIT:
            pass
        except OSError as error:
            self._break(connection, error, stale=connection.reused)
            return
        self._api.wait_for(connection, _READ | _WRITE if connection.unsent else _READ)

    def on_ready(self, connection: _Connection) -> None:
        """An established connection can be read, or written if something is left to send."""
        if connection.post is None:
            self._api.check_idle(connection)
            return
        try:
            while True:
                chunk = connection.socket.recv(_RECEIVE_BYTES)
                connection.received += chunk
                response = parse_response(connection.received, closed=not chunk)
                if response is not None:
                    self._answered(connection, response)
                    return
        except _WAIT:
            if connection.unsent:
                self._flush(connection)
        except (OSError, ProtocolError) as error:
            self._break(connection, error, stale=connection.reused and not connection.received)

    def _answered(self, connection: _Connection, response: Response) -> None:
        api, post, status = self._api, connection.post, response.status
        surplus = 0
        if isinstance(connection.socket, ssl.SSLSocket):
            surplus = connection.socket.pending()  # It would be taken for the next recipient's answer.
            if not connection.reused:
                api.tls_session = connection.socket.session
        if response.keep_alive and not connection.unsent and not surplus:
            connection.post, connection.received, connection.reused = None, b"", True
            connection.idle_since = time.time()
            api.idle.append(connection)
        else:
            api.discard(connection)
        self._under_way -= 1
        if 200 <= status < 300:
            # One more connection for a round of deliveries, one less for each 429: a client whose own buffer
            # is full costs the others next to nothing, an account at its limit soon gets what it can take.
            self._window = min(self._window + 1 / self._window, api.connections)
            self._on_outcome(post, Outcome.DELIVERED)
        elif status == 410:
            self._on_outcome(post, Outcome.GONE)
        elif status == 429:
            self._window = max(self._window - 1, 1.0)
            throttled = self._window < api.connections * _THROTTLED
            self._retry(post, connection.tries, "429", attempts=api.attempts * (2 if throttled else 1))
        elif status >= 500 or status == 408:
            self._retry(post, connection.tries, str(status))
        else:
            self._fail(post, f"{status} {response.error_type}".strip())

    def _break(self, connection: _Connection, reason: Exception, *, stale: bool = False) -> None:
        """Give a connection up, and try its post again: at once if the connection was just too old."""
        if connection.step is not _FanOut.on_ready:
            self._opening -= 1
        self._under_way -= 1
        self._api.discard(connection)
        if stale:
            self._open(connection.post, connection.tries, connection.expires)
        else:
            self._retry(connection.post, connection.tries, type(reason).__name__)

    def _retry(self, post: P, tries: int, reason: str, *, attempts: int | None = None) -> None:
        tries += 1
        # Full jitter: https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
        due = time.monotonic() + random.uniform(0, _BACKOFF_S * 2**tries)  # noqa: S311 - not for secrets
        if tries < (attempts or self._api.attempts) and due < self._deadline:
            heapq.heappush(self._retries, (due, next(self._sequence), post, tries))
        else:
            self._fail(post, reason)

    def _fail(self, post: P, reason: str) -> None:
        self._failures[reason] += 1
        self._on_outcome(post, Outcome.FAILED)

    def _busy(self) -> list[_Connection]:
        return [connection for connection in self._api.open if connection.post is not None]

    def _expire(self, now: float) -> None:
        for connection in self._busy():
            if now >= connection.expires:
                self._break(connection, TimeoutError())

    def _give_up(self) -> None:
        """The deadline has passed: fail what is under way, what waits and what is still to be read."""
        for connection in self._busy():
            self._api.discard(connection)
            self._fail(connection.post, "deadline")
        while self._retries:
            self._fail(heapq.heappop(self._retries)[2], "deadline")
        end = time.monotonic() + _DRAIN_S
        while True:
            exhausted = self._source.exhausted
            while (post := self._source.take()) is not None:
                self._fail(post, "deadline")
            if exhausted:
                return
            if time.monotonic() > end:
                raise TimeoutError("posts were still being read at the deadline")
            time.sleep(0.005)


@cache
def management_api() -> ManagementApi:
    """The management API of this deployment, its connections kept across invocations."""
    return ManagementApi(settings().callback_url, settings().region)
