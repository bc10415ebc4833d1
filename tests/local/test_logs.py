"""The functions' log lines that `make chat` shows."""

import json
import time
from collections.abc import Iterator

import pytest

from local.emulator import Emulator
from local.logs import follow


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        yield running


def test_every_line_is_shown_once_even_if_it_comes_late(emulator: Emulator) -> None:
    logs, now = emulator.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="group")

    def log(stream: str, *lines: tuple[int, str]) -> None:
        logs.create_log_stream(logGroupName="group", logStreamName=stream)
        events = [{"timestamp": now + ms, "message": json.dumps({"outcome": line})} for ms, line in lines]
        logs.put_log_events(logGroupName="group", logStreamName=stream, logEvents=events)

    shown = (line.strip() for line in follow(emulator, ["group"]))
    log("first", (-60_000, "old"), (0, "same time"), (0, "same time"))
    assert [next(shown) for _ in range(3)] == ["old", "same time", "same time"]
    log("second", (-1_000, "late"), (1, "new"))
    assert [next(shown) for _ in range(2)] == ["late", "new"]
    log("third", (10_000, "last"))
    assert next(shown) == "last"


def test_what_other_programs_print_is_shown_and_what_lambda_adds_is_not(emulator: Emulator) -> None:
    logs, now = emulator.client("logs"), int(time.time() * 1000)
    logs.create_log_group(logGroupName="printed")
    logs.create_log_stream(logGroupName="printed", logStreamName="one")
    lines = [
        "START RequestId: 1 Version: $LATEST",
        "notify bob",
        "{'user': 'bob'}",
        " ",
        json.dumps({"level": "WARNING", "message": "not published", "logger": "root"}),
        json.dumps({"level": "INFO", "message": "served", "logger": "chat", "route": "publish"}),
        "END RequestId: 1",
        "REPORT RequestId: 1\tDuration: 1 ms",
        "last",
    ]
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(
        logGroupName="printed", logStreamName="one", logEvents=[one for one in events if one["message"]]
    )
    shown = follow(emulator, ["printed"])
    assert [" ".join(next(shown).split()) for _ in range(5)] == [
        "notify bob",
        "{'user': 'bob'}",
        "WARNING message=not published",
        "INFO publish",
        "last",
    ]
