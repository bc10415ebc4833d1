"""Times in rows and frames: ISO 8601 in UTC, always with microseconds, so that they sort as text."""

import math
from datetime import UTC, datetime, timedelta


def timestamp() -> str:
    """The current time, in the format of rows and frames."""
    return _format(datetime.now(UTC))


def earlier(than: str, seconds: float) -> str:
    """The timestamp a number of seconds before another one.

    The result never sorts after ``than``, even if ``than`` has another offset. A time that cannot be read is returned
    unchanged.
    """
    try:
        return min(than, _format(datetime.fromisoformat(than).astimezone(UTC) - timedelta(seconds=seconds)))
    except (ValueError, OverflowError):
        return than


def age(of: str) -> float:
    """Seconds since an ISO 8601 time. Infinite if the time cannot be read."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(of).astimezone(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return math.inf


def _format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
