"""Reads what the functions log, from CloudWatch Logs."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any

from .emulator import Emulator

_SHOWN_FIRST = ("timestamp", "level", "route", "outcome")
_LEFT_OUT = ("message", "logger")
_LATE_MS = 5_000
_OF_LAMBDA = re.compile(r"(START|END|REPORT) RequestId: |\s*$")
"""Lines about a run, which the emulator adds, and empty ones."""


def read(emulator: Emulator, log_group: str, since: int = 0) -> list[dict[str, Any]]:
    """Read what the functions have logged to a log group, oldest line first.

    Args:
        emulator: Where they run.
        log_group: Its name.
        since: Leave out lines from before this time, in milliseconds since the epoch.
    """
    lines = map(_line, _events(emulator, log_group, since))
    return [line for line in lines if line is not None]


def follow(emulator: Emulator, log_groups: list[str]) -> Iterator[str]:
    """Yield each new line of the log groups, formatted for people. Never ends."""
    since = dict.fromkeys(log_groups, 0)
    shown: dict[str, set[str]] = {log_group: set() for log_group in log_groups}
    while True:
        for log_group in log_groups:
            events = _events(emulator, log_group, since[log_group])
            yield from (_for_people(event) for event in events if _id(event) not in shown[log_group])
            if events:
                # Many threads send lines, so an earlier line may come after a later one.
                since[log_group] = max(since[log_group], events[-1]["timestamp"] - _LATE_MS)
                shown[log_group] = {_id(event) for event in events}
        time.sleep(0.3)


def _events(emulator: Emulator, log_group: str, since: int = 0) -> list[dict[str, Any]]:
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(logGroupName=log_group, startTime=since)
    events = [event for page in pages for event in page["events"] if not _OF_LAMBDA.match(event["message"])]
    return sorted(events, key=lambda event: event["timestamp"])


def _id(event: dict[str, Any]) -> str:
    # The emulator gives no id to what a function has printed.
    return str(event.get("eventId") or (event["logStreamName"], event["timestamp"], event["message"]))


def _line(event: dict[str, Any]) -> dict[str, Any] | None:
    """Return a line of the chat, which is a JSON object. None for any other line, for example of ``print``."""
    try:
        line = json.loads(event["message"])
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def _for_people(event: dict[str, Any]) -> str:
    line = _line(event)
    if line is None:
        return str(event["message"])
    first = [str(line.get(name, "")) for name in _SHOWN_FIRST]
    # What the chat's own messages say is in the other fields.
    left_out = _LEFT_OUT if line.get("logger") == "chat" else ("logger",)
    rest = [f"{key}={value}" for key, value in line.items() if key not in (*_SHOWN_FIRST, *left_out)]
    return "  ".join([*first, *rest])
