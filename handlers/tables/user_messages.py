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

    Raises:
        ChatError: UNAVAILABLE, if others change it all the time.
    """
    message_id = row[MESSAGE_ID]["S"]
    for _ in range(changes.MOST_ATTEMPTS):
        if not wrote(row, user_id) and not reactions_of(row, user_id):
            return None
        group_id, at = row.get(GROUP_ID, {}).get("S", ""), times.after(row.get(CHANGED_AT, {}).get("S", ""))
        if group_id and settings().changes_table:
            changes.list_change(group_id, message_id, at)
        found, is_done = _erase(row, user_id, at)
        if found is None or is_done:
            return message.read(found) if found else None
        row = found
    raise changes.too_busy()


def _erase(row: "Row", user_id: str, at: str) -> "tuple[Row | None, bool]":
    """Erase, if nobody has changed the message since: clients keep the newest version, which must be this one.

    Returns:
        The row as it is then (None if it does not exist), and whether it was erased.
    """
    client = dynamodb()
    write = _emptied if wrote(row, user_id) else _without_reactions
    update, condition, names, values = write(row, user_id)
    is_newer, times_of_change = changes.newer(at)
    try:
        answer = client.update_item(
            TableName=settings().messages_table,
            Key={MESSAGE_ID: row[MESSAGE_ID]},
            UpdateExpression=update,
            ConditionExpression=f"({condition}) AND {is_newer}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values | times_of_change | {":user": {"S": user_id}},
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        old: Row | None = failure.response.get("Item")  # type: ignore[assignment]  # missing in the stubs
        return old, False
    return answer["Attributes"], True


_Write = tuple[str, str, dict[str, str], "Row"]
"""An update, its condition, and the names and values of both."""


def _emptied(row: "Row", _: str) -> _Write:
    # The digest could confirm a guess of the text, and clients choose clientMessageId freely.
    removed = [DATA, CLIENT_MESSAGE_ID, FIRST_DIGEST, EDITED_AT, *(name for name in row if name.startswith(REACTION))]
    names = {f"#removed{number}": name for number, name in enumerate(removed)}
    texts = {SENDER_ID: ERASED, SENDER_NAME: "", MESSAGE: ""}
    sets = [f"#{name} = :{name}" for name in texts]
    sets += [f"{CHANGED_AT} = :at", f"{DELETED_AT} = if_not_exists({DELETED_AT}, :at)"]
    values: Row = {f":{name}": {"S": value} for name, value in texts.items()}
    update = f"SET {', '.join(sets)} REMOVE {', '.join(names)}"
    return update, f"#{SENDER_ID} = :user", names | {f"#{name}": name for name in texts}, values


def _without_reactions(row: "Row", user_id: str) -> _Write:
    names = {f"#set{number}": name for number, name in enumerate(reactions_of(row, user_id))}
    update = f"SET {CHANGED_AT} = :at DELETE {', '.join(f'{name} :users' for name in names)}"
    condition = " OR ".join(f"contains({name}, :user)" for name in names)
    return update, condition, names, {":users": {"SS": [user_id]}}
