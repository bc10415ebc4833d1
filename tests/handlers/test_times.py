"""Times: the format of ours, and how times of other programs are read."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from handlers.protocol import times


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped clock, at a full second."""

    class StoppedClock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "StoppedClock":
            assert tz is UTC
            return cls(2031, 2, 3, 4, 5, 6, tzinfo=UTC)

    monkeypatch.setattr("handlers.protocol.times.datetime", StoppedClock)


def test_timestamp_has_its_full_width_on_a_full_second() -> None:
    assert times.timestamp() == "2031-02-03T04:05:06.000000Z"


@pytest.mark.parametrize(
    ("than", "seconds", "expected"),
    [
        ("2026-01-01T00:01:00.000000Z", 60, "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.000001Z", 0.5, "2025-12-31T23:59:59.500001Z"),
        ("2026-01-01T00:01:00Z", 60, "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00+02:00", 60, "2025-12-31T21:59:00.000000Z"),
        pytest.param(
            "2026-01-01T10:00:00-05:00", 60, "2026-01-01T10:00:00-05:00", id="never later when compared as text"
        ),
        pytest.param("0001-01-01T00:00:00Z", 60, "0001-01-01T00:00:00Z", id="before the year 1"),
        *[(text, 60, text) for text in ("", "yesterday", "2026-13-01")],
    ],
)
def test_earlier_subtracts_seconds(than: str, seconds: float, expected: str) -> None:
    assert times.earlier(than, seconds) == expected


@pytest.fixture
def tokyo() -> Iterator[None]:
    """A machine in another time zone."""
    with pytest.MonkeyPatch.context() as machine:
        machine.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("tokyo")
def test_the_time_zone_of_the_machine_changes_nothing() -> None:
    assert times.timestamp() == "2031-02-03T04:05:06.000000Z"
    assert times.earlier("2026-01-01T00:01:00Z", 60) == "2026-01-01T00:00:00.000000Z"
    assert times.age("2031-02-03T04:05:05Z") == times.age("2031-02-03 04:05:05") == 1


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("2031-02-03T04:05:06.000000Z", 0),
        ("2031-02-03T04:05:00.500000Z", 5.5),
        ("2031-02-03T04:06:06Z", -60),
        ("2031-02-03T05:05:06+02:00", 3600),
        ("2031-02-03T05:05:06+01:00", 0),
        *[(text, math.inf) for text in ("", "yesterday", "0001-01-01T00:00:00+23:59")],
    ],
)
def test_age_is_in_seconds(of: str, expected: float) -> None:
    assert times.age(of) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *[(text, text) for text in ("2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00Z")],
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00.000000Z"),
        ("2026-01-01 02:00:00", "2026-01-01T02:00:00.000000Z"),
        ("2026-01-01", "2026-01-01T00:00:00.000000Z"),
        ("20260101", "2026-01-01T00:00:00.000000Z"),
        *[(digits, "2025-11-14T10:15:30.000000Z") for digits in ("1763115330", "1763115330000", "1763115330000000")],
        ("1763115330.25", "2025-11-14T10:15:30.250000Z"),
        *[(text, "") for text in ("", "soon", "0", "-1763115330", "nan", "inf", "1E+30", "9999-12-31T23:59:59-23:59")],
    ],
)
def test_other_formats_are_brought_into_ours(text: str, expected: str) -> None:
    assert times.normal(text) == expected
