"""Computes what a chat costs a month, and how much of the account's quotas it takes.

Usage: ``make cost``, or ``python -m benchmarks.cost --people 20 --messages 44000``. The calls, units and frames of each
thing that a client does are counted when it runs: by the handlers, with an in-process DynamoDB. Nothing here was
measured on AWS.
"""

import argparse
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.handlers.costs import FRAMES, PINGS_PER_HOUR, READ, WRITE, Costs

from .large_groups import ROW_BYTES
from .prices import (
    CONCURRENCY,
    CONNECTION_MINUTE,
    CONNECTS_PER_S,
    FRAME,
    GB_SECOND,
    INVOCATION,
    READ_UNIT,
    REQUESTS_PER_S,
    WRITE_UNIT,
)

SIZES = (10, 100, 1_000, 10_000)
RATES = (0.1, 1, 10, 100)
"""Groups and messages per second of the table in docs/operations.md."""
_CONNECTION_HOURS = 2
"""API Gateway closes a connection after this time."""
_GROUPS_PER_FRAME = 25
_MEMORY_GB = 0.5
_RUN_S = 0.05
"""Assumed: the time that one invocation takes, on average."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """How a chat is used."""

    people: int
    hours: float
    groups: int
    size: int
    messages: int
    typing: float
    peak: float


class Parts(NamedTuple):
    """What a chat takes in a month."""

    frames: float
    minutes: float
    invocations: float
    reads: float
    writes: float

    @property
    def dollars(self) -> dict[str, float]:
        """The price of each service."""
        return {
            "API Gateway": self.frames * FRAME + self.minutes * CONNECTION_MINUTE,
            "Lambda": self.invocations * (INVOCATION + _RUN_S * _MEMORY_GB * GB_SECOND),
            "DynamoDB": self.reads * READ_UNIT + self.writes * WRITE_UNIT,
        }


def month(use: Use, counted: dict[str, Costs]) -> Parts:
    """Compute what a chat takes in a month.

    Args:
        use: How it is used.
        counted: The costs of each case of ``tests/handlers/costs.py``.
    """
    connected_hours = use.people * use.hours
    connects = connected_hours / _CONNECTION_HOURS
    batches = math.ceil(use.groups / _GROUPS_PER_FRAME)
    # A client connects, joins its groups, catches up in them, and asks who is there in the group that it shows.
    times = {
        "connect": connects,
        "disconnect": connects,
        "join a group": connects * use.groups,
        "catch up in 25 groups without news": connects * batches,
        "who is connected": connects,
        "an hour without messages": connected_hours,
        "send to two members of protocol 2": use.messages,
        "tell 25 members who is typing": use.messages * use.typing,
    }

    def total(name: str) -> float:
        return sum(count * counted[case].get(name, 0) for case, count in times.items())

    # What was counted is a send to two members, and typing among 25. Each further member is one frame and a row of the
    # query.
    more = use.messages * (use.size - 2 + use.typing * (use.size - 25))
    rows = use.messages * (1 + use.typing) * (max(0.5, use.size * ROW_BYTES / 4096 / 2) - 0.5)
    frames_in = connects * (1 + batches * 2 + 1) + connected_hours * PINGS_PER_HOUR + use.messages * (1 + use.typing)
    return Parts(
        frames=total(FRAMES) + more,
        minutes=connected_hours * 60,
        invocations=frames_in + connects * 2,
        reads=total(READ) + rows,
        writes=total(WRITE),
    )


def requests_per_s(size: int, messages_per_s: float) -> float:
    """Requests of API Gateway for messages to groups of a size: the frame, a post to each member, and the ack."""
    return (size + 2) * messages_per_s


def report(use: Use, counted: dict[str, Costs]) -> Iterator[str]:
    """The lines that are printed."""
    parts = month(use, counted)
    yield f"A month, in us-east-1, on demand, without the free tier, with {_MEMORY_GB:g} GB of memory:"
    yield ""
    yield f"  frames               {parts.frames:>15,.0f}"
    yield f"  connection minutes   {parts.minutes:>15,.0f}"
    yield f"  invocations          {parts.invocations:>15,.0f}   of {_RUN_S * 1e3:.0f} ms each: assumed, not measured"
    yield f"  read units           {parts.reads:>15,.0f}"
    yield f"  write units          {parts.writes:>15,.0f}"
    yield ""
    for service, price in parts.dollars.items():
        yield f"  {service:<20} {f'${price:,.2f}':>15}"
    yield f"  {'total':<20} {f'${sum(parts.dollars.values()):,.2f}':>15}"
    yield ""
    requests = requests_per_s(use.size, use.peak)
    yield f"At {use.peak:g} messages a second, to groups of {use.size:,}:"
    yield ""
    yield _quota("requests/s of API Gateway", requests, REQUESTS_PER_S, "all APIs of the account and region together")
    yield _quota("concurrent invocations", use.peak * _RUN_S, CONCURRENCY, "all functions of the account and region")
    yield _quota("new connections/s", use.people / 60, CONNECTS_PER_S, "if everybody connects again within a minute")
    yield ""
    yield "Not in it: storage, backups, logs, who comes and goes, and what is off by default (unread, changes, events)."


def _quota(what: str, used: float, quota: int, about: str) -> str:
    warning = "   ABOVE THE QUOTA: ask AWS for more" if used > quota else ""
    return f"  {what:<26} {used:>10,.1f} of {quota:,}: {used / quota:.1%} ({about}){warning}"


def table() -> str:
    """The table in docs/operations.md: requests per second, and their part of the quota."""
    head = "| members | " + " | ".join(f"{rate:g}/s" for rate in RATES) + " |"
    lines = [head, "| ---: |" + " ---: |" * len(RATES)]
    for size in SIZES:
        cells = []
        for rate in RATES:
            requests = requests_per_s(size, rate)
            part = requests / REQUESTS_PER_S
            cells.append(f"**{part:,.0%}**" if part > 1 else f"{part:.1%}")
        lines.append(f"| {size:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _arguments() -> Use:
    parser = argparse.ArgumentParser(
        prog="make cost", description="What a chat costs a month, and how much of the account's quotas it takes."
    )
    parser.add_argument("--people", type=_number, default=20, help="people who use it (20)")
    parser.add_argument("--hours", type=_amount, default=176, help="hours a month in which each is connected (176)")
    parser.add_argument("--groups", type=_number, default=3, help="groups of each (3)")
    parser.add_argument("--size", type=_number, default=10, help="connections in the group of a message (10)")
    parser.add_argument("--messages", type=_number, default=44_000, help="messages a month, of all together (44000)")
    parser.add_argument(
        "--typing", type=_amount, default=2, help="typing frames for each message (2); 0: without typing"
    )
    parser.add_argument("--peak", type=_amount, default=1, help="messages a second at the busiest time (1)")
    return Use(**vars(parser.parse_args()))


def _number(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0")
    return number


def _count() -> dict[str, Costs]:
    # What the component sets. Only the names of the tables and the switches matter here.
    from tests.graph.stack import chat  # noqa: PLC0415 - Pulumi takes a second to load

    variables = chat().resources["chat-send-message-function"].inputs["environment"]["variables"]
    os.environ |= variables | {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    from .calls import count  # noqa: PLC0415 - the functions read the environment

    return count()


def main() -> None:
    """Print the report."""
    use = _arguments()
    try:
        lines = list(report(use, _count()))
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
