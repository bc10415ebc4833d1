"""Function ``WebSocketConnect``: admits a connection and stores it."""

from typing import Any

from . import connections, frames
from .dynamodb import client, unavailable_on_failure
from .errors import ChatError, Code
from .gateway import EventType, Request, entry_point, prepare


def connect(request: Request) -> None:
    """Store the connection. A refusal becomes the status of the handshake.

    Raises:
        ChatError: BAD_REQUEST, if the query string does not name one user and one group.
    """
    user_id = _query_parameter(request.event, "userId")
    group_id = _query_parameter(request.event, "groupId")
    with unavailable_on_failure():
        connections.open_connection(request.connection_id, user_id, group_id)


def _query_parameter(event: dict[str, Any], name: str) -> str:
    # A name given twice is refused, not guessed: whoever checks the address in front of us may read the other one.
    values = (event.get("multiValueQueryStringParameters") or {}).get(name) or []
    if len(values) != 1 or not frames.is_id(values[0]):
        raise ChatError(Code.BAD_REQUEST, f"the query string must have one {name} of 1 to {frames.MAX_ID_BYTES} bytes")
    return str(values[0])


prepare(client)
handler = entry_point(EventType.CONNECT, connect)
