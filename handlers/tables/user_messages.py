"""What a user has left in the messages table: messages and reactions. They are found by reading the whole table."""

from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.runtime.settings import settings

from . import changes, message
from .aws import dynamodb
from .message import Message
from .schema import (
    CHANGED_AT,
    CLIENT_MESSAGE_ID,
    DATA,
    DELETED_AT,
    EDITED_AT,
    FIRST_DIGEST,
    GROUP_ID,
    MESSAGE,
    MESSAGE_ID,
    REACTION,
    SENDER_ID,
    SENDER_NAME,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb.type_defs import ScanInputTypeDef

    from .aws import Row

ERASED = "erased"
"""The sender of a message whose user was erased."""
_PAGE_ROWS = 2_000
"""Rows that one request reads, at most. It also stops at 1 MB."""


def pages(after: str) -> "Iterator[tuple[Sequence[Row], str]]":
    """Read the table page by page, each when it is taken. DynamoDB has an order of its own, which stays the same.

    Args:
        after: The message after which it begins. Empty: at the start.

    Returns:
        The rows of each page, and the message after which the next one begins. Empty: there is no next one.
    """
    scan: ScanInputTypeDef = {"TableName": settings().messages_table, "Limit": _PAGE_ROWS}
    while True:
        if after:
            scan["ExclusiveStartKey"] = {MESSAGE_ID: {"S": after}}
        answer = dynamodb().scan(**scan)
        after = answer.get("LastEvaluatedKey", {MESSAGE_ID: {"S": ""}})[MESSAGE_ID]["S"]
        yield answer["Items"], after
        if not after:
            return


def wrote(row: "Row", user_id: str) -> bool:
    """Whether a message is a user's."""
    return row.get(SENDER_ID) == {"S": user_id}


def reactions_of(row: "Row", user_id: str) -> list[str]:
    """The names of the attributes with a user's reactions to a message."""
    return [name for name, value in row.items() if name.startswith(REACTION) and user_id in value.get("SS", ())]


def erase(row: "Row", user_id: str) -> Message | None:
    """Take out of a message what is of a user: all of it if the user wrote it, else the user's reactions.

    Returns:
        The message as it is then. None if there was nothing of the user in it any more.
    """
    group_id, message_id = row.get(GROUP_ID, {}).get("S", ""), row[MESSAGE_ID]["S"]
    at = times.after(row.get(CHANGED_AT, {}).get("S", ""))
    if group_id and settings().changes_table:
        changes.list_change(group_id, message_id, at)
    client = dynamodb()
    write = _emptied if wrote(row, user_id) else _without_reactions
    update, condition, names, values = write(row, user_id)
    try:
        answer = client.update_item(
            TableName=settings().messages_table,
            Key={MESSAGE_ID: {"S": message_id}},
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeNames=names | {"#changed": CHANGED_AT},
            ExpressionAttributeValues=values | {":at": {"S": at}, ":user": {"S": user_id}},
            ReturnValues="ALL_NEW",
        )
    except client.exceptions.ConditionalCheckFailedException:
        return None
    return message.read(answer["Attributes"])


_Write = tuple[str, str, dict[str, str], "Row"]
"""An update, its condition, and the names and values of both."""


def _emptied(row: "Row", _: str) -> _Write:
    # The digest could confirm a guess of the text, and clients choose clientMessageId freely.
    removed = [DATA, CLIENT_MESSAGE_ID, FIRST_DIGEST, EDITED_AT, *(name for name in row if name.startswith(REACTION))]
    names = {f"#removed{number}": name for number, name in enumerate(removed)}
    texts = {SENDER_ID: ERASED, SENDER_NAME: "", MESSAGE: ""}
    sets = [f"#{name} = :{name}" for name in texts]
    sets += ["#changed = :at", f"{DELETED_AT} = if_not_exists({DELETED_AT}, :at)"]
    values: Row = {f":{name}": {"S": value} for name, value in texts.items()}
    update = f"SET {', '.join(sets)} REMOVE {', '.join(names)}"
    return update, f"#{SENDER_ID} = :user", names | {f"#{name}": name for name in texts}, values


def _without_reactions(row: "Row", user_id: str) -> _Write:
    names = {f"#set{number}": name for number, name in enumerate(reactions_of(row, user_id))}
    update = f"SET #changed = :at DELETE {', '.join(f'{name} :users' for name in names)}"
    condition = " OR ".join(f"contains({name}, :user)" for name in names)
    return update, condition, names, {":users": {"SS": [user_id]}}
