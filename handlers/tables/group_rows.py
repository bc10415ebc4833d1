"""Group rows: one for each group that a connection has joined, beside the connection's own row."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.protocol import base64url, times
from handlers.runtime.settings import settings

from . import connections
from .aws import dynamodb, read_consistently
from .connection import Connection, key
from .schema import (
    API_ID,
    AUTHENTICATION,
    CONNECTED_AT,
    EVENTS,
    EXPIRES_AT,
    GROUP_ID,
    JOINED_AT,
    JOINED_MS,
    MEMBER,
    NAME,
    PROTOCOL,
)

if TYPE_CHECKING:
    from .aws import Row

_DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """What a connection asks for when it joins groups.

    Attributes:
        group_ids: The groups, each once. Its user may join all of them.
        at_ms: When API Gateway received the frame, in milliseconds since the epoch.
        events: Whether it wants their events.
        name: The user's display name in them. Empty if the user has no name.
    """

    group_ids: Sequence[str]
    at_ms: int
    events: bool
    name: str


def digest(group_id: str) -> bytes:
    """A short form of a group's id, so that the size of an own row does not grow with the names of its groups."""
    return hashlib.sha256(group_id.encode()).digest()[:_DIGEST_BYTES]


def key_of(own: Connection, joined: bytes) -> str:
    """Key of a connection's row for a group with this digest."""
    return f"{own.connection_id}#{base64url.encode(joined)}"


def put(own: Connection, group_id: str, asked: Join) -> None:
    """Store a group row, unless a later frame has stored it."""
    _if_earlier("<=", asked.at_ms, lambda condition: dynamodb().put_item(Item=_row(own, group_id, asked), **condition))


def delete(own: Connection, joined: bytes, *, before_ms: int) -> bool:
    """Delete a group row, unless a frame of the same time or a later one has joined the group.

    Returns:
        Whether it is gone.
    """
    row_key = key(key_of(own, joined))
    return _if_earlier("<", before_ms, lambda condition: dynamodb().delete_item(Key=row_key, **condition))


def _if_earlier(comparison: str, at_ms: int, write: Callable[[Any], object]) -> bool:
    """Write a row whose frame is earlier than another one, or that does not exist. Returns whether it was written."""
    try:
        write(
            {
                "TableName": settings().connections_table,
                "ConditionExpression": f"attribute_not_exists({JOINED_MS}) OR {JOINED_MS} {comparison} :at",
                "ExpressionAttributeValues": {":at": {"N": str(at_ms)}},
            }
        )
    except dynamodb().exceptions.ConditionalCheckFailedException:
        return False
    return True


def end(connection_id: str) -> None:
    """Delete a connection's own row. Its group rows go with it: by the stream, or here if there is no stream."""
    _ended(connections.delete_row(connection_id))


def end_stale(connection: Connection) -> bool:
    """Delete the rows of a connection that is gone: its own, and the one that it was found by.

    Returns:
        Whether they are deleted. See :func:`.connections.delete_stale`.
    """
    deleted = []
    for row_id in {connection.connection_id, connection.row_id}:
        is_ours, was = connections.delete_stale(row_id)
        deleted.append(is_ours)
        _ended(was)
    return all(deleted)


def _ended(own: Connection | None) -> None:
    if own and not settings().presence:
        delete_group_rows(own)


def delete_group_rows(own: Connection) -> None:
    """Delete the group rows of a connection that has ended."""
    connections.delete_rows([key_of(own, one) for one in own.groups])


def group_of(own: Connection, joined: bytes) -> str:
    """The group that a digest in a connection's set stands for. Empty if its row is gone."""
    found = connections.find(key_of(own, joined))
    return found.group_id if found else ""


def groups_of(own: Connection) -> set[str]:
    """The groups that a connection has joined, without that of its handshake.

    Raises:
        TimeoutError: DynamoDB has left some of its rows unread again and again.
    """
    keys = [key(key_of(own, one)) for one in own.groups]
    rows = read_consistently(settings().connections_table, keys, GROUP_ID)
    return {row[GROUP_ID]["S"] for row in rows}


def _row(own: Connection, group_id: str, asked: Join) -> "Row":
    expires_at = own.expires_at if own.expires_at < math.inf else time.time() + settings().connection_ttl_seconds
    name = asked.name or own.name
    return key(key_of(own, digest(group_id))) | {
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
