"""The messages table, which other programs read and write as well."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ids
from .cursors import Position
from .dynamodb import GROUP_INDEX, client
from .errors import ChatError, Code
from .frames import SendMessage
from .settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, QueryInputTypeDef


OVERLAP_SECONDS = 60
"""How far below a settled cursor reading begins: a message may be stored up to a function's longest run (29 s) after
its timestamp was made, index reads lag writes, and the functions' clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A message as it is in the table.

    Attributes:
        row: Its attributes by name, all of them text.
        duplicate: Whether an earlier frame had stored it.
        pushed: Whether it is known that every connection of the group has been served, or handed to slices.
    """

    row: dict[str, str]
    duplicate: bool
    pushed: bool


def compose(frame: SendMessage) -> dict[str, str]:
    """Make the row of a new message: its own id and time, and the frame's words."""
    message = {
        "groupId": frame.group_id,
        "senderId": frame.sender_id,
        "senderName": frame.sender_name,
        "message": frame.text,
        "timestamp": ids.timestamp(),
    }
    if frame.client_message_id is None:
        return message | {"messageId": ids.fresh_message_id()}
    return message | {
        "messageId": ids.derived_message_id(frame.group_id, frame.sender_id, frame.client_message_id),
        "clientMessageId": frame.client_message_id,
    }


def store(message: dict[str, str]) -> Stored:
    """Store a composed message once, however often its sender repeats it under the same ``clientMessageId``.

    Raises:
        ChatError: CONFLICT, if that id was used for another text.
    """
    dynamodb = client()
    try:
        dynamodb.put_item(
            TableName=settings().messages_table,
            Item={name: {"S": value} for name, value in message.items()},
            ConditionExpression="attribute_not_exists(messageId)",
            # Answers a retry without a second request.
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as failure:
        return _stored_before(message, failure.response["Item"])  # type: ignore[typeddict-item]  # missing in the stubs
    return Stored(row=message, duplicate=False, pushed=False)


def _stored_before(message: dict[str, str], row: "dict[str, AttributeValueTypeDef]") -> Stored:
    stored = _texts(row)
    if stored.get("message") != message["message"]:
        raise ChatError(
            Code.CONFLICT, "clientMessageId was used for another message of yours: give each message its own"
        )
    return Stored(
        row=stored,
        # The same timestamp means that the SDK itself repeated a put whose first answer was lost.
        duplicate=stored["timestamp"] != message["timestamp"],
        pushed="pushedAt" in stored,
    )


def mark_pushed(message_id: str) -> None:
    """Remember that a message has been pushed to all of its group, so that a retry need not push it again."""
    client().update_item(
        TableName=settings().messages_table,
        Key={"messageId": {"S": message_id}},
        UpdateExpression="SET pushedAt = :now",
        # Other programs may delete messages; this must not bring one back.
        ConditionExpression="attribute_exists(messageId)",
        ExpressionAttributeValues={":now": {"S": ids.timestamp()}},
    )


def read_on(group_id: str, start: Position, limit: int) -> tuple[list[dict[str, str]], bool]:
    """Read messages after a position, oldest first.

    Returns:
        Up to ``limit`` rows, and whether there are more. After a settled position some of the rows are older than it.
    """
    if not start.timestamp:
        return _read(group_id, limit, forward=True)
    if not start.settled:
        return _read(group_id, limit, forward=True, start=start)
    return _read(group_id, limit, forward=True, since=ids.earlier(start.timestamp, OVERLAP_SECONDS))


def read_back(group_id: str, start: Position | None, limit: int) -> tuple[list[dict[str, str]], bool]:
    """Read messages before a position, or the last ones, newest first.

    Returns:
        Up to ``limit`` rows, and whether there are more.
    """
    if start and not start.timestamp:
        return [], False
    return _read(group_id, limit, forward=False, start=start)


def _read(
    group_id: str, limit: int, *, forward: bool, start: Position | None = None, since: str = ""
) -> tuple[list[dict[str, str]], bool]:
    group: AttributeValueTypeDef = {"S": group_id}
    query: QueryInputTypeDef = {
        "TableName": settings().messages_table,
        "IndexName": GROUP_INDEX,
        "KeyConditionExpression": "groupId = :group",
        "ExpressionAttributeValues": {":group": group},
        "ScanIndexForward": forward,
        "Limit": limit + 1,
    }
    if start:
        place = {"timestamp": start.timestamp, "messageId": start.message_id}
        query["ExclusiveStartKey"] = {"groupId": group} | {name: {"S": value} for name, value in place.items()}
    if since:
        query["KeyConditionExpression"] = "groupId = :group AND #timestamp >= :since"
        query["ExpressionAttributeNames"] = {"#timestamp": "timestamp"}
        query["ExpressionAttributeValues"] = {":group": group, ":since": {"S": since}}
    answer = client().query(**query)
    rows = [_texts(row) for row in answer["Items"]]
    return rows[:limit], len(rows) > limit or "LastEvaluatedKey" in answer


def _texts(row: "dict[str, AttributeValueTypeDef]") -> dict[str, str]:
    return {name: value["S"] for name, value in row.items() if "S" in value}
