"""Connections to the management API, kept between fan-outs."""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import time
from typing import TYPE_CHECKING

from handlers.runtime.tls import tls_context

from .addresses import Addresses
from .connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_IDLE_S = 50.0
"""Idle seconds after which a connection is closed. If the server has silently dropped it, using it costs a timeout."""


class ConnectionPool:
    """Connections to one host, and the selector that waits for them all. For one thread at a time, except ``wake``.

    Attributes:
        open: All connections.
        idle: Connections without a post, the last used at the end.
    """

    def __init__(self, host: str, port: int, *, tls: bool) -> None:
        self.open: set[Connection] = set()
        self.idle: list[Connection] = []
        self._host = host
        self._addresses = Addresses(host, port)
        self._tls = tls_context() if tls else None
        # The TLS session of the newest connection, which makes the next handshake cheaper.
        self._tls_session: ssl.SSLSession | None = None
        self._selector = selectors.DefaultSelector()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)  # noqa: FBT003
        self._selector.register(self._wake_receiver, selectors.EVENT_READ)

    @property
    def busy_count(self) -> int:
        """The number of busy connections."""
        return len(self.open) - len(self.idle)

    def busy(self) -> set[Connection]:
        """The connections that are not idle: each has a post, or is about to get one."""
        return self.open.difference(self.idle)

    def ready(self, seconds: float) -> Iterator[Connection]:
        """Wait until connections are ready, ``wake`` is called, or the time is over. Closes idle ones that have ended.

        Yields:
            Connections with a current post, for ``continue_opening`` or ``receive``.
        """
        for key, _ in self._selector.select(seconds):
            connection = key.data
            if connection is None:
                self._wake_receiver.recv(4096)
            elif connection.post is not None:
                yield connection
            elif connection.has_ended():
                self.idle.remove(connection)
                self.discard(connection)

    def wake(self) -> None:
        """Make ``ready`` return. Any thread may call this at any time."""
        # If the socket is full, the loop will wake anyway. If it is closed, nobody waits any more.
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"\0")

    def connect(self, expires: float) -> Connection:
        """Begin to open a connection.

        Args:
            expires: Moment of ``time.monotonic()`` at which the lookup of the address is given up.

        Raises:
            OSError: It failed at once.
        """
        family, address = self._addresses.next(expires)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setblocking(False)  # noqa: FBT003
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            sock = self._tls.wrap_socket(
                sock,
                do_handshake_on_connect=False,
                server_hostname=self._host,
                session=self._tls_session,
            )
        connection = Connection(sock, self._selector)
        self.open.add(connection)
        sock.connect_ex(address)  # If it fails, the socket becomes ready and shows the error.
        return connection

    def release(self, connection: Connection, *, keep_alive: bool) -> None:
        """Take a connection back after a response. It is kept if it can carry another request."""
        surplus = 0
        if isinstance(connection.socket, ssl.SSLSocket):
            surplus = connection.socket.pending()  # The bytes would count as the answer for the next recipient.
            if not connection.reused:
                self._tls_session = connection.socket.session
        if keep_alive and not connection.unsent and not surplus:
            connection.post, connection.received, connection.reused = None, b"", True
            connection.idle_since = time.time()
            self.idle.append(connection)
        else:
            self.discard(connection)

    def discard_old(self) -> None:
        """Close the connections that were idle for too long."""
        now = time.time()  # Not the monotonic clock: it may stand still while Lambda has the process frozen.
        for connection in [one for one in self.idle if abs(now - one.idle_since) > _MAX_IDLE_S]:
            self.idle.remove(connection)
            self.discard(connection)

    def discard(self, connection: Connection) -> None:
        """Close a connection."""
        self.open.remove(connection)
        self._selector.unregister(connection.socket)
        connection.socket.close()

    def close(self) -> None:
        """Close all connections. The pool cannot be used afterwards."""
        for connection in list(self.open):
            self.discard(connection)
        self._selector.close()
        self._wake_receiver.close()
        self._wake_sender.close()
