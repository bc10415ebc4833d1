"""Runs a whole function as a process: reads a job per line, calls the function, and writes its figures.

Usage: ``python -m benchmarks.functions {ours,boto3} {send,connect}`` in the environment of a function, with
``Loopback.tables`` as ``AWS_ENDPOINT_URL``. A job is ``{"event": what API Gateway hands over, "times": calls}``, an
answer ``{"wall": s, "cpu": s}`` for one call. boto3's functions are those of tests/nursify-websocket-api.yaml, with a
pool of threads in place of Node's ``Promise.all``.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = Callable[[dict[str, Any]], dict[str, Any]]


class _Context:
    def get_remaining_time_in_millis(self) -> int:
        return 25_000


def ours(action: str) -> Function:
    """The function as it is deployed."""
    handler = import_module({"send": "handlers.send_message", "connect": "handlers.connect"}[action]).handler
    return lambda event: handler(event, _Context())


def boto3_send() -> Function:
    """Store a message, query the group and post to each connection, as the template's function does."""
    import datetime as dt  # noqa: PLC0415 - each side loads its own
    import uuid  # noqa: PLC0415
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from boto3.dynamodb.conditions import Key  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    tables = boto3.resource("dynamodb")
    rows, messages = tables.Table(os.environ["CONNECTIONS_TABLE"]), tables.Table(os.environ["MESSAGES_TABLE"])
    posts = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=os.environ["CALLBACK_URL"],
        config=Config(max_pool_connections=16),
    )
    pool = ThreadPoolExecutor(16)

    def handler(event: dict[str, Any]) -> dict[str, Any]:
        frame = json.loads(event["body"])
        message = {
            "messageId": str(uuid.uuid4()),
            "groupId": frame["groupId"],
            "senderId": frame["senderId"],
            "senderName": frame.get("senderName", ""),
            "message": frame["message"],
            "timestamp": dt.datetime.now(dt.UTC).isoformat(),
        }
        messages.put_item(Item=message)
        group = rows.query(IndexName="GroupIdIndex", KeyConditionExpression=Key("groupId").eq(frame["groupId"]))
        body = json.dumps({"action": "message"} | message)

        def post(row: dict[str, Any]) -> None:
            try:
                posts.post_to_connection(ConnectionId=row["connectionId"], Data=body)
            except posts.exceptions.GoneException:
                rows.delete_item(Key={"connectionId": row["connectionId"]})

        list(pool.map(post, group["Items"]))
        return {"statusCode": 200}

    return handler


def boto3_connect() -> Function:
    """Store a connection, as the template's function does."""
    import datetime as dt  # noqa: PLC0415

    import boto3  # noqa: PLC0415

    rows = boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])

    def handler(event: dict[str, Any]) -> dict[str, Any]:
        query = event["queryStringParameters"]
        rows.put_item(
            Item={
                "connectionId": event["requestContext"]["connectionId"],
                "userId": query["userId"],
                "groupId": query["groupId"],
                "connectedAt": dt.datetime.now(dt.UTC).isoformat(),
            }
        )
        return {"statusCode": 200}

    return handler


def main() -> None:
    """Serve jobs until the input ends."""
    side, action = sys.argv[1:]
    function = ours(action) if side == "ours" else {"send": boto3_send, "connect": boto3_connect}[action]()
    for line in sys.stdin:
        job = json.loads(line)
        cpu, start = time.process_time(), time.perf_counter()
        for _ in range(job["times"]):
            answer = function(job["event"])
            if answer["statusCode"] != 200:
                raise SystemExit(f"{side} answered {answer}")
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        sys.stdout.write(json.dumps({"wall": wall / job["times"], "cpu": cpu / job["times"]}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
    os._exit(0)
