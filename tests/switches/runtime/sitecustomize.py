"""Gives a function the clock that the test has set, and does what the local runtime does."""

import datetime
import os
import runpy
import time
from pathlib import Path

from switches import switch

_FUNCTION = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
_LOCAL = Path(__file__).parents[3] / "local" / "lambda_runtime" / "sitecustomize.py"


def _ahead() -> float:
    return float(switch("clocks_s", {}).get(_FUNCTION, 0))


class _IsDatetime(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _datetime)


class _Datetime(datetime.datetime, metaclass=_IsDatetime):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return _datetime.now(tz) + datetime.timedelta(seconds=_ahead())

    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return cls.now(datetime.UTC).replace(tzinfo=None)


_time, _datetime = time.time, datetime.datetime
if _FUNCTION:
    time.time = lambda: _time() + _ahead()
    datetime.datetime = _Datetime  # type: ignore[misc]
runpy.run_path(str(_LOCAL))
