"""Reads what the functions log, from CloudWatch Logs."""

import json
import time
from collections.abc import Iterator
from typing import Any

from .emulator import Emulator

_SHOWN_FIRST = ("timestamp", "level", "route", "outcome")
_LEFT_OUT = ("message", "logger")
_LATE_MS = 5_000


def read(emulator: Emulator, log_group: str, since: int = 0) -> list[dict[str, Any]]:
    """Read what the functions have logged to a log group, oldest line first.

    Args:
        emulator: Where they run.
        log_group: Its name.
        since: Leave out lines from before this time, in milliseconds since the epoch.
    """
    return [_line(event) for event in _events(emulator, log_group, since)]


def follow(emulator: Emulator, log_groups: list[str]) -> Iterator[str]:
    """Yield each new line of the log groups, formatted for people. Never ends."""
    since = dict.fromkeys(log_groups, 0)
    shown: dict[str, set[str]] = {log_group: set() for log_group in log_groups}
    while True:
        for log_group in log_groups:
            events = _events(emulator, log_group, since[log_group])
            yield from (_for_people(_line(event)) for event in events if event["eventId"] not in shown[log_group])
            if events:
                # Many threads send lines, so an earlier line may come after a later one.
                since[log_group] = max(since[log_group], events[-1]["timestamp"] - _LATE_MS)
                shown[log_group] = {event["eventId"] for event in events}
        time.sleep(0.3)


def _events(emulator: Emulator, log_group: str, since: int = 0) -> list[dict[str, Any]]:
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group, startTime=since)
    # The emulator adds its own START, END and REPORT lines. Keep only the JSON lines.
    events = [event for page in pages for event in page["events"] if event["message"].startswith("{")]
    return sorted(events, key=lambda event: event["timestamp"])


def _line(event: dict[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(event["message"])
    return line


def _for_people(line: dict[str, Any]) -> str:
    first = [str(line.get(name, "")) for name in _SHOWN_FIRST]
    rest = [f"{key}={value}" for key, value in line.items() if key not in (*_SHOWN_FIRST, *_LEFT_OUT)]
    return "  ".join([*first, *rest])
