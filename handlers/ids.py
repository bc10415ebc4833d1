"""Timestamps and message ids."""

import json
import math
import os
import time
import uuid
from datetime import UTC, datetime, timedelta

_NAMESPACE = uuid.UUID("6f1b3c52-7d0e-5a0b-9c58-2f4a7d6f0e11")


def timestamp() -> str:
    """Now, as stored and sent: UTC in ISO 8601, always with microseconds, so that string order is time order."""
    return _format(datetime.now(UTC))


def earlier(than: str, seconds: float) -> str:
    """A timestamp some seconds before another one, which is returned itself where it is none that can be read.

    Never one that sorts after it, as the UTC of a time in another offset might.
    """
    try:
        return min(than, _format(datetime.fromisoformat(than).astimezone(UTC) - timedelta(seconds=seconds)))
    except (ValueError, OverflowError):
        return than


def _format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def age(of: str) -> float:
    """Seconds since a :func:`timestamp`, or since any ISO 8601 time; for ever, where it is none that can be read."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(of).astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return math.inf


def fresh_message_id() -> str:
    """A new id that sorts by time: UUID version 7 of RFC 9562."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def derived_message_id(group_id: str, user_id: str, client_message_id: str) -> str:
    """The id of a message its sender has named: the same for every retry, different for everybody else's."""
    # JSON quotes each part, so that no two triples encode alike.
    return str(uuid.uuid5(_NAMESPACE, json.dumps([group_id, user_id, client_message_id])))
