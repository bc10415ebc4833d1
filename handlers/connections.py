"""The connections table: one row per open connection."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ids, members
from .dynamodb import GROUP_INDEX, USER_INDEX, client
from .errors import ChatError, Code
from .settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Row = dict[str, AttributeValueTypeDef]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection as its row tells it."""

    connection_id: str
    user_id: str
    group_id: str
    connected_at: str


def open_connection(connection_id: str, user_id: str, group_id: str, *, rights_end: int | None = None) -> None:
    """Store a connection that is about to open.

    Args:
        connection_id: The connection.
        user_id: Whose it is.
        group_id: The group it belongs to.
        rights_end: Second since the epoch at which it is to count as gone; the table's time to live where that is less.
    """
    expires_at = int(time.time()) + settings().connection_ttl
    client().put_item(
        TableName=settings().connections_table,
        Item={
            "connectionId": {"S": connection_id},
            "userId": {"S": user_id},
            "groupId": {"S": group_id},
            "connectedAt": {"S": ids.timestamp()},
            "expiresAt": {"N": str(expires_at if rights_end is None else min(expires_at, rights_end))},
            "authentication": {"S": settings().authentication},
        },
    )


def close_connection(connection_id: str) -> None:
    """Forget a connection. Nothing happens if it is forgotten already."""
    client().delete_item(TableName=settings().connections_table, Key={"connectionId": {"S": connection_id}})


def find(connection_id: str) -> Connection | None:
    """Read a connection consistently; ``None`` if it is unknown or has outlived the table's time to live."""
    row = (
        client()
        .get_item(
            TableName=settings().connections_table, Key={"connectionId": {"S": connection_id}}, ConsistentRead=True
        )
        .get("Item")
    )
    return from_image(row) if row and _holds(row) else None


def require(connection_id: str) -> Connection:
    """Read a connection that must be there.

    Raises:
        ChatError: NOT_CONNECTED, if it is unknown or has outlived the table's time to live.
    """
    connection = find(connection_id)
    if connection is None:
        raise _not_connected()
    return connection


def _not_connected() -> ChatError:
    return ChatError(Code.NOT_CONNECTED, "this connection is not registered any more: connect again")


_busy_until: dict[str, int] = {}
"""What this process last wrote into the rows. Only a hint at which of two conditions will hold."""
_MOST_HINTS = 10_000


def take_turn(connection_id: str) -> Connection:
    """Count a frame against its connection's rate, and read the connection consistently, in one request.

    The generic cell rate algorithm: each frame occupies the connection for the time the rate gives it, and may be ahead
    of that by the burst. Two conditions, because an update has no maximum of two values to write: the connection is
    idle, as nearly always, or it is ahead. A second request is made only where frames come faster than the rate and
    another process has served the one before.

    Raises:
        ChatError: NOT_CONNECTED, or RATE_LIMITED with the time to wait.
    """
    now = time.time_ns() // 1_000
    interval = 1_000_000 // settings().message_rate
    ahead = now + interval * (settings().message_burst - 1)
    idle = _busy_until.get(connection_id, 0) <= now
    for is_idle in (idle, not idle, idle):
        row, taken = _occupy(connection_id, now, interval, None if is_idle else ahead)
        if row is None or not _holds(row):
            _busy_until.pop(connection_id, None)
            raise _not_connected()
        busy_until = int(row["busyUntil"]["N"]) if "busyUntil" in row else 0
        if len(_busy_until) >= _MOST_HINTS:
            _busy_until.clear()
        _busy_until[connection_id] = busy_until
        if taken:
            return from_image(row)
        if busy_until > ahead:
            break
    raise ChatError(
        Code.RATE_LIMITED,
        f"too many frames: at most {settings().message_burst} at once and {settings().message_rate} a second",
        retryable=True,
        retry_after_ms=max(busy_until - ahead, interval) // 1_000 + 1,
    )


def _occupy(connection_id: str, now: int, interval: int, ahead: int | None) -> "tuple[Row | None, bool]":
    """Occupy a connection that is idle, or, with a limit given, one that is ahead by less.

    Returns:
        The row, unless there is none, and whether it was occupied.
    """
    values = {":now": now, ":interval": interval} | ({":next": now + interval} if ahead is None else {":ahead": ahead})
    used = (":now", ":next") if ahead is None else (":now", ":interval", ":ahead")
    dynamodb = client()
    try:
        answer = dynamodb.update_item(
            TableName=settings().connections_table,
            Key={"connectionId": {"S": connection_id}},
            UpdateExpression=f"SET busyUntil = {':next' if ahead is None else 'busyUntil + :interval'}",
            ConditionExpression="attribute_exists(connectionId) AND "
            + (
                "(attribute_not_exists(busyUntil) OR busyUntil <= :now)"
                if ahead is None
                else "busyUntil > :now AND busyUntil <= :ahead"
            ),
            ExpressionAttributeValues={name: {"N": str(values[name])} for name in used},
            ReturnValues="ALL_NEW",
            # Tells a frame too many from a connection that is gone without a second request.
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as failure:
        return failure.response.get("Item"), False  # type: ignore[return-value]  # missing in the stubs
    return answer["Attributes"], True


def number_of(user_id: str) -> int:
    """Count a user's connections in all groups, as the index has them, without the expired ones."""
    pages = (
        client()
        .get_paginator("query")
        .paginate(
            TableName=settings().connections_table,
            IndexName=USER_INDEX,
            KeyConditionExpression="userId = :user",
            FilterExpression="attribute_not_exists(expiresAt) OR expiresAt > :now",
            ExpressionAttributeValues={":user": {"S": user_id}, ":now": {"N": str(int(time.time()))}},
            Select="COUNT",
        )
    )
    return sum(page["Count"] for page in pages)


def in_group(group_id: str) -> Iterator[list[Connection]]:
    """Read a group's connections page by page, a query of up to 1 MB each, without the expired ones.

    Those of people who are no members of the group any more are left out, so that nothing of it reaches them.
    The index is eventually consistent: a connection opened or closed within the last moments may be missing or there.
    """
    pages = (
        client()
        .get_paginator("query")
        .paginate(
            TableName=settings().connections_table,
            IndexName=GROUP_INDEX,
            KeyConditionExpression="groupId = :group",
            ExpressionAttributeValues={":group": {"S": group_id}},
        )
    )
    membership = members.of_group(group_id)
    for page in pages:
        connected = (from_image(row) for row in page["Items"] if _holds(row))
        yield [one for one in connected if membership.has(one.user_id, one.connected_at)]


def from_image(row: "Row") -> Connection:
    """A row of the table, or its image in the table's stream, as a connection."""
    return Connection(
        connection_id=row["connectionId"]["S"],
        user_id=row["userId"]["S"],
        group_id=row["groupId"]["S"],
        connected_at=row["connectedAt"]["S"],
    )


def _holds(row: "Row") -> bool:
    """Whether a row still gives its connection any rights."""
    # Other programs can write rows. One that is no connection must not cost the group its messages.
    if not {"connectionId", "userId", "groupId", "connectedAt"} <= row.keys():
        return False
    # Who was let in before authentication was switched on has shown nothing. The rows of old have no such attribute.
    if row.get("authentication", {"S": "none"})["S"] != settings().authentication:
        return False
    # DynamoDB removes expired rows within days, not at once.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
    expires_at = row.get("expiresAt")
    return expires_at is None or int(expires_at["N"]) > time.time()
