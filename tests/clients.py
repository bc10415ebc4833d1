"""A real WebSocket client, for tests against a deployed chat."""

import json
import socket
import struct
import time
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from uuid import uuid4

from websockets.sync.client import ClientConnection, connect

Frame = dict[str, Any]


class ChatClient:
    """A user. Connected while the context is open."""

    def __init__(self, url: str, user_id: str, group_id: str | None, **more: object) -> None:
        """Take the query string. Without a group, it names no ``groupId``."""
        self.user_id = user_id
        self.group_id = group_id
        query = {"userId": user_id} | ({} if group_id is None else {"groupId": group_id}) | more
        # A keep-alive would use the module random on another thread. Hypothesis does not allow that while it draws.
        self._connecting = connect(f"{url}?{urlencode(query)}", close_timeout=1, ping_interval=None)
        self._socket: ClientConnection

    def send(self, action: str, **fields: object) -> None:
        self.send_text(json.dumps({"action": action} | fields))

    def send_text(self, text: str) -> None:
        self._socket.send(text)

    def say(self, text: str, **fields: object) -> None:
        """Send a message as existing front ends do."""
        own = {"groupId": self.group_id, "senderId": self.user_id, "senderName": self.user_id.title(), "message": text}
        self.send("sendMessage", **(own | fields))

    def receive(self, action: str | None = None, *, seconds: float = 10) -> Frame:
        """Wait for a frame with an action. Without one, wait for any frame except presenceChanged.

        Nobody needs to know that they joined themselves: the own user is left out of presenceChanged.
        """
        deadline = time.monotonic() + seconds
        while True:
            frame: Frame = json.loads(self._socket.recv(timeout=max(0, deadline - time.monotonic())))
            if frame["action"] == "presenceChanged":
                for event in ("joined", "left"):
                    frame[event] = [member for member in frame[event] if member["userId"] != self.user_id]
                if not frame["joined"] + frame["left"]:
                    continue
            if frame["action"] == action or (action is None and frame["action"] != "presenceChanged"):
                return frame

    def receive_nothing(self, action: str | None = None, *, seconds: float = 0.5) -> None:
        try:
            frame = self.receive(action, seconds=seconds)
        except TimeoutError:
            return
        raise AssertionError(f"received {frame!r}")

    def ask(self, action: str, **fields: object) -> Frame:
        """Send a frame and return the reply to it."""
        request_id = str(uuid4())
        self.send(action, requestId=request_id, **fields)
        while (reply := self.receive()).get("requestId") != request_id:
            pass
        return reply

    def kill(self) -> None:
        """End the connection like a phone that loses its network: a TCP reset without a close frame."""
        self._socket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.socket.close()

    def __enter__(self) -> Self:
        self._socket = self._connecting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
