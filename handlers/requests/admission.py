"""The checks before a frame is served: a registered connection, the rate limit, and membership."""

from handlers.protocol.errors import ChatError, Code
from handlers.tables import connections, members
from handlers.tables.connections import Connection
from handlers.tables.rate_limit import take_turn


def admit(connection_id: str) -> Connection:
    """Admit a frame of a connection.

    Raises:
        ChatError: NOT_CONNECTED, RATE_LIMITED, or FORBIDDEN if the user is no longer a member. The connection is then
            deleted from the table and closed.
    """
    return require_member(take_turn(connection_id))


def require_member(connection: Connection) -> Connection:
    """Return a connection whose user still belongs to its group.

    Raises:
        ChatError: FORBIDDEN. The connection is deleted from the table and closed.
    """
    if not members.is_still_member(connection.user_id, connection.group_id):
        connections.close_connection(connection.connection_id)
        raise ChatError(
            Code.FORBIDDEN,
            "you are not a member of this group any more, so the connection is closed: ask for access to the group",
            ends_connection=True,
        )
    return connection
