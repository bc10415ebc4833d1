"""A WebSocket client that says whatever it likes, in its handshake as well."""

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
    """What a client asks to be let in with.

    Attributes:
        url: Address without a query.
        query: Parameters in order; a name may come twice.
        headers: Headers beside those of the protocol; a name may come twice.
        subprotocols: What is offered in ``Sec-WebSocket-Protocol``.
        sign: Makes the address out of the plain one, where it has to be signed.
    """

    url: str
    query: Pairs = field(default_factory=list)
    headers: Pairs = field(default_factory=list)
    subprotocols: Sequence[str] = ()
    sign: Callable[[str], str] = str

    def parameter(self, name: str, *values: str) -> Self:
        """The same with other values of a parameter: none, one or several."""
        others = [(key, value) for key, value in self.query if key != name]
        return replace(self, query=[*others, *((name, value) for value in values)])

    def header(self, name: str, *values: str) -> Self:
        """The same with other values of a header: none, one or several."""
        others = [(key, value) for key, value in self.headers if key != name]
        return replace(self, headers=[*others, *((name, value) for value in values)])

    def offering(self, *subprotocols: str) -> Self:
        """The same with other subprotocols."""
        return replace(self, subprotocols=subprotocols)

    @property
    def address(self) -> str:
        return self.sign(f"{self.url}?{urlencode(self.query)}" if self.query else self.url)


class Client:
    """A connection, open while in its context. Opening it raises what the library raises for a refusal."""

    def __init__(self, handshake: Handshake, user: str, group: str) -> None:
        self.user = user
        self.group = group
        self.received: list[Frame] = []
        self._connecting = connect(
            handshake.address,
            additional_headers=handshake.headers,
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            compression=None,
            max_queue=None,  # Who does not listen for a while must not stop answering pings.
            close_timeout=1,
        )
        self._socket: ClientConnection

    def send(self, frame: Frame | str | bytes) -> None:
        self._socket.send(json.dumps(frame, ensure_ascii=False) if isinstance(frame, dict) else frame)

    def message(self, text: str, **fields: object) -> Frame:
        """A ``sendMessage`` frame as it should be, but for the fields given."""
        own = {"action": "sendMessage", "groupId": self.group, "senderId": self.user, "message": text}
        return own | fields

    def receive(self, wanted: Callable[[Frame], bool], seconds: float = 10) -> Frame:
        """Next frame that is wanted. All others stay in ``received`` as well."""
        deadline = time.monotonic() + seconds
        while True:
            frame: Frame = json.loads(self._socket.recv(timeout=max(0, deadline - time.monotonic())))
            self.received.append(frame)
            if wanted(frame):
                return frame

    def take(self, action: str) -> Frame:
        """Next frame of an action, as if it had not been received."""
        frame = self.receive(lambda frame: frame["action"] == action)
        self.received.remove(frame)
        return frame

    def collect(self, seconds: float) -> list[Frame]:
        """All frames that come within some time."""
        known = len(self.received)
        try:
            self.receive(lambda _: False, seconds)
        except TimeoutError:
            return self.received[known:]
        raise AssertionError  # Nothing was wanted.

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
