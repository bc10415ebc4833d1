"""The AWS calls of one send, counted: the handlers on moto's tables and a loopback management API.

Usage: ``python -m benchmarks.calls`` in the environment of a function; prints counts by case, then by operation, JSON.
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
    "PutItem": "stores the message and finds a retry in one, by its condition",
    "Query": "who is connected: one for each megabyte of the group, some 5,700 connections",
    "UpdateItem": "counts the frame against its connection's rate and reads, consistently, who speaks and in which "
    "group; "
    "where there is a `clientMessageId`, a second one notes that all were served, so that a retry is answered without "
    "pushing again",
    "Invoke": "hands a slice over to another invocation: one for each `broadcastThreshold` recipients beyond the first",
    POST: "one for each recipient: API Gateway has no call for several; and the ack or the error for the sender",
}
"""Each operation's reason to be. One that is called without a reason stops the report."""

THRESHOLD, LARGE_GROUP = 10, 25


def _send_twice(chat: Chat, forget: Callable[[], None]) -> int:
    chat.send(ANA, clientMessageId="c2")
    forget()
    return chat.send(ANA, clientMessageId="c2")


CASES: dict[str, Callable[[Chat, Callable[[], None]], int]] = {
    "two members, as today's front ends send": lambda chat, _: chat.send(ANA),
    "two members, with `clientMessageId`": lambda chat, _: chat.send(ANA, clientMessageId="c1"),
    "the same once more, as a retry": _send_twice,
    "2.5 times `broadcastThreshold` members, with `clientMessageId`": lambda chat, _: chat.send(
        EVE, clientMessageId="c1"
    ),
    "refused: in another user's name": lambda chat, _: chat.send(ANA, senderId="bob"),
}


@contextmanager
def _noted() -> Iterator[list[str]]:
    calls: list[str] = []
    # The one place that every call of every client passes.
    serve = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

    def note(client: BaseClient, operation: str, arguments: dict[str, Any]) -> object:
        calls.append(operation)
        return (
            {"StatusCode": 202, "Payload": BytesIO()} if operation == "Invoke" else serve(client, operation, arguments)
        )

    with patch.object(BaseClient, "_make_api_call", note):
        yield calls


def count() -> dict[str, dict[str, int]]:
    """Return the calls of each case by operation."""
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
