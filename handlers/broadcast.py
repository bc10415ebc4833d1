"""Function ``WebSocketBroadcast``: serves one slice of a large group. ``posting.slices`` hands the slices over."""

from dataclasses import asdict
from typing import Any

from .posting.fan_out import push
from .posting.management_api import management_api
from .posting.slices import recipients_of
from .requests.background import background
from .requests.invocation import prepare
from .tables.aws import dynamodb


class DeliveryError(Exception):
    """A slice was not served in full."""


def broadcast(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Push the frame to every recipient of the slice.

    Args:
        event: The slice, as :func:`posting.slices.split` makes it.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The tally.

    Raises:
        DeliveryError: Time ran out, or most recipients could not be reached. Lambda then repeats the slice. If only a
            few could not be reached, Lambda does not repeat the slice: they get the message from the history.
    """
    tally = push(event["frame"].encode(), recipients_of(event), deadline=deadline)
    if not tally.complete or tally.failed > tally.recipients / 2:
        raise DeliveryError
    return asdict(tally)


prepare(dynamodb, management_api)
handler = background("broadcast", broadcast)
