"""The rate at which a connection may join and leave groups: a limit of its own beside :mod:`.rate_limit`.

It may join and leave as many groups at once as twice the groups that it may have, and then one a second.
"""

import time

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from .connection import Connection
from .schema import JOINS_BUSY_UNTIL
from .turns import CLOCKS_DIFFER, Turn, turn

_INTERVAL = 1_000_000
"""Microseconds for which a group that is joined or left keeps a connection busy."""


def turn_of(own: Connection, cost: int) -> Turn:
    """The turn of a frame that joins or leaves ``cost`` groups.

    Raises:
        ChatError: RATE_LIMITED.
    """
    burst = 2 * settings().groups_per_connection
    now = time.time_ns() // 1_000
    # A frame with more groups than that is served too: it is told which of them are too many.
    busy, latest = min(cost, burst) * _INTERVAL, now + burst * _INTERVAL
    busy_until, far = int(float(own.joins_busy_until or 0)), latest + CLOCKS_DIFFER
    if not now < busy_until <= far:
        return turn(JOINS_BUSY_UNTIL, now=now, busy=busy, latest=latest, is_idle=True)
    wait = busy_until + busy - latest
    if wait > 0:
        raise ChatError(
            Code.RATE_LIMITED,
            f"too many joins and leaves: join and leave at most {burst} groups at once, and then one a second",
            retryable=True,
            retry_after_ms=wait // 1_000 + 1,
        )
    return turn(JOINS_BUSY_UNTIL, now=now, busy=busy, latest=latest, is_idle=False)
