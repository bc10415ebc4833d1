"""The connections table: one row per open connection."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from . import members
from .aws import dynamodb, query_pages
from .schema import (
    API_ID,
    AUTHENTICATION,
    CONNECTED_AT,
    CONNECTION_ID,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EXPIRES_AT,
    GROUP_ID,
    USER_ID,
)

if TYPE_CHECKING:
    from .aws import Row

_NEEDED = (CONNECTION_ID, USER_ID, GROUP_ID, CONNECTED_AT)
"""What makes a row a connection. Each is a text."""
_LONGEST_SECONDS = 3 * 60 * 60
"""Age at which a row without ``expiresAt`` counts as gone. API Gateway closes a connection after 2 hours.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection, from its row."""

    connection_id: str
    user_id: str
    group_id: str
    connected_at: str


def open_connection(connection_id: str, user_id: str, group_id: str, *, rights_end: int | None = None) -> None:
    """Store a connection that is about to open.

    Args:
        connection_id: The connection.
        user_id: The connection's user.
        group_id: The connection's group.
        rights_end: Second since the epoch at which the connection's rights end, if that is before the end of the row's
            time to live.
    """
    expires_at = int(time.time()) + settings().connection_ttl_seconds
    dynamodb().put_item(
        TableName=settings().connections_table,
        Item=key(connection_id)
        | {
            USER_ID: {"S": user_id},
            GROUP_ID: {"S": group_id},
            CONNECTED_AT: {"S": times.timestamp()},
            EXPIRES_AT: {"N": str(expires_at if rights_end is None else min(expires_at, rights_end))},
            AUTHENTICATION: {"S": settings().authentication},
            API_ID: {"S": settings().api_id},
        },
    )


def close_connection(connection_id: str) -> None:
    """Delete a connection's row. Nothing happens if there is no row."""
    dynamodb().delete_item(TableName=settings().connections_table, Key=key(connection_id))


def delete_stale(connection_id: str) -> bool:
    """Delete the row of a connection that API Gateway says is gone.

    Returns:
        Whether the row is deleted. It stays if it may be another API's: in a table that existed already, a row without
        ``apiId`` says nothing, and to our API every connection of another API is gone.
    """
    if not settings().connections_table_adopted:
        close_connection(connection_id)
        return True
    client = dynamodb()
    try:
        client.delete_item(
            TableName=settings().connections_table,
            Key=key(connection_id),
            ConditionExpression=f"{API_ID} = :api",
            ExpressionAttributeValues={":api": {"S": settings().api_id}},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(connection_id: str) -> Connection | None:
    """Read a connection consistently. ``None`` if it has no row, or its row is no longer valid."""
    answer = dynamodb().get_item(TableName=settings().connections_table, Key=key(connection_id), ConsistentRead=True)
    row = answer.get("Item")
    return from_image(row) if row and counts(row) else None


def require(connection_id: str) -> Connection:
    """Read a connection that must exist.

    Raises:
        ChatError: NOT_CONNECTED, if it has no row, or its row is no longer valid.
    """
    connection = find(connection_id)
    if connection is None:
        raise not_connected()
    return connection


def not_connected() -> ChatError:
    """The error for a connection without a row, or with a row that is no longer valid."""
    return ChatError(Code.NOT_CONNECTED, "this connection is not registered any more: connect again")


def number_of(user_id: str) -> int:
    """Count the connections of a user in all groups, without expired ones and other APIs'. The index may lag."""
    is_open = f"{EXPIRES_AT} > :now OR (attribute_not_exists({EXPIRES_AT}) AND {CONNECTED_AT} > :start)"
    pages = query_pages(
        settings().connections_table,
        CONNECTIONS_BY_USER,
        user_id,
        FilterExpression=f"({is_open}) AND (attribute_not_exists({API_ID}) OR {API_ID} = :api)",
        values={
            ":now": {"N": str(int(time.time()))},
            ":start": {"S": times.earlier(times.timestamp(), _LONGEST_SECONDS)},
            ":api": {"S": settings().api_id},
        },
        Select="COUNT",
    )
    return sum(page["Count"] for page in pages)


def in_group(group_id: str) -> Iterator[list[Connection]]:
    """Read the connections of a group page by page, without expired ones. Each page is a query of up to 1 MB.

    Connections of users who are no longer members of the group are left out, so that they receive nothing from it. The
    index is eventually consistent: it may miss a connection that has just opened, and list one that has just closed.
    """
    pages = query_pages(settings().connections_table, CONNECTIONS_BY_GROUP, group_id)
    membership = members.of_group(group_id)
    for page in pages:
        connected = (from_image(row) for row in page["Items"] if counts(row))
        yield [one for one in connected if membership.has(one.user_id, one.connected_at)]


def key(connection_id: str) -> "Row":
    """The primary key of a connection's row."""
    return {CONNECTION_ID: {"S": connection_id}}


def from_image(row: "Row") -> Connection:
    """Make a connection from a row of the table, or from a row's image in the table's stream."""
    return Connection(
        connection_id=row[CONNECTION_ID]["S"],
        user_id=row[USER_ID]["S"],
        group_id=row[GROUP_ID]["S"],
        connected_at=row[CONNECTED_AT]["S"],
    )


def is_connection(row: "Row") -> bool:
    """Whether a row is a connection of this API, or may be one because it has no ``apiId``."""
    # Other programs can write rows. A row that is not a connection must not cost the group its messages.
    # This runs for each recipient: all() with a generator takes twice as long.
    for name in _NEEDED:
        if "S" not in row.get(name, ()):
            return False
    api = row.get(API_ID)
    return not api or api.get("S") == settings().api_id


def counts(row: "Row") -> bool:
    """Whether a row still gives its connection any rights."""
    if not is_connection(row):
        return False
    # Connections from before you turned authentication on are not authenticated. Their rows may lack the attribute.
    if row.get(AUTHENTICATION, {"S": "none"}).get("S") != settings().authentication:
        return False
    if EXPIRES_AT not in row:
        # Another program wrote it. If its time cannot be read, the row counts until its connection answers 410.
        return not _LONGEST_SECONDS < times.age(row[CONNECTED_AT]["S"]) < math.inf
    # DynamoDB removes expired rows within days, not at once.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
    return float(row[EXPIRES_AT].get("N", 0)) > time.time()
