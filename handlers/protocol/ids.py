"""Message ids."""

import json
import os
import threading
import time
import uuid
from collections.abc import Iterator

_NAMESPACE = uuid.UUID("6f1b3c52-7d0e-5a0b-9c58-2f4a7d6f0e11")


def fresh_message_id() -> str:
    """A new id that sorts by time: UUID version 7 of RFC 9562.

    Within one process each id is larger than the one before, even if the clock runs backwards.
    https://www.rfc-editor.org/rfc/rfc9562#section-6.2
    """
    with _one_thread:  # A generator cannot be used by two at once.
        return str(uuid.UUID(int=next(_values)))


def _increasing() -> Iterator[int]:
    latest = 0
    while True:
        value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        latest = max(value, latest + 1)
        yield latest


_values = _increasing()
_one_thread = threading.Lock()


def derived_message_id(group_id: str, user_id: str, client_message_id: str) -> str:
    """The id of a message with a ``clientMessageId``: the same for every retry, another one for every other message."""
    # JSON quotes each part, so that different parts never give the same text.
    return str(uuid.uuid5(_NAMESPACE, json.dumps([group_id, user_id, client_message_id])))
