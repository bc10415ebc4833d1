"""Actions ``getPresence`` and ``typing``: who is here, and who is about to speak."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from . import connections, frames
from .admission import admit
from .connections import Connection
from .dynamodb import unavailable_on_failure
from .errors import ChatError, Code
from .fan_out import Tally, push
from .gateway import Request
from .settings import settings

TYPING_EXPIRES_MS = 6000
"""Milliseconds for which a typing frame holds, in case the next one is lost."""


def get_presence(request: Request) -> None:
    """Post who is connected to the group, each user with the number of devices.

    As many members as fit into a frame, of the first megabyte of the group; ``truncated`` tells that there are more.

    Raises:
        ChatError: UNAVAILABLE, or as :func:`admit`.
    """
    request.frame()
    with unavailable_on_failure():
        pages = connections.in_group(admit(request.connection_id).group_id)
        devices = Counter(connection.user_id for connection in next(pages, []))
        members = _fit(devices)
        # Reading on costs as much as the first page, so only where that does not fill the frame.
        truncated = len(members) < len(devices) or next(pages, None) is not None
    request.log["members"] = len(members)
    request.post(request.reply({"action": "presence", "members": members, "truncated": truncated}))


def _fit(devices: Mapping[str, int]) -> list[frames.Frame]:
    """Make members of as many users as a frame carries, in the order of their ids."""
    members: list[frames.Frame] = []
    size = 0
    for user_id, count in sorted(devices.items()):
        member = {"userId": user_id, "devices": count}
        size += len(frames.encode(member)) + 1
        if size > frames.MAX_MESSAGE_BYTES:
            break
        members.append(member)
    return members


def typing(request: Request) -> None:
    """Tell the other members that a user types, or has stopped. Never stored; not in groups above the limit.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    is_typing = request.frame().get("isTyping")
    if not isinstance(is_typing, bool):
        raise ChatError(Code.BAD_REQUEST, "isTyping must be true or false")
    with unavailable_on_failure():
        sender = admit(request.connection_id)
        connected = small_group(sender.group_id)
    frame = {
        "action": "typing",
        "groupId": sender.group_id,
        "userId": sender.user_id,
        "isTyping": is_typing,
        "expiresInMs": TYPING_EXPIRES_MS,
    }
    request.log |= asdict(push_to_others(frame, sender.user_id, connected, deadline=request.deadline))


def push_to_others(frame: frames.Frame, user_id: str, connected: list[Connection], *, deadline: float) -> Tally:
    """Push a frame about a user to everybody else."""
    others = [connection for connection in connected if connection.user_id != user_id]
    return push(frames.encode(frame), others, deadline=deadline)


def small_group(group_id: str) -> list[Connection]:
    """Connections of a group; none where it has more members than ``event_member_limit``, whom events would flood."""
    connected: list[Connection] = []
    for page in connections.in_group(group_id):
        connected += page
        if len({connection.user_id for connection in connected}) > settings().event_member_limit:
            return []
    return connected
