"""Function ``WebSocketConnect``: admits a connection and stores it."""

from typing import Any

from . import connections, frames, members, origins
from .dynamodb import client, unavailable_on_failure
from .errors import ChatError, Code
from .gateway import EventType, Request, entry_point, prepare
from .handshake import SUBPROTOCOL, offered_subprotocols, query_values
from .settings import settings


def connect(request: Request) -> None:
    """Store the connection. A refusal becomes the status of the handshake.

    Raises:
        ChatError: BAD_REQUEST, if the query string does not name one user and one group; FORBIDDEN, if the page, the
            user or the group is not allowed; RATE_LIMITED, if the user has too many connections; or UNAVAILABLE.
    """
    event = request.event
    origins.require_allowed(event)
    group_id = _query_parameter(event, "groupId")
    user_id, rights_end = (
        _authorized(event) if settings().authentication == "jwt" else (_query_parameter(event, "userId"), None)
    )
    with unavailable_on_failure():
        if not members.is_member(user_id, group_id):
            raise ChatError(Code.FORBIDDEN, "only members of the group may connect")
        if connections.number_of(user_id) >= settings().connections_per_user:
            raise ChatError(Code.RATE_LIMITED, "this user has too many connections")
        connections.open_connection(request.connection_id, user_id, group_id, rights_end=rights_end)
    if SUBPROTOCOL in offered_subprotocols(event):
        # Chosen by name: what else is offered may be a token, and is not to be echoed.
        request.response_headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL


def _authorized(event: dict[str, Any]) -> tuple[str, int]:
    """Who the authorizer says it is, and the second since the epoch until which that holds."""
    context = event["requestContext"].get("authorizer") or {}
    user_id = context.get("userId")
    if not frames.is_id(user_id) or "expiresAt" not in context:
        # Never the query's word instead: a route without its authorizer lets nobody in.
        raise ChatError(Code.FORBIDDEN, "the connection is not authorized")
    return str(user_id), int(context["expiresAt"])


def _query_parameter(event: dict[str, Any], name: str) -> str:
    # A name given twice is refused, not guessed: whoever checks the address in front of us may read the other one.
    values = query_values(event, name)
    if len(values) != 1 or not frames.is_id(values[0]):
        raise ChatError(Code.BAD_REQUEST, f"the query string must have one {name} of 1 to {frames.MAX_ID_BYTES} bytes")
    return values[0]


prepare(client)
handler = entry_point(EventType.CONNECT, connect)
