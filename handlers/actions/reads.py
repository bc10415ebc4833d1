"""Actions ``markRead`` and ``getReads``: how far the users of a group have read."""

from dataclasses import asdict

from handlers.posting.events import small_group
from handlers.posting.fan_out import push
from handlers.protocol import client_frames, frames, times
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables import connections, members, read_markers
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection
from handlers.tables.read_markers import Marker


def mark_read(request: Request) -> None:
    """Note that a user has read a group up to a message. A marker only moves forward.

    If it moves, the user's other devices are told, and in a group of at most ``read_receipt_limit`` members also those
    who asked for events.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    frame = client_frames.mark_read(request.frame())
    with unavailable_on_failure():
        reader = admit(request, frame.group_id)
        marker = Marker(
            user_id=reader.user_id,
            group_id=reader.group_id,
            message_id=frame.message_id,
            # Another program may have dated the message ahead. Later messages must still count as unread.
            timestamp=min(frame.timestamp, times.timestamp()),
        )
        stored = read_markers.advance(marker)
        recipients = [] if stored else _recipients(reader)
    if "requestId" in request.echoed:
        request.post(request.reply({"action": "read"} | _summary(stored or marker)))
    told = {"action": "read", "groupId": marker.group_id} | _summary(marker)
    request.log["moved"] = stored is None
    request.log |= asdict(push(frames.encode(told), recipients, deadline=request.deadline, gives_way=True))


def get_reads(request: Request) -> None:
    """Post how far the users of a group have read: as many as fit, and ``event_member_limit`` at most.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    group_id = client_frames.optional_id(request.frame(), "groupId")
    with unavailable_on_failure():
        group_id = admit(request, group_id).group_id
        markers, more = read_markers.of_group(group_id, settings().event_member_limit)
        member_ids = members.of_group(group_id).user_ids
    readers, cut = frames.fit(_summary(one) for one in markers if member_ids is None or one.user_id in member_ids)
    request.log["readers"] = len(readers)
    request.post(request.reply({"action": "reads", "readers": readers, "truncated": cut or more}))


def _recipients(reader: Connection) -> list[Connection]:
    """Connections that are told: the reader's other devices, and those that want the events of a small group."""
    # Without a limit of connections there may be no index of a user's connections.
    devices = connections.of_user(reader.user_id) if settings().connections_per_user else []
    listening = [one for one in small_group(reader.group_id, settings().read_receipt_limit) if one.events]
    found = {one.connection_id: one for one in (*listening, *devices) if one.protocol > 1}
    found.pop(reader.connection_id, None)
    return list(found.values())


def _summary(marker: Marker) -> frames.Frame:
    return {"userId": marker.user_id, "messageId": marker.message_id, "timestamp": marker.timestamp}
