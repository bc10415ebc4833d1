"""Function ``WebSocketBroadcast``: serves one slice of a large group, as ``fan_out.split`` hands it over."""

import time
from dataclasses import asdict
from typing import Any

from .background import background
from .connections import Connection
from .dynamodb import client
from .fan_out import push
from .gateway import prepare
from .management_api import management_api


def broadcast(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Push the frame to every recipient of the slice.

    Args:
        event: ``frame``, the text to push, and ``recipients``, pairs of connection id and time of connection.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The tally.

    Raises:
        TimeoutError: Time ran out, so that recipients may be left.
    """
    recipients = (
        Connection(connection_id=connection_id, user_id="", group_id="", connected_at=connected_at)
        for connection_id, connected_at in event["recipients"]
    )
    tally = push(event["frame"].encode(), recipients, deadline=deadline)
    if time.monotonic() >= deadline:
        raise TimeoutError
    return asdict(tally)


prepare(client, management_api)
handler = background("broadcast", broadcast)
