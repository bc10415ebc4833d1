"""The connections table: one row per open connection."""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.protocol.errors import ChatError, Code
from handlers.protocol.times import CLOCKS_DIFFER_SECONDS, normal
from handlers.runtime.settings import settings

from . import members
from .aws import dynamodb, query_pages
from .rows import OddRowError, report, text
from .schema import (
    API_ID,
    AUTHENTICATION,
    CONNECTED_AT,
    CONNECTION_ID,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EXPIRES_AT,
    GROUP_ID,
    JOINED_AT,
    MEMBER,
    PROTOCOL,
    USER_ID,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef

    from .aws import Row

_LONGEST_SECONDS = 3 * 60 * 60
"""Age at which a row without ``expiresAt`` counts as gone. API Gateway closes a connection after 2 hours.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""
_ROW_ID = re.compile(r"[\w-]+=(#.*)?", re.ASCII)
"""A key that API Gateway may have made. Any other may name a person, so it is not logged."""
_WEST_SECONDS = 12 * 60 * 60
"""How much later than in UTC a time without a zone may be meant: it may be the local time of the westernmost zone."""


@dataclass(slots=True)  # A frozen one takes three times as long to make, and there is one per recipient.
class Connection:
    """A connection in a group, from its row.

    Attributes:
        connection_id: The connection that is posted to.
        user_id: Its user.
        group_id: The group that the row is about. Empty in an own row without a group.
        connected_at: When it opened. Other programs' times are brought into our format. Empty if it cannot be read.
        joined_at: When it joined the group, in the same format.
        expires_at: Second since the epoch at which the row ends. Infinite if no time of the row can be read: then it
            ends with a 410. 0 if its rights ended before.
        row_id: Key of the row.
        protocol: The protocol that its client speaks.
    """

    connection_id: str
    user_id: str
    group_id: str
    connected_at: str
    joined_at: str = ""
    expires_at: float = math.inf
    row_id: str = ""
    protocol: int = 1


def open_connection(
    connection_id: str, user_id: str, group_id: str, *, protocol: int, rights_end: int | None = None
) -> None:
    """Store a connection that is about to open.

    Args:
        connection_id: The connection.
        user_id: The connection's user.
        group_id: The connection's group.
        protocol: The protocol that its client speaks.
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
            PROTOCOL: {"N": str(protocol)},
        },
    )


def close_connection(row_id: str) -> None:
    """Delete a connection's row. Nothing happens if there is no row."""
    dynamodb().delete_item(TableName=settings().connections_table, Key=key(row_id))


def delete_stale(row_id: str) -> bool:
    """Delete a row of a connection that API Gateway says is gone.

    Returns:
        Whether the row is deleted. It stays if it may be another API's: in a table that existed already, a row without
        ``apiId`` says nothing, and to our API every connection of another API is gone.
    """
    if not settings().connections_table_adopted:
        close_connection(row_id)
        return True
    client = dynamodb()
    try:
        client.delete_item(
            TableName=settings().connections_table,
            Key=key(row_id),
            ConditionExpression=f"{API_ID} = :api",
            ExpressionAttributeValues={":api": {"S": settings().api_id}},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def find(connection_id: str) -> Connection | None:
    """Read a connection consistently. ``None`` if it has no row, or its row is no longer valid."""
    answer = dynamodb().get_item(TableName=settings().connections_table, Key=key(connection_id), ConsistentRead=True)
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
    pages = query_pages(settings().connections_table, CONNECTIONS_BY_USER, user_id)
    found = (read(row) for page in pages for row in page["Items"])
    return sum(is_open(one) and one.expires_at < math.inf for one in found if one)


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
            # An expired group row says nothing about its connection.
            if one.row_id == one.connection_id:
                ended.append(one)
        elif one.connection_id not in known and membership.has(one.user_id, one.joined_at):
            known.add(one.connection_id)
            connected.append(one)
    return connected


def is_open(connection: Connection) -> bool:
    """Whether a connection's row still gives it rights."""
    # DynamoDB removes expired rows within days, not at once.
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html
    return connection.expires_at > time.time()


def key(row_id: str) -> "Row":
    """The primary key of a connection's row."""
    return {CONNECTION_ID: {"S": row_id}}


def read(row: "Row") -> Connection | None:
    """Make a connection from a row, or from its image in the table's stream. It may have expired.

    There are two types of rows, told apart by their keys. An own row is the connection itself: its key is the
    connection's id. ``groupId`` is the group of the handshake, if there is one. A group row adds one group: its key is
    the id, ``#`` and a suffix, and its user is in ``member``.

    Returns:
        None if the row is not a connection of this API. If it is not a connection at all, that is logged, once.
    """
    try:
        return _read(row)
    except OddRowError as odd:
        row_id = row[CONNECTION_ID]["S"]
        report(settings().connections_table, row_id, odd, shown=bool(_ROW_ID.fullmatch(row_id)))
        return None


def _read(row: "Row") -> Connection | None:
    # This runs for each recipient.
    ours, user = settings(), USER_ID
    row_id = connection_id = row[CONNECTION_ID]["S"]
    if "#" in row_id:
        connection_id, user = row_id.partition("#")[0], MEMBER
    # An adopted table has rows of other APIs, and rows of programs that do not know apiId.
    if text(row, API_ID) != ours.api_id and API_ID in row:
        return None
    user_id, group_id, opened = text(row, user), text(row, GROUP_ID), text(row, CONNECTED_AT)
    if not (connection_id and user_id and (opened or CONNECTED_AT in row) and (group_id or user is USER_ID)):
        raise OddRowError(f"it needs {user}, {CONNECTED_AT} and, if its key has a #, {GROUP_ID}")
    joined_at = connected_at = normal(opened)
    if user is MEMBER:
        joined_at = normal(text(row, JOINED_AT))
    # Connections from before you turned authentication on are not authenticated. Their rows may lack the attribute.
    rights_are_ours = (text(row, AUTHENTICATION) or "none") == ours.authentication
    end = _end(row, opened, ours.connection_ttl_seconds) if rights_are_ours else 0.0
    protocol = 2 if PROTOCOL in row and float(row[PROTOCOL].get("N", 1)) >= 2 else 1
    return Connection(connection_id, user_id, group_id, connected_at, joined_at, end, row_id, protocol)


def _end(row: "Row", connected_at: str, ttl: float) -> float:
    """Second since the epoch at which a row ends. Infinite if nothing in it says when."""
    latest = (now := time.time()) + ttl + CLOCKS_DIFFER_SECONDS
    value = row.get(EXPIRES_AT)
    if value and "N" in value and (end := float(value["N"])) <= latest:
        return end
    # Other programs write texts, milliseconds, or times that cannot be right. Without a zone, a time may be hours off.
    expiry = times.read(text(row, EXPIRES_AT))
    if expiry and expiry.tzinfo and (end := times.seconds(expiry)) <= latest:
        return end
    opened = times.read(connected_at)
    if not opened or times.seconds(opened) > now + CLOCKS_DIFFER_SECONDS:
        return math.inf
    longest = _LONGEST_SECONDS if opened.tzinfo else _LONGEST_SECONDS + _WEST_SECONDS
    return times.seconds(opened) + longest
