"""The table of read markers: how far each user has read each group. It exists if ``unread`` is true."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.runtime.settings import settings

from .aws import dynamodb, query_pages
from .rows import OddRowError, report, text
from .schema import GROUP_ID, MARKERS_BY_GROUP, MESSAGE_ID, TIMESTAMP, USER_ID

if TYPE_CHECKING:
    from .aws import Row


_PAGE = 100
"""Markers that one query reads. A user may have thousands."""
_RANGES = {
    (False, False): "",
    (True, False): f" AND {GROUP_ID} > :after",
    (False, True): f" AND {GROUP_ID} <= :until",
    (True, True): f" AND {GROUP_ID} BETWEEN :after AND :until",
}
"""Conditions on the groups, by whether there is a lower and an upper bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """How far a user has read a group: up to this message, itself included.

    Attributes:
        user_id: The user.
        group_id: The group.
        message_id: The message.
        timestamp: Its timestamp. It is earlier if another program has dated the message ahead.
    """

    user_id: str
    group_id: str
    message_id: str
    timestamp: str

    @property
    def place(self) -> tuple[str, str]:
        """The message's place in the order of the messages."""
        return self.timestamp, self.message_id


def advance(marker: Marker) -> Marker | None:
    """Store a marker, unless the user has read further already.

    Returns:
        None if it is stored. Else the marker in the table.
    """
    client = dynamodb()
    try:
        client.put_item(
            TableName=settings().read_markers_table,
            Item={
                USER_ID: {"S": marker.user_id},
                GROUP_ID: {"S": marker.group_id},
                MESSAGE_ID: {"S": marker.message_id},
                TIMESTAMP: {"S": marker.timestamp},
            },
            # A message that another program has dated ahead has another time with each mark, and must not move again.
            ConditionExpression=f"attribute_not_exists(#timestamp) OR ({MESSAGE_ID} <> :message AND "
            f"(#timestamp < :timestamp OR (#timestamp = :timestamp AND {MESSAGE_ID} < :message)))",
            ExpressionAttributeNames={"#timestamp": TIMESTAMP},
            ExpressionAttributeValues={":timestamp": {"S": marker.timestamp}, ":message": {"S": marker.message_id}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        return _read(failure.response["Item"]) or marker  # type: ignore[typeddict-item]  # missing in the stubs
    return None


def delete(marker: Marker) -> None:
    """Delete a marker."""
    dynamodb().delete_item(
        TableName=settings().read_markers_table,
        Key={USER_ID: {"S": marker.user_id}, GROUP_ID: {"S": marker.group_id}},
    )


def of_user(user_id: str, *, after: str = "", until: str = "") -> Iterator[Marker]:
    """The markers of a user, in the order of their groups. Each query reads 100, when the first of them is taken.

    Args:
        user_id: The user.
        after: Leave out the groups up to this one.
        until: Leave out the groups after this one.
    """
    bounds = {":after": after, ":until": until}
    pages = dynamodb().get_paginator("query")
    rows = pages.paginate(
        TableName=settings().read_markers_table,
        KeyConditionExpression=f"{USER_ID} = :user{_RANGES[bool(after), bool(until)]}",
        ExpressionAttributeValues={":user": {"S": user_id}}
        | {name: {"S": each} for name, each in bounds.items() if each},
        ConsistentRead=True,
        PaginationConfig={"PageSize": _PAGE},
    )
    # BETWEEN includes both of its ends.
    return (marker for page in rows for marker in _markers(page["Items"]) if marker.group_id != after)


def of_group(group_id: str) -> Iterator[Marker]:
    """The markers of a group, in the order of the user ids. Each query reads 100, when the first of them is taken."""
    pages = query_pages(settings().read_markers_table, MARKERS_BY_GROUP, group_id, PaginationConfig={"PageSize": _PAGE})
    return (marker for page in pages for marker in _markers(page["Items"]))


def _markers(rows: "list[Row]") -> Iterator[Marker]:
    return filter(None, map(_read, rows))


def _read(row: "Row") -> Marker | None:
    """Make a marker from a row. None if the row is not one, which is logged once."""
    try:
        user_id, group_id, message_id, timestamp = (
            text(row, name) for name in (USER_ID, GROUP_ID, MESSAGE_ID, TIMESTAMP)
        )
        _require(message_id and timestamp)
    except OddRowError as odd:
        report(settings().read_markers_table, f"{row[USER_ID]} {row[GROUP_ID]}", odd, shown=False)
        return None
    return Marker(user_id=user_id, group_id=group_id, message_id=message_id, timestamp=timestamp)


def _require(complete: str) -> None:
    if not complete:
        raise OddRowError(f"it needs {MESSAGE_ID} and {TIMESTAMP}")
