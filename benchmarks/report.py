"""Turns measurements into a table and a picture."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .fanout import Figures

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
# Fan-out benchmark

Written by `make bench`. One signed POST of 250 bytes per recipient to a management API on loopback (nginx,
TLS, one core), client on another core. The last two columns are the other client's figure over this engine's:
median (lowest-highest) of pairs measured one right after the other. p50 and p99: until that part of the
recipients was served.

![CPU and time per fan-out](benchmark.svg)

{machine}, {versions}.

## Answer at once

{at_once}

wrk, which sends one prepared request over and over: {wrk.cpu_us:.1f} µs, {wrk.per_second:,.0f} posts/s. The
engine takes {wrk_ratio} times its CPU.

CPU per recipient by group size: {flatness}.

## Answer after 5 ms

{delayed}

wrk, 64 connections as the engine: {wrk_delayed.per_second:,.0f} posts/s.

## Answer after 5 ms, a third of a core

The process runs for 6.7 ms of every 20, as in a Lambda function with about 600 MB.

{third}

## Cold start

From process start to 50 recipients served, one core: {cold.ours:.0f} ms; on boto3's resource layer and
management client {cold.boto3:.0f} ms. Ratio {cold_ratio}.
"""


class Row(NamedTuple):
    """Another client against ours, for one number of recipients."""

    side: str
    recipients: int
    ours: Figures
    others: Figures
    cpu_ratios: list[float]
    wall_ratios: list[float]


class Ceiling(NamedTuple):
    """What wrk does."""

    cpu_us: float
    per_second: float
    ratios: list[float]
    """Our CPU per post over wrk's, pair by pair."""


class ColdStart(NamedTuple):
    """Milliseconds from process start to 50 recipients served."""

    ours: float
    boto3: float
    ratios: list[float]


@dataclass
class Results:
    """All that was measured; keys are the server's delay in ms."""

    ceilings: dict[int, Ceiling]
    cold_start: ColdStart
    rows: dict[int, list[Row]]
    third: list[Row]


def show(row: Row, delay: int, *, third: bool) -> None:
    """Print progress."""
    core = ", a third of a core" if third else ""
    cpu, wall = statistics.median(row.cpu_ratios), statistics.median(row.wall_ratios)
    sys.stderr.write(
        f"{row.recipients} recipients, {delay} ms{core}: {NAMES[row.side]} takes {cpu:.1f} x the CPU, "
        f"{wall:.1f} x the time\n"
    )


def _ratio(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f})"


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
        lines += [line(count, row.side, row.others, _ratio(row.cpu_ratios), _ratio(row.wall_ratios)) for row in group]
    return lines


def _median_cpu(rows: list[Row]) -> float:
    return statistics.median(row.ours.cpu_us for row in rows)


def _flatness(rows: list[Row]) -> str:
    costs = {
        count: _median_cpu([row for row in rows if row.recipients == count])
        for count in sorted({row.recipients for row in rows})
        if count >= 100
    }
    middle = statistics.median(costs.values())
    return ", ".join(f"{count:,}: {cost:.1f} µs ({cost / middle - 1:+.0%})" for count, cost in costs.items())


def markdown(results: Results) -> str:
    """Return the whole report."""
    cold, at_once, delayed = results.cold_start, results.ceilings[0], results.ceilings[5]
    return _REPORT.format(
        machine=f"Linux {platform.release()}, {platform.machine()}, {os.cpu_count()} cores",
        versions=f"Python {platform.python_version()}, botocore {version('botocore')}",
        at_once="\n".join(_table(results.rows[0])),
        delayed="\n".join(_table(results.rows[5])),
        third="\n".join(_table(results.third)),
        wrk=at_once,
        wrk_ratio=_ratio(at_once.ratios),
        wrk_delayed=delayed,
        flatness=_flatness(results.rows[0]),
        cold=cold,
        cold_ratio=f"{statistics.median(cold.ratios):.2f} ({min(cold.ratios):.2f}-{max(cold.ratios):.2f})",
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
