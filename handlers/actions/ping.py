"""Action ``ping``: the keep-alive, which also resets the idle limit of 10 minutes."""

import math

from handlers.protocol import frames, times
from handlers.requests.admission import check_groups, open_connection
from handlers.requests.request import Request
from handlers.tables.aws import unavailable_on_failure


def ping(request: Request) -> None:
    """Answer a keep-alive with the time, the protocol of the connection, and the end of its rights.

    Raises:
        ChatError: UNAVAILABLE, NOT_CONNECTED or FORBIDDEN. The last two tell a client that only listens that it will
            receive nothing more.
    """
    with unavailable_on_failure():
        connection = open_connection(request)
        check_groups(request, connection)
    pong: frames.Frame = {"action": "pong", "serverTime": times.timestamp(), "protocol": connection.protocol}
    if connection.expires_at < math.inf:
        pong["expiresAt"] = times.of(connection.expires_at)
    request.post(request.reply(pong))
