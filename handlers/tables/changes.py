"""Changes to messages. A change is in the message's own row; the table of changes only lists when it happened.

The table exists if ``changes`` is true. Its rows come first, so that a change which is stored is always listed.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from . import message, messages
from .aws import dynamodb
from .message import Message
from .schema import CHANGE, CHANGED_AT, DELETED_AT, EXPIRES_AT, GROUP_ID, MESSAGE_ID

if TYPE_CHECKING:
    from .aws import Row

KEPT_SECONDS = 30 * 24 * 60 * 60
"""How long a change is listed."""
MOST_ATTEMPTS = 5
"""How often a change is tried if others change the same message at the same moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a change does to a message's row, beside setting ``changedAt``.

    Attributes:
        texts: Attributes that it sets, with their values.
        removed: Attributes that it removes.
        added: Attribute of type set, and what it adds to that.
        taken: Attribute of type set, and what it takes from that.
    """

    texts: dict[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: tuple[str, str] | None = None
    taken: tuple[str, str] | None = None


Decide = Callable[["Row", Message, str], Update | None]
"""Decides from a message's row, the message, and the time of the change what the change does. None: it is done already.
May raise a :class:`ChatError`."""


def change(group_id: str, message_id: str, decide: Decide) -> tuple[Message, bool]:
    """Change a message.

    Args:
        group_id: Its group.
        message_id: The message.
        decide: Called again if others change the message meanwhile.

    Returns:
        The message as it is then, and whether this call changed it.

    Raises:
        ChatError: NOT_FOUND, if the group has no such message; UNAVAILABLE, if others change it all the time; or what
            ``decide`` raises.
    """
    row, tried = messages.find([message_id]).get(message_id), ""
    for _ in range(MOST_ATTEMPTS):
        found = message.read(row) if row else {}
        if row is None or found.get(GROUP_ID) != group_id:
            raise ChatError(Code.NOT_FOUND, "this group has no such message")
        at = times.after(str(found.get(CHANGED_AT, "")))
        update = decide(row, found, at)
        if update is None:
            # With the time of the attempt, it was this call: the SDK repeated the update because its answer was lost.
            return found, found.get(CHANGED_AT) == tried
        list_change(group_id, message_id, at)
        row, is_done = _apply(group_id, message_id, update, at)
        if row and is_done:
            return message.read(row), True
        tried = at
    raise too_busy()


def too_busy() -> ChatError:
    """The error after the last attempt."""
    return ChatError(
        Code.UNAVAILABLE, "others are changing this message at the same moment: try again later", retryable=True
    )


def read_on(group_id: str, start: str, most: int) -> Iterator[tuple[str, str]]:
    """Read which messages of a group were changed, in the order of the changes, with one query.

    The read is not consistent, which would cost twice as much: the next catch-up reads the last minute again.

    Args:
        group_id: The group.
        start: A time, or the place of a change. The changes after it are read.
        most: Largest number of changes.

    Returns:
        The place of each change, and the id of its message.
    """
    answer = dynamodb().query(
        TableName=settings().changes_table,
        KeyConditionExpression=f"{GROUP_ID} = :group AND {CHANGE} > :start",
        ExpressionAttributeValues={":group": {"S": group_id}, ":start": {"S": start}},
        Limit=most,
    )
    return ((place, place.partition("#")[2]) for row in answer["Items"] if (place := row[CHANGE]["S"]))


def list_change(group_id: str, message_id: str, at: str) -> None:
    """List that a message is changed at a time. Call this before the message is changed."""
    dynamodb().put_item(
        TableName=settings().changes_table,
        Item={
            GROUP_ID: {"S": group_id},
            CHANGE: {"S": f"{at}#{message_id}"},
            EXPIRES_AT: {"N": str(int(time.time()) + KEPT_SECONDS)},
        },
    )


def newer(at: str) -> "tuple[str, Row]":
    """The condition that a message was last changed before a time, and its values. They have the names of no attribute.

    What another program wrote into ``changedAt`` may be no time, or one that lies far ahead.
    """
    condition = (
        f"(attribute_not_exists({CHANGED_AT}) OR NOT attribute_type({CHANGED_AT}, :text) OR "
        f"{CHANGED_AT} < :at OR {CHANGED_AT} > :ahead)"
    )
    ahead = times.of(time.time() + times.CLOCKS_DIFFER_SECONDS)
    return condition, {":at": {"S": at}, ":ahead": {"S": ahead}, ":text": {"S": "S"}}


def _apply(group_id: str, message_id: str, update: Update, at: str) -> "tuple[Row | None, bool]":
    """Change a message's row, if nobody has changed it since, and it is not deleted.

    Returns:
        The row as it is then (None if it does not exist), and whether it has the change.
    """
    client = dynamodb()
    is_newer, values = newer(at)
    parts = {
        "SET": [f"{CHANGED_AT} = :at", *(f"#{name} = :{name}" for name in update.texts)],
        "REMOVE": [f"#removed{number}" for number, _ in enumerate(update.removed)],
        "ADD": ["#set :member"] if update.added else [],
        "DELETE": ["#set :member"] if update.taken else [],
    }
    names = {f"#{name}": name for name in update.texts}
    names |= {f"#removed{number}": name for number, name in enumerate(update.removed)}
    values[":group"] = {"S": group_id}
    for name, value in update.texts.items():
        values[f":{name}"] = {"S": value}
    if member := update.added or update.taken:
        names["#set"] = member[0]
        values[":member"] = {"SS": [member[1]]}
    try:
        answer = client.update_item(
            TableName=settings().messages_table,
            Key={MESSAGE_ID: {"S": message_id}},
            UpdateExpression=" ".join(f"{verb} {', '.join(some)}" for verb, some in parts.items() if some),
            ConditionExpression=f"{GROUP_ID} = :group AND attribute_not_exists({DELETED_AT}) AND {is_newer}",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        old: Row | None = failure.response.get("Item")  # type: ignore[assignment]  # missing in the stubs
        return old, False
    return answer["Attributes"], True
