"""The messages table, which other programs read and write as well."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.protocol import ids, times
from handlers.protocol.client_frames import SendMessage
from handlers.protocol.cursors import Position
from handlers.protocol.errors import ChatError, Code
from handlers.protocol.frames import MAX_MESSAGE_BYTES
from handlers.runtime.settings import settings

from . import message
from .aws import dynamodb, read_consistently
from .message import Message
from .read_markers import Marker
from .rows import texts
from .schema import (
    CLIENT_MESSAGE_ID,
    DELETED_AT,
    FIRST_DIGEST,
    GROUP_ID,
    MESSAGE,
    MESSAGE_ID,
    MESSAGES_BY_GROUP,
    PUSHED_AT,
    SENDER_ID,
    SENDER_NAME,
    TIMESTAMP,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

    from .aws import Row


_FIRST_ROWS = 8
"""Rows that the first query of a page reads. Their size tells how many more fit into a frame. DynamoDB bills what is
read, not what is used."""
_MOST_UNREAD = 100
"""Unread messages that are counted. One more row is read, because the first one may be the message of the marker."""
OVERLAP_SECONDS = 60
"""Seconds before a settled cursor at which a read begins. A message may be stored up to 29 s (a function's longest run)
after its timestamp was made, the index lags, and the functions' clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A stored message.

    Attributes:
        message: The message as it is now.
        duplicate: Whether an earlier frame stored it.
        pushed: Whether it is certain that every connection of the group was served, or handed over in a slice.
    """

    message: Message
    duplicate: bool
    pushed: bool


def compose(frame: SendMessage) -> dict[str, str]:
    """Make the row of a new message: a new id and timestamp, and the fields of the frame. All attributes are text."""
    row = frame.options | {
        GROUP_ID: frame.group_id,
        SENDER_ID: frame.sender_id,
        SENDER_NAME: frame.sender_name,
        MESSAGE: frame.text,
        TIMESTAMP: times.timestamp(),
    }
    if frame.client_message_id is None:
        return row | {MESSAGE_ID: ids.fresh_message_id()}
    return row | {
        MESSAGE_ID: ids.derived_message_id(frame.group_id, frame.sender_id, frame.client_message_id),
        CLIENT_MESSAGE_ID: frame.client_message_id,
    }


def store(row: dict[str, str]) -> Stored:
    """Store a message once, however often its sender repeats it with the same ``clientMessageId``.

    Args:
        row: As :func:`compose` makes it.

    Raises:
        ChatError: CONFLICT, if that id was used for another message.
    """
    found = _put(row, f"attribute_not_exists({MESSAGE_ID})")
    return Stored(message=message.of(row), duplicate=False, pushed=False) if found is None else _as_stored(row, found)


def stored_before(row: dict[str, str]) -> Stored | None:
    """Find the message that an earlier frame stored. It costs as much as a write: the functions may not read by id.

    Args:
        row: As :func:`compose` makes it.

    Returns:
        None if there is no message with this id.

    Raises:
        ChatError: CONFLICT, as :func:`store`.
    """
    # It never holds, so nothing is written.
    found = _put(row, f"attribute_exists({MESSAGE_ID}) AND attribute_not_exists({MESSAGE_ID})")
    return _as_stored(row, found) if found else None


def _put(row: dict[str, str], condition: str) -> "Row | None":
    """Put a row under a condition. Returns None if the row was put, else the row that is there, which may be empty."""
    client = dynamodb()
    try:
        client.put_item(
            TableName=settings().messages_table,
            Item={name: {"S": value} for name, value in row.items()},
            ConditionExpression=condition,
            # Returns the stored row of a retry without a second request.
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        found: Row = failure.response.get("Item", {})  # type: ignore[assignment]  # missing in the stubs
        return found
    return None


def _as_stored(row: dict[str, str], found: "Row") -> Stored:
    if message.first_digest(found) != (row.get(FIRST_DIGEST) or message.digest(row)):
        raise ChatError(Code.CONFLICT, "you used this clientMessageId for another message: give each message its own")
    stored = message.read(found)
    # Another program may have changed the row. Its group, its sender and its ids are those of the frame.
    ours = {name: row[name] for name in (MESSAGE_ID, GROUP_ID, SENDER_ID, CLIENT_MESSAGE_ID) if name in row}
    return Stored(
        message={TIMESTAMP: row[TIMESTAMP], SENDER_NAME: row[SENDER_NAME]} | stored | ours,
        # With the same timestamp, the SDK itself repeated a put because the first answer was lost.
        duplicate=stored.get(TIMESTAMP) != row[TIMESTAMP],
        pushed=PUSHED_AT in stored,
    )


def mark_pushed(message_id: str) -> None:
    """Mark a message as pushed to its whole group, so that a retry need not push it again."""
    dynamodb().update_item(
        TableName=settings().messages_table,
        Key={MESSAGE_ID: {"S": message_id}},
        UpdateExpression=f"SET {PUSHED_AT} = :now",
        # Another program may have deleted the message. This must not create it again.
        ConditionExpression=f"attribute_exists({MESSAGE_ID})",
        ExpressionAttributeValues={":now": {"S": times.timestamp()}},
    )


def find(message_ids: Sequence[str]) -> "dict[str, Row]":
    """Read the rows of up to 100 messages consistently, by their ids. Missing ones are left out."""
    keys: list[Row] = [{MESSAGE_ID: {"S": message_id}} for message_id in message_ids]
    rows = read_consistently(settings().messages_table, keys)
    return {row[MESSAGE_ID]["S"]: row for row in rows}


def read_on(group_id: str, start: Position, most: int) -> Iterator[Message]:
    """Read messages after a position, oldest first. After a settled position, some rows are older than the position.

    Args:
        group_id: The group.
        start: The position.
        most: Largest number of messages. They are read in several queries, each when its first message is taken.
    """
    if not start.timestamp:
        return _read(group_id, most, forward=True)
    if start.began:
        return _read(group_id, most, forward=True, start=start)
    since = times.earlier(start.timestamp, OVERLAP_SECONDS)
    return _read(group_id, most, forward=True, since=since)


def read_back(group_id: str, start: Position | None, most: int) -> Iterator[Message]:
    """Read messages before a position, or the last ones, newest first. The arguments are those of :func:`read_on`."""
    if start and not start.timestamp:
        return iter(())
    return _read(group_id, most, forward=False, start=start)


def unread(last: Message, user_id: str, marker: Marker | None) -> tuple[int, bool]:
    """Count the messages of others after a user's marker, with one query of at most 1 MB. Without a marker, count all.

    Args:
        last: The last message of the group.
        user_id: The user.
        marker: The user's marker in the group.

    Returns:
        The number, up to 100, and whether there may be more.
    """
    read_up_to = marker.place if marker else ("", "")
    if _place(last) <= read_up_to:
        return 0, False
    # A message that another program has dated far ahead would stay unread, whatever the user reads.
    until = times.of(time.time() + times.CLOCKS_DIFFER_SECONDS)
    answer = dynamodb().query(
        TableName=settings().messages_table,
        IndexName=MESSAGES_BY_GROUP.name,
        KeyConditionExpression=f"{GROUP_ID} = :group AND #timestamp BETWEEN :since AND :until",
        ProjectionExpression=f"{MESSAGE_ID}, {SENDER_ID}, #timestamp, {DELETED_AT}",
        ExpressionAttributeNames={"#timestamp": TIMESTAMP},
        ExpressionAttributeValues={
            ":group": {"S": last[GROUP_ID]},
            ":since": {"S": min(read_up_to[0], until) or "0"},
            ":until": {"S": until},
        },
        Limit=_MOST_UNREAD + 1,
    )
    rows = [texts(row) for row in answer["Items"]]
    # The read message itself may have a later timestamp than the marker.
    new = [row for row in rows if _place(row) > read_up_to and not (marker and row[MESSAGE_ID] == marker.message_id)]
    count = sum(row.get(SENDER_ID) != user_id and DELETED_AT not in row for row in new)
    return min(count, _MOST_UNREAD), count > _MOST_UNREAD or "LastEvaluatedKey" in answer


def _place(row: Message) -> tuple[str, str]:
    return row[TIMESTAMP], row[MESSAGE_ID]


def _read(
    group_id: str, most: int, *, forward: bool, start: Position | None = None, since: str = ""
) -> Iterator[Message]:
    query: QueryInputTypeDef = {
        "TableName": settings().messages_table,
        "IndexName": MESSAGES_BY_GROUP.name,
        "KeyConditionExpression": f"{GROUP_ID} = :group",
        "ExpressionAttributeValues": {":group": {"S": group_id}},
        "ScanIndexForward": forward,
    }
    if start:
        place = {GROUP_ID: group_id, TIMESTAMP: start.timestamp, MESSAGE_ID: start.message_id}
        query["ExclusiveStartKey"] = {name: {"S": value} for name, value in place.items()}
    if since:
        query["KeyConditionExpression"] = f"{GROUP_ID} = :group AND #timestamp >= :since"
        query["ExpressionAttributeNames"] = {"#timestamp": TIMESTAMP}
        query["ExpressionAttributeValues"] = {":group": {"S": group_id}, ":since": {"S": since}}
    count, size, step = 0, 0, _FIRST_ROWS
    while count < most:
        query["Limit"] = min(step, most - count)
        answer = dynamodb().query(**query)
        rows = [message.read(row) for row in answer["Items"]]
        yield from rows
        if "LastEvaluatedKey" not in answer:
            return
        query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        count += len(rows)
        size += sum(len(str(value).encode()) for row in rows for value in row.values())
        # One row more than fits says that there are more.
        step = max(MAX_MESSAGE_BYTES - size, 0) * count // size + 1 if size else most
