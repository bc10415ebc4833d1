"""The checks before a frame is served: a registered connection, the rate limit, and membership."""

from handlers.protocol.errors import ChatError, Code
from handlers.tables import connections, members
from handlers.tables.connections import Connection
from handlers.tables.rate_limit import take_turn


def admit(connection_id: str) -> Connection:
    """Admit a frame of a connection to its group.

    Raises:
        ChatError: NOT_CONNECTED, RATE_LIMITED, BAD_REQUEST if the connection has no group, or FORBIDDEN if the user is
            no longer a member. The connection is then deleted from the table and closed.
    """
    connection = take_turn(connection_id)
    if not connection.group_id:
        raise ChatError(Code.BAD_REQUEST, "this connection has no groupId: connect with one")
    return require_member(connection)


def require_member(connection: Connection) -> Connection:
    """Return a connection whose user still belongs to its group, if it has one.

    Raises:
        ChatError: FORBIDDEN. The connection is deleted from the table and closed.
    """
    if connection.group_id and not members.is_still_member(connection.user_id, connection.group_id):
        connections.close_connection(connection.connection_id)
        raise ChatError(
            Code.FORBIDDEN,
            "you are not a member of this group any more, so the connection is closed: ask for access to the group",
            ends_connection=True,
        )
    return connection
