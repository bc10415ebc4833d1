"""What the functions log, as CloudWatch Logs has it."""

import json
import time
from collections.abc import Iterator
from typing import Any

from .emulator import Emulator

_SHOWN_FIRST = ("timestamp", "level", "route", "outcome")
_LEFT_OUT = ("message", "logger")


def read(emulator: Emulator, log_group: str) -> list[dict[str, Any]]:
    """Read what the functions have logged to a log group, oldest line first."""
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group)
    events = [event for page in pages for event in page["events"]]
    events.sort(key=lambda event: event["timestamp"])
    # Beside their JSON lines there are the emulator's own START, END and REPORT.
    return [json.loads(event["message"]) for event in events if event["message"].startswith("{")]


def follow(emulator: Emulator, log_groups: list[str]) -> Iterator[str]:
    """Yield each line of the log groups as it comes, for people. Never ends."""
    shown = dict.fromkeys(log_groups, 0)
    while True:
        for log_group in log_groups:
            new = read(emulator, log_group)[shown[log_group] :]
            shown[log_group] += len(new)
            yield from map(_for_people, new)
        time.sleep(0.3)


def _for_people(line: dict[str, Any]) -> str:
    first = [str(line.get(name, "")) for name in _SHOWN_FIRST]
    rest = [f"{key}={value}" for key, value in line.items() if key not in (*_SHOWN_FIRST, *_LEFT_OUT)]
    return "  ".join([*first, *rest])
