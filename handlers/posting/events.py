"""Groups whose members hear of each other: who is there, who joins and leaves, who is typing. Nothing is stored."""

import random
import time
from collections.abc import Callable

from handlers.protocol import frames
from handlers.runtime.memory import make_room
from handlers.runtime.settings import settings
from handlers.tables import connections
from handlers.tables.connection import Connection

from .fan_out import Tally, push

_DEVICES = 4
"""Connections for each of ``event_member_limit`` members above which a group is large, too: each costs a post."""
_LARGE_SECONDS = 60
"""Longest time for which a process remembers a large group. The time is random, so that not all processes read such a
group again at the same moment."""
_MOST_LARGE = 20

_large: dict[tuple[str, int], tuple[float, list[Connection], bool]] = {}
"""Until when a group is remembered as larger than a number of members, in seconds since the epoch, and its start."""


def start_of(group_id: str, limit: int | None = None) -> tuple[list[Connection], bool]:
    """The first connections of a group, and whether there are more. For a large group, the answer may be a minute old.

    At most one query of 1 MB is needed. A group that is not large is complete.

    Args:
        group_id: The group.
        limit: Members above which it is large. By default, ``event_member_limit``.
    """
    limit = limit or settings().event_member_limit
    until, start, more = _large.get((group_id, limit), (0, [], False))
    if time.time() >= until:
        start, more = connections.start_of_group(group_id, limit * _DEVICES)
        if more or _members(start) > limit:
            make_room(_large, _MOST_LARGE)
            until = time.time() + _LARGE_SECONDS * random.uniform(0.5, 1)  # noqa: S311 - no secret
            _large[group_id, limit] = until, start, more
    return start, more


def is_large(group_id: str) -> bool:
    """Whether a group is so large that events would flood it."""
    connected, more = start_of(group_id)
    return more or _members(connected) > settings().event_member_limit


def small_group(group_id: str, limit: int | None = None) -> list[Connection]:
    """The connections of a group. Empty if it is large, because events would flood it. See :func:`start_of`."""
    limit = limit or settings().event_member_limit
    connected, more = start_of(group_id, limit)
    return connected if not more and _members(connected) <= limit else []


def push_event(
    frame: frames.Frame,
    recipients: list[Connection],
    *,
    deadline: float,
    on_failure: Callable[[Connection], None] = lambda _: None,
) -> Tally:
    """Push a frame to those of some connections that asked for events.

    It gives way to messages: if it does not arrive, the next one or the next answer repairs it.
    """
    listening = [one for one in recipients if one.events]
    return push(frames.encode(frame), listening, deadline=deadline, gives_way=True, on_failure=on_failure)


def _members(connected: list[Connection]) -> int:
    return len({connection.user_id for connection in connected})
