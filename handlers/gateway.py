"""The border to API Gateway: events in, status codes out, and one way to speak to a client.

Every frame for a client is posted to its connection. The functions return a status code, and headers for a handshake,
alone: a body would reach the client only through a route response.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html
"""

import base64
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from botocore.session import Session

from . import frames
from .dynamodb import CALLS
from .errors import ChatError, Code
from .log import failure, log_failure, logger
from .management_api import Post, management_api
from .settings import settings

RESERVE_SECONDS = 2.0
"""Time kept back from Lambda's limit to end what is under way, to tell the client, and to write the log line."""
_LAST_WORDS_SECONDS = 0.5
"""Time to tell a client that its frame was not served in time."""


class Context(Protocol):
    """What the functions use of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


def deadline(context: Context) -> float:
    """Moment of :func:`time.monotonic` by which an invocation must be done, two seconds before Lambda ends it."""
    return time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


class EventType(Enum):
    """Why API Gateway calls."""

    CONNECT = "CONNECT"
    MESSAGE = "MESSAGE"
    DISCONNECT = "DISCONNECT"


@dataclass(slots=True)
class Request:
    """One call of API Gateway.

    Attributes:
        connection_id: The connection it is about.
        event: The event as it came.
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
            ChatError: BAD_REQUEST, if it is no JSON object or no valid Unicode.
        """
        body = self.event.get("body") or ""
        if self.event.get("isBase64Encoded"):
            try:
                body = base64.b64decode(body).decode()
            except ValueError:
                raise ChatError(Code.BAD_REQUEST, "send text frames, in UTF-8") from None
        frame = frames.decode(body)
        self.echoed = frames.echoed(frame)
        frames.require_unicode(frame)
        return frame

    def reply(self, frame: frames.Frame) -> Post:
        """A post that answers the client's frame."""
        return Post(self.connection_id, frames.encode(frame | self.echoed))

    def post(self, *replies: Post) -> None:
        """Post replies. A client that is gone or cannot be reached misses them."""
        management_api().post_all(
            replies, deadline=self.deadline, on_outcome=lambda _, outcome: self.log.update(reply=outcome.value)
        )


Handler = Callable[[dict[str, Any], Context], dict[str, Any]]


def prepare(*clients: Callable[[], object]) -> None:
    """Build clients while Lambda initialises, when the CPU is not throttled, and not in the first invocation.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        for client in clients:
            client()


def entry_point(event_type: EventType, serve: Callable[[Request], None]) -> Handler:
    """Make the function that Lambda calls.

    Args:
        event_type: What the function is for. A client can name ``$connect`` or ``$disconnect`` as the action of a
            frame and so reach that function with a message, which is then but an unknown action.
        serve: Does the work; raises :class:`ChatError` to refuse.

    Returns:
        A handler that never raises: API Gateway would answer the client with an internal error of its own.
    """

    def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
        started = time.monotonic()
        about = event["requestContext"]
        request = Request(
            connection_id=about["connectionId"],
            event=event,
            deadline=deadline(context),
        )
        request.log = {"connectionId": request.connection_id, "route": about.get("routeKey")}
        status, level = 200, logging.INFO
        try:
            if about["eventType"] != event_type.value:
                refuse_unknown_action(request)
            serve(request)
        except Exception as error:
            reason = _reason(error)
            status = reason.code.value
            level = logging.ERROR if status >= 500 else logging.INFO
            request.log |= {"outcome": reason.code.name, "reason": reason.message}
            if level == logging.ERROR:
                request.log |= failure(error.__cause__ or error)
            if about["eventType"] == EventType.MESSAGE.value:
                _refuse(request, reason)
            if reason.ends_connection:
                with log_failure("connection not closed"):
                    _close(request.connection_id)
        request.log.setdefault("outcome", "OK")
        request.log["durationMs"] = round((time.monotonic() - started) * 1000, 1)
        logger.log(level, "served", extra=request.log)
        return {"statusCode": status} | ({"headers": request.response_headers} if request.response_headers else {})

    return handler


def _refuse(request: Request, reason: ChatError) -> None:
    request.deadline = max(request.deadline, time.monotonic() + _LAST_WORDS_SECONDS)
    try:
        request.post(request.reply(frames.error(reason)))
    except Exception:  # What kept the frame from being served may keep the answer from being sent.
        request.log["reply"] = "failed"


def _close(connection_id: str) -> None:
    # So rare that a client is made for each: the engine of the fan-out only posts.
    client: Any = Session().create_client(
        "apigatewaymanagementapi", region_name=settings().region, endpoint_url=settings().callback_url, config=CALLS
    )
    client.delete_connection(ConnectionId=connection_id)


def refuse_unknown_action(request: Request) -> None:
    """Refuse a frame whose action nobody serves.

    Raises:
        ChatError: UNKNOWN_ACTION, or BAD_REQUEST if the frame has no action at all.
    """
    if not isinstance(request.frame().get("action"), str):
        raise ChatError(Code.BAD_REQUEST, "action must be a text, such as sendMessage")
    raise ChatError(Code.UNKNOWN_ACTION, "unknown action: docs/protocol.md lists those there are")


def _reason(error: Exception) -> ChatError:
    if isinstance(error, ChatError):
        return error
    return ChatError(Code.INTERNAL, "something went wrong here: the frame was not served")
