"""What a frame must pass before it is served: its connection is registered, within its rate, and still a member's."""

from . import connections, members
from .connections import Connection
from .errors import ChatError, Code


def admit(connection_id: str) -> Connection:
    """Admit a frame of a connection.

    Raises:
        ChatError: NOT_CONNECTED, RATE_LIMITED, or FORBIDDEN for a member who has been removed; its connection is
            forgotten and to be closed.
    """
    return require_member(connections.take_turn(connection_id))


def require_member(connection: Connection) -> Connection:
    """Return the connection of who still belongs to its group.

    Raises:
        ChatError: FORBIDDEN; the connection is forgotten and to be closed.
    """
    if not members.is_still_member(connection.user_id, connection.group_id):
        connections.close_connection(connection.connection_id)
        raise ChatError(Code.FORBIDDEN, "you are not a member of this group any more", ends_connection=True)
    return connection
