"""Action ``getPresence``: who is connected to the group. ``presence_events`` tells who joins and who leaves."""

from collections import Counter

from handlers.protocol import frames
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.tables import connections
from handlers.tables.aws import unavailable_on_failure


def get_presence(request: Request) -> None:
    """Post who is connected to the group: each user with the number of devices, in the order of the user ids.

    The frame has as many members as fit, from the first megabyte of the group. ``truncated`` is true if there are more.

    Raises:
        ChatError: UNAVAILABLE, or as :func:`admit`.
    """
    request.frame()
    with unavailable_on_failure():
        pages = connections.in_group(admit(request.connection_id).group_id)
        devices = Counter(connection.user_id for connection in next(pages, []))
        members, cut = frames.fit({"userId": user_id, "devices": count} for user_id, count in sorted(devices.items()))
        # Another page costs as much as the first one. It is read only if the frame is not full.
        truncated = cut or next(pages, None) is not None
    request.log["members"] = len(members)
    request.post(request.reply({"action": "presence", "members": members, "truncated": truncated}))
