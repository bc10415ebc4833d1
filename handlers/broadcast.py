"""Function ``WebSocketBroadcast``: serves one slice of a large group, as ``fan_out.split`` hands it over."""

from dataclasses import asdict
from typing import Any

from .background import background
from .connections import Connection
from .dynamodb import client
from .fan_out import push
from .gateway import prepare
from .management_api import management_api


class DeliveryError(Exception):
    """A slice has not been served."""


def broadcast(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Push the frame to every recipient of the slice.

    Args:
        event: ``frame``, the text to push, and ``recipients``, pairs of connection id and time of connection.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The tally.

    Raises:
        DeliveryError: Time ran out, or most could not be reached: Lambda repeats the slice. Where it is but a few, the
            others are not served twice for them; they have the message from history.
    """
    recipients = (
        Connection(connection_id=connection_id, user_id="", group_id="", connected_at=connected_at)
        for connection_id, connected_at in event["recipients"]
    )
    tally = push(event["frame"].encode(), recipients, deadline=deadline)
    if not tally.complete or tally.failed > tally.recipients / 2:
        raise DeliveryError
    return asdict(tally)


prepare(client, management_api)
handler = background("broadcast", broadcast)
