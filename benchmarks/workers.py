"""Runs one client of the management API as a process: reads a job per line, does it, and writes its figures.

Usage: ``python -m benchmarks.workers {engine,boto3-pool,boto3-sequential} ENDPOINT``. A job is
``{"count": recipients, "body": text}``, an answer ``{"wall": s, "cpu": s, "p50": s, "p99": s, "peak": KB}``.
p50 and p99 are percentiles of the times from the start of the job to each recipient's answer.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Job = Callable[[list[str], bytes, Callable[[], None]], None]

REGION = "us-east-1"


def engine(endpoint: str) -> Job:
    """Return this engine, used as the handlers use it."""
    from handlers.posting.management_api import ManagementApi  # noqa: PLC0415 - each side loads its own
    from handlers.posting.posts import Outcome, Post  # noqa: PLC0415

    api = ManagementApi(endpoint, REGION)

    def run(ids: list[str], body: bytes, done: Callable[[], None]) -> None:
        def on_outcome(post: Post, outcome: Outcome) -> None:
            if outcome is not Outcome.DELIVERED:
                raise RuntimeError(post.connection_id)
            done()

        posts = (Post(connection_id, body) for connection_id in ids)
        api.post_all(posts, deadline=time.monotonic() + 600, on_outcome=on_outcome)

    return run


def boto3_sequential(endpoint: str) -> Job:
    """Return boto3 in a loop."""
    import boto3  # noqa: PLC0415

    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, region_name=REGION)

    def run(ids: list[str], body: bytes, done: Callable[[], None]) -> None:
        for connection_id in ids:
            client.post_to_connection(ConnectionId=connection_id, Data=body)
            done()

    return run


def boto3_pool(endpoint: str) -> Job:
    """Return boto3 with 16 threads and 16 connections."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    threads = 16
    config = Config(max_pool_connections=threads)
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, region_name=REGION, config=config)
    pool = ThreadPoolExecutor(threads)

    def run(ids: list[str], body: bytes, done: Callable[[], None]) -> None:
        def post(connection_id: str) -> None:
            client.post_to_connection(ConnectionId=connection_id, Data=body)
            done()

        list(pool.map(post, ids))

    return run


SIDES = {"engine": engine, "boto3-sequential": boto3_sequential, "boto3-pool": boto3_pool}


def measure(run: Job, count: int, body: bytes) -> dict[str, float]:
    """Do one job and return its figures."""
    ids = [f"L0SM9c{number:08d}w=" for number in range(count)]
    times: list[float] = []
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # reset the peak
    cpu, start = time.process_time(), time.perf_counter()
    run(ids, body, lambda: times.append(time.perf_counter()))
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    latencies = sorted(each - start for each in times)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return {
        "wall": wall,
        "cpu": cpu,
        "p50": latencies[count // 2],
        "p99": latencies[count * 99 // 100],
        "peak": int(status.partition("VmHWM:")[2].split()[0]),
    }


def main() -> None:
    """Serve jobs until the input ends."""
    run = SIDES[sys.argv[1]](sys.argv[2])
    for line in sys.stdin:
        job = json.loads(line)
        sys.stdout.write(json.dumps(measure(run, job["count"], job["body"].encode())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
