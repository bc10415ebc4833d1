"""Compares whole functions: a message from API Gateway's event to the last recipient, and a connect."""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from .answers import SIZES
from .large_groups import API_ID, ROW
from .pairs import alternate, ratio
from .process import Process, children_cpu_s

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .loopback import Loopback

OTHERS = ("boto3", "node", "moderated")
NAMES = {
    "ours": "this chat",
    "boto3": "boto3, 16 threads",
    "node": "Node, AWS SDK v3, Promise.all",
    "moderated": "this chat with `moderationFunction`",
}
MODES = ((0, False), (5, False), (5, True))
"""Milliseconds until each answer, and whether the process has only a third of a core."""
MODERATOR = "arn:aws:lambda:us-east-1:123456789012:function:Moderate"
COLD_SIZE = 10
TEXT = "x" * 100

_SECTION = """\
## The whole message

One call of the function, from API Gateway's event to its return, with its calls of DynamoDB, its posts and its log
line. DynamoDB and the management API are nginx on loopback with prepared answers. This chat does more than the others:
it checks the sender and the rate, makes retries safe, and acknowledges the message. With `moderationFunction`, it also
invokes a function that allows everything at once.

The others are the functions of the CloudFormation template, in Python with boto3 and in Node with the AWS SDK. A ratio
is their figure over this chat's.

| what | an answer takes | core | client | CPU ms | time ms | CPU | time |
| --- | ---: | --- | --- | ---: | ---: | ---: | ---: |
{rows}

Cold start: the time from the start of the process until the first message to {cold_size} members is delivered, with
answers after 5 ms. What AWS does before the process starts is not in it. The ratio is this chat's time over the
other one's.

| core | client | CPU ms | time ms | ratio |
| --- | --- | ---: | ---: | ---: |
{cold}
"""


class Cost(NamedTuple):
    """One call of a function."""

    cpu_ms: float
    wall_ms: float


class Comparison(NamedTuple):
    """Another function compared with ours."""

    what: str
    delay: int
    third: bool
    side: str
    ours: Cost
    other: Cost
    cpu_ratios: list[float]
    wall_ratios: list[float]


class ColdStart(NamedTuple):
    """Another function's first message compared with ours."""

    third: bool
    side: str
    ours: Cost
    other: Cost
    ratios: list[float]
    """Our time over the other one's, for each pair."""


@dataclass(frozen=True)
class Bench:
    """How whole functions are measured."""

    loopback: Loopback
    environment: dict[str, str]
    """The functions' environment."""
    pairs: int
    cold_pairs: int
    calls: int
    """Calls of a function in one measurement."""
    node_warm_ups: int
    """Calls before that, so that Node's compiler can optimise the code."""

    def compare(self) -> list[Comparison]:
        """Measure all functions with their connections open."""
        cases = [("send", size, side) for size in SIZES for side in OTHERS]
        cases += [("connect", SIZES[0], side) for side in OTHERS if side != "moderated"]
        found = []
        for delay, third in MODES:
            for action, size, side in cases:
                found.append(self._compare(action, size, side, delay, third=third))
                _show(found[-1])
        return found

    def cold_starts(self) -> list[ColdStart]:
        """Measure the first message of a new process."""
        found = []
        for third in (False, True):
            for side in ("boto3", "node"):
                ours, other = (partial(self._cold, one, third=third) for one in ("ours", side))
                ours(), other()  # compile and cache the files
                pairs = list(alternate(self.cold_pairs, ours, other))
                ratios = [ours.wall_ms / other.wall_ms for ours, other in pairs]
                found.append(ColdStart(third, side, *_medians(pairs), ratios))
        return found

    def _compare(self, action: str, size: int, side: str, delay: int, *, third: bool) -> Comparison:
        with ExitStack() as running:
            processes = {}
            for one in ("ours", side):
                processes[one] = self._start(one, action, size, delay)
                running.callback(processes[one].close)
                processes[one].job(event=_event(action), times=self.node_warm_ups if one == "node" else self.calls)

            def measure(one: str) -> Cost:
                with processes[one].core(third=third):
                    return _cost(processes[one].job(event=_event(action), times=self.calls))

            pairs = list(alternate(self.pairs, lambda: measure("ours"), lambda: measure(side)))
        what = f"send, {size} members" if action == "send" else action
        cpu = [other.cpu_ms / ours.cpu_ms for ours, other in pairs]
        wall = [other.wall_ms / ours.wall_ms for ours, other in pairs]
        return Comparison(what, delay, third, side, *_medians(pairs), cpu, wall)

    def _cold(self, side: str, *, third: bool) -> Cost:
        cpu, start = children_cpu_s(), time.perf_counter()
        process = self._start(side, "send", COLD_SIZE, 5)
        with process.core(third=third):
            process.job(event=_event("send"), times=1)
        wall = time.perf_counter() - start
        process.close()
        return Cost((children_cpu_s() - cpu) * 1e3, wall * 1e3)

    def _start(self, side: str, action: str, size: int, delay: int) -> Process:
        environment = self.environment | {
            "AWS_ENDPOINT_URL": f"{self.loopback.tables[delay]}/{size}",
            "CALLBACK_URL": self.loopback.endpoints[delay],
            "AWS_LAMBDA_FUNCTION_NAME": "WebSocketSendMessage",  # so that clients are built while Lambda initialises
        }
        if side == "node":
            return Process("functions.mjs", action, environment=environment)
        if side == "moderated":
            side, environment = "ours", environment | {"MODERATION_FUNCTION": MODERATOR}
        return Process("functions", side, action, environment=environment)


def _event(action: str) -> dict[str, object]:
    """What API Gateway hands to the function."""
    user, group, connection = (ROW[name]["S"] for name in ("userId", "groupId", "connectionId"))
    about = {
        "routeKey": "sendMessage" if action == "send" else "$connect",
        "eventType": "MESSAGE" if action == "send" else "CONNECT",
        "connectionId": connection,
        "requestTimeEpoch": int(time.time() * 1e3),
        "stage": "production",
        "apiId": API_ID,
    }
    if action == "connect":
        query = {"userId": user, "groupId": group, "protocol": "2"}
        several = {name: [value] for name, value in query.items()}
        return {"requestContext": about, "queryStringParameters": query, "multiValueQueryStringParameters": several}
    frame = {
        "action": "sendMessage",
        "groupId": group,
        "senderId": user,
        "senderName": "Ann",
        "message": TEXT,
        "clientMessageId": "5b0f2c1e-7a64-4d0e-9f53-0d6e2b7f6f10",
    }
    return {"requestContext": about, "body": json.dumps(frame), "isBase64Encoded": False}


def _medians(pairs: list[tuple[Cost, Cost]]) -> tuple[Cost, Cost]:
    ours, others = zip(*pairs, strict=True)
    return _median(ours), _median(others)


def _median(costs: tuple[Cost, ...]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))


def _cost(answer: dict[str, float]) -> Cost:
    return Cost(answer["cpu"] * 1e3, answer["wall"] * 1e3)


def _show(row: Comparison) -> None:
    core = ", a third of a core" if row.third else ""
    cpu, wall = statistics.median(row.cpu_ratios), statistics.median(row.wall_ratios)
    sys.stderr.write(
        f"{row.what}, {row.delay} ms{core}: {NAMES[row.side]} takes {cpu:.1f} x the CPU, {wall:.1f} x the time\n"
    )


def section(rows: list[Comparison], cold: list[ColdStart]) -> str:
    """Return the section of the report."""
    return _SECTION.format(rows="\n".join(_lines(rows)), cold="\n".join(_cold_lines(cold)), cold_size=COLD_SIZE)


def _lines(rows: list[Comparison]) -> Iterator[str]:
    for (what, delay, third), group in groupby(rows, key=lambda row: (row.what, row.delay, row.third)):
        same = list(group)
        start = f"| {what} | {f'{delay} ms' if delay else 'no time'} | {_core(third=third)} "
        yield f"{start}| {NAMES['ours']} | {same[0].ours.cpu_ms:.2f} | {same[0].ours.wall_ms:.1f} | 1 | 1 |"
        for row in same:
            ratios = f"{ratio(row.cpu_ratios)} | {ratio(row.wall_ratios)}"
            yield f"{start}| {NAMES[row.side]} | {row.other.cpu_ms:.2f} | {row.other.wall_ms:.1f} | {ratios} |"


def _cold_lines(rows: list[ColdStart]) -> Iterator[str]:
    for third, group in groupby(rows, key=lambda row: row.third):
        same = list(group)
        yield f"| {_core(third=third)} | {NAMES['ours']} | {same[0].ours.cpu_ms:.0f} | {same[0].ours.wall_ms:.0f} | 1 |"
        for row in same:
            costs = f"{row.other.cpu_ms:.0f} | {row.other.wall_ms:.0f}"
            yield f"| {_core(third=third)} | {NAMES[row.side]} | {costs} | {ratio(row.ratios, '.2f')} |"


def _core(*, third: bool) -> str:
    return "a third" if third else "whole"
