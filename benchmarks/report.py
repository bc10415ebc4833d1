"""Turns measurements into a report and a picture."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from . import whole_message
from .calls import WHY
from .end_to_end import WARM_UP
from .large_groups import Function, Measured, section
from .loopback import find
from .many_groups import GROUPS, TABLES_MS
from .pairs import ratio

if TYPE_CHECKING:
    from tests.handlers.costs import Costs

    from .end_to_end import Sends
    from .many_groups import Back

NAMES = {
    "engine": "this engine",
    "boto3-sequential": "boto3, one after another",
    "boto3-pool": "boto3, 16 threads",
    "node": "Node, AWS SDK v3, Promise.all",
    "wrk": "wrk (C, signs nothing)",
}


_HEAD = """
| recipients | client | CPU µs each | all served, ms | p50 ms | p99 ms | posts/s | peak MB | CPU | time |
| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
""".strip()

_REPORT = """\
# Benchmark

`make bench` wrote this page. Each run measures everything below again.

{machine}

![CPU and time per fan-out](benchmark.svg)

## Targets

Ratios are medians (lowest-highest) of {pairs} pairs, and of {cold_pairs} pairs for cold starts. The two sides of a pair
are measured one right after the other.

| | target | measured | |
| --- | --- | --- | --- |
{wanted}

## How a fan-out is measured

A fan-out is one signed POST of 250 bytes per recipient to a management API on loopback (nginx, TLS, one core). The
client runs on another core, and its connections are open. "This engine" is `handlers/posting/` as the functions use it.
boto3 and Node make the same posts with their own management clients. Node first makes {warm_ups:,} posts that do not
count.

p50 and p99 are the times until 50 % and 99 % of the recipients are served. The last two columns are ratios: the other
client's figure over this engine's.

## Fan-out, answers at once

{at_once}

wrk sends one prepared, unsigned request over and over: {wrk.cpu_us:.1f} µs, {wrk.per_second:,.0f} posts/s.

This engine's CPU per recipient, by size of the group: {flatness}.

## Fan-out, answers after 5 ms

{delayed}

wrk, with 64 connections like the engine: {wrk_delayed.per_second:,.0f} posts/s.

## Fan-out with a third of a core

The client process runs for 6.7 ms of every 20 ms, as in a Lambda function with about 600 MB. Answers at once:

{third_at_once}

Answers after 5 ms:

{third_delayed}

## Cold start

Time from the start of the process until 50 recipients are served, on one core, with answers after 5 ms:

| | ms | CPU part, ms |
| --- | ---: | ---: |
| `handlers.send_message` as deployed | {cold.ours:.0f} | {cold.ours_cpu:.0f} |
| boto3: two tables, the management client on 16 threads | {cold.boto3:.0f} | {cold.boto3_cpu:.0f} |
| ratio | {cold_ratio} | {cold_cpu_ratio} |

boto3 is used as a port of the CloudFormation template's function would use it. Neither figure includes what AWS does
before the process starts.

{whole}
## End to end

Time from the send until the last client receives the message, through the deployed program in the emulator, with
policies enforced. All clients run in one process, and everything shares this machine's cores. One message is sent at a
time, each with a `clientMessageId`.

| clients | sends | first send, ms | p50 ms | p99 ms | engine's CPU part, ms |
| ---: | ---: | ---: | ---: | ---: | ---: |
{sends}

The first send starts the function's process. The next {warm_up} sends do not count. The last column is computed:
clients times the CPU per recipient measured above. The rest is not broken down. It is the clients, the function's other
work, and the emulator. The emulator is a Python program that receives every post, delivers it to its client, and
simulates the tables.

So the figures show that the path works and how it grows. They do not show how fast AWS is. Today's Node function is not
measured this way.

## Many groups

How clients with {groups} groups each come back after a reconnect, through the deployed program in the emulator. Each
joins its groups with two frames, and catches up with two more. For the client that is alone, each call of DynamoDB
takes {tables_ms} ms longer than in the emulator. The others come back at the same moment, without that delay. Ten of
them share their groups. The emulator runs one invocation of a function at a time. AWS runs them side by side.

| what | time |
| --- | ---: |
| one client is back in all groups | {back.alone_ms:,.0f} ms |
| then it has its list of groups with unread messages | {back.list_ms:,.0f} ms |
| half of {back.clients:,} clients are back | {back.p50_s:,.1f} s |
| all of {back.clients:,} clients are back | {back.last_s:,.1f} s |

{refused}

## AWS calls and units

The calls are counted, not listed by hand: the handlers ran with an in-process DynamoDB and a loopback management API,
and every call was recorded. Before them, API Gateway makes one invocation of Lambda for each frame.

| what a client does | {operations} |
| --- | {columns} |
{calls}

What each column is:

{why}

{large_groups}"""


class Figures(NamedTuple):
    """One measurement of one client: a complete fan-out."""

    cpu_us: float
    """CPU per recipient."""
    wall_ms: float
    p50_ms: float
    p99_ms: float
    """Time until 50 % and 99 % of the recipients were served."""
    peak_mb: float


class Row(NamedTuple):
    """Another client compared with this engine, for one number of recipients."""

    side: str
    recipients: int
    ours: Figures
    others: Figures
    cpu_ratios: list[float]
    wall_ratios: list[float]


class Ceiling(NamedTuple):
    """What wrk reaches."""

    cpu_us: float
    per_second: float
    ratios: list[float]
    """This engine's CPU per post over wrk's, for each pair."""


class ColdStart(NamedTuple):
    """Milliseconds from the start of the process until 50 recipients are served, and their CPU part."""

    ours: float
    ours_cpu: float
    boto3: float
    boto3_cpu: float
    ratios: list[float]
    cpu_ratios: list[float]


@dataclass
class Results:
    """All measurements. Keys of type int are the server's delay in ms."""

    calls: dict[str, Costs]
    """AWS calls and units, by what a client does, then by operation."""
    list_us: float
    """CPU in µs to list a member of a large group and to hand it over."""
    ceilings: dict[int, Ceiling]
    cold_start: ColdStart
    whole: list[whole_message.Comparison]
    whole_cold: list[whole_message.ColdStart]
    rows: dict[int, list[Row]]
    third: dict[int, list[Row]]
    sends: list[Sends]
    back: Back
    function: Function


def show(row: Row, delay: int, *, third: bool) -> None:
    """Print progress."""
    core = ", a third of a core" if third else ""
    cpu, wall = statistics.median(row.cpu_ratios), statistics.median(row.wall_ratios)
    sys.stderr.write(
        f"{row.recipients} recipients, {delay} ms{core}: {NAMES[row.side]} takes {cpu:.1f} x the CPU, "
        f"{wall:.1f} x the time\n"
    )


def _table(rows: list[Row]) -> list[str]:
    lines = [_HEAD]

    def line(count: int, side: str, figures: Figures, cpu: str, wall: str) -> str:
        cells = [
            f"{count:,}",
            NAMES[side],
            f"{figures.cpu_us:.1f}",
            f"{figures.wall_ms:,.1f}",
            f"{figures.p50_ms:,.1f}",
            f"{figures.p99_ms:,.1f}",
            f"{count / figures.wall_ms * 1e3:,.0f}",
            f"{figures.peak_mb:.0f}",
            cpu,
            wall,
        ]
        return f"| {' | '.join(cells)} |"

    for count in sorted({row.recipients for row in rows}):
        group = [row for row in rows if row.recipients == count]
        ours = min((row.ours for row in group), key=lambda figures: abs(figures.cpu_us - _median_cpu(group)))
        lines.append(line(count, "engine", ours, "1", "1"))
        lines += [line(count, row.side, row.others, ratio(row.cpu_ratios), ratio(row.wall_ratios)) for row in group]
    return lines


def _median_cpu(rows: list[Row]) -> float:
    return statistics.median(row.ours.cpu_us for row in rows)


def _costs(results: Results) -> dict[int, float]:
    """CPU per recipient by size of the group."""
    rows = results.rows[0]
    return {
        count: _median_cpu([row for row in rows if row.recipients == count])
        for count in sorted({row.recipients for row in rows})
        if count >= 100
    }


def _deviations(results: Results) -> list[float]:
    costs = _costs(results).values()
    return [cost / statistics.median(costs) - 1 for cost in costs]


def _at(results: Results, delay: int, side: str) -> Row:
    """Return the row of 1,000 recipients, or of the largest number below."""
    rows = [row for row in results.rows[delay] if row.side == side and row.recipients <= 1000]
    return max(rows, key=lambda row: row.recipients)


def _wanted(results: Results) -> str:
    pool, node = _at(results, 0, "boto3-pool"), _at(results, 0, "node")
    wrk, wall = results.ceilings[0].ratios, _at(results, 5, "boto3-pool").wall_ratios
    cold, deviations = results.cold_start.ratios, _deviations(results)
    lone = min((row for row in results.rows[0] if row.side == "boto3-sequential"), key=lambda row: row.recipients)
    whole = next(row for row in results.whole if (row.what, row.side) == ("send, 10 members", "boto3"))
    first = next(row for row in results.whole_cold if row.side == "boto3")
    at = f"{pool.recipients:,} recipients"
    sizes = list(_costs(results))
    lines = [
        (
            f"CPU per recipient, {at}, answers at once: boto3 with 16 threads over this engine",
            "at least 30",
            ratio(pool.cpu_ratios),
            statistics.median(pool.cpu_ratios) >= 30,
        ),
        (
            "the same: Node over this engine",
            "at least 12",
            ratio(node.cpu_ratios),
            statistics.median(node.cpu_ratios) >= 12,
        ),
        ("the same: this engine over wrk", "at most 2", ratio(wrk), statistics.median(wrk) <= 2),
        (
            f"time for {at}, answers after 5 ms, 64 connections: boto3 with 16 threads over this engine",
            "at least 6",
            ratio(wall),
            statistics.median(wall) >= 6,
        ),
        (
            f"CPU per recipient from {sizes[0]:,} to {sizes[-1]:,} recipients: deviation from its median",
            "within ±15 %",
            f"{min(deviations):+.0%} to {max(deviations):+.0%}",
            max(map(abs, deviations)) <= 0.15,
        ),
        (
            "time for a single recipient, answers at once: boto3 over this engine",
            "at least 1",
            ratio(lone.wall_ratios),
            statistics.median(lone.wall_ratios) >= 1,
        ),
        (
            "cold start to 50 recipients: this engine over boto3",
            "at most 0.45",
            ratio(cold, ".2f"),
            statistics.median(cold) <= 0.45,
        ),
        (
            "CPU of a whole send to 10 members, answers at once: boto3 over this chat",
            "at least 4",
            ratio(whole.cpu_ratios),
            statistics.median(whole.cpu_ratios) >= 4,
        ),
        (
            "cold start to the first message to 10 members: this chat over boto3",
            "at most 0.3",
            ratio(first.ratios, ".2f"),
            statistics.median(first.ratios) <= 0.3,
        ),
    ]
    return "\n".join(
        f"| {what} | {wanted} | {measured} | {'met' if met else 'missed'} |" for what, wanted, measured, met in lines
    )


def _machine() -> str:
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = information.partition("model name")[2].partition(":")[2].partition("\n")[0].strip() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    # nginx and wrk print their versions to the error output. wrk exits with status 1.
    nginx = _says(find("nginx"), "-v").rpartition("/")[2].split()[0]
    wrk = re.sub(r"^debian/|-.*", "", _says(find("wrk"), "-v").split()[1])
    lock = json.loads((Path(__file__).parent / "node/package-lock.json").read_text(encoding="utf-8"))
    sdk = lock["packages"]["node_modules/@aws-sdk/client-apigatewaymanagementapi"]["version"]
    return (
        f"Machine: {os.cpu_count()} cores ({model}), {memory:.0f} GB, Linux {platform.release().partition('-')[0]}; "
        f"load {os.getloadavg()[2]:.1f} on average over the last 15 minutes.\n"
        f"Python {platform.python_version()}, boto3 {version('boto3')}, botocore {version('botocore')}, "
        f"Node {_says(find('node'), '--version').strip().removeprefix('v')}, AWS SDK for JavaScript {sdk}, "
        f"nginx {nginx}, wrk {wrk},\nMiniStack {version('ministack')}."
    )


def _says(*command: str) -> str:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def _calls(results: Results) -> dict[str, str]:
    used = [name for name in WHY if any(name in operations for operations in results.calls.values())]
    unexplained = {name for operations in results.calls.values() for name in operations} - WHY.keys()
    if unexplained:
        raise SystemExit(
            f"No reason is given for {', '.join(sorted(unexplained))}. Add it to WHY in benchmarks/calls.py"
        )
    return {
        "operations": " | ".join(f"{name}" for name in used),
        "columns": " | ".join("---:" for _ in used),
        "calls": "\n".join(
            f"| {case} | {' | '.join(f'{operations[name]:g}' if name in operations else '' for name in used)} |"
            for case, operations in results.calls.items()
        ),
        "why": "\n".join(f"- {name}: {WHY[name]}" for name in used),
    }


def _sends(results: Results) -> str:
    cpu_us = _at(results, 5, "node").ours.cpu_us
    return "\n".join(
        f"| {sends.clients} | {sends.messages} | {sends.first_ms:,.0f} | {sends.p50_ms:,.0f} | {sends.p99_ms:,.0f} "
        f"| {sends.clients * cpu_us / 1e3:.1f} |"
        for sends in results.sends
    )


def _refused(back: Back) -> str:
    codes = ", ".join(f"{number} × {code}" for code, number in sorted(back.refused.items()))
    return f"Frames that had to be repeated: {codes}." if codes else "No frame had to be repeated."


def markdown(results: Results, node_warm_ups: int) -> str:
    """Return the complete report.

    Args:
        results: All measurements.
        node_warm_ups: Fan-outs to 1,000 recipients that Node made before, as a warm-up.
    """
    cold = results.cold_start
    measured = Measured(
        post_us=_median_cpu([row for row in results.rows[5] if row.recipients == _at(results, 5, "node").recipients]),
        list_us=results.list_us,
        start_s=cold.ours / 1e3,
    )
    return _REPORT.format(
        machine=_machine(),
        pairs=len(results.rows[0][0].cpu_ratios),
        cold_pairs=len(cold.ratios),
        wanted=_wanted(results),
        warm_ups=1000 * node_warm_ups,
        at_once="\n".join(_table(results.rows[0])),
        delayed="\n".join(_table(results.rows[5])),
        third_at_once="\n".join(_table(results.third[0])),
        third_delayed="\n".join(_table(results.third[5])),
        wrk=results.ceilings[0],
        wrk_delayed=results.ceilings[5],
        flatness=", ".join(f"{count:,}: {cost:.1f} µs" for count, cost in _costs(results).items()),
        cold=cold,
        cold_ratio=ratio(cold.ratios, ".2f"),
        cold_cpu_ratio=ratio(cold.cpu_ratios, ".2f"),
        whole=whole_message.section(results.whole, results.whole_cold),
        sends=_sends(results),
        warm_up=WARM_UP,
        groups=GROUPS,
        tables_ms=TABLES_MS,
        back=results.back,
        refused=_refused(results.back),
        large_groups=section(results.function, measured),
        **_calls(results),
    )


def picture(results: Results) -> str:
    """Return an SVG with two bar charts for 1,000 recipients."""
    cpu = [(row.side, row.others.cpu_us) for row in results.rows[0] if row.recipients == 1000]
    ours = _median_cpu([row for row in results.rows[0] if row.recipients == 1000])
    wall = [(row.side, row.others.wall_ms) for row in results.rows[5] if row.recipients == 1000]
    wall_ours = statistics.median(row.ours.wall_ms for row in results.rows[5] if row.recipients == 1000)
    charts = [
        (
            "CPU per recipient, µs (1,000 recipients)",
            [("wrk", results.ceilings[0].cpu_us), ("engine", ours), *cpu],
        ),
        ("Time to serve 1,000 recipients, ms (an answer takes 5 ms)", [("engine", wall_ours), *wall]),
    ]
    parts: list[str] = []
    y = 30
    for title, bars in charts:
        parts.append(f'<text x="16" y="{y}" class="title">{title}</text>')
        longest = max(value for _, value in bars)
        for side, value in sorted(bars, key=lambda bar: bar[1]):
            y += 28
            width = max(2.0, 420 * value / longest)
            parts.append(f'<text x="236" y="{y}" text-anchor="end">{NAMES[side]}</text>')
            kind = ' class="ours"' if side == "engine" else ""
            parts.append(f'<rect x="246" y="{y - 14}" width="{width:.1f}" height="18" rx="2"{kind}/>')
            parts.append(f'<text x="{252 + width:.1f}" y="{y}">{value:,.0f}</text>')
        y += 48
    style = "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}rect{fill:#9aa5b1}.ours{fill:#d9480f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {y - 24}" role="img">',
            f"<style>{style}</style>",
            f'<rect width="740" height="{y - 24}" style="fill:#fff"/>',
            *parts,
            "</svg>\n",
        ]
    )
