"""Cursors: opaque positions in a group's history, and in a list of groups."""

import hashlib
import json
from dataclasses import dataclass

from . import base64url
from .errors import ChatError, Code
from .frames import MAX_ID_BYTES

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (sort and partition keys)
_MAX_TIMESTAMP_BYTES = 1024
_MAX_MESSAGE_ID_BYTES = 2048
_MAX_CHANGE_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position in a group's history, right after the message that it names.

    Attributes:
        timestamp: Timestamp of the message. Empty before the first message.
        message_id: Its id.
        began: When the client asked for the first page of this catch-up. None if it had reached the end of the history:
            the position is settled. The next read then begins some seconds before the position, because a message may
            reach the index after another one with a later timestamp.
        changes: The position in the changes to messages: the time before which all are read, give or take some seconds.
            While a catch-up reads changes, the place of the last one. None if changes are not listed.
    """

    timestamp: str
    message_id: str
    began: str | None = None
    changes: str | None = None

    @property
    def is_in_changes(self) -> bool:
        """Whether a catch-up has read all messages, and goes on with the changes."""
        return "#" in (self.changes or "")

    @property
    def place(self) -> tuple[str, str]:
        """The position in the order of the messages."""
        return self.timestamp, self.message_id

    def settled(self, began: str) -> "Position":
        """The position that a catch-up reached which began at a time.

        It is never after that time. A message that was not in the index yet may be older than those of later pages, and
        the timestamps of other programs may be in the future.
        """
        changes = self.changes and began
        return Position(timestamp=min(self.timestamp, began), message_id=self.message_id, changes=changes)


START = Position(timestamp="", message_id="")


def encode(group_id: str, position: Position) -> str:
    """Make a cursor of a position in a group."""
    fields = [_digest(group_id), position.timestamp, position.message_id, position.began]
    fields += [position.changes] if position.changes else []
    return base64url.encode(json.dumps(fields, ensure_ascii=False).encode())


def decode(group_id: str, cursor: object) -> Position:
    """Read a cursor.

    Raises:
        ChatError: BAD_REQUEST, if the cursor is invalid or belongs to another group.
    """
    try:
        digest, timestamp, message_id, began, *rest = json.loads(base64url.decode(str(cursor)))
        # Cursors that were made while changes were not listed end here.
        [changes] = rest or [None]
        # Cursors of earlier versions have true at the end of the history, and false in a catch-up.
        began = None if began is True else timestamp if began is False else began
        ours = (
            digest == _digest(group_id)
            and bool(timestamp) == bool(message_id)
            and len(timestamp.encode()) <= _MAX_TIMESTAMP_BYTES
            and len(message_id.encode()) <= _MAX_MESSAGE_ID_BYTES
            and (began is None or 0 < len(began.encode()) <= _MAX_TIMESTAMP_BYTES)
            and (changes is None or 0 < len(changes.encode()) <= _MAX_CHANGE_BYTES)
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        ours = False
    if not ours:
        raise ChatError(
            Code.BAD_REQUEST, "the cursor is invalid or of another group: take it from a history frame of this group"
        )
    return Position(timestamp=timestamp, message_id=message_id, began=began, changes=changes)


def encode_group(group_id: str) -> str:
    """Make a cursor of a position in a list of groups, right after a group. Empty: before the first one."""
    return base64url.encode(group_id.encode())


def decode_group(cursor: object) -> str:
    """Read a cursor of a list of groups.

    Raises:
        ChatError: BAD_REQUEST, if the cursor is invalid.
    """
    group_id = _text(cursor)
    if group_id is None or len(group_id.encode()) > MAX_ID_BYTES:
        raise ChatError(Code.BAD_REQUEST, "the cursor is invalid: take it from a groups frame")
    return group_id


def encode_message(message_id: str) -> str:
    """Make a cursor of a place in the messages table, right after a message."""
    return base64url.encode(message_id.encode())


def decode_message(cursor: object) -> str:
    """Read a cursor of a place in the messages table.

    Raises:
        ChatError: BAD_REQUEST, if the cursor is invalid.
    """
    message_id = _text(cursor)
    if not message_id or len(message_id.encode()) > _MAX_MESSAGE_ID_BYTES:
        raise ChatError(Code.BAD_REQUEST, "after is no valid cursor: take it from the last answer")
    return message_id


def _text(cursor: object) -> str | None:
    try:
        return base64url.decode(str(cursor)).decode()
    except ValueError:
        return None


def _digest(group_id: str) -> str:
    return hashlib.sha256(group_id.encode()).hexdigest()[:16]
