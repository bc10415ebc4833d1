"""A WebSocket client that can send anything, in its handshake too."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

Frame = dict[str, Any]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """A request to connect.

    Attributes:
        url: Address without a query.
        query: Parameters in order. A name may occur twice.
        headers: Headers in addition to those of the WebSocket protocol. A name may occur twice.
        subprotocols: Values of ``Sec-WebSocket-Protocol``.
        sign: Signs the address.
    """

    url: str
    query: Pairs = field(default_factory=list)
    headers: Pairs = field(default_factory=list)
    subprotocols: Sequence[str] = ()
    sign: Callable[[str], str] = str

    def parameter(self, name: str, *values: str) -> Self:
        """Replace a parameter. Without a value, remove it."""
        others = [(key, value) for key, value in self.query if key != name]
        return replace(self, query=[*others, *((name, value) for value in values)])

    def header(self, name: str, *values: str) -> Self:
        """Replace a header. Without a value, remove it."""
        others = [(key, value) for key, value in self.headers if key != name]
        return replace(self, headers=[*others, *((name, value) for value in values)])

    def offering(self, *subprotocols: str) -> Self:
        """Replace the subprotocols."""
        return replace(self, subprotocols=subprotocols)

    @property
    def address(self) -> str:
        return self.sign(f"{self.url}?{urlencode(self.query)}" if self.query else self.url)


class Client:
    """A connection that is open while its context is open. Raises the library's ``InvalidStatus`` if it is refused."""

    def __init__(self, handshake: Handshake, user: str, group: str) -> None:
        self.user = user
        self.group = group
        self.received: list[Frame] = []
        self._connecting = connect(
            handshake.address,
            additional_headers=handshake.headers,
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            compression=None,
            max_queue=None,  # A client that does not read for a while must still answer pings.
            close_timeout=1,
            ping_interval=None,  # As in tests/clients.py.
        )
        self._socket: ClientConnection

    def send(self, frame: Frame | str | bytes) -> None:
        self._socket.send(json.dumps(frame, ensure_ascii=False) if isinstance(frame, dict) else frame)

    def message(self, text: str, **fields: object) -> Frame:
        """A valid ``sendMessage`` frame, changed by the given fields."""
        own = {"action": "sendMessage", "groupId": self.group, "senderId": self.user, "message": text}
        return own | fields

    def receive(self, wanted: Callable[[Frame], bool], seconds: float = 10) -> Frame:
        """Wait for a wanted frame. Every frame goes into ``received``."""
        deadline = time.monotonic() + seconds
        while True:
            frame: Frame = json.loads(self._socket.recv(timeout=max(0, deadline - time.monotonic())))
            self.received.append(frame)
            if wanted(frame):
                return frame

    def take(self, action: str) -> Frame:
        """Wait for a frame with an action, and leave it out of ``received``."""
        frame = self.receive(lambda frame: frame["action"] == action)
        self.received.remove(frame)
        return frame

    def collect(self, seconds: float) -> list[Frame]:
        """Every frame that arrives within a time."""
        known = len(self.received)
        try:
            self.receive(lambda _: False, seconds)
        except TimeoutError:
            return self.received[known:]
        raise AssertionError  # No frame is wanted, so receive() never returns.

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
