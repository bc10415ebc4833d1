"""Function ``WebSocketPresence``: tells a group who has joined and who has left.

It is fed by the stream of the connections table, so that every end of a connection counts: a ``$disconnect``, the
clean-up after a 410, and the table's time to live. Events may come twice or late.
"""

from typing import Any

from . import connections
from .background import background
from .connections import Connection
from .dynamodb import client
from .gateway import prepare
from .management_api import management_api
from .presence import push_to_others, small_group


def presence_events(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Tell about every connection that a batch adds or removes.

    Args:
        event: A batch of the stream's records, with old and new images.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        How many records there were, and how many of them were told.
    """
    told = sum(_tell(record, deadline) for record in event["Records"])
    return {"records": len(event["Records"]), "told": told}


def _tell(record: dict[str, Any], deadline: float) -> bool:
    joined = record["eventName"] == "INSERT"
    changed = connections.from_image(record["dynamodb"]["NewImage" if joined else "OldImage"])
    connected = small_group(changed.group_id)
    if any(_speaks_for(other, changed, joined=joined) for other in connected):
        return False
    frame = {
        "action": "presenceEvent",
        "event": "joined" if joined else "left",
        "groupId": changed.group_id,
        "userId": changed.user_id,
    }
    if not push_to_others(frame, changed.user_id, connected, deadline=deadline).complete:
        raise TimeoutError  # Lambda halves the batch and repeats it.
    return bool(connected)


def _speaks_for(other: Connection, changed: Connection, *, joined: bool) -> bool:
    """Whether another device of the same user makes the change silent.

    A join is told for the earliest device alone, so that of two at once one is told. The index lags, so the table has
    the last word on whether the other device is still there.
    """
    if other.user_id != changed.user_id or other.connection_id == changed.connection_id:
        return False
    if joined and (other.connected_at, other.connection_id) > (changed.connected_at, changed.connection_id):
        return False
    return connections.find(other.connection_id) is not None


prepare(client, management_api)
handler = background("presence", presence_events)
