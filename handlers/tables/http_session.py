"""Sends the requests of botocore's client of DynamoDB, in place of urllib3.

urllib3 takes a third of the CPU of such a call. The requests and answers of DynamoDB are small and have a length, so
few lines do: one request at a time on a connection that is kept. botocore still makes and signs the requests, reads
the answers and repeats what failed.
"""

import http.client
import io
import select
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from handlers.runtime.tls import tls_context

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from botocore.awsrequest import AWSPreparedRequest

_MOST_IDLE = 16
"""Connections that are kept. More than threads that read tables side by side."""
_MOST_IDLE_S = 50.0
"""Idle seconds after which a connection is not used again. The server may have dropped it without a word."""
_RECEIVE_BYTES = 65_536

Origin = tuple[str, str, int]
"""Scheme, host and port."""


class _Kept(NamedTuple):
    """A connection that is idle."""

    origin: Origin
    sock: socket.socket
    since: float
    """Second since the epoch. The monotonic clock may stand still while Lambda has the process frozen."""


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    keep_alive: bool

    def stream(self) -> Iterator[bytes]:
        """What botocore reads."""
        yield self.body


class HttpSession:
    """Takes the place of ``botocore.httpsession.URLLib3Session`` in a client. Any thread may send.

    Args:
        connect_timeout: Seconds for opening a connection.
        read_timeout: Seconds in which something has to arrive.
    """

    def __init__(self, *, connect_timeout: float, read_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: list[_Kept] = []  # Appending and popping are safe between threads.

    def send(self, request: "AWSPreparedRequest") -> AWSResponse:
        """Send a request and return the answer, whatever its status.

        Raises:
            EndpointConnectionError, ConnectTimeoutError, SSLError: No connection could be opened.
            ReadTimeoutError, ConnectionClosedError: There was no complete answer. botocore repeats all of these.
        """
        url = urlsplit(request.url)
        origin = (url.scheme, url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
        # DynamoDB's requests are JSON. botocore has a text for them, or bytes.
        body: Any = request.body.encode() if isinstance(request.body, str) else request.body or b""
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        lines = [f"{request.method} {target} HTTP/1.1", f"Host: {url.netloc}"]
        headers: Any = request.headers  # Some values are bytes.
        for name, value in headers.items():
            lines.append(f"{name}: {value.decode('latin-1') if isinstance(value, bytes) else value}")
        head = "\r\n".join((*lines, "\r\n")).encode("latin-1")
        sock = self._reuse(origin) or self._connect(origin, request.url)
        is_kept = False
        try:
            sock.sendall(head + body)
            answer = _receive(sock)
            is_kept = answer.keep_alive and len(self._idle) < _MOST_IDLE
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error, request=request) from error
        finally:
            if is_kept:
                self._idle.append(_Kept(origin, sock, time.time()))
            else:
                sock.close()
        return AWSResponse(request.url, answer.status, answer.headers, answer)  # type: ignore[arg-type]  # it copies them

    def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            self._idle.pop().sock.close()

    def _reuse(self, origin: Origin) -> socket.socket | None:
        """The connection that was used last, if it can carry another request."""
        while True:
            try:
                kept = self._idle.pop()
            except IndexError:
                return None
            # An idle connection that can be read has ended: nobody was asked anything.
            is_over = abs(time.time() - kept.since) > _MOST_IDLE_S or _readable(kept.sock)
            if kept.origin == origin and not is_over:
                return kept.sock
            kept.sock.close()

    def _connect(self, origin: Origin, url: str) -> socket.socket:
        scheme, host, port = origin
        try:
            sock = socket.create_connection((host, port), self._connect_timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if scheme == "https":
                sock = tls_context().wrap_socket(sock, server_hostname=host)
        except TimeoutError as error:
            sock.close()
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except OSError as error:
            sock.close()
            raise SSLError(endpoint_url=url, error=error) from error
        sock.settimeout(self._read_timeout)
        return sock


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _receive(sock: socket.socket) -> _Answer:
    """Read an answer.

    Raises:
        OSError: The connection broke, or nothing came in time.
        ValueError, http.client.HTTPException: This is no answer, or it ended in the middle.
    """
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _more(sock)
    status_line, *lines = data[:end].decode("latin-1").split("\r\n")
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    version, status = status_line.split(" ", 2)[:2]
    start = end + 4
    if version != "HTTP/1.1" or "transfer-encoding" in headers or not headers.get("content-length", "").isdecimal():
        return _receive_unusual(sock, data)
    stop = start + int(headers["content-length"])
    if len(data) < stop:
        parts, size = [data], len(data)
        while size < stop:
            parts.append(_more(sock))
            size += len(parts[-1])
        data = b"".join(parts)
    # What follows would be taken for the next answer.
    keep_alive = len(data) == stop and "close" not in headers.get("connection", "").lower()
    return _Answer(int(status), headers, data[start:stop], keep_alive)


def _more(sock: socket.socket) -> bytes:
    chunk = sock.recv(_RECEIVE_BYTES)
    if not chunk:
        raise ConnectionResetError("the connection ended before the answer")
    return chunk


def _receive_unusual(sock: socket.socket, data: bytes) -> _Answer:
    """Read an answer that has no length, such as one of a proxy, with Python's client. Its connection is not kept."""
    response = http.client.HTTPResponse(_Replayed(sock, data))  # type: ignore[arg-type]  # it only makes a file of it
    response.begin()
    return _Answer(response.status, dict(response.headers.items()), response.read(), keep_alive=False)


class _Replayed(io.RawIOBase):
    """A socket of which something was read already."""

    def __init__(self, sock: socket.socket, data: bytes) -> None:
        self._sock, self._data = sock, data

    def makefile(self, _: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        chunk = self._data[: len(view)] or self._sock.recv(len(view))
        self._data = self._data[len(chunk) :]
        view[: len(chunk)] = chunk
        return len(chunk)
