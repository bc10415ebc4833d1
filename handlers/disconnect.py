"""Function ``WebSocketDisconnect``: forgets a connection. API Gateway may call it late, twice or never."""

from . import connections
from .dynamodb import unavailable_on_failure
from .gateway import EventType, Request, entry_point


def disconnect(request: Request) -> None:
    """Delete the connection's row."""
    with unavailable_on_failure():
        connections.close_connection(request.connection_id)


handler = entry_point(EventType.DISCONNECT, disconnect)
