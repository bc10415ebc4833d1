"""The entry point for API Gateway: it gets events and returns status codes, answers errors, and logs each call."""

import logging
import time
from collections.abc import Callable
from typing import Any

from handlers.posting.closing import close
from handlers.protocol import frames
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.log import failure, log_failure, logger

from .invocation import Context, deadline
from .request import EventType, Request

_LAST_WORDS_SECONDS = 0.5
"""Time to tell a client that its frame was not served in time."""

Handler = Callable[[dict[str, Any], Context], dict[str, Any]]


def entry_point(event_type: EventType, serve: Callable[[Request], None]) -> Handler:
    """Make the function that Lambda calls.

    Args:
        event_type: The events that the function serves. A client can send a frame with ``$connect`` or ``$disconnect``
            as its action, and API Gateway then calls that function. The function answers that the action is unknown.
        serve: Serves the request. Raises :class:`ChatError` to refuse it.

    Returns:
        A handler that never raises. If it did, API Gateway would send its own internal error to the client.
    """

    def handler(event: dict[str, Any], context: Context) -> dict[str, Any]:
        started = time.monotonic()
        about = event["requestContext"]
        request = Request(
            connection_id=about["connectionId"],
            event=event,
            received_ms=about["requestTimeEpoch"],
            deadline=deadline(context),
        )
        request.log = {"connectionId": request.connection_id, "route": about.get("routeKey")}
        is_frame = about["eventType"] == EventType.MESSAGE.value
        status, level = 200, logging.INFO
        try:
            if about["eventType"] != event_type.value:
                refuse_unknown_action(request)
            serve(request)
        except Exception as error:
            reason = reason_of(error)
            is_fault = reason.code.value >= 500
            level = logging.ERROR if is_fault else logging.INFO
            # API Gateway counts every 4xx and 5xx of a function as an integration error. A refused frame is not one.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
            if is_fault or not is_frame:
                status = reason.code.value
            request.log |= {"outcome": reason.code.name, "reason": reason.logged}
            if is_fault:
                request.log |= failure(error.__cause__ or error)
            if is_frame:
                _refuse(request, reason)
            if reason.ends_connection:
                with log_failure("connection not closed"):
                    close(request.connection_id)
        request.log.setdefault("outcome", "OK")
        request.log["durationMs"] = round((time.monotonic() - started) * 1000, 1)
        logger.log(level, "served", extra=request.log)
        return {"statusCode": status} | ({"headers": request.response_headers} if request.response_headers else {})

    return handler


def refuse_unknown_action(request: Request) -> None:
    """Refuse a frame whose action does not exist.

    Raises:
        ChatError: UNKNOWN_ACTION, or BAD_REQUEST if the frame has no action at all.
    """
    if not isinstance(request.frame().get("action"), str):
        raise ChatError(Code.BAD_REQUEST, "action must be a string, such as sendMessage")
    raise ChatError(
        Code.UNKNOWN_ACTION,
        "this chat has no such action: docs/protocol.md lists the actions, and what some of them need",
    )


def _refuse(request: Request, reason: ChatError) -> None:
    request.deadline = max(request.deadline, time.monotonic() + _LAST_WORDS_SECONDS)
    try:
        request.post(request.reply(frames.error(reason)))
    except Exception:  # The same cause may also prevent the answer.
        request.log["reply"] = "failed"


def reason_of(error: Exception) -> ChatError:
    """What the sender of a frame is told of an error. Nothing internal."""
    if isinstance(error, ChatError):
        return error
    return ChatError(
        Code.INTERNAL, "the server has a fault and could not serve the frame: report it to the operator of the chat"
    )
