"""Function ``WebSocketPresence``: tells groups which users have joined and left.

It reads the stream of the connections table, so every end of a connection counts: a ``$disconnect``, the clean-up after
a 410, and the table's time to live. A record may come twice or late.
"""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from .posting.event_bus import bus_client, people_changed
from .posting.events import is_large, push_event, small_group
from .posting.management_api import management_api
from .protocol import frames
from .protocol.errors import ChatError
from .requests.background import PartialFailureError, background
from .requests.invocation import prepare
from .runtime.deadline import require_time
from .runtime.log import failure, logger
from .runtime.memory import make_room, remember
from .runtime.settings import settings
from .tables import connections
from .tables.aws import dynamodb, unavailable_on_failure
from .tables.connection import Connection, read
from .tables.group_rows import delete_group_rows

_told: set[str] = set()
"""Records that were served. If one of them fails, Lambda also repeats those after it."""
_MOST_TOLD = 10_000
_ended: set[str] = set()
"""Records of connections whose group rows are deleted."""
_ENDS_AT_ONCE = 8
"""Connections whose group rows are deleted at the same time."""
_missed: dict[str, set[str]] = {}
"""Connections that a group's frame has not reached, by the first of its records. Only they get the frame when Lambda
repeats the record."""
_MOST_MISSED = 100


@dataclass(frozen=True, slots=True)
class Change:
    """A connection that has opened or closed, from a record of the stream.

    Attributes:
        record: Sequence number of the record.
        connection: The connection.
        opened: Whether it has opened.
    """

    record: str
    connection: Connection
    opened: bool


def presence_events(event: dict[str, Any], deadline: float) -> dict[str, int]:
    """Tell each group of a batch, in one frame, who has joined and who has left. End what ended connections have left.

    Args:
        event: A batch of the stream's records, with old and new images.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The number of records, and the number of groups that were told something.

    Raises:
        PartialFailureError: Some groups could not be told. Lambda repeats the batch from the first of their records.
    """
    told = 0
    failed: dict[str, BaseException | None] = {}
    changes = [change for record in event["Records"] if (change := _change(record))]
    for group_id, of_group in _by_group(changes).items():
        records = [change.record for change in of_group]
        try:
            with unavailable_on_failure():
                told += _tell(group_id, of_group, deadline)
        except ChatError as error:
            failed |= dict.fromkeys(records, error.__cause__)
            continue
        except Exception as error:  # It would fail again, and hold up the other groups.
            logger.error("group not told, and not tried again", extra=failure(error))
        remember(_told, *records, most=_MOST_TOLD)
    failed |= _end(changes, deadline)
    if failed:
        raise PartialFailureError(list(failed)) from next(iter(failed.values()))
    return {"records": len(event["Records"]), "told": told}


def _by_group(changes: list[Change]) -> dict[str, list[Change]]:
    """What has changed in each group, in order, without records that were served before."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        if change.connection.group_id and change.record not in _told:
            groups.setdefault(change.connection.group_id, []).append(change)
    return groups


def _end(changes: list[Change], deadline: float) -> dict[str, BaseException | None]:
    """Delete the group rows of connections whose own rows are gone. Returns the records that failed, and why."""
    failed: dict[str, BaseException | None] = {}

    def end(change: Change) -> None:
        try:
            with unavailable_on_failure():
                require_time(deadline)
                delete_group_rows(change.connection)
        except ChatError as error:
            failed[change.record] = error.__cause__
        else:
            remember(_ended, change.record, most=_MOST_TOLD)

    ended = [change for change in changes if change.connection.groups and change.record not in _ended]
    with ThreadPoolExecutor(_ENDS_AT_ONCE) as threads:
        list(threads.map(end, ended))
    return failed


def _change(record: dict[str, Any]) -> Change | None:
    """What a record says. None if it is about something else than connections in groups."""
    kind, stored = record["eventName"], record["dynamodb"]
    new = read(stored["NewImage"]) if "NewImage" in stored else None
    old = read(stored["OldImage"]) if "OldImage" in stored else None
    if kind == "INSERT" and new:
        return Change(stored["SequenceNumber"], replace(new, groups=frozenset()), opened=True)
    if kind == "REMOVE" and old:
        return Change(stored["SequenceNumber"], old, opened=False)
    # A connection that leaves the group of its handshake keeps its own row and its other groups.
    if old and new and old.group_id != new.group_id:
        return Change(stored["SequenceNumber"], replace(old, groups=frozenset()), opened=False)
    return None


def _tell(group_id: str, changes: list[Change], deadline: float) -> bool:
    """Tell a group. Returns whether there was anything to tell, and anybody to tell it.

    Raises:
        TimeoutError: The deadline has come before everybody was told.
    """
    require_time(deadline)
    first = {change.connection.row_id: change for change in reversed(changes)}
    last = {change.connection.row_id: change for change in changes}
    before = dict.fromkeys(change.connection.user_id for change in first.values() if not change.opened)
    now = dict.fromkeys(change.connection.user_id for change in last.values() if change.opened)
    joined = [user_id for user_id in now if user_id not in before]
    left = [user_id for user_id in before if user_id not in now]
    if not joined and not left:
        return False
    connected = small_group(group_id)
    if not connected and (not settings().event_bus or is_large(group_id)):
        return False
    others = [other for other in connected if other.row_id not in last]
    opened = [change.connection for change in last.values() if change.opened]
    joined = [user_id for user_id in joined if not _was_here(user_id, others, opened)]
    left = [user_id for user_id in left if not _is_here(user_id, others)]
    record, missed = changes[0].record, set[str]()
    waiting = _missed.pop(record, None)
    recipients = [one for one in connected if waiting is None or one.connection_id in waiting]
    names = {one.user_id: one.name for one in opened if one.name}
    for frame in _frames(group_id, joined, left, names):
        push_event(frame, recipients, deadline=deadline, on_failure=lambda one: missed.add(one.connection_id))
    # If one of the two fails, only those who were missed are told again.
    make_room(_missed, _MOST_MISSED)
    _missed[record] = missed
    people_changed(group_id, joined, left, deadline)
    if missed and time.monotonic() >= deadline:
        raise TimeoutError
    del _missed[record]
    return bool(joined or left)


def _was_here(user_id: str, others: list[Connection], opened: list[Connection]) -> bool:
    """Whether a user who has opened connections had another device before.

    If devices open at the same moment, in batches that are served side by side, only the earliest counts as the first.
    """
    since = min(_age(one) for one in opened if one.user_id == user_id)
    return _is_here(user_id, [other for other in others if _age(other) < since])


def _is_here(user_id: str, others: list[Connection]) -> bool:
    """Whether a user has another device. The index lags, so the table decides."""
    mine = (other for other in others if other.user_id == user_id)
    # A connection that has left the group of its handshake still has its own row.
    return any((found := connections.find(other.row_id)) and found.group_id == other.group_id for other in mine)


def _age(connection: Connection) -> tuple[str, str]:
    return connection.joined_at, connection.row_id


def _frames(group_id: str, joined: list[str], left: list[str], names: dict[str, str]) -> Iterator[frames.Frame]:
    """The frames for all recipients. There is one, unless it would be too large."""
    while joined or left:
        now, _ = frames.fit([frames.member(one, names) for one in joined] + [frames.member(one, {}) for one in left])
        joins, leaves = now[: len(joined)], now[len(joined) :]
        yield {"action": "presenceChanged", "groupId": group_id, "joined": joins, "left": leaves}
        joined, left = joined[len(joins) :], left[len(leaves) :]


prepare(dynamodb, management_api, bus_client)
handler = background("presence", presence_events)
