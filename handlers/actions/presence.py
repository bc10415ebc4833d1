"""Action ``getPresence``: who is connected to the group. ``presence_events`` tells who joins and who leaves."""

from collections import Counter

from handlers.posting.events import start_of
from handlers.protocol import client_frames, frames
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables.aws import unavailable_on_failure


def get_presence(request: Request) -> None:
    """Post who is connected to the group.

    Raises:
        ChatError: UNAVAILABLE, or as :func:`admit`.
    """
    group_id = client_frames.optional_id(request.frame(), "groupId")
    with unavailable_on_failure():
        found = presence_of(admit(request, group_id).group_id)
    request.log["members"] = len(found["members"])
    request.post(request.reply(found))


def presence_of(group_id: str) -> frames.Frame:
    """The frame that says who is connected to a group: each user with the number of devices, in the order of their ids.

    It has as many members as fit, and ``event_member_limit`` at most: a larger group hears of no changes, so its
    list would soon be wrong. ``truncated`` is true if there are more.
    """
    connected, more = start_of(group_id)
    devices = Counter(connection.user_id for connection in connected)
    names = {connection.user_id: connection.name for connection in connected if connection.name}
    listed = (frames.member(user_id, names) | {"devices": count} for user_id, count in sorted(devices.items()))
    members, cut = frames.fit(listed, settings().event_member_limit)
    return {"action": "presence", "members": members, "truncated": cut or more}
