"""A connection, read from its row."""

import base64
import math
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.protocol.times import CLOCKS_DIFFER_SECONDS, normal
from handlers.runtime.settings import settings

from .rows import OddRowError, report, text
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
    USER_ID,
)

if TYPE_CHECKING:
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
        events: Whether it asked for the events of the group: who joins, leaves and types.
        name: The user's display name. Empty if the user has no name.
        groups: Digests of the groups that the connection has joined, without the group of its handshake. Only in its
            own row, and not in an index.
        joins_busy_until: Microsecond since the epoch until which joins and leaves keep it busy, in digits. Where
            ``groups`` is.
        joined_ms: When it last asked to join the group of its handshake, in milliseconds since the epoch. 0: never.
    """

    connection_id: str
    user_id: str
    group_id: str
    connected_at: str
    joined_at: str = ""
    expires_at: float = math.inf
    row_id: str = ""
    protocol: int = 1
    events: bool = False
    name: str = ""
    groups: frozenset[bytes] = frozenset()
    joins_busy_until: str = ""
    joined_ms: int = 0


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
    events = EVENTS in row and row[EVENTS].get("BOOL", False)
    name = row[NAME].get("S", "") if NAME in row else ""
    one = Connection(connection_id, user_id, group_id, connected_at, joined_at, end, row_id, protocol, events, name)
    if JOINS_BUSY_UNTIL in row:
        one.groups = frozenset(map(_bytes, row.get(GROUPS, {}).get("BS", ())))
        one.joins_busy_until = row[JOINS_BUSY_UNTIL].get("N", "")
        one.joined_ms = int(float(row.get(JOINED_MS, {}).get("N", 0)))
    return one


def _bytes(value: object) -> bytes:
    # A stream's record is JSON, with bytes in Base64.
    return value if isinstance(value, bytes) else base64.b64decode(str(value))


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
