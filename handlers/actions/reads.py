"""Actions ``markRead`` and ``getReads``: how far the users of a group have read."""

import time
from dataclasses import asdict

from handlers.posting.events import small_group
from handlers.posting.fan_out import push
from handlers.protocol import client_frames, frames, times
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.runtime.log import log_failure
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
            timestamp=_not_ahead(frame.timestamp),
        )
        stored = read_markers.advance(marker)
    request.log["moved"] = stored is None
    if "requestId" in request.echoed:
        request.post(request.reply({"action": "read"} | _summary(stored or marker)))
    if stored:
        return
    told = {"action": "read", "groupId": marker.group_id} | _summary(marker)
    # The marker is stored. If the others do not hear of it, their next list tells them.
    with log_failure("others not told"):
        request.log |= asdict(push(frames.encode(told), _recipients(reader), deadline=request.deadline, gives_way=True))


def get_reads(request: Request) -> None:
    """Post how far the users of a group have read: as many as fit, and ``event_member_limit`` at most.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    group_id = client_frames.optional_id(request.frame(), "groupId")
    with unavailable_on_failure():
        group_id = admit(request, group_id).group_id
        member_ids = members.of_group(group_id).user_ids
        markers = read_markers.of_group(group_id)
        shown = (_summary(one) for one in markers if member_ids is None or one.user_id in member_ids)
        readers, truncated = frames.fit(shown, settings().event_member_limit)
    request.log["readers"] = len(readers)
    request.post(request.reply({"action": "reads", "readers": readers, "truncated": truncated}))


def _not_ahead(timestamp: str) -> str:
    """A message's timestamp. If another program has dated it far ahead, now: later messages must count as unread."""
    now = times.timestamp()
    return timestamp if timestamp <= times.of(time.time() + times.CLOCKS_DIFFER_SECONDS) else now


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
