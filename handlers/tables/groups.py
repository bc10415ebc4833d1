"""Joining and leaving groups: the set of digests in a connection's own row, together with its group rows.

There are no transactions: they would make a frame that comes at the same time fail, and cost double. Instead, every
order of the writes is repaired. A join changes the set first, so whatever ends a connection finds its group rows. API
Gateway's time of a frame tells which of two frames is later. If a join and a leave are served at the same time, the
join wins: too many pushes are harmless, too few are not.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from . import connections, group_rows
from .aws import dynamodb
from .connection import Connection, is_open, key, read
from .connections import not_connected
from .group_rows import Join, digest
from .join_rate import turn_of
from .schema import API_ID, CONNECTION_ID, GROUP_ID, GROUPS, JOINED_MS, JOINS_BUSY_UNTIL
from .turns import Turn

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from .aws import Row

_MOST_TRIES = 5


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
    if own.group_id in asked.group_ids and not _keep_own_group(own, at_ms=asked.at_ms):
        own = connections.require(own.connection_id)
    too_many: list[str] = []

    def change(own: Connection, turn: Turn) -> Connection | None:
        new = [group_id for group_id in asked.group_ids if not has_joined(own, group_id)]
        room = max(settings().groups_per_connection - len(own.groups), 0)
        too_many[:] = new[room:]
        return _update(own, add=[digest(group_id) for group_id in new[:room]], turn=turn)

    own = _take_turn(own, cost, change)
    put = [group_id for group_id in asked.group_ids if group_id not in {own.group_id, *too_many}]
    for group_id in put:
        group_rows.put(own, group_id, asked)
    digests = {digest(group_id) for group_id in put}
    if put and not _reconcile(own, digests, rows=digests):
        raise not_connected()
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
    own = _take_turn(own, len(group_ids), lambda own, turn: _update(own, drop=digests, turn=turn))
    if own.group_id in group_ids:
        _drop_own_group(own, at_ms=at_ms)
    _drop_rows(own, digests, at_ms=at_ms)


def remove(own: Connection, digests: Collection[bytes], *, at_ms: int) -> Connection:
    """Take a connection out of groups that its user is no longer a member of.

    Returns:
        The connection as it is then.
    """
    loses_own = bool(own.group_id) and digest(own.group_id) in digests
    if loses_own:
        _drop_own_group(own, at_ms=at_ms)
    _update(own, drop=digests)
    _drop_rows(own, own.groups.intersection(digests), at_ms=at_ms)
    return replace(own, group_id="" if loses_own else own.group_id, groups=own.groups.difference(digests))


def _take_turn(own: Connection, cost: int, change: Callable[[Connection, Turn], Connection | None]) -> Connection:
    """Change a connection's groups, at the rate that it may.

    Args:
        own: The connection, as it was just read.
        cost: Number of groups in the frame.
        change: Writes the change. Returns the connection as it is in the table if that is not possible.

    Returns:
        The connection before the change.
    """
    for _ in range(_MOST_TRIES):
        found = change(own, turn_of(own, cost))
        if found is None:
            return own
        own = found
    raise ChatError(
        Code.UNAVAILABLE,
        "other frames of this connection join and leave at the same time: send one after the other",
        retryable=True,
    )


def _drop_rows(own: Connection, digests: Collection[bytes], *, at_ms: int) -> None:
    """Delete group rows, but keep those that a later frame has joined."""
    kept = {one for one in digests if not group_rows.delete(own, one, before_ms=at_ms)}
    _reconcile(own, digests, rows=kept)


def _reconcile(own: Connection, digests: Collection[bytes], *, rows: set[bytes]) -> bool:
    """Check the set again after group rows were written, because frames may have been served at the same time.

    A join puts rows after it has changed the set, and a leave deletes them then. So the rows decide.

    Args:
        own: The connection.
        digests: The groups.
        rows: Those of them that have a row now.

    Returns:
        Whether the connection still exists. If it has ended meanwhile, the rows are deleted.
    """
    for attempt in range(_MOST_TRIES):
        now = connections.find(own.connection_id)
        if now is None:
            connections.delete_rows([group_rows.key_of(own, one) for one in digests])
            return False
        joined = now.groups.intersection(digests)
        if joined == rows:
            break
        if attempt:
            _set(own, add=rows - joined, drop=joined - rows)
        # After the change: another frame may have written a row just before it.
        rows = {one for one in digests if group_rows.group_of(own, one)}
    return True


def _set(own: Connection, *, add: Collection[bytes], drop: Collection[bytes]) -> None:
    # One update cannot do both to the same attribute.
    if add:
        _update(own, add=add)
    if drop:
        _update(own, drop=drop)


def _update(
    own: Connection, *, add: Collection[bytes] = (), drop: Collection[bytes] = (), turn: Turn | None = None
) -> Connection | None:
    """Change the set of groups in a connection's own row.

    Returns:
        None if it is changed. Else the connection as it is in the table: the turn, or the room for groups, is not as it
        was read.

    Raises:
        ChatError: NOT_CONNECTED, with a turn. Without one, the connection is returned as it was.
    """
    sets = {JOINS_BUSY_UNTIL: turn.change, API_ID: ":api"} if turn else {}
    clauses = [
        "SET " + ", ".join(f"{name} = {value}" for name, value in sets.items()) if sets else "",
        f"ADD {GROUPS} :add" if add else "",
        f"DELETE {GROUPS} :drop" if drop else "",
    ]
    conditions = [f"attribute_exists({CONNECTION_ID})"]
    values: Row = {f":{name}": {"BS": list(digests)} for name, digests in (("add", add), ("drop", drop)) if digests}
    if turn:
        conditions.append(turn.condition)
        values |= {name: {"N": str(value)} for name, value in turn.values.items()}
        values |= {":api": {"S": settings().api_id}, ":number": {"S": "N"}}
    if turn and add:
        conditions.append(f"(attribute_not_exists({GROUPS}) OR size({GROUPS}) <= :room)")
        values[":room"] = {"N": str(settings().groups_per_connection - len(add))}
    client = dynamodb()
    try:
        client.update_item(
            TableName=settings().connections_table,
            Key=key(own.connection_id),
            UpdateExpression=" ".join(filter(None, clauses)),
            ConditionExpression=" AND ".join(conditions),
            ExpressionAttributeValues=values,
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        found = _found(failure)
        if turn and (found is None or not is_open(found)):
            raise not_connected() from None
        return found or own
    return None


def _keep_own_group(own: Connection, *, at_ms: int) -> bool:
    """Note when a frame has joined the group of the handshake. Returns whether the connection still has it."""
    found = _change_own_group(own, f"SET {JOINED_MS} = :at", at_ms)
    return found is None or found.group_id == own.group_id


def _drop_own_group(own: Connection, *, at_ms: int) -> None:
    """Leave the group of the handshake, unless a later frame has joined it."""
    _change_own_group(own, f"REMOVE {GROUP_ID}", at_ms)


def _change_own_group(own: Connection, change: str, at_ms: int) -> Connection | None:
    """Change an own row that has the same group as when it was read, if no frame since ``at_ms`` has joined that group.

    Returns:
        None if it is changed. Else the connection as it is in the table.
    """
    client = dynamodb()
    try:
        client.update_item(
            TableName=settings().connections_table,
            Key=key(own.connection_id),
            UpdateExpression=change,
            ConditionExpression=f"{GROUP_ID} = :group AND (attribute_not_exists({JOINED_MS}) OR {JOINED_MS} < :at)",
            ExpressionAttributeValues={":group": {"S": own.group_id}, ":at": {"N": str(at_ms)}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        return _found(failure) or replace(own, group_id="")
    return None


def _found(failure: "ClientError") -> Connection | None:
    """The connection that a condition has found in the table."""
    row: Any = failure.response.get("Item")
    return read(row) if row else None
