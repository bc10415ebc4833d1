"""Counts the AWS calls of one send: the handlers run on moto's tables and a loopback management API.

Usage: ``python -m benchmarks.calls`` in the environment of a function. Prints JSON: counts by case, then by operation.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient
from moto import mock_aws

from handlers.tables.aws import dynamodb
from tests.handlers.chat import ANA, BOB, EVE, Chat
from tests.handlers.management_api_server import ManagementApiServer
from tests.handlers.tables import Tables

POST = "POST @connections"
WHY = {
    "PutItem": "stores the message. Its condition also finds a retry",
    "Query": "lists who is connected: one query for each megabyte of the group, which is about 5,700 connections",
    "UpdateItem": "counts the frame against its connection's rate, and reads consistently who speaks in which group. "
    "With a `clientMessageId`, a second one records that everyone was served, so that a retry is answered without "
    "another push",
    "Invoke": "hands a slice over to another invocation: one for each `broadcastThreshold` recipients after the first",
    POST: "one for each recipient, because API Gateway has no call for several. One more for the sender: ack or error",
}
"""Why each operation is needed. An operation without a reason stops the report."""

THRESHOLD, LARGE_GROUP = 10, 25


def _send_twice(chat: Chat, forget: Callable[[], None]) -> int:
    chat.send(ANA, clientMessageId="c2")
    forget()
    return chat.send(ANA, clientMessageId="c2")


CASES: dict[str, Callable[[Chat, Callable[[], None]], int]] = {
    "two members, as today's front ends send it": lambda chat, _: chat.send(ANA),
    "two members, with `clientMessageId`": lambda chat, _: chat.send(ANA, clientMessageId="c1"),
    "the same frame again, as a retry": _send_twice,
    "2.5 times `broadcastThreshold` members, with `clientMessageId`": lambda chat, _: chat.send(
        EVE, clientMessageId="c1"
    ),
    "refused: sent as another user": lambda chat, _: chat.send(ANA, senderId="bob"),
}


@contextmanager
def _noted() -> Iterator[list[str]]:
    calls: list[str] = []
    # Every call of every client passes through this method.
    serve = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def note(client: BaseClient, operation: str, arguments: dict[str, Any]) -> object:
        calls.append(operation)
        return (
            {"StatusCode": 202, "Payload": BytesIO()} if operation == "Invoke" else serve(client, operation, arguments)
        )

    with patch.object(BaseClient, "_make_api_call", note):
        yield calls


def count() -> dict[str, dict[str, int]]:
    """Return the number of calls, by case and operation."""
    os.environ["BROADCAST_THRESHOLD"] = str(THRESHOLD)
    counted = {}
    with ManagementApiServer() as gateway, mock_aws():
        os.environ["CALLBACK_URL"] = gateway.url
        tables = Tables(dynamodb())
        tables.add_connection(ANA, "ana", "red")
        tables.add_connection(BOB, "bob", "red")
        tables.add_connection(EVE, "eve", "blue")
        for number in range(LARGE_GROUP - 1):
            tables.add_connection(f"Member{number}=", f"user{number}", "blue")
        chat = Chat(tables, gateway)
        with _noted() as calls:

            def forget() -> None:
                calls.clear()
                gateway.delivered.clear()

            for case, send in CASES.items():
                forget()
                if send(chat, forget) not in {200, 403}:
                    raise RuntimeError(f"{case}: not served")
                counted[case] = Counter(calls) | Counter({POST: len(gateway.delivered)})
    return {case: dict(operations) for case, operations in counted.items()}


if __name__ == "__main__":
    json.dump(count(), sys.stdout)
