"""Events about a user, which go to the other members of a group and are never stored."""

from handlers.protocol import frames
from handlers.runtime.settings import settings
from handlers.tables import connections
from handlers.tables.connections import Connection

from .fan_out import Tally, push


def small_group(group_id: str) -> list[Connection]:
    """The connections of a group. Empty above ``event_member_limit`` members, because events would flood them."""
    connected: list[Connection] = []
    for page in connections.in_group(group_id):
        connected += page
        if len({connection.user_id for connection in connected}) > settings().event_member_limit:
            return []
    return connected


def push_to_others(frame: frames.Frame, user_id: str, connected: list[Connection], *, deadline: float) -> Tally:
    """Push a frame about a user to the connections of everybody else."""
    others = [connection for connection in connected if connection.user_id != user_id]
    return push(frames.encode(frame), others, deadline=deadline)
