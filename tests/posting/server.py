"""A management API on loopback, with real TLS. A test decides how it answers each request."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    import trustme

    Behaviour = Callable[["Request", "Answer"], Awaitable[None]]

T = TypeVar("T")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request that the server has read."""

    number: int
    """Number of the request over all connections, from 0."""
    nth_on_connection: int
    """Number of the request on its connection, from 0."""
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def connection_id(self) -> str:
        """The decoded id."""
        return unquote(self.path.rpartition("/")[2])


class Answer:
    """Ways to answer a request."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def status(self, status: int, *headers: str, body: bytes = b"") -> None:
        """Answer as API Gateway does."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
        await self.raw("\r\n".join([*lines, "", ""]).encode() + body)

    async def raw(self, *pieces: bytes) -> None:
        """Send these bytes, each piece in a separate packet."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    def close(self) -> None:
        """Close the connection normally."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def accept(_: Request, answer: Answer) -> None:
    await answer.raw(OK)


async def never(*_: object) -> None:
    await asyncio.sleep(3600)


def always(status: int, *headers: str) -> Behaviour:
    async def behave(_: Request, answer: Answer) -> None:
        await answer.status(status, *headers, body=b'{"message":"secret text"}')

    return behave


def at_most(per_second: int) -> Behaviour:
    """Deliver so many posts a second, like an account at its quota, and answer 429 to the others."""
    free, since = per_second / 10, time.monotonic()

    async def behave(_: Request, answer: Answer) -> None:
        nonlocal free, since
        now = time.monotonic()
        free, since = min(per_second / 10, free + (now - since) * per_second), now
        delivered = free >= 1
        free -= delivered
        await (answer.raw(OK) if delivered else answer.status(429))

    return behave


class FakeManagementApi:
    """Runs on a separate thread while its context is open."""

    def __init__(
        self, authority: trustme.CA, behaviour: Behaviour, *, tls: bool = True, path: str = "/production"
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.resumed: list[bool] = []
        """For each connection, whether it resumed an earlier TLS session."""
        self._behaviour = behaviour
        self._path = path
        self._tls: ssl.SSLContext | None = None
        if tls:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fake-management-api")
        self.endpoint = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls))
        port = self._server.sockets[0].getsockname()[1]
        self.endpoint = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}{self._path}"
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def drop_connections(self) -> None:
        """Close all connections, as a server does after they were idle for a long time."""
        self._call(self._drop())

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        await self._drop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._tls:
            self.resumed.append(writer.get_extra_info("ssl_object").session_reused)
        self._writers.add(writer)
        try:
            nth = 0
            while not writer.is_closing():
                request = await self._read(reader, nth)
                self.requests.append(request)
                await self._behaviour(request, Answer(writer))
                nth += 1
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            if not writer.is_closing():
                writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, nth: int) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(":", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        return Request(len(self.requests), nth, head[0].split(" ")[1], headers, body)
