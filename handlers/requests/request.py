"""One call from API Gateway: its event, and the answers to the client.

Every frame for a client is posted to its connection. A function returns only a status code, and headers for
a handshake. A body would reach the client only through a route response.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
"""

import base64
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from handlers.posting.management_api import management_api
from handlers.posting.posts import Outcome, Post
from handlers.protocol import frames
from handlers.protocol.errors import ChatError, Code


class EventType(Enum):
    """Types of API Gateway's events."""

    CONNECT = "CONNECT"
    MESSAGE = "MESSAGE"
    DISCONNECT = "DISCONNECT"


@dataclass(slots=True)
class Request:
    """One call from API Gateway.

    Attributes:
        connection_id: The connection of the event.
        event: The unchanged event.
        received_ms: When API Gateway received it, in milliseconds since the epoch.
        deadline: Moment of :func:`time.monotonic` by which the function must be done.
        echoed: Fields that replies repeat. Empty until the frame is decoded.
        protocol: The protocol of the connection. 1 until its row is read.
        group_id: The group that the frame is about. Empty until it is known.
        log: Fields of the line that is logged at the end.
        response_headers: Headers of the answer to a handshake.
    """

    connection_id: str
    event: dict[str, Any]
    received_ms: int
    deadline: float
    echoed: frames.Frame = field(default_factory=dict)
    protocol: int = 1
    group_id: str = ""
    log: dict[str, object] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)

    def frame(self) -> frames.Frame:
        """Decode the client's frame.

        Raises:
            ChatError: BAD_REQUEST, if the frame is not a JSON object or not valid Unicode.
        """
        body = self.event.get("body") or ""
        if self.event.get("isBase64Encoded"):
            try:
                body = base64.b64decode(body).decode()
            except ValueError:
                raise ChatError(Code.BAD_REQUEST, "the frame is not UTF-8: send text frames") from None
        frame = frames.decode(body)
        self.echoed = frames.echoed(frame)
        frames.require_unicode(frame)
        return frame

    def reply(self, frame: frames.Frame) -> Post:
        """Make a post that answers the client's frame. Clients of protocol 1 take what names a group for a message."""
        named = {"groupId": self.group_id} if self.protocol > 1 and self.group_id else {}
        return Post(self.connection_id, frames.encode(frame | named | self.echoed))

    @property
    def authorizer(self) -> dict[str, Any]:
        """What the authorizer found out about the connection. API Gateway hands it to every frame."""
        context: dict[str, Any] = self.event["requestContext"].get("authorizer") or {}
        return context

    def post(self, *replies: Post) -> list[Post]:
        """Post replies. A client that is gone or cannot be reached does not get them. Returns those that it got."""
        delivered: list[Post] = []

        def on_outcome(post: Post, outcome: Outcome) -> None:
            self.log["reply"] = outcome.value
            if outcome is Outcome.DELIVERED:
                delivered.append(post)

        management_api().post_all(replies, deadline=self.deadline, on_outcome=on_outcome)
        return delivered
