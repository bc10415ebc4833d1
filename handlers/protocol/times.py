"""Times in rows and frames: ISO 8601 in UTC, always with microseconds, so that they sort as text.

Other programs write other formats. Those are read here, too.
"""

import math
from datetime import UTC, datetime, timedelta

CLOCKS_DIFFER_SECONDS = 60
"""How far a time may lie ahead because another program's clock is fast. What lies further ahead is wrong."""


def timestamp() -> str:
    """The current time, in the format of rows and frames."""
    return _format(datetime.now(UTC))


def of(second: float) -> str:
    """The timestamp of a second since the epoch."""
    return _format(datetime.fromtimestamp(second, UTC))


def normal(text: str) -> str:
    """Bring a time into our format, at least so far that it sorts. Empty if it cannot be read."""
    # This runs for each recipient. Times like ours, with fewer or no decimals, are left as they are.
    if text[10:11] == "T" and text[-1:] == "Z":
        return text
    moment = read(text)
    return _format(_in_utc(moment)) if moment else ""


def earlier(than: str, seconds: float) -> str:
    """The timestamp a number of seconds before another one.

    The result never sorts after ``than``, even if ``than`` has another offset. A time that cannot be read is returned
    unchanged.
    """
    try:
        return min(than, _format(_in_utc(datetime.fromisoformat(than)) - timedelta(seconds=seconds)))
    except (ValueError, OverflowError):
        return than


def after(than: str) -> str:
    """The current time, or the microsecond after another timestamp if that is later.

    A timestamp that lies too far ahead, or cannot be read, is not followed.
    """
    now, moment = datetime.now(UTC), read(than)
    if not moment or _in_utc(moment) > now + timedelta(seconds=CLOCKS_DIFFER_SECONDS):
        return _format(now)
    return _format(max(now, _in_utc(moment) + timedelta(microseconds=1)))


def age(of: str) -> float:
    """Seconds since a time, which may lie in the future. Infinite if the time cannot be read."""
    moment = read(of)
    return (datetime.now(UTC) - _in_utc(moment)).total_seconds() if moment else math.inf


def read(text: str) -> datetime | None:
    """Read a time: ISO 8601, or the seconds, milliseconds or microseconds since the epoch in digits.

    Returns:
        The moment. It has no zone if the text has none. None if the text is not a time.
    """
    try:
        moment = _since_epoch(text) or datetime.fromisoformat(text)
        _in_utc(moment)
    except (ValueError, OverflowError):
        return None
    return moment


def seconds(moment: datetime) -> float:
    """The second since the epoch of a moment. Without a zone it is taken as UTC."""
    return _in_utc(moment).timestamp()


def _since_epoch(text: str) -> datetime | None:
    try:
        number = float(text)
    except ValueError:
        return None
    for unit in (1, 1e3, 1e6):
        if 1e8 <= number / unit < 1e10:  # From 1973 to 2286.
            return datetime.fromtimestamp(number / unit, UTC)
    return None


def _in_utc(moment: datetime) -> datetime:
    """A moment in UTC. Without a zone it most likely is: functions and servers run in UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
