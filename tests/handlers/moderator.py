"""Lambda's Invoke API on loopback, with one function whose answers a test sets."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:Moderate:live"


class Moderator(ThreadingHTTPServer):
    """Serves while its context is open.

    Attributes:
        answer: The payload that the function returns.
        status: The status of Lambda's answer.
        failed: Whether the function has raised an error.
        hangs: Whether no answer comes.
        drips: Whether the payload comes one byte at a time, without an end.
        asked: The payloads that the function got.
        regions: The region that each call was signed for.
        released: Set it to end what hangs.
    """

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reset()
        self._serving = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reset(self) -> None:
        """Answer that every message is allowed."""
        self.answer: bytes = b'{"allow":true}'
        self.status = 200
        self.failed = self.hangs = self.drips = False
        self.asked: list[dict[str, Any]] = []
        self.regions: list[str] = []
        self.released = threading.Event()

    def says(self, **answer: object) -> None:
        self.answer = json.dumps(answer).encode()

    def __enter__(self) -> Self:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self._serving.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """Do not report clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Moderator

    def do_POST(self) -> None:
        moderator = self.server
        assert unquote(self.path) == f"/2015-03-31/functions/{ARN}/invocations"
        moderator.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        moderator.regions.append(self.headers["authorization"].split("/")[2])
        if moderator.hangs:
            moderator.released.wait(10)
            self.close_connection = True
            return
        self.send_response(moderator.status)
        if moderator.failed:
            self.send_header("x-amz-function-error", "Unhandled")
        self.send_header("content-length", str(10**6 if moderator.drips else len(moderator.answer)))
        self.end_headers()
        while moderator.drips and not moderator.released.wait(0.05):
            self.wfile.write(b" ")
        self.wfile.write(moderator.answer)

    def log_message(self, *_: object) -> None:
        """Do not log."""
