"""A management API on loopback. A test sets the answer per connection; delivered posts are recorded."""

import json
import os
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import unquote

Frame = dict[str, Any]

STAGE_PATH = "/production"


@dataclass(frozen=True)
class Answer:
    """The answer to a post. Status 0 means no answer: the connection is reset, or stays open if ``hangs``."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hangs: bool = False


RESET = Answer()
HANG = Answer(hangs=True)
GONE = Answer(410)
GONE_AS_AWS_SAYS_IT = Answer(
    410,
    {"x-amzn-ErrorType": "GoneException:http://internal.amazon.com/coral/", "content-type": "application/json"},
    b'{"message":null,"connectionId":"x"}',
)


def decode(body: bytes) -> Frame:
    """Decode a frame as strictly as a browser does."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(constant)

    frame: Frame = json.loads(body.decode(), parse_constant=refuse)
    return frame


class ManagementApiServer(ThreadingHTTPServer):
    """Serves while its context is open.

    Attributes:
        answers: The answer to every post for a connection. Posts for other connections are delivered.
        delivered: Connection id and body of every post that was answered with 200, in order.
        closed: Id of every connection that a function closed.
        not_closing: Connections that cannot be closed.
        on_delivery: Called with each post before the answer.
    """

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.delivered: list[tuple[str, bytes]] = []
        self.closed: list[str] = []
        self.not_closing: set[str] = set()
        self.on_delivery: Callable[[str, Frame], None] = lambda _connection_id, _frame: None
        self.closing = threading.Event()
        self._serving = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """The callback address."""
        return f"http://127.0.0.1:{self.server_port}{STAGE_PATH}"

    def frames(self, connection_id: str) -> list[Frame]:
        """Frames that a client has received."""
        return [decode(body) for recipient, body in self.delivered if recipient == connection_id]

    def recipients(self) -> set[str]:
        """Connections that have received a frame."""
        return {recipient for recipient, _ in self.delivered}

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self.shutdown()
        self._serving.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ManagementApiServer

    def _connection(self) -> tuple[str, bool]:
        """The connection of a request, and whether the request is valid."""
        path, _, connection_id = self.path.rpartition("/")
        proper = unquote(path) == f"{STAGE_PATH}/@connections" and "authorization" in self.headers
        return unquote(connection_id), proper

    def do_DELETE(self) -> None:
        connection_id, known = self._connection()
        known = known and connection_id not in self.server.not_closing
        if known:
            self.server.closed.append(connection_id)
        self._answer(Answer(204 if known else 404))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        connection_id, known = self._connection()
        answer = self.server.answers.get(connection_id, Answer(200)) if known else Answer(404)
        if answer.status == 200:
            self.server.on_delivery(connection_id, decode(body))
            self.server.delivered.append((connection_id, body))
        if answer.status:
            self._answer(answer)
        else:
            self._break_off(answer)

    def _answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _break_off(self, answer: Answer) -> None:
        self.close_connection = True
        if answer.hangs:
            self.server.closing.wait()
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Do not log."""
