"""Function ``WebSocketDisconnect``: forgets a connection. API Gateway may call it late, twice or never."""

from . import connections
from .dynamodb import client, unavailable_on_failure
from .gateway import EventType, Request, entry_point, prepare


def disconnect(request: Request) -> None:
    """Delete the connection's row."""
    with unavailable_on_failure():
        connections.close_connection(request.connection_id)


prepare(client)
handler = entry_point(EventType.DISCONNECT, disconnect)
