"""Function ``WebSocketDisconnect``: deletes a connection's rows. API Gateway may call it late, twice or never."""

from .requests.entry_point import entry_point
from .requests.invocation import prepare
from .requests.request import EventType, Request
from .tables import group_rows
from .tables.aws import dynamodb, unavailable_on_failure


def disconnect(request: Request) -> None:
    """Delete the connection's rows.

    Raises:
        ChatError: UNAVAILABLE.
    """
    with unavailable_on_failure():
        group_rows.end(request.connection_id)


prepare(dynamodb)
handler = entry_point(EventType.DISCONNECT, disconnect)
