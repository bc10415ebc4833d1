"""Action ``ping``: the keep-alive, which also resets the idle limit of 10 minutes."""

from handlers.protocol import times
from handlers.requests.admission import require_member
from handlers.requests.request import Request
from handlers.tables import connections
from handlers.tables.aws import unavailable_on_failure


def ping(request: Request) -> None:
    """Answer a keep-alive.

    Raises:
        ChatError: UNAVAILABLE, NOT_CONNECTED or FORBIDDEN. The last two tell a client that only listens that it will
            receive nothing more.
    """
    with unavailable_on_failure():
        require_member(connections.require(request.connection_id))
    request.post(request.reply({"action": "pong", "serverTime": times.timestamp()}))
