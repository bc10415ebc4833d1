"""A JWKS server that a test controls. It records its requests."""

import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


class JwksServer(ThreadingHTTPServer):
    """Serves while its context is open.

    Attributes:
        status: Status of every answer.
        headers: Headers of every answer, in addition to its length.
        body: Body of every answer.
        stops_after: Number of bytes of the body that are sent before the server stops. None sends the whole body.
        drips: Whether the body never ends and comes one byte at a time.
        paths: Requested paths, in order.
    """

    def __init__(self, jwks: Mapping[str, Any] | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.body = b""
        self.stops_after: int | None = None
        self.drips = False
        self.paths: list[str] = []
        self.closing = threading.Event()
        self._serving = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.publish(jwks or {"keys": []})

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}/jwks.json?version=1"

    def publish(self, jwks: object) -> None:
        self.body = json.dumps(jwks).encode()

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

    def handle_error(self, *_: object) -> None:
        """Do not report clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    server: JwksServer

    def do_GET(self) -> None:
        server = self.server
        server.paths.append(self.path)
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(server.body[: server.stops_after])
        while server.drips and not server.closing.wait(0.05):
            self.wfile.write(b" ")
        if server.stops_after is not None:
            server.closing.wait()

    def log_message(self, *_: object) -> None:
        """Do not log."""
