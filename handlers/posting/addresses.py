"""The network addresses of the management API."""

from __future__ import annotations

import itertools
import socket
import time

from handlers.runtime.deadline import call_by

_KEEP_S = 60.0
"""Seconds for which a DNS answer is used: the time to live that API Gateway gives its names."""

Address = tuple[socket.AddressFamily, tuple[object, ...]]


class Addresses:
    """The addresses of a host. They are used in turn, so that a dead address costs only one attempt."""

    def __init__(self, host: str, port: int) -> None:
        self._name = (host, port)
        self._known: list[Address] = []
        # Wall clock: the monotonic one may stand still while Lambda has the process frozen.
        self._resolved_at = 0.0
        self._turn = itertools.count()

    def next(self, expires: float) -> Address:
        """Return the address to connect to next.

        Args:
            expires: Moment of ``time.monotonic()`` at which a lookup is given up.

        Raises:
            OSError: The name was never resolved, and cannot be resolved now.
        """
        now = time.time()
        if not self._known or abs(now - self._resolved_at) > _KEEP_S:
            try:
                self._known = self._resolve(expires)
                self._resolved_at = now
            except OSError:
                if not self._known:
                    raise
        return self._known[next(self._turn) % len(self._known)]

    def _resolve(self, expires: float) -> list[Address]:
        # The flag leaves out IPv6 addresses where the machine has no IPv6, as in a function outside a VPC: a connection
        # to one fails. https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
        flags = socket.AI_ADDRCONFIG
        answers = call_by(expires, lambda: socket.getaddrinfo(*self._name, type=socket.SOCK_STREAM, flags=flags))
        return [(family, address) for family, _, _, _, address in answers]
