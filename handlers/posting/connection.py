"""A connection to the management API. It sends one post after another."""

from __future__ import annotations

import selectors
import socket
import ssl
from typing import TYPE_CHECKING, Any

from .http1 import Response, parse_response

if TYPE_CHECKING:
    from .posts import Post

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_WAIT = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
"""Raised by a socket that has nothing to read or no room to write."""
_RECEIVE_BYTES = 4096


class Connection:
    """A connection, and its current post, if any.

    Attributes:
        socket: Its socket.
        established: Whether TCP and TLS are set up.
        reused: Whether it has received a response before.
        post: The current post. None while the connection is idle.
        tries: Number of failed attempts of the post so far.
        expires: Moment of ``time.monotonic()`` at which the attempt times out.
        idle_since: Second since the epoch at which it became idle.
        unsent: The rest of the request.
        received: The response so far.
    """

    __slots__ = (
        "_selector",
        "_waits_for",
        "established",
        "expires",
        "idle_since",
        "post",
        "received",
        "reused",
        "socket",
        "tries",
        "unsent",
    )

    def __init__(self, sock: socket.socket, selector: selectors.BaseSelector) -> None:
        self.socket = sock
        self.established = False
        self.reused = False
        self.post: Any = None
        self.tries = 0
        self.expires = 0.0
        self.idle_since = 0.0
        self.unsent = b""
        self.received = b""
        self._selector = selector
        self._waits_for = _WRITE
        selector.register(sock, _WRITE, self)

    @property
    def stale(self) -> bool:
        """Whether an error now most likely means that it was too old: it is reused, and has received nothing."""
        return self.reused and not self.received

    def assign(self, post: Post, tries: int, expires: float, request: bytes) -> None:
        """Start a post. The request is sent as soon as the connection is established.

        Raises:
            OSError: The connection broke.
        """
        self.post, self.tries, self.expires, self.unsent = post, tries, expires, request
        if self.established:
            self._flush()

    def continue_opening(self) -> None:
        """Take the next step of opening: connect TCP, set up TLS, then send the request.

        Raises:
            OSError: It cannot be opened.
        """
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")
        if isinstance(self.socket, ssl.SSLSocket):
            try:
                self.socket.do_handshake()
            except ssl.SSLWantReadError:
                self._wait_for(_READ)
                return
            except ssl.SSLWantWriteError:
                self._wait_for(_WRITE)
                return
        self._flush()
        self.established = True

    def receive(self) -> Response | None:
        """Read what has arrived, or send more of the request.

        Returns:
            The response, or None while it is incomplete.

        Raises:
            OSError: The connection broke.
            ProtocolError: The received bytes are not a response.
        """
        try:
            while True:
                chunk = self.socket.recv(_RECEIVE_BYTES)
                self.received += chunk
                response = parse_response(self.received, closed=not chunk)
                if response is not None:
                    return response
        except _WAIT:
            if self.unsent:
                self._flush()
        return None

    def has_ended(self) -> bool:
        """Whether the server closed it while it was idle. A readable socket may also have only a message of TLS."""
        try:
            self.socket.recv(1)
        except _WAIT:
            return False
        except OSError:
            pass
        return True

    def _flush(self) -> None:
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except _WAIT:
            pass
        self._wait_for(_READ | _WRITE if self.unsent else _READ)

    def _wait_for(self, events: int) -> None:
        if self._waits_for != events:
            self._waits_for = events
            self._selector.modify(self.socket, events, self)
