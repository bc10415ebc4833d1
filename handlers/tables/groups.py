"""The groups that a connection has joined: a set of digests in its own row, and a group row for each.

There are no transactions: they would make a frame that comes at the same time fail, and cost double. Instead, every
order of the writes is repaired. The set comes first, so whatever ends a connection knows all of its group rows. If a
join and a leave come at the same time, the join wins: too many pushes are harmless, too few are not.
"""

import base64
import hashlib
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from . import connections
from .aws import dynamodb
from .connection import Connection, key
from .connections import not_connected
from .schema import (
    API_ID,
    AUTHENTICATION,
    CONNECTED_AT,
    CONNECTION_ID,
    EVENTS,
    EXPIRES_AT,
    GROUP_ID,
    GROUPS,
    JOINED_AT,
    JOINED_MS,
    JOINS_BUSY_UNTIL,
    MEMBER,
    NAME,
    PROTOCOL,
)

if TYPE_CHECKING:
    from .aws import Row

_DIGEST_BYTES = 16
_INTERVAL = 1_000_000
"""Microseconds for which a group that is joined or left keeps a connection busy."""
_CLOCKS_DIFFER = 5_000_000
"""Microseconds by which the clocks of two processes may differ. A connection cannot be busier than that."""
_MOST_TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a connection asks for when it joins groups.

    Attributes:
        group_ids: The groups, each once. Its user may join all of them.
        at_ms: When API Gateway received the frame, in milliseconds since the epoch.
        events: Whether it wants their events.
        name: The user's display name in them. Empty if there is none.
    """

    group_ids: Sequence[str]
    at_ms: int
    events: bool
    name: str


def digest(group_id: str) -> bytes:
    """A short form of a group's id, so that the size of an own row does not grow with the names of its groups."""
    return hashlib.sha256(group_id.encode()).digest()[:_DIGEST_BYTES]


def has_joined(own: Connection, group_id: str) -> bool:
    """Whether a connection is in a group: the one of its handshake, or one that it has joined."""
    return group_id == own.group_id or digest(group_id) in own.groups


def join(own: Connection, asked: Join, *, cost: int) -> list[str]:
    """Join groups, in their order, as many as a connection may have. Joining a joined group again repairs its row.

    Args:
        own: The connection, as it was just read.
        asked: The groups.
        cost: Number of groups in the frame, those included that its user may not join.

    Returns:
        The groups that would be too many.

    Raises:
        ChatError: RATE_LIMITED, NOT_CONNECTED, or UNAVAILABLE if too many frames join and leave at the same time.
    """
    too_many: list[str] = []

    def change(own: Connection, busy_until: int) -> bool:
        new = [group_id for group_id in asked.group_ids if not has_joined(own, group_id)]
        too_many[:] = new[max(settings().groups_per_connection - len(own.groups), 0) :]
        # A leave of the handshake's group that came before this join, but is served later, must not end it.
        dated = asked.at_ms if own.group_id in asked.group_ids else None
        add = [digest(group_id) for group_id in new if group_id not in too_many]
        return _update(own, add=add, busy_until=busy_until, joined_ms=dated)

    own = _take_turn(own, cost, change)
    put = [group_id for group_id in asked.group_ids if group_id not in {own.group_id, *too_many}]
    connections.write_rows(put=[_group_row(own, group_id, asked) for group_id in put])
    if put:
        _confirm(own, put)
    return too_many


def leave(own: Connection, group_ids: Sequence[str], *, at_ms: int) -> None:
    """Leave groups. It is no error if one was not joined.

    Args:
        own: The connection, as it was just read.
        group_ids: The groups, each once.
        at_ms: When API Gateway received the frame, in milliseconds since the epoch.

    Raises:
        ChatError: As :func:`join`.
    """
    digests = [digest(group_id) for group_id in group_ids]

    def change(own: Connection, busy_until: int) -> bool:
        ends_own = own.group_id in group_ids and own.joined_ms < at_ms
        return _update(own, drop=digests, busy_until=busy_until, drop_own_group=ends_own)

    own = _take_turn(own, len(group_ids), change)
    joined_since = [one for one in digests if not _delete_row(own, one, before_ms=at_ms)]
    if joined_since:
        _update(own, add=joined_since)


def remove(own: Connection, digests: Collection[bytes]) -> Connection:
    """Take a connection out of groups that its user is no longer a member of.

    Returns:
        The connection as it is then.
    """
    drops_own = bool(own.group_id) and digest(own.group_id) in digests
    _update(own, drop=digests, drop_own_group=drops_own)
    connections.write_rows(delete=[_row_id(own, one) for one in own.groups.intersection(digests)])
    return replace(own, group_id="" if drops_own else own.group_id, groups=own.groups.difference(digests))


def end(connection_id: str) -> None:
    """Delete a connection's own row. Its group rows go with it: by the stream, or here if there is no stream."""
    own = connections.delete_row(connection_id)
    if own and not settings().presence:
        delete_group_rows(own)


def delete_group_rows(own: Connection) -> None:
    """Delete the group rows of a connection that has ended."""
    connections.write_rows(delete=[_row_id(own, one) for one in own.groups])


def group_of(own: Connection, joined: bytes) -> str:
    """The group that a digest in a connection's set stands for. Empty if its row is gone."""
    found = connections.find(_row_id(own, joined))
    return found.group_id if found else ""


def _take_turn(own: Connection, cost: int, change: Callable[[Connection, int], bool]) -> Connection:
    """Change a connection's groups at the rate that it may: twice as many as it may have at once, then one a second.

    Args:
        own: The connection, as it was just read.
        cost: Number of groups in the frame.
        change: Writes the change with the new end of the time for which the connection is busy. Returns whether the
            row was still as it was read.

    Returns:
        The connection before the change.
    """
    burst = 2 * settings().groups_per_connection
    for _ in range(_MOST_TRIES):
        now = time.time_ns() // 1_000
        busy_until = max(int(float(own.joins_busy_until or 0)), now)
        if busy_until > now + burst * _INTERVAL + _CLOCKS_DIFFER:  # Another program wrote what cannot be right.
            busy_until = now
        # A frame with more groups than that is served too: it is told which of them are too many.
        busy_until += min(cost, burst) * _INTERVAL
        wait = busy_until - (now + burst * _INTERVAL)
        if wait > 0:
            raise ChatError(
                Code.RATE_LIMITED,
                f"too many joins and leaves: join and leave at most {burst} groups at once, and then one a second",
                retryable=True,
                retry_after_ms=wait // 1_000 + 1,
            )
        if change(own, busy_until):
            return own
        own = connections.require(own.connection_id)
    raise ChatError(
        Code.UNAVAILABLE,
        "other frames of this connection join and leave at the same time: send one after the other",
        retryable=True,
    )


def _confirm(own: Connection, put: Sequence[str]) -> None:
    """Undo a join if the connection ended meanwhile, and repeat it if a leave came in between."""
    now = connections.find(own.connection_id)
    if now is None:
        connections.write_rows(delete=[_row_id(own, digest(group_id)) for group_id in put])
        raise not_connected()
    missing = {digest(group_id) for group_id in put} - now.groups
    if missing:
        _update(own, add=missing)


def _update(
    own: Connection,
    *,
    add: Collection[bytes] = (),
    drop: Collection[bytes] = (),
    drop_own_group: bool = False,
    busy_until: int | None = None,
    joined_ms: int | None = None,
) -> bool:
    """Change a connection's own row, if it still exists.

    With ``busy_until``, only if no other frame has joined or left since it was read.

    Returns:
        Whether it was changed.
    """
    set_to = {JOINS_BUSY_UNTIL: busy_until, JOINED_MS: joined_ms}
    numbers = {name: value for name, value in set_to.items() if value is not None}
    clauses = [
        "SET " + ", ".join(f"{name} = :{name}" for name in numbers) if numbers else "",
        f"ADD {GROUPS} :add" if add else "",
        f"DELETE {GROUPS} :drop" if drop else "",
        f"REMOVE {GROUP_ID}" if drop_own_group else "",
    ]
    values: Row = {f":{name}": {"N": str(value)} for name, value in numbers.items()}
    values |= {f":{name}": {"BS": list(digests)} for name, digests in (("add", add), ("drop", drop)) if digests}
    condition = f"attribute_exists({CONNECTION_ID})"
    if busy_until is not None and own.joins_busy_until:
        condition += f" AND {JOINS_BUSY_UNTIL} = :seen"
        values[":seen"] = {"N": own.joins_busy_until}
    elif busy_until is not None:
        condition += f" AND NOT attribute_type({JOINS_BUSY_UNTIL}, :number)"
        values[":number"] = {"S": "N"}
    client = dynamodb()
    try:
        client.update_item(
            TableName=settings().connections_table,
            Key=key(own.connection_id),
            UpdateExpression=" ".join(filter(None, clauses)),
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _delete_row(own: Connection, joined: bytes, *, before_ms: int) -> bool:
    """Delete a group row, unless a later frame has joined the group. Returns whether it is gone."""
    client = dynamodb()
    try:
        client.delete_item(
            TableName=settings().connections_table,
            Key=key(_row_id(own, joined)),
            ConditionExpression=f"attribute_not_exists({JOINED_MS}) OR {JOINED_MS} < :at",
            ExpressionAttributeValues={":at": {"N": str(before_ms)}},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _row_id(own: Connection, joined: bytes) -> str:
    return f"{own.connection_id}#{base64.urlsafe_b64encode(joined).decode().rstrip('=')}"


def _group_row(own: Connection, group_id: str, asked: Join) -> "Row":
    expires_at = own.expires_at if own.expires_at < math.inf else time.time() + settings().connection_ttl_seconds
    name = asked.name or own.name
    return key(_row_id(own, digest(group_id))) | {
        GROUP_ID: {"S": group_id},
        # Own rows call it userId, so that the index with it counts a user's connections, not their rows.
        MEMBER: {"S": own.user_id},
        CONNECTED_AT: {"S": own.connected_at},
        JOINED_AT: {"S": times.timestamp()},
        JOINED_MS: {"N": str(asked.at_ms)},
        EXPIRES_AT: {"N": str(int(expires_at))},
        AUTHENTICATION: {"S": settings().authentication},
        API_ID: {"S": settings().api_id},
        PROTOCOL: {"N": str(own.protocol)},
        EVENTS: {"BOOL": asked.events},
        **({NAME: {"S": name}} if name else {}),
    }
