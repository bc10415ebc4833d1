"""Serves the chat page on the loopback address, with a config that names its chat."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote

HOST = "127.0.0.1"

_AS = "/as/"
_WEB = Path(__file__).parent.parent / "web"


class Page:
    """A server of ``web/``. Use it as a context manager."""

    def __init__(self, websocket_url: str, port: int = 0, sign_in: Callable[[str], str] | None = None) -> None:
        """Create the server.

        Args:
            websocket_url: Where the page connects by default. The page reads it from ``config.json``.
            port: Where to listen. If it is in use, and for 0, any free port.
            sign_in: Returns the page's query and fragment for a user, whom ``/as/ann`` signs in. None for no users.
        """
        config = json.dumps({"endpoint": websocket_url}).encode()

        class Handler(_Handler):
            def do_GET(self) -> None:
                if self.path == "/config.json":
                    self.send_response(200)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(config)))
                    self.end_headers()
                    self.wfile.write(config)
                elif sign_in and self.path.startswith(_AS) and is_for_here(self):
                    self.send_response(302)
                    self.send_header("Location", f"/{sign_in(unquote(self.path.removeprefix(_AS)))}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                else:
                    super().do_GET()

        self._server = server(port, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.port}/"

    def __enter__(self) -> Self:
        """Start the server."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and free its port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def server(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """Return a server on a port of the loopback address, or on any free port if that is in use."""
    try:
        return ThreadingHTTPServer((HOST, port), handler)
    except OSError:
        return ThreadingHTTPServer((HOST, 0), handler)


def is_for_here(request: BaseHTTPRequestHandler) -> bool:
    """Whether a request names this machine as its host. A page of a foreign name that leads here must get no token."""
    host = request.headers.get("Host", "").rpartition(":")[0]
    return host in {HOST, "localhost"}


class _Handler(SimpleHTTPRequestHandler):
    # On some machines the operating system has a wrong type for .js, and browsers then do not run the module.
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".js": "text/javascript", ".ts": "text/plain"}

    def __init__(self, *args: object) -> None:
        super().__init__(*args, directory=str(_WEB))  # type: ignore[arg-type]  # as the server calls it

    def end_headers(self) -> None:
        # With no-store, browsers would not keep the page for the way back, as they do with pages of other servers.
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")  # Browsers ignore it in a meta element.
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *_args: object) -> None:
        """Log nothing: the terminal shows the functions' logs, and a query may contain secrets."""
