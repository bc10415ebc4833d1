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

_large: dict[str, tuple[float, list[Connection], bool]] = {}
"""Until when a large group is remembered, in seconds since the epoch, and how it starts."""


def start_of(group_id: str) -> tuple[list[Connection], bool]:
    """The first connections of a group, and whether there are more. For a large group, the answer may be a minute old.

    At most one query of 1 MB is needed. A group that is not large is complete.
    """
    until, start, more = _large.get(group_id, (0, [], False))
    if time.time() >= until:
        start, more = connections.start_of_group(group_id, settings().event_member_limit * _DEVICES)
        if more or not _is_small(start):
            make_room(_large, _MOST_LARGE)
            _large[group_id] = time.time() + _LARGE_SECONDS * random.uniform(0.5, 1), start, more  # noqa: S311 - no secret
    return start, more


def small_group(group_id: str) -> list[Connection]:
    """The connections of a group. Empty above ``event_member_limit`` members, because events would flood them."""
    connected, more = start_of(group_id)
    return connected if not more and _is_small(connected) else []


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


def _is_small(connected: list[Connection]) -> bool:
    return len({connection.user_id for connection in connected}) <= settings().event_member_limit
