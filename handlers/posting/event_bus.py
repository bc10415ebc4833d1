"""Events for the operator's own programs, on a bus of EventBridge. Without a bus, nothing is sent.

An event is handed over at least once: to the bus, or, if the bus does not take it, to the queue of failures.
"""

import json
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from handlers.protocol import frames, times
from handlers.runtime.deadline import call_by, start
from handlers.runtime.log import failure, logger
from handlers.runtime.settings import settings
from handlers.tables import members
from handlers.tables.aws import new_client
from handlers.tables.message import Message
from handlers.tables.schema import (
    CHANGED_AT,
    CLIENT_MESSAGE_ID,
    DATA,
    DELETED_AT,
    EDITED_AT,
    GROUP_ID,
    MESSAGE,
    MESSAGE_ID,
    REPLY_TO,
    SENDER_ID,
    SENDER_NAME,
    TIMESTAMP,
    TYPE,
)

from .events import is_large, small_group

Entry = dict[str, str]
"""An event as PutEvents takes it."""

_SECONDS = 1.0
"""Time for the bus. Then the event goes to the queue. As long for finding out who is offline."""
_QUEUE_SECONDS = 2.0
_CALL = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 1})
_MOST_ENTRIES = 10
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""
_MAX_OFFLINE_BYTES = 100 * 1024
"""Room for the users who are offline. An event has 256 KB at most, and the text of a message takes up to 28 KB:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""

_ABOUT = (
    MESSAGE_ID,
    GROUP_ID,
    SENDER_ID,
    TIMESTAMP,
    TYPE,
    REPLY_TO,
    CLIENT_MESSAGE_ID,
    CHANGED_AT,
    EDITED_AT,
    DELETED_AT,
)
_WRITTEN = (SENDER_NAME, MESSAGE, DATA)
"""What users have written, and names. An event has it only if the settings say so."""


def message_stored(message: Message, deadline: float) -> Callable[[], None]:
    """Start to hand over that a message is stored. With a members table, the event says who is offline.

    Args:
        message: The message.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        What waits until the event is handed over. It raises a ``TimeoutError`` or an error of botocore if neither the
        bus nor the queue has taken it.
    """
    return _start("messageStored", lambda: _detail(message) | _offline(message), deadline)


def message_changed(message: Message, deadline: float) -> Callable[[], None]:
    """Start to hand over that a message is edited, deleted or reacted to. As :func:`message_stored`."""
    return _start("messageChanged", lambda: _detail(message), deadline)


def people_changed(group_id: str, joined: Iterable[str], left: Iterable[str], deadline: float) -> None:
    """Hand over to the bus who has joined a group, and who has left.

    Raises:
        TimeoutError, BotoCoreError, ClientError: The bus has not taken all of it. The caller repeats it.
    """
    if not settings().event_bus:
        return
    at = times.timestamp()
    people = [("joined", user_id) for user_id in joined] + [("left", user_id) for user_id in left]
    entries = [_entry(kind, {GROUP_ID: group_id, "userId": user_id, TIMESTAMP: at}) for kind, user_id in people]
    for first in range(0, len(entries), _MOST_ENTRIES):
        _put(entries[first : first + _MOST_ENTRIES], deadline)


def _start(kind: str, detail: Callable[[], dict[str, Any]], deadline: float) -> Callable[[], None]:
    if not settings().event_bus:
        return lambda: None
    until = min(deadline, time.monotonic() + 2 * _SECONDS + _QUEUE_SECONDS)
    wait = start(lambda: _hand_over(_entry(kind, detail()), until))
    return lambda: wait(until)


def _hand_over(entry: Entry, deadline: float) -> None:
    try:
        _put([entry], deadline)
    except Exception as error:  # Whatever is wrong with the bus, the queue keeps the event.
        logger.warning("event not taken by the bus: the failures queue gets it", extra=failure(error))
        _queue().send_message(QueueUrl=settings().failures_queue, MessageBody=json.dumps(entry))


def _put(entries: list[Entry], deadline: float) -> None:
    client = bus_client()
    answer = call_by(min(deadline, time.monotonic() + _SECONDS), lambda: client.put_events(Entries=entries))
    # The call succeeds even if the bus takes none of its entries.
    if answer["FailedEntryCount"]:
        refused = next(result for result in answer["Entries"] if "ErrorCode" in result)
        raise ClientError({"Error": {"Code": refused["ErrorCode"]}}, "PutEvents")


def _entry(kind: str, detail: dict[str, Any]) -> Entry:
    return {
        "EventBusName": settings().event_bus,
        "Source": settings().event_source,
        "DetailType": kind,
        "Detail": frames.encode(detail).decode(),
    }


def _detail(message: Message) -> dict[str, Any]:
    names = (*_ABOUT, *_WRITTEN) if settings().event_text else _ABOUT
    return {name: message[name] for name in names if name in message}


def _offline(message: Message) -> dict[str, Any]:
    """The members of a group who have no connection in it. Nobody is named if the group is too large."""
    if not settings().members_table:
        return {}
    try:
        offline = call_by(time.monotonic() + _SECONDS, lambda: _members_without_connection(message[GROUP_ID]))
    except Exception as error:  # The event is more important than the list.
        logger.warning("event does not say who is offline", extra=failure(error))
        offline = None
    # The index may not list the sender's connection yet.
    named = sorted(offline - {message[SENDER_ID]}) if offline else []
    size, fitting = 0, []
    for user_id in named:
        size += len(frames.encode({"": user_id}))
        if size > _MAX_OFFLINE_BYTES:
            break
        fitting.append(user_id)
    return {"offlineUserIds": fitting, "truncated": offline is None or len(fitting) < len(named)}


def _members_without_connection(group_id: str) -> frozenset[str] | None:
    """Who is offline. None if the group is too large to know."""
    connected = small_group(group_id)
    if not connected and is_large(group_id):
        return None
    return (members.of_group(group_id).user_ids or frozenset()) - {one.user_id for one in connected}


@cache
def bus_client() -> Any:  # noqa: ANN401 - made at run time
    """The client that hands over events. None if there is no bus."""
    bus = settings().event_bus
    # The bus may be in another region: its ARN names it.
    return new_client("events", region=bus.split(":")[3], config=_CALL) if bus else None


@cache
def _queue() -> Any:  # noqa: ANN401 - made at run time
    # Built on first use: only an event that the bus does not take pays for it.
    return new_client("sqs", config=_CALL)
