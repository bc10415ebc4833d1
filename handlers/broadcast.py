"""Function ``WebSocketBroadcast``: serves one slice of a large group. ``posting.slices`` hands the slices over."""

import random
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .posting.fan_out import push
from .posting.management_api import management_api
from .posting.slices import hand_over, recipients_of
from .requests.background import background
from .requests.invocation import prepare
from .tables.aws import dynamodb

if TYPE_CHECKING:
    from .tables.connection import Connection

_MOST_REPEATS = 2
"""How often a slice that fails for a part of its recipients is handed over again."""
_MOST_WAIT_SECONDS = 1.0


class DeliveryError(Exception):
    """A slice was not served in full."""


def broadcast(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Push the frame to every recipient of the slice. Hand a new slice over if many could not be reached.

    Args:
        event: The slice, as :func:`posting.slices.split` makes it.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The tally.

    Raises:
        DeliveryError: No recipient could be reached, or most of them again and again. Lambda then repeats the slice
            later.
    """
    unreached: list[Connection] = []
    tally = push(event["frame"].encode(), recipients_of(event), deadline=deadline, on_failure=unreached.append)
    # A few who could not be reached get the message from the history.
    if unreached and (not tally.complete or tally.failed > tally.recipients / 2):
        repeat = event.get("repeat", 0)
        if tally.failed == tally.recipients or repeat == _MOST_REPEATS:
            raise DeliveryError
        # Not all slices of a message at the same moment.
        time.sleep(random.uniform(0, _MOST_WAIT_SECONDS))  # noqa: S311 - not for secrets
        hand_over(event["frame"], unreached, repeat=repeat + 1)
    return asdict(tally)


prepare(dynamodb, management_api)
handler = background("broadcast", broadcast)
