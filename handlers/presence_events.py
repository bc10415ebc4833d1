"""Function ``WebSocketPresence``: tells a group which users have joined and left.

It reads the stream of the connections table, so every end of a connection counts: a ``$disconnect``, the clean-up after
a 410, and the table's time to live. An event may come twice or late.
"""

from typing import Any

from .posting.events import push_to_others, small_group
from .posting.management_api import management_api
from .requests.background import background
from .requests.invocation import prepare
from .tables import connections
from .tables.aws import dynamodb
from .tables.connections import Connection


def presence_events(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Send an event for every connection that a batch adds or removes.

    Args:
        event: A batch of the stream's records, with old and new images.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The number of records, and the number of events sent.
    """
    told = sum(_tell(record, deadline) for record in event["Records"])
    return {"records": len(event["Records"]), "told": told}


def _tell(record: dict[str, Any], deadline: float) -> bool:
    joined = record["eventName"] == "INSERT"
    image = record["dynamodb"]["NewImage" if joined else "OldImage"]
    changed = connections.read(image)
    if changed is None or not changed.group_id:
        return False
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
    """Whether there is no event, because another device of the same user is connected.

    Only the earliest device announces a join. So two devices that join at the same moment cause one event. The
    index lags, so the table decides whether the other device is still there.
    """
    if other.user_id != changed.user_id or other.connection_id == changed.connection_id:
        return False
    if joined and (other.connected_at, other.connection_id) > (changed.connected_at, changed.connection_id):
        return False
    return connections.find(other.connection_id) is not None


prepare(dynamodb, management_api)
handler = background("presence", presence_events)
