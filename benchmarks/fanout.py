"""Compares the fan-out engine with what people use today, and measures the whole chat.

Usage: ``python -m benchmarks.fanout [--quick]`` on Linux with two cores, nginx, wrk and Node. It writes
docs/benchmark.md and docs/benchmark.svg. The server runs on one core, the client on another. Each figure of another
client is paired with one of this engine, taken right before or after it. The median of the 7 ratios counts. ``--quick``
shows that the program works, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import yaml

from tests.graph.stack import chat

from . import end_to_end, large_groups, many_groups, report, whole_message
from .loopback import DELAYS_MS, Loopback, find, serve
from .pairs import alternate
from .process import ROOT, Process, children_cpu_s, pinned, program
from .report import Figures

REGION = "us-east-1"
BODY = "x" * 250
TOKEN = "t" * 900  # as long as Lambda's
OTHERS = ("boto3-sequential", "boto3-pool", "node")
# Posts before each measurement, to open all connections. Node's compiler needs many more, once.
WARM_UP = {"engine": 1000, "boto3-sequential": 20, "boto3-pool": 200, "node": 200}


@dataclass
class Plan:
    """How much to measure."""

    pairs: int
    cold_pairs: int
    counts: tuple[int, ...]
    third_counts: tuple[int, ...]
    """Those of ``counts`` that are also measured with a third of a core."""
    node_warm_ups: int
    wrk_s: int
    sends: dict[int, int]
    """End to end: number of messages by number of clients in the group."""
    crowd: int
    """Clients of many groups that come back at once."""
    calls: int
    """Calls of a whole function in one measurement."""
    node_calls: int
    """Calls of Node's whole functions before, as a warm-up."""


FULL = Plan(
    pairs=7,
    cold_pairs=21,
    counts=(1, 10, 100, 1000, 10_000),
    third_counts=(10, 1000),  # 10,000 takes a quarter of an hour, and shows the same
    node_warm_ups=25,
    wrk_s=1,
    sends={2: 200, 50: 200, 300: 100},
    crowd=300,
    calls=20,
    node_calls=1000,
)
QUICK = Plan(
    pairs=2,
    cold_pairs=2,
    counts=(10, 100),
    third_counts=(10,),
    node_warm_ups=1,
    wrk_s=1,
    sends={2: 10, 50: 5},
    crowd=3,
    calls=5,
    node_calls=5,
)


class Worker:
    """A client of the management API."""

    def __init__(self, side: str, endpoint: str, environment: dict[str, str]) -> None:
        self.side = side
        module, arguments = ("worker.mjs", [endpoint]) if side == "node" else ("workers", [side, endpoint])
        self._process = Process(module, *arguments, environment=environment)

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def measure(self, count: int, *, third: bool = False) -> Figures:
        """Warm up, then serve ``count`` recipients. Repeat this for small groups."""
        self._job(WARM_UP[self.side])
        with self._process.core(third=third):
            answers = [self._job(count) for _ in range(max(1, 500 // count))]
        mean = {key: statistics.mean(each[key] for each in answers) for key in ("cpu", "wall", "p50", "p99")}
        return Figures(
            mean["cpu"] / count * 1e6,
            mean["wall"] * 1e3,
            mean["p50"] * 1e3,
            mean["p99"] * 1e3,
            max(each["peak"] for each in answers) / 1024,
        )

    def warm_up(self, times: int) -> None:
        """Let a just-in-time compiler optimise the code."""
        for _ in range(times):
            self._job(1000)

    def _job(self, count: int) -> dict[str, float]:
        return self._process.job(count=count, body=BODY)


def _paired(ours: Worker, other: Worker, plan: Plan, count: int, *, third: bool) -> report.Row:
    pairs = list(
        alternate(plan.pairs, lambda: ours.measure(count, third=third), lambda: other.measure(count, third=third))
    )
    return report.Row(
        other.side,
        count,
        Figures(*(statistics.median(values) for values in zip(*(mine for mine, _ in pairs), strict=True))),
        Figures(*(statistics.median(values) for values in zip(*(its for _, its in pairs), strict=True))),
        [its.cpu_us / mine.cpu_us for mine, its in pairs],
        [its.wall_ms / mine.wall_ms for mine, its in pairs],
    )


def clients(
    loopback: Loopback, environment: dict[str, str], plan: Plan, delay: int, *, third: bool
) -> list[report.Row]:
    """Measure all clients with a server that answers after ``delay`` ms."""
    rows = []
    with ExitStack() as running:
        workers = {}
        for side in ("engine", *OTHERS):
            workers[side] = Worker(side, loopback.endpoints[delay], environment)
            running.callback(workers[side].close)
        workers["node"].warm_up(plan.node_warm_ups)
        for count in plan.third_counts if third else plan.counts:
            for side in OTHERS:
                if side == "boto3-sequential" and (third or (delay and count > 1000)):
                    continue  # It takes minutes and shows nothing new: the time grows with the count.
                rows.append(_paired(workers["engine"], workers[side], plan, count, third=third))
                report.show(rows[-1], delay, third=third)
    return rows


def ceiling(loopback: Loopback, environment: dict[str, str], plan: Plan, delay: int) -> report.Ceiling:
    """Measure wrk, which sends the same unsigned request again and again: the best that C can do."""
    wrk, script = find("wrk"), ROOT / "benchmarks/post.lua"
    command = [
        *pinned(),
        wrk,
        "-t1",
        "-c64",
        f"-d{plan.wrk_s}s",
        "-s",
        str(script),
        loopback.endpoints[delay],
    ]
    engine = Worker("engine", loopback.endpoints[delay], environment)
    costs, rates, ratios = [], [], []
    for _ in range(plan.pairs):
        mine = engine.measure(max(count for count in plan.counts if count <= 1000))
        before = children_cpu_s()
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        cpu = children_cpu_s() - before
        requests = int(printed.partition(" requests in ")[0].split()[-1])
        if "Non-2xx" in printed:
            raise SystemExit(printed)
        costs.append(cpu / requests * 1e6)
        rates.append(float(printed.partition("Requests/sec:")[2].split()[0]))
        ratios.append(mine.cpu_us / costs[-1])
    engine.close()
    return report.Ceiling(statistics.median(costs), statistics.median(rates), ratios)


def cold_start(loopback: Loopback, environment: dict[str, str], plan: Plan) -> report.ColdStart:
    """Measure from process start until 50 recipients are served, on one core, with answers after 5 ms."""
    deployed = environment | {
        "CALLBACK_URL": loopback.endpoints[5],
        "AWS_LAMBDA_FUNCTION_NAME": "WebSocketSendMessage",  # so that clients are built while Lambda initialises
    }

    def once(side: str) -> tuple[float, float]:
        command = [*program("cold_start"), side]
        start, cpu = time.perf_counter(), children_cpu_s()
        subprocess.run(command, check=True, cwd=ROOT, env=deployed)
        return (time.perf_counter() - start) * 1e3, (children_cpu_s() - cpu) * 1e3

    once("engine"), once("boto3")  # compile and cache the files
    # A run is short, so other processes disturb it easily.
    pairs = list(alternate(plan.cold_pairs, lambda: once("engine"), lambda: once("boto3")))
    mine, their = ([pair[side] for pair in pairs] for side in (0, 1))
    return report.ColdStart(
        ours=statistics.median(wall for wall, _ in mine),
        ours_cpu=statistics.median(cpu for _, cpu in mine),
        boto3=statistics.median(wall for wall, _ in their),
        boto3_cpu=statistics.median(cpu for _, cpu in their),
        ratios=[ours[0] / others[0] for ours, others in pairs],
        cpu_ratios=[ours[1] / others[1] for ours, others in pairs],
    )


def _answer_of(module: str, environment: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    run = subprocess.run(program(module), check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def sends(plan: Plan) -> list[end_to_end.Sends]:
    """Measure the whole chat in the emulator."""
    measured = []
    for members, count in plan.sends.items():
        measured.append(end_to_end.measure(members, count))
        sys.stderr.write(f"end to end, {members} clients: {measured[-1].p50_ms:.0f} ms\n")
    return measured


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="check that the script works")
    plan = QUICK if (quick := parser.parse_args().quick) else FULL
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit(
            "The benchmark needs two cores: one for the client, one for the server. Run it on a larger machine"
        )
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    with serve() as loopback:
        authority = str(loopback.authority)
        environment = {
            "PATH": os.environ["PATH"],
            "SSL_CERT_FILE": authority,
            "AWS_CA_BUNDLE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "NODE_NO_WARNINGS": "1",
            # What Lambda sets, and what the component sets.
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "example",
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **chat().resources["chat-send-message-function"].inputs["environment"]["variables"],
            "CALLBACK_URL": loopback.endpoints[0],
            "API_ID": large_groups.API_ID,
            "FAN_OUT_RATE": str(large_groups.FAN_OUT_RATE),
        }
        bench = whole_message.Bench(
            loopback, environment, plan.pairs, plan.cold_pairs, plan.calls, node_warm_ups=plan.node_calls
        )
        results = report.Results(
            calls=_answer_of("calls", environment),
            list_us=_answer_of("large_groups", environment | {"AWS_ENDPOINT_URL": loopback.aws}),
            ceilings={delay: ceiling(loopback, environment, plan, delay) for delay in DELAYS_MS},
            cold_start=cold_start(loopback, environment, plan),
            whole=bench.compare(),
            whole_cold=bench.cold_starts(),
            rows={delay: clients(loopback, environment, plan, delay, third=False) for delay in DELAYS_MS},
            third={delay: clients(loopback, environment, plan, delay, third=True) for delay in DELAYS_MS},
            sends=sends(plan),
            back=many_groups.measure(plan.crowd),
            function=large_groups.Function(
                config["memorySize"]["default"], config["timeout"]["default"], config["broadcastThreshold"]["default"]
            ),
        )
    text = report.markdown(results, plan.node_warm_ups)
    if quick:
        sys.stdout.write(text + "\nA quick run shows that the script works, not how fast anything is.\n")
    else:
        (ROOT / "docs/benchmark.md").write_text(text, encoding="utf-8")
        (ROOT / "docs/benchmark.svg").write_text(report.picture(results), encoding="utf-8")


if __name__ == "__main__":
    main()
