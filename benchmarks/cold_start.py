"""Serves 50 recipients from a fresh start. The first message after a deploy or a pause waits this long.

Usage: ``python -m benchmarks.cold_start {engine,boto3}`` in the environment of a function. Both sides load what the
sending function needs, post one frame to 50 connections, and exit at once.
"""

import os
import sys
import time

IDS = [f"L0SM9c{number:08d}w=" for number in range(50)]
BODY = b"x" * 250


def engine() -> None:
    """Serve the recipients with the modules of the deployed function."""
    import handlers.send_message  # noqa: F401, PLC0415 - loading it, and building its clients, is measured too
    from handlers.posting.fan_out import push  # noqa: PLC0415
    from handlers.tables.connection import Connection  # noqa: PLC0415

    recipients = (Connection(each, "u", "g", "2026-01-01T00:00:00.000000Z") for each in IDS)
    tally = push(BODY, recipients, deadline=time.monotonic() + 60)
    if tally.delivered != len(IDS):
        raise RuntimeError(tally)


def boto3() -> None:
    """Serve the recipients as a port of the CloudFormation template would: boto3's tables, a pool for Promise.all."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    dynamodb = boto3.resource("dynamodb")
    dynamodb.Table(os.environ["CONNECTIONS_TABLE"])
    dynamodb.Table(os.environ["MESSAGES_TABLE"])
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=os.environ["CALLBACK_URL"],
        config=Config(max_pool_connections=16),
    )
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda each: client.post_to_connection(ConnectionId=each, Data=BODY), IDS))


if __name__ == "__main__":
    {"engine": engine, "boto3": boto3}[sys.argv[1]]()
    os._exit(0)  # nobody waits for the interpreter to end
