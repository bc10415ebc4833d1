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
            ConditionExpression=f"attribute_not_exists({USER_ID}) OR #timestamp < :timestamp "
            f"OR (#timestamp = :timestamp AND {MESSAGE_ID} < :message)",
            ExpressionAttributeNames={"#timestamp": TIMESTAMP},
            ExpressionAttributeValues={":timestamp": {"S": marker.timestamp}, ":message": {"S": marker.message_id}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        return _read(failure.response["Item"]) or marker  # type: ignore[typeddict-item]  # missing in the stubs
    return None


def of_user(user_id: str) -> dict[str, Marker]:
    """All markers of a user, by their groups. Each query reads up to 1 MB."""
    pages = dynamodb().get_paginator("query")
    rows = pages.paginate(
        TableName=settings().read_markers_table,
        KeyConditionExpression=f"{USER_ID} = :user",
        ExpressionAttributeValues={":user": {"S": user_id}},
        ConsistentRead=True,
    )
    return {marker.group_id: marker for page in rows for marker in _markers(page["Items"])}


def of_group(group_id: str, most: int) -> tuple[list[Marker], bool]:
    """The first markers of a group, in the order of the user ids.

    Args:
        group_id: The group.
        most: Number of rows to read.

    Returns:
        The markers, and whether there may be more.
    """
    page = next(iter(query_pages(settings().read_markers_table, MARKERS_BY_GROUP, group_id, Limit=most)))
    return list(_markers(page["Items"])), "LastEvaluatedKey" in page


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
