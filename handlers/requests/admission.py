"""The checks before a frame is served: a registered connection, the rate limit, and the right to the group."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from handlers.posting.posts import Post
from handlers.protocol import frames
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings
from handlers.tables import connections, group_rows, groups, members
from handlers.tables.connection import Connection
from handlers.tables.group_rows import digest
from handlers.tables.rate_limit import take_turn

from .request import Request


def admit(request: Request, group_id: str = "") -> Connection:
    """Admit a frame to a group. It counts against the rate of its connection.

    Args:
        request: The call. From now on, its replies name the group.
        group_id: The group that the frame names. Empty: the group of the handshake.

    Returns:
        The connection, with this group as its ``group_id``.

    Raises:
        ChatError: NOT_CONNECTED, RATE_LIMITED, BAD_REQUEST if no group is named, or FORBIDDEN.
    """
    own = admit_frame(request, group_id)
    request.group_id = group_id or own.group_id
    if not request.group_id:
        raise ChatError(Code.BAD_REQUEST, "groupId must name the group: this connection was opened without one")
    require_right(request, own, request.group_id)
    return replace(own, group_id=request.group_id)


def admit_frame(request: Request, group_id: str | None = None) -> Connection:
    """Count a frame against the rate of its connection, and read the connection.

    Args:
        request: The call.
        group_id: The group that a refusal names. Empty: the group of the handshake. None: the frame has many.

    Raises:
        ChatError: NOT_CONNECTED or RATE_LIMITED, as :mod:`~handlers.tables.rate_limit` says.
    """
    own, refusal = take_turn(request.connection_id)
    request.protocol = own.protocol
    if refusal:
        request.group_id = own.group_id if group_id == "" else group_id or ""
        raise refusal
    return own


def open_connection(request: Request) -> Connection:
    """Read the connection of a frame that has no group, or many, and that does not count against the rate.

    Raises:
        ChatError: NOT_CONNECTED.
    """
    own = connections.require(request.connection_id)
    request.protocol = own.protocol
    return own


def require_right(request: Request, own: Connection, group_id: str) -> None:
    """Check that a connection may act in a group. Joining only decides who is pushed to.

    So a message that overtakes the join of its group is not lost.

    Raises:
        ChatError: FORBIDDEN.
    """
    if groups.has_joined(own, group_id):
        if not members.is_still_member(own.user_id, group_id):
            _remove(request, own, {digest(group_id): group_id})
            raise ChatError(
                Code.FORBIDDEN, "you are not a member of this group any more: ask for access to it, then join it"
            )
    elif own.group_id:
        raise ChatError(Code.FORBIDDEN, "this connection is for another group: join this group first")
    elif not may_join(request, own, [group_id]):
        raise ChatError(Code.FORBIDDEN, "you are not a member of this group: ask for access to it")


def may_join(request: Request, own: Connection, group_ids: Sequence[str]) -> set[str]:
    """Those of some groups that a connection may join, by its token's claim or by the members table."""
    if settings().group_claim:
        return set(group_ids).intersection(json.loads(request.authorizer.get("groups", "[]")))
    return members.groups_of(own.user_id, group_ids)


def check_groups(request: Request, own: Connection) -> Connection:
    """Take a connection out of all groups that its user is no longer a member of. One query answers for all of them.

    Returns:
        The connection as it is then.

    Raises:
        ChatError: As :func:`_remove`.
    """
    in_groups = own.groups | ({digest(own.group_id)} if own.group_id else set())
    if not settings().members_table or in_groups <= _digests(members.known_groups_of(own.user_id)):
        return own
    lost = in_groups - _digests(members.read_groups_of(own.user_id))
    if not lost:
        return own
    names = {digest(own.group_id): own.group_id}
    return _remove(request, own, {one: names.get(one) or group_rows.group_of(own, one) for one in lost})


def _digests(group_ids: Iterable[str]) -> set[bytes]:
    return set(map(digest, group_ids))


def _remove(request: Request, own: Connection, lost: dict[bytes, str]) -> Connection:
    """Take a connection out of groups that its user is no longer a member of, and tell it.

    Args:
        request: The call.
        own: The connection.
        lost: The groups by their digests. An empty name is not known: the group row is missing.

    Returns:
        The connection as it is then.

    Raises:
        ChatError: FORBIDDEN, if a connection of protocol 1 has no group left. It is closed, as it would hear nothing
            more, and could not know.
    """
    left = groups.remove(own, lost, at_ms=request.received_ms)
    if told := removal(own, lost.values()):
        request.post(told)
    if is_useless(left):
        group_rows.end(own.connection_id)
        raise ChatError(
            Code.FORBIDDEN,
            "you are not a member of this group any more, so the connection is closed: ask for access to the group",
            ends_connection=True,
        )
    return left


def removal(own: Connection, group_ids: Iterable[str]) -> Post | None:
    """The post that tells a connection that it was taken out of groups. None if it is not to be told.

    Args:
        own: The connection.
        group_ids: The groups. An empty one is not known.
    """
    names = sorted(filter(None, group_ids))
    if own.protocol == 1 or not names:
        return None
    return Post(own.connection_id, frames.encode({"action": "left", "groupIds": names, "reason": "REMOVED"}))


def is_useless(own: Connection) -> bool:
    """Whether a connection has no group, and its client cannot join one, because it speaks protocol 1."""
    return own.protocol == 1 and not own.group_id and not own.groups
