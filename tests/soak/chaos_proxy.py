"""A proxy between the functions and the management API that makes posts fail at random."""

import asyncio
import random
import re
import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_END_OF_HEAD = b"\r\n\r\n"

_FAIR, _STORM = 0.005, 0.6
"""Shares of the posts that get a fault."""
_POSTS_UNTIL_STORM = 500
_POSTS_OF_STORM = 30

_FAULTS = {"429": 6, "500": 3, "503": 3, "reset before": 4, "reset after": 4, "slow": 4, "410": 2, "late": 0.2}
"""Faults and their weights. ``late``: the post succeeds, but its answer comes after the functions' timeout."""
_SLOW_S = 0.3
_LATE_S = 3.5


class ChaosProxy:
    """Serves on the loopback address while its context is open. Most faults come in storms, so that retries fail too.

    Attributes:
        posts: Number of posts, by fault.
    """

    def __init__(self, upstream_port: int, seed: int) -> None:
        self.posts: Counter[str] = Counter()
        self._upstream_port = upstream_port
        self._random = random.Random(seed)
        self._calm = False
        self._storm = 0
        self._server: asyncio.Server

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.sockets[0].getsockname()[1])

    @contextmanager
    def calm(self) -> Iterator[None]:
        """Forward every post unchanged while the context is open."""
        self._calm = True
        yield
        self._calm = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        try:
            while True:
                request = await _read(reader)
                fault = self._next_fault()
                self.posts[fault] += 1
                if fault == "reset before":
                    _reset(writer)
                    return
                if fault.isdigit():
                    writer.write(f"HTTP/1.1 {fault} Chaos\r\ncontent-length: 0\r\n\r\n".encode())
                    continue
                upstream_writer.write(request)
                answer = await _read(upstream_reader)
                if fault == "reset after":
                    _reset(writer)
                    return
                await asyncio.sleep({"slow": self._random.uniform(0, _SLOW_S), "late": _LATE_S}.get(fault, 0))
                writer.write(answer)
        except (EOFError, ConnectionError):
            pass
        finally:
            writer.close()
            upstream_writer.close()

    def _next_fault(self) -> str:
        if self._calm:
            return "none"
        if self._storm:
            self._storm -= 1
        elif self._random.random() < 1 / _POSTS_UNTIL_STORM:
            self._storm = _POSTS_OF_STORM
        if self._random.random() > (_STORM if self._storm else _FAIR):
            return "none"
        return self._random.choices(list(_FAULTS), list(_FAULTS.values()))[0]


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read the bytes of a request or a response."""
    head = await reader.readuntil(_END_OF_HEAD)
    length = _LENGTH.search(head)
    return head + await reader.readexactly(int(length[1]) if length else 0)


def _reset(writer: asyncio.StreamWriter) -> None:
    peer: socket.socket = writer.get_extra_info("socket")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
