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
from handlers.posting.posts import Post
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
        deadline: Moment of :func:`time.monotonic` by which the function must be done.
        echoed: Fields that replies repeat. Empty until the frame is decoded.
        log: Fields of the line that is logged at the end.
        response_headers: Headers of the answer to a handshake.
    """

    connection_id: str
    event: dict[str, Any]
    deadline: float
    echoed: frames.Frame = field(default_factory=dict)
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
        """Make a post that answers the client's frame."""
        return Post(self.connection_id, frames.encode(frame | self.echoed))

    def post(self, *replies: Post) -> None:
        """Post replies. A client that is gone or cannot be reached does not get them."""
        management_api().post_all(
            replies, deadline=self.deadline, on_outcome=lambda _, outcome: self.log.update(reply=outcome.value)
        )
