"""The rate at which a connection may join and leave groups: the algorithm of :mod:`.rate_limit`, in another attribute.

It may join and leave as many groups at once as twice the groups that it may have, and then one a second.
"""

import time
from dataclasses import dataclass

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from .connection import Connection
from .rate_limit import CLOCKS_DIFFER
from .schema import JOINS_BUSY_UNTIL

_INTERVAL = 1_000_000
"""Microseconds for which a group that is joined or left keeps a connection busy."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How a frame makes its connection busy.

    Attributes:
        change: The part of the update expression.
        condition: What has to be so for it.
        values: The numbers of both.
    """

    change: str
    condition: str
    values: dict[str, int]


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
    number = f"attribute_type({JOINS_BUSY_UNTIL}, :number)"
    if not now < busy_until <= far:  # What another program wrote, and cannot be right, counts as idle.
        idle = f"(NOT {number} OR {JOINS_BUSY_UNTIL} <= :now OR {JOINS_BUSY_UNTIL} > :far)"
        return Turn(":until", idle, {":now": now, ":far": far, ":until": now + busy})
    wait = busy_until + busy - latest
    if wait > 0:
        raise ChatError(
            Code.RATE_LIMITED,
            f"too many joins and leaves: join and leave at most {burst} groups at once, and then one a second",
            retryable=True,
            retry_after_ms=wait // 1_000 + 1,
        )
    taken = f"{number} AND {JOINS_BUSY_UNTIL} > :now AND {JOINS_BUSY_UNTIL} <= :ahead"
    return Turn(f"{JOINS_BUSY_UNTIL} + :busy", taken, {":now": now, ":ahead": latest - busy, ":busy": busy})
