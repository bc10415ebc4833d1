"""From nothing to 50 recipients served: what the first message after a deploy or a pause waits for.

Usage: ``python -m benchmarks.cold_start {engine,boto3} ENDPOINT``. Both make the clients that a send handler
needs (a DynamoDB one too, though it is not called here), post one frame to 50 connections and exit at once.
"""

from __future__ import annotations

import os
import sys
import time

REGION = "us-east-1"
IDS = [f"L0SM9c{number:08d}w=" for number in range(50)]
BODY = b"x" * 250


def engine(endpoint: str) -> None:
    """Serve them as our handlers do."""
    from botocore.session import Session  # noqa: PLC0415 - loading it is part of what is measured

    from handlers.management_api import ManagementApi, Outcome, Post  # noqa: PLC0415

    Session().create_client("dynamodb", region_name=REGION)
    outcomes: list[Outcome] = []
    ManagementApi(endpoint, REGION).post_all(
        [Post(connection_id, BODY) for connection_id in IDS],
        deadline=time.monotonic() + 60,
        on_outcome=lambda _, outcome: outcomes.append(outcome),
    )
    if outcomes != [Outcome.DELIVERED] * len(IDS):
        raise RuntimeError(outcomes)


def boto3(endpoint: str) -> None:
    """Serve them on boto3's resource layer and management client, 16 threads."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    boto3.resource("dynamodb", region_name=REGION).Table("WebSocketConnections")
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        region_name=REGION,
        config=Config(max_pool_connections=16),
    )
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: client.post_to_connection(ConnectionId=each, Data=BODY), IDS))


if __name__ == "__main__":
    {"engine": engine, "boto3": boto3}[sys.argv[1]](sys.argv[2])
    os._exit(0)  # tearing the interpreter down is nobody's latency
