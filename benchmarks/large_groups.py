"""Computes what groups of up to 100,000 members would take, from what one core takes here for each member.

Usage: ``python -m benchmarks.large_groups`` in the environment of a function, with ``Loopback.aws`` as
``AWS_ENDPOINT_URL``. Prints the CPU µs that the sending function takes to list one member and hand it over to a slice.
"""

import json
import math
import os
import statistics
import sys
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

from handlers.requests.invocation import RESERVE_SECONDS

from .prices import (
    CONCURRENCY,
    CONNECTS_PER_S,
    FRAME,
    GB_SECOND,
    INVOCATION,
    MB_PER_CORE,
    READ_UNIT,
    READ_UNITS_PER_S,
    REQUESTS_PER_S,
    WRITE_UNIT,
)

API_ID = "a1b2c3d4e5"
ROW = {
    "connectionId": {"S": "L0SM9c00000000w="},
    "userId": {"S": "4f1c9a52-7d0e-4a0b-9c58-2f4a7d6f0e11"},
    "groupId": {"S": "b7e29d10-3c44-4f6e-8a21-90d5c1f7aa03"},
    "connectedAt": {"S": "2026-01-01T00:00:00.000000Z"},
    "expiresAt": {"N": "4102444800"},
    "authentication": {"S": "none"},
    "apiId": {"S": API_ID},
}
"""A connection's row as it is in the index. Its ids look like those of Cognito and uuid4."""
_NUMBER_BYTES = 6
ROW_BYTES = sum(len(name) + (len(value["S"]) if "S" in value else _NUMBER_BYTES) for name, value in ROW.items())
"""Size as DynamoDB counts it: names, texts in UTF-8, and for a number a byte per two digits, plus one.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
PAGE_ROWS = 1024 * 1024 // ROW_BYTES

SIZES = (1_000, 10_000, 100_000)

# Assumed, not measured: time from request to answer within a region.
POST_S, QUERY_S, INVOKE_S = 0.010, 0.100, 0.020
CONNECTIONS = 64  # as ManagementApi opens
FAN_OUT_RATE = REQUESTS_PER_S
"""``fanOutRate`` in these figures: all that the account has. By default it is half of that."""


class Measured(NamedTuple):
    """The measurements from which the figures are computed."""

    post_us: float
    """CPU of a post, in µs."""
    list_us: float
    """CPU to list a member and to hand it over, in µs."""
    start_s: float
    """Start of a function in seconds, 50 posts included."""


@dataclass(frozen=True)
class Function:
    """The sending function with the program's defaults."""

    memory_mb: int
    timeout_s: int
    threshold: int

    @property
    def core(self) -> float:
        """The part of a core that the function gets."""
        return self.memory_mb / MB_PER_CORE


class Send(NamedTuple):
    """One message to a large group."""

    members: int
    slices: int
    read_units: float
    hand_over_s: float
    """Time until the sending function has listed all members and handed them over."""
    slice_s: float
    """Time of a slice, the start of its function included."""
    all_s: float
    """Time until the last recipient is served."""
    dollars: dict[str, float]
    """Price by service."""


def compute(members: int, function: Function, measured: Measured) -> Send:
    """Compute what one message to a group takes if every function has to start for it."""
    slices = math.ceil(members / function.threshold) - 1
    pages = math.ceil(members / PAGE_ROWS)
    read_units = members * ROW_BYTES / 4096 / 2  # an eventual read of the index: half a unit
    posts = min(members, function.threshold)
    post_cpu = posts * measured.post_us / 1e6 / function.core
    post_s = max(post_cpu, posts / CONNECTIONS * POST_S)
    hand_over = members * measured.list_us / 1e6 / function.core + pages * QUERY_S + slices * INVOKE_S
    hand_over = max(hand_over, members / FAN_OUT_RATE)
    sending = max(post_s, hand_over + post_cpu if slices else hand_over)
    slice_s = measured.start_s + post_s if slices else 0.0
    gb_seconds = (measured.start_s + sending + slices * slice_s) * function.memory_mb / 1024
    return Send(
        members,
        slices,
        read_units,
        sending,
        slice_s,
        max(measured.start_s + sending + slice_s, members / REQUESTS_PER_S),
        {
            "API Gateway": (members + 2) * FRAME,  # the sender's frame and its ack
            "Lambda": (1 + slices) * INVOCATION + gb_seconds * GB_SECOND,
            "DynamoDB": read_units * READ_UNIT
            + 5 * WRITE_UNIT,  # the sender's row; the message and its mark, each in table and index
        },
    )


_HEAD = (
    "| members | invocations | listed and handed over, s | one slice, s | last recipient served after, s "
    "| price of one message | parts: API Gateway, Lambda, DynamoDB | maximum messages/s |\n"
    "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)

_SECTION = """\
## On paper: {largest_size:,} members

These figures are computed, not measured: nothing here has run on AWS. The send function serves the first {threshold:,}
recipients (`broadcastThreshold`). It hands the others over to asynchronous invocations, in slices of the same size.
`fanOutRate` is {fan_out_rate:,} here. With the default, which is half of that, a message to {largest_size:,} members
takes at least {default_rate_s:.0f} s.

{table}

Computed from:

- Measured here: {post_us:.0f} µs of CPU for a post, {list_us:.0f} µs for listing a member and handing it over, and
  {start_s:.2f} s for the start of a function, 50 posts included. Listing and handing over are measured with
  `handlers.posting.slices.split` over TLS, with prepared answers of DynamoDB and Lambda. The CPU times are divided by
  {core:.2f}, the part of a core that {memory_mb} MB get: {mb_per_core:,} MB get a whole one. Lambda's cores may be
  faster or slower than this one.
- Assumed: {post_ms:.0f} ms for a post, {query_ms:.0f} ms for a query of 1 MB, and {invoke_ms:.0f} ms for the call that
  hands a slice over. Queries and calls come one after another. Every function has to start first.
- A connection's row has {row_bytes} bytes, so a query of 1 MB reads {page_rows:,} rows. Reads are eventually
  consistent: {read_units:,.0f} read units for {largest_size:,} members.
- API Gateway accepts {requests_per_s:,} requests/s for an account and region, posts included. One key of the index has
  {read_units_per_s:,} read units/s. The last column follows from these limits. Serving {largest_size:,} members takes
  at least {floor_s:.0f} s, no matter how fast the posts are made.
- Prices in us-east-1, on demand, without the free tier: $1.00 per million frames of up to 32 KB; on arm64 $0.20 per
  million invocations and $0.0000133334 per GB-second; $0.125 per million read units and $0.625 per million write units.

Conclusions:

- The send function has {limit_s:.0f} s: its timeout, minus {reserve_s:.0f} s to end. In this time it hands over about
  {most:,} members, or {most_core:,} with a whole core (`memorySize` {mb_per_core}).
- {largest_size:,} members {verdict}. Their posts are then made at about
  {posts_per_s:,.0f} per second, {compared}.
- Above the limit, API Gateway answers 429. The engine then makes fewer posts at a time and tries each up to 12 times.
  A post that fails for good counts as `failed` in the log, and its client gets the message from history.
- {busy:,.0f} slices run at a time. By default an account may run {concurrency:,} invocations at once.
- For {largest_size:,} members, raise two quotas:
  - Requests per second: members times messages per second. For one message in 2 s, this is {wanted:,}.
  - New connections per second: at {connects_per_s}, it takes {connecting_s:.0f} s until all are connected. Each client
    connects again after 2 hours at the latest.
"""


def section(function: Function, measured: Measured) -> str:
    """Return the section of the report."""
    sends = [compute(members, function, measured) for members in SIZES]
    large = sends[-1]
    limit_s = function.timeout_s - RESERVE_SECONDS
    on_a_core = compute(large.members, replace(function, memory_mb=MB_PER_CORE), measured)
    if large.hand_over_s <= limit_s:
        verdict, handed_over = f"are handed over in {large.hand_over_s:.1f} s", large
    else:
        verdict = f"take {on_a_core.hand_over_s:.1f} s with a whole core, which needs more memory than the default"
        handed_over = on_a_core
    posts_per_s = large.members / handed_over.hand_over_s
    return _SECTION.format(
        table="\n".join([_HEAD, *map(_line, sends)]),
        largest_size=large.members,
        threshold=function.threshold,
        fan_out_rate=FAN_OUT_RATE,
        default_rate_s=large.members / (FAN_OUT_RATE / 2),
        memory_mb=function.memory_mb,
        mb_per_core=MB_PER_CORE,
        core=function.core,
        **measured._asdict(),
        post_ms=POST_S * 1e3,
        query_ms=QUERY_S * 1e3,
        invoke_ms=INVOKE_S * 1e3,
        row_bytes=ROW_BYTES,
        page_rows=PAGE_ROWS,
        read_units=large.read_units,
        requests_per_s=REQUESTS_PER_S,
        read_units_per_s=READ_UNITS_PER_S,
        floor_s=large.members / REQUESTS_PER_S,
        limit_s=limit_s,
        reserve_s=RESERVE_SECONDS,
        most=_most(large, limit_s),
        most_core=_most(on_a_core, limit_s),
        verdict=verdict,
        posts_per_s=posts_per_s,
        compared="above API Gateway's limit"
        if posts_per_s > REQUESTS_PER_S
        else "below API Gateway's limit if nothing else posts",
        busy=handed_over.slices / handed_over.hand_over_s * handed_over.slice_s,
        concurrency=CONCURRENCY,
        wanted=large.members // 2,
        connects_per_s=CONNECTS_PER_S,
        connecting_s=large.members / CONNECTS_PER_S,
    )


def _most(send: Send, limit_s: float) -> int:
    """Return how many members this send's pace hands over in the time, rounded down to thousands."""
    return int(min(send.members * limit_s / send.hand_over_s, FAN_OUT_RATE * limit_s)) // 1000 * 1000


def _line(send: Send) -> str:
    total = sum(send.dollars.values())
    cells = [
        f"{send.members:,}",
        f"{1 + send.slices:,}",
        f"{send.hand_over_s:.2f}",
        f"{send.slice_s:.2f}" if send.slices else "none",
        f"{send.all_s:.1f}",
        f"${total:.4f}",
        ", ".join(f"{dollars / total:.1%}" for dollars in send.dollars.values()),
        f"{min(REQUESTS_PER_S / (send.members + 2), READ_UNITS_PER_S / send.read_units):.2g}",
    ]
    return f"| {' | '.join(cells)} |"


def page() -> str:
    """Return the body that DynamoDB sends for a query: a page of open connections."""
    expires_at = {"N": str(int(time.time()) + 3600)}
    rows = [
        ROW | {"connectionId": {"S": f"L0SM9c{number:08d}w="}, "expiresAt": expires_at} for number in range(PAGE_ROWS)
    ]
    return json.dumps({"Count": PAGE_ROWS, "Items": rows})


def measure() -> float:
    """Return the CPU µs per member for listing a page and handing over all but one slice."""
    from handlers.posting.fan_out import Group  # noqa: PLC0415
    from handlers.posting.slices import split  # noqa: PLC0415
    from handlers.tables.connection import Connection  # noqa: PLC0415 - the section is made without the functions

    sender = Connection("s", "u", "g", "2026-01-01T00:00:00.000000Z")

    def once() -> float:
        cpu = time.process_time()
        for _ in split(b"x" * 250, iter(Group(sender.group_id, sender)), deadline=math.inf):
            pass
        return (time.process_time() - cpu) / PAGE_ROWS * 1e6

    once()  # create the clients and open the connections
    return statistics.median(once() for _ in range(7))


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)
    sys.stdout.flush()
    os._exit(0)
