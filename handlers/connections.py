"""The connections table: one row per open connection."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ids
from .dynamodb import GROUP_INDEX, client
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


def open_connection(connection_id: str, user_id: str, group_id: str) -> None:
    """Store a connection that is about to open."""
    client().put_item(
        TableName=settings().connections_table,
        Item={
            "connectionId": {"S": connection_id},
            "userId": {"S": user_id},
            "groupId": {"S": group_id},
            "connectedAt": {"S": ids.timestamp()},
            "expiresAt": {"N": str(int(time.time()) + settings().connection_ttl)},
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
    return from_image(row) if row and not _expired(row) else None


def require(connection_id: str) -> Connection:
    """Read a connection that must be there.

    Raises:
        ChatError: NOT_CONNECTED, if it is unknown or has outlived the table's time to live.
    """
    connection = find(connection_id)
    if connection is None:
        raise ChatError(Code.NOT_CONNECTED, "this connection is not registered any more: connect again")
    return connection


def in_group(group_id: str) -> Iterator[list[Connection]]:
    """Read a group's connections page by page, a query of up to 1 MB each, without the expired ones.

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
    for page in pages:
        yield [from_image(row) for row in page["Items"] if not _expired(row)]


def from_image(row: "Row") -> Connection:
    """A row of the table, or its image in the table's stream, as a connection."""
    return Connection(
        connection_id=row["connectionId"]["S"],
        user_id=row["userId"]["S"],
        group_id=row["groupId"]["S"],
        connected_at=row["connectedAt"]["S"],
    )


def _expired(row: "Row") -> bool:
    # DynamoDB removes expired rows within days, not at once.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
    expires_at = row.get("expiresAt")
    return expires_at is not None and int(expires_at["N"]) <= time.time()
