"""Actions ``exportUser`` and ``eraseUser`` of the owner's programs, for what laws on data protection ask for.

Nothing lists the messages of a user, so both read the whole messages table, in several calls.
"""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from handlers.posting.change_delivery import push_change, tell_of_change
from handlers.posting.fan_out import Group
from handlers.protocol import cursors, frames
from handlers.protocol.client_frames import required_id
from handlers.protocol.errors import ChatError, Code
from handlers.requests.call import Call
from handlers.requests.side_by_side import side_by_side
from handlers.runtime.settings import settings
from handlers.tables import read_markers, user_messages
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.message import Message, read
from handlers.tables.schema import GROUP_ID, MESSAGE_ID, REACTION, TIMESTAMP

if TYPE_CHECKING:
    from handlers.tables.aws import Row

V = TypeVar("V")
T = TypeVar("T")

_MOST_BYTES = 3 * 1024 * 1024
"""Size of an answer above which another call goes on. A row has up to 400 KB, which JSON may write six times as long.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (invocation payload: 6 MB)"""
_ERASED_TOGETHER = 64
"""Messages that are erased before the time is looked at again."""
_PAGE_SECONDS = 2.0
"""Time that is kept for reading and serving another page."""


def export_user(call: Call) -> frames.Frame:
    """Return what a user wrote, the user's reactions, and how far the user has read.

    Returns:
        ``messages``, with all attributes of their rows; ``reactions``; ``readMarkers``, in the first answer; and
        ``after`` for the next call. It is null at the end.

    Raises:
        ChatError: BAD_REQUEST or UNAVAILABLE.
    """
    user_id, after = _asked(call)
    messages: list[Message] = []
    reactions: list[frames.Frame] = []
    size = 0
    with unavailable_on_failure():
        markers = [] if after else _markers_of(user_id)
        for rows, next_after in user_messages.pages(after):
            for row in rows:
                found = _message(row) if user_messages.wrote(row, user_id) else None
                reacted = _reactions_of(row, user_id)
                size += len(json.dumps([found, reacted]))
                if size > _MOST_BYTES and (messages or reactions):
                    return _exported(call, messages, reactions, markers, after)
                messages += [found] if found else []
                reactions += reacted
                after = row[MESSAGE_ID]["S"]
            after = next_after
            if time.monotonic() > call.deadline - _PAGE_SECONDS:
                break
    return _exported(call, messages, reactions, markers, after)


def _exported(
    call: Call, messages: list[Message], reactions: list[frames.Frame], markers: list[frames.Frame], after: str
) -> frames.Frame:
    call.log |= {"messages": len(messages), "reactions": len(reactions), "readMarkers": len(markers)}
    return {"messages": messages, "reactions": reactions, "readMarkers": markers, "after": _cursor(after)}


def _message(row: "Row") -> Message:
    # What a client calls reactions has them already.
    return {name: value for name, value in read(row).items() if not name.startswith(REACTION)}


def _reactions_of(row: "Row", user_id: str) -> list[frames.Frame]:
    place = {name: row.get(name, {}).get("S", "") for name in (GROUP_ID, MESSAGE_ID)}
    return [place | {"reaction": name.removeprefix(REACTION)} for name in user_messages.reactions_of(row, user_id)]


def _markers_of(user_id: str) -> list[frames.Frame]:
    if not settings().read_markers_table:
        return []
    return [
        {GROUP_ID: one.group_id, MESSAGE_ID: one.message_id, TIMESTAMP: one.timestamp}
        for one in read_markers.of_user(user_id)
    ]


def erase_user(call: Call) -> frames.Frame:
    """Empty the messages of a user, and take the user's reactions and read markers away. Groups are told.

    Returns:
        How many ``messages`` and ``readMarkers`` were changed, and ``after`` for the next call. It is null at the end.
        A call can be repeated: it changes only what is left.

    Raises:
        ChatError: BAD_REQUEST or UNAVAILABLE.
    """
    user_id, after = _asked(call)
    if user_id == user_messages.ERASED:
        raise ChatError(Code.BAD_REQUEST, "userId must not be erased: all users who were erased have this id")

    def erase(row: "Row") -> bool:
        with unavailable_on_failure():
            message = user_messages.erase(row, user_id)
        # A row of another program may be in no group.
        if message and GROUP_ID in message:

            def tell() -> None:
                if settings().changes_table:
                    push_change(message, Group(message[GROUP_ID]), deadline=call.deadline)

            tell_of_change(message, tell, deadline=call.deadline)
        return message is not None

    counts = {"messages": 0, "readMarkers": 0}
    call.log |= counts
    with unavailable_on_failure():
        counts["readMarkers"] = _forget_markers(call, user_id)
        for rows, next_after in user_messages.pages(after):
            mine = [
                row for row in rows if user_messages.wrote(row, user_id) or user_messages.reactions_of(row, user_id)
            ]
            for start in range(0, len(mine), _ERASED_TOGETHER):
                together = {row[MESSAGE_ID]["S"]: row for row in mine[start : start + _ERASED_TOGETHER]}
                if start and time.monotonic() > call.deadline - _PAGE_SECONDS:
                    return _erased(call, counts, after)
                counts["messages"] += sum(_each(together, erase, call.deadline))
                after = list(together)[-1]
            after = next_after
            if time.monotonic() > call.deadline - _PAGE_SECONDS:
                break
    return _erased(call, counts, after)


def _erased(call: Call, counts: dict[str, int], after: str) -> frames.Frame:
    call.log |= counts
    return {**counts, "after": _cursor(after)}


def _forget_markers(call: Call, user_id: str) -> int:
    if not settings().read_markers_table:
        return 0
    markers = {one.group_id: one for one in read_markers.of_user(user_id)}
    return len(_each(markers, read_markers.delete, call.deadline))


def _each(items: dict[str, V], work: Callable[[V], T], deadline: float) -> list[T]:
    """Do something with each item, some at the same time.

    Raises:
        Exception: The first error. The others were done all the same, and can be done again.
    """
    outcomes = side_by_side(items, lambda name: work(items[name]), deadline=deadline).values()
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def _asked(call: Call) -> tuple[str, str]:
    """The user, and the message after which the call goes on."""
    after = call.frame.get("after")
    return required_id(call.frame, "userId"), "" if after is None else cursors.decode_message(after)


def _cursor(after: str) -> str | None:
    return cursors.encode_message(after) if after else None
