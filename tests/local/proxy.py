"""A proxy on the loopback address that speaks HTTP CONNECT and SOCKS5, whichever a client asks for."""

import re
import socket
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

ASKED_FOR = re.compile(rb"CONNECT ([^ :]+):[0-9]+ HTTP/1\.1\r\n(?:[^\r]+\r\n)*\r\n")


class Proxy(ThreadingTCPServer):
    """Connects each client to a port of this machine, whatever host it asks for. Use it as a context manager.

    Attributes:
        hosts: The hosts that clients asked for.
        refuses: Whether it asks every client for a password that nobody has.
    """

    daemon_threads = True

    def __init__(self, port: int, *, refuses: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.target = ("127.0.0.1", port)
        self.hosts: list[str] = []
        self.refuses = refuses
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients end as they like."""

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()


class _Client(StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        first = self.rfile.read(1)
        host, answer = self._socks() if first == b"\x05" else self._http(first)
        self.server.hosts.append(host)
        if self.server.refuses:
            return
        with socket.create_connection(self.server.target) as upstream:
            self.connection.sendall(answer)
            threading.Thread(target=_relay, args=(upstream, self.connection), daemon=True).start()
            _relay(self.connection, upstream)

    def _http(self, first: bytes) -> tuple[str, bytes]:
        head = first
        while not (found := ASKED_FOR.fullmatch(head)):
            head += self.rfile.readline()
        if self.server.refuses:
            self.connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        return found[1].decode(), b"HTTP/1.1 200 Connection established\r\n\r\n"

    def _socks(self) -> tuple[str, bytes]:
        """https://www.rfc-editor.org/rfc/rfc1928, with a host name (socks5h)."""
        self.rfile.read(self.rfile.read(1)[0])
        self.connection.sendall(b"\x05\xff" if self.server.refuses else b"\x05\x00")
        if self.server.refuses:
            return "", b""
        assert self.rfile.read(4) == b"\x05\x01\x00\x03"
        host = self.rfile.read(self.rfile.read(1)[0])
        self.rfile.read(2)
        return host.decode(), b"\x05\x00\x00\x01" + bytes(6)


def _relay(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
