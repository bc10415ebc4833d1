"""The connections table: one row per open connection."""

import math
import random
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from handlers.protocol import times
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from . import members
from .aws import BATCH_WAITS_S, dynamodb, query_pages
from .connection import Connection, is_open, key, read
from .schema import (
    API_ID,
    AUTHENTICATION,
    CONNECTED_AT,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EVENTS,
    EXPIRES_AT,
    GROUP_ID,
    NAME,
    PROTOCOL,
    USER_ID,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef, WriteRequestTypeDef


_MOST_WRITES = 25
"""Rows that one request writes.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""


def open_connection(
    connection_id: str, user_id: str, group_id: str, *, protocol: int, name: str = "", rights_end: int | None = None
) -> None:
    """Store a connection that is about to open.

    Args:
        connection_id: The connection.
        user_id: The connection's user.
        group_id: The group of its handshake. Empty if the handshake named no group.
        protocol: The protocol that its client speaks.
        name: The user's display name, if there is one.
        rights_end: Second since the epoch at which the connection's rights end, if that is before the end of the row's
            time to live.
    """
    expires_at = int(time.time()) + settings().connection_ttl_seconds
    # An index refuses an empty group.
    given = {GROUP_ID: group_id, NAME: name}
    dynamodb().put_item(
        TableName=settings().connections_table,
        Item=key(connection_id)
        | {attribute: {"S": value} for attribute, value in given.items() if value}
        | {
            USER_ID: {"S": user_id},
            CONNECTED_AT: {"S": times.timestamp()},
            EXPIRES_AT: {"N": str(expires_at if rights_end is None else min(expires_at, rights_end))},
            AUTHENTICATION: {"S": settings().authentication},
            API_ID: {"S": settings().api_id},
            PROTOCOL: {"N": str(protocol)},
            # Clients of protocol 1 take every frame for a message.
            EVENTS: {"BOOL": protocol >= 2},
        },
    )


def delete_row(row_id: str) -> Connection | None:
    """Delete a row, and return what it was. Nothing happens if there is no row."""
    answer = dynamodb().delete_item(TableName=settings().connections_table, Key=key(row_id), ReturnValues="ALL_OLD")
    old = answer.get("Attributes")
    return read(old) if old else None


def delete_rows(row_ids: Sequence[str]) -> None:
    """Delete rows, many with each request.

    Raises:
        TimeoutError: DynamoDB has left some of them undone again and again.
    """
    writes: list[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": key(row_id)}} for row_id in row_ids]
    table = settings().connections_table
    for start in range(0, len(writes), _MOST_WRITES):
        undone: Sequence[Any] = writes[start : start + _MOST_WRITES]
        for wait_s in BATCH_WAITS_S:
            time.sleep(random.uniform(0, wait_s))  # noqa: S311 - no secret
            undone = dynamodb().batch_write_item(RequestItems={table: undone})["UnprocessedItems"].get(table, [])
            if not undone:
                break
        else:
            raise TimeoutError


def delete_stale(row_id: str) -> tuple[bool, Connection | None]:
    """Delete a row of a connection that API Gateway says is gone.

    Returns:
        Whether the row is deleted, and what it was. It stays if it may be another API's: in a table that existed
        already, a row without ``apiId`` says nothing, and to our API every connection of another API is gone.
    """
    if not settings().connections_table_adopted:
        return True, delete_row(row_id)
    client = dynamodb()
    try:
        answer = client.delete_item(
            TableName=settings().connections_table,
            Key=key(row_id),
            ConditionExpression=f"{API_ID} = :api",
            ExpressionAttributeValues={":api": {"S": settings().api_id}},
            ReturnValues="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False, None
    old = answer.get("Attributes")
    return True, read(old) if old else None


def find(row_id: str) -> Connection | None:
    """Read a row consistently. ``None`` if it is missing or no longer valid."""
    answer = dynamodb().get_item(TableName=settings().connections_table, Key=key(row_id), ConsistentRead=True)
    found = read(answer["Item"]) if "Item" in answer else None
    return found if found and is_open(found) else None


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
    """Count the connections of a user in all groups, without expired ones and other APIs'. The index may lag.

    A row that does not say when it ends does not count: it could lock its user out for ever.
    """
    return sum(one.expires_at < math.inf for one in of_user(user_id))


def of_user(user_id: str) -> list[Connection]:
    """The connections of a user: their own rows, without expired ones and other APIs'. The index may lag.

    It does not have all attributes: whether a connection asked for events, and the names, are missing.
    """
    pages = query_pages(settings().connections_table, CONNECTIONS_BY_USER, user_id)
    found = (read(row) for page in pages for row in page["Items"])
    return [one for one in found if one and is_open(one)]


def in_group(group_id: str, ended: list[Connection]) -> Iterator[list[Connection]]:
    """Read the connections of a group page by page, each of them once. Each page is a query of up to 1 MB.

    Expired connections are left out, and those of users who are no longer members of the group, so that they receive
    nothing from it. The index is eventually consistent: it may miss a connection that has just opened, and list one
    that has just closed.

    Args:
        group_id: The group.
        ended: Gets the connections that are left out because they have expired.
    """
    known: set[str] = set()
    for page in query_pages(settings().connections_table, CONNECTIONS_BY_GROUP, group_id):
        yield _connected(group_id, page, known, ended)


def start_of_group(group_id: str, most: int) -> tuple[list[Connection], bool]:
    """Read the start of a group, with one query of up to 1 MB. What :func:`in_group` says about its pages holds here.

    Args:
        group_id: The group.
        most: Number of rows that are enough.

    Returns:
        The connections, and whether there are more rows.
    """
    # One more row than is enough shows that there are more.
    pages = query_pages(settings().connections_table, CONNECTIONS_BY_GROUP, group_id, Limit=most + 1)
    page = next(iter(pages))
    return _connected(group_id, page, set(), []), page["Count"] > most or "LastEvaluatedKey" in page


def _connected(group_id: str, page: "QueryOutputTypeDef", known: set[str], ended: list[Connection]) -> list[Connection]:
    """The connections on a page that are not known yet. One may have two rows for a group: its own and a group row."""
    membership = members.of_group(group_id)
    connected: list[Connection] = []
    now = time.time()
    for row in page["Items"]:
        one = read(row)
        if not one:
            continue
        if one.expires_at <= now:
            ended.append(one)
        elif one.connection_id not in known and membership.has(one.user_id, one.joined_at):
            known.add(one.connection_id)
            connected.append(one)
    return connected
