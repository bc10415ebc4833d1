"""Actions ``disconnectUser``, ``addToGroup`` and ``removeFromGroup`` of the owner's programs: a user's connections.

None of them changes what a user may do: tokens and the members table say that.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from handlers.posting.closing import close
from handlers.posting.management_api import management_api
from handlers.posting.posts import Post
from handlers.protocol import frames
from handlers.protocol.client_frames import required_id
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import is_useless, removal
from handlers.requests.call import Call
from handlers.requests.side_by_side import side_by_side
from handlers.runtime.settings import settings
from handlers.tables import connections, group_rows, groups
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection
from handlers.tables.group_rows import Join, digest

T = TypeVar("T")


def disconnect_user(call: Call) -> frames.Frame:
    """Close all connections of a user, and delete their rows.

    Returns:
        ``disconnected``: their number.

    Raises:
        ChatError: BAD_REQUEST, UNKNOWN_ACTION or UNAVAILABLE.
    """

    def end(own: Connection) -> bool:
        # The row goes last. If the connection cannot be closed, the next call finds it again.
        close(own.connection_id)
        return group_rows.end_stale(own)

    return {"disconnected": sum(_for_each(call, end))}


def add_to_group(call: Call) -> frames.Frame:
    """Let the connections of a user join a group. Those of protocol 2 are told so.

    Returns:
        ``added``: the number of connections that are in the group now, and ``refused``: that of those in too many
        groups.

    Raises:
        ChatError: BAD_REQUEST, UNKNOWN_ACTION or UNAVAILABLE.
    """
    group_id = required_id(call.frame, "groupId")

    def add(own: Connection) -> bool | None:
        found = connections.find(own.connection_id)
        if not found:
            return None
        if found.group_id == group_id or connections.find(group_rows.key_of(found, digest(group_id))):
            return True  # To join again would end its events of the group.
        # No cost: it does not count against the rate at which the connection may join.
        if groups.join(found, Join(group_ids=[group_id], at_ms=_now_ms(), events=False, name=found.name), cost=0):
            return False
        if found.protocol > 1:
            _tell(
                call,
                Post(found.connection_id, frames.encode({"action": "joined", "groupIds": [group_id], "refused": []})),
            )
        return True

    found = _for_each(call, add)
    return {"added": found.count(True), "refused": found.count(False)}


def remove_from_group(call: Call) -> frames.Frame:
    """Take the connections of a user out of a group. Those of protocol 2 are told so.

    A connection of protocol 1 that has no other group is closed, because it would hear nothing more.

    Returns:
        ``removed``: the number of connections that were in the group.

    Raises:
        ChatError: BAD_REQUEST, UNKNOWN_ACTION or UNAVAILABLE.
    """
    group_id = required_id(call.frame, "groupId")

    def remove(own: Connection) -> bool:
        found = connections.find(own.connection_id)
        if not found:
            return False
        if not groups.has_joined(found, group_id):
            _close_if_useless(found)  # The call before may have failed to.
            return False
        left = groups.remove(found, {digest(group_id)}, at_ms=_now_ms())
        if told := removal(found, [group_id]):
            _tell(call, told)
        _close_if_useless(left)
        return True

    return {"removed": sum(_for_each(call, remove))}


def _close_if_useless(own: Connection) -> None:
    if is_useless(own):
        # The row goes last. If the connection cannot be closed, the next call finds it again.
        close(own.connection_id)
        group_rows.end(own.connection_id)


def _for_each(call: Call, work: Callable[[Connection], T]) -> list[T]:
    """Do something with every connection of a user, some of them at the same time.

    Returns:
        What it returned for those that did not end meanwhile.

    Raises:
        ChatError: The first error. The other connections were served all the same.
    """
    user_id = required_id(call.frame, "userId")
    if not settings().connections_per_user:
        raise ChatError(
            Code.UNKNOWN_ACTION,
            f"{call.frame['action']} needs the index of each user's connections: set connectionsPerUser to 1 or more",
        )
    with unavailable_on_failure():
        found = {one.connection_id: one for one in connections.of_user(user_id)}

    def serve(connection_id: str) -> T:
        with unavailable_on_failure():
            return work(found[connection_id])

    outcomes = side_by_side(found, serve, deadline=call.deadline).values()
    call.log["connections"] = len(found)
    served = [one for one in outcomes if not isinstance(one, Exception)]
    for one in outcomes:
        if isinstance(one, Exception) and not _ended_meanwhile(one):
            raise one
    return served


def _ended_meanwhile(error: Exception) -> bool:
    return isinstance(error, ChatError) and error.code is Code.NOT_CONNECTED


def _tell(call: Call, post: Post) -> None:
    management_api().post_all([post], deadline=call.deadline, on_outcome=lambda *_: None)


def _now_ms() -> int:
    return int(time.time() * 1_000)
