"""A clock of the functions that goes on only when a test tells it to."""

from datetime import UTC, datetime


class Clock(datetime):
    """The clock of the functions. It starts now and only goes on when it is told to."""

    moment = datetime.now(UTC)

    @classmethod
    def now(cls, tz: object = None) -> "Clock":  # noqa: ARG003 - it is always UTC
        return cls.fromtimestamp(cls.moment.timestamp(), UTC)
