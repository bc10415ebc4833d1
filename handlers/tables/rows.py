"""Attributes of rows, read by their types. Other programs write into the tables too, and may write anything."""

from decimal import Decimal
from typing import TYPE_CHECKING

from handlers.runtime.log import logger

if TYPE_CHECKING:
    from .aws import Row

NOT_TEXT = "(not text)"
"""What is shown in place of a value that is neither a text nor a number."""

_reported: set[str] = set()
_MOST_REPORTED = 100
"""Rows that a process reports. The log must not grow with every message of a group that has thousands of odd rows."""


class OddRowError(Exception):
    """A row is not what its table holds. The text says why, without the row's contents."""


def text(row: "Row", name: str) -> str:
    """An attribute as text: a text as it is, a number as its digits. Empty if it is missing or null.

    Raises:
        OddRowError: It has another type.
    """
    # This runs several times for each recipient, so the usual type comes first.
    value = row.get(name)
    if not value:
        return ""
    if "S" in value:
        return value["S"]
    if "N" in value:
        return _digits(value["N"])
    if "NULL" in value:
        return ""
    raise OddRowError(f"its {name} is neither a text nor a number")


def texts(row: "Row") -> dict[str, str]:
    """All attributes that are not null, as texts to show. What is neither a text nor a number is named as that."""
    shown: dict[str, str] = {}
    for name, value in row.items():
        if "NULL" in value:
            continue
        try:
            shown[name] = text(row, name)
        except OddRowError:
            shown[name] = NOT_TEXT
    return shown


def report(table: str, row_id: str, reason: OddRowError, *, shown: bool) -> None:
    """Log once that a row is skipped. Only the first rows of a process are logged.

    Args:
        table: Name of its table.
        row_id: Its key.
        reason: What is wrong.
        shown: Whether the key is logged, because it says nothing of a person.
    """
    if row_id in _reported or len(_reported) >= _MOST_REPORTED:
        return
    _reported.add(row_id)
    known = {"connectionId": row_id} if shown else {}
    logger.warning("row skipped", extra={"table": table, "reason": str(reason)} | known)


def _digits(number: str) -> str:
    # DynamoDB may give an exponent: 1E+2 is 100.
    return number if number.isdigit() else format(Decimal(number), "f")
