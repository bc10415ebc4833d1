"""Function ``WebSocketConnect``: admits a connection and stores it."""

import re
from typing import Any

from .identity import origins
from .identity.handshake import SUBPROTOCOL, offered_subprotocols, query_values
from .protocol.client_frames import SYSTEM
from .protocol.errors import ChatError, Code
from .protocol.frames import MAX_ID_BYTES, NEWEST_PROTOCOL, is_id
from .requests.entry_point import entry_point
from .requests.invocation import prepare
from .requests.request import EventType, Request
from .runtime.settings import settings
from .tables import connections, members
from .tables.aws import dynamodb, unavailable_on_failure


def connect(request: Request) -> None:
    """Store the connection. A refusal becomes the status of the handshake.

    Raises:
        ChatError: BAD_REQUEST, if the query string does not name one user and one group, or has a name or a protocol
            that is not valid; FORBIDDEN, if the page, the user or the group is not allowed; RATE_LIMITED, if the user
            has too many connections; or UNAVAILABLE.
    """
    event = request.event
    origins.require_allowed(event)
    protocol = _protocol(event)
    has_token = settings().authentication == "jwt"
    # Clients of protocol 1 without a token always had a group. One that forgets it is told at once.
    group_id = _query_parameter(event, "groupId", optional=has_token or protocol > 1)
    name = (
        request.authorizer.get("name", "") if settings().name_claim else _query_parameter(event, "name", optional=True)
    )
    user_id, rights_end = _authorized(request) if has_token else (_query_parameter(event, "userId"), None)
    if user_id == SYSTEM and settings().system_name:
        raise ChatError(Code.FORBIDDEN, "only the back end can be the user system: connect as another user")
    with unavailable_on_failure():
        if group_id and not members.is_member(user_id, group_id):
            raise ChatError(
                Code.FORBIDDEN,
                "this user is not a member of the group: make the user a member, or connect to another group",
            )
        limit = settings().connections_per_user
        if limit and connections.number_of(user_id) >= limit:
            raise ChatError(
                Code.RATE_LIMITED, f"this user already has {limit} connections, which is the limit: close one"
            )
        connections.open_connection(
            request.connection_id, user_id, group_id, protocol=protocol, name=name, rights_end=rights_end
        )
    if SUBPROTOCOL in offered_subprotocols(event):
        # Chosen by name, because another offer may be a token, which must not be sent back.
        request.response_headers["Sec-WebSocket-Protocol"] = SUBPROTOCOL


def _authorized(request: Request) -> tuple[str, int]:
    """The user from the authorizer, and the second since the epoch until which its answer is valid."""
    context = request.authorizer
    user_id = context.get("userId")
    if not is_id(user_id) or "expiresAt" not in context:
        # Never fall back to the query string: without its authorizer, the route must let nobody connect.
        raise ChatError(Code.FORBIDDEN, "the authorizer named no user: check that the route $connect calls it")
    return str(user_id), int(context["expiresAt"])


def _query_parameter(event: dict[str, Any], name: str, *, optional: bool = False) -> str:
    # A name given twice is refused. A proxy in front of us that checks the URL may read the other value.
    values = query_values(event, name)
    if optional and not values:
        return ""
    if len(values) != 1 or not is_id(values[0]):
        raise ChatError(Code.BAD_REQUEST, f"the query string must have one {name} of 1 to {MAX_ID_BYTES} bytes")
    return values[0]


def _protocol(event: dict[str, Any]) -> int:
    """The newest protocol that the client and the server both know. A client that names none speaks protocol 1."""
    values = query_values(event, "protocol") or ["1"]
    if len(values) != 1 or not re.fullmatch("[1-9][0-9]{0,8}", values[0]):
        raise ChatError(Code.BAD_REQUEST, "protocol must be a number, such as 2, given once")
    return min(int(values[0]), NEWEST_PROTOCOL)


prepare(dynamodb)
handler = entry_point(EventType.CONNECT, connect)
