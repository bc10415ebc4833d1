"""What the functions log, as CloudWatch Logs has it."""

import json
import time
from collections.abc import Iterator
from typing import Any

from .emulator import Emulator

_SHOWN_FIRST = ("timestamp", "level", "route", "outcome")
_LEFT_OUT = ("message", "logger")


def read(emulator: Emulator, log_group: str) -> list[dict[str, Any]]:
    """Read all that is in a log group, oldest first.

    Returns:
        The lines, decoded, each with the ``eventId`` of CloudWatch Logs.
    """
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group)
    events = [event for page in pages for event in page["events"]]
    events.sort(key=lambda event: event["timestamp"])
    return [{"eventId": event["eventId"]} | json.loads(event["message"]) for event in events]


def follow(emulator: Emulator, log_groups: list[str]) -> Iterator[str]:
    """Yield each line of the log groups once, as it comes, for people. Never ends."""
    seen: set[str] = set()
    while True:
        for log_group in log_groups:
            for line in read(emulator, log_group):
                if line["eventId"] not in seen:
                    seen.add(line["eventId"])
                    yield _for_people(line)
        time.sleep(0.3)


def _for_people(line: dict[str, Any]) -> str:
    first = [str(line.get(name, "")) for name in _SHOWN_FIRST]
    rest = [f"{key}={value}" for key, value in line.items() if key not in (*_SHOWN_FIRST, *_LEFT_OUT, "eventId")]
    return "  ".join([*first, *rest])
