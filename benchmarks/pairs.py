"""Paired measurements: two sides one right after the other, so that what else the machine does hits both."""

import statistics
from collections.abc import Callable, Iterator
from typing import TypeVar

Measured = TypeVar("Measured")


def alternate(
    pairs: int, ours: Callable[[], Measured], other: Callable[[], Measured]
) -> Iterator[tuple[Measured, Measured]]:
    """Measure pairs, each in the other order than the one before.

    Args:
        pairs: Their number.
        ours: Measures our side.
        other: Measures the other side.
    """
    for number in range(pairs):
        if number % 2:
            theirs = other()
            yield ours(), theirs
        else:
            yield ours(), other()


def ratio(ratios: list[float], form: str = ".1f") -> str:
    """The median, the lowest and the highest of some ratios."""
    return f"{statistics.median(ratios):{form}} ({min(ratios):{form}}-{max(ratios):{form}})"
