"""A network between browsers and the chat that a test can interrupt."""

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Network:
    """Relays TCP connections to a chat. A test can reset them, and refuse new ones."""

    def __init__(self, chat_url: str, subprotocol: str = "") -> None:
        """Listen.

        Args:
            chat_url: The chat's address.
            subprotocol: What the answer to a handshake chooses. API Gateway passes on the choice of the function, the
                emulator does not, and a browser that offers subprotocols accepts no answer without a choice.
        """
        self._target = urlsplit(chat_url)
        self._choice = f"\r\nSec-WebSocket-Protocol: {subprotocol}".encode() if subprotocol else b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._up = True
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The chat's address through this network."""
        return urlunsplit(self._target._replace(netloc=f"localhost:{self._listener.getsockname()[1]}"))

    def cut(self) -> None:
        """Reset every connection, at both ends. New connections are possible."""
        with self._lock:
            for end in self._sockets:
                _reset(end)
            self._sockets.clear()

    def fail(self) -> None:
        """Reset every connection, and refuse new ones until :meth:`recover`."""
        self._up = False
        self.cut()

    def recover(self) -> None:
        self._up = True

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._up:
                _reset(near)
                continue
            far = socket.create_connection((str(self._target.hostname), self._target.port or 80))
            with self._lock:
                self._sockets |= {near, far}
            for source, sink, choice in ((near, far, b""), (far, near, self._choice)):
                threading.Thread(target=self._relay, args=(source, sink, choice), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, choice: bytes) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                # The head of the answer comes first, and in one piece.
                sink.sendall(data.replace(b"\r\n\r\n", choice + b"\r\n\r\n", 1) if choice else data)
                choice = b""
        with self._lock:
            self._sockets -= {source, sink}
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()


def _reset(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # Wakes the thread that reads from the socket. Closing it would not.
        end.shutdown(socket.SHUT_RD)
    end.close()
