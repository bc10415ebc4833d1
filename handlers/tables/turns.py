"""Turns: how a frame makes its connection busy, in an attribute of the connection's row.

This is the generic cell rate algorithm. An update cannot write the larger of two values, so a turn has one of two
conditions: the connection is idle, or it is busy, but not for too long.
"""

from dataclasses import dataclass

CLOCKS_DIFFER = 5_000_000
"""Microseconds by which the clocks of two processes may differ. A connection cannot be busier than that."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn.

    Attributes:
        change: What the attribute is set to, in an update expression.
        condition: What has to be so for it. ``:number`` stands for the type N.
        values: The numbers of both.
    """

    change: str
    condition: str
    values: dict[str, int]


def turn(attribute: str, *, now: int, busy: int, latest: int, is_idle: bool) -> Turn:
    """Make a turn. All times are in microseconds, those of ``now`` and ``latest`` since the epoch.

    Args:
        attribute: Until when the connection is busy. What another program wrote, and cannot be right, counts as idle.
        now: The current time.
        busy: How long the frame keeps the connection busy.
        latest: Until when the connection may be busy then.
        is_idle: Which of the two conditions the turn has.
    """
    number = f"attribute_type({attribute}, :number)"
    if is_idle:
        return Turn(
            ":until",
            f"(NOT {number} OR {attribute} <= :now OR {attribute} > :far)",
            {":now": now, ":far": latest + CLOCKS_DIFFER, ":until": now + busy},
        )
    return Turn(
        f"{attribute} + :busy",
        f"{number} AND {attribute} > :now AND {attribute} <= :ahead",
        {":now": now, ":ahead": latest - busy, ":busy": busy},
    )
