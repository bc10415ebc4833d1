"""The two tables in moto, used with the functions' own client, and faults of DynamoDB."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from tests.rows import put_row

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CONNECTIONS = "WebSocketConnections"
MESSAGES = "ChatMessages"
MEMBERS = "GroupMembers"
READ_MARKERS = "WebSocketReadMarkers"
CHANGES = "WebSocketChanges"
GROUP_INDEX = "GroupIdIndex"
BY_GROUP_AND_USER: dict[str, Sequence[str]] = {GROUP_INDEX: ["groupId"], "UserIdIndex": ["userId"]}

Row = dict[str, dict[str, Any]]


class ProcessKilledError(BaseException):
    """Ends an invocation as Lambda does at its time limit: no code runs after it."""


def aws_error(
    operation: str, message: str = "Rate exceeded", *, code: str = "ProvisionedThroughputExceededException"
) -> ClientError:
    """The error that boto3 raises when all its retries have failed."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


_empty: dict[str, Table] = {}
"""Both tables as moto keeps them. Each test gets a copy, because to create them takes longer than many tests."""


def _create_table(client: "DynamoDBClient", name: str, key: Sequence[str], indexes: dict[str, Sequence[str]]) -> None:
    """Create a table. A key is the hash key, and the range key if there are two; all are texts."""

    def schema(names: Sequence[str]) -> Any:
        return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"), strict=False)]

    attributes = dict.fromkeys(chain(key, *indexes.values()))
    listed: Any = [
        {"IndexName": index, "KeySchema": schema(names), "Projection": {"ProjectionType": "ALL"}}
        for index, names in indexes.items()
    ]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=schema(key),
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
        **({"GlobalSecondaryIndexes": listed} if listed else {}),
    )


class Tables:
    """Both tables, with their current content.

    Attributes:
        protocol: The protocol of connections that are added. Those of protocol 2 get the events of their group.
    """

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client
        self.protocol = 1
        if not _empty:
            _create_table(client, CONNECTIONS, ["connectionId"], BY_GROUP_AND_USER)
            _create_table(client, MESSAGES, ["messageId"], {GROUP_INDEX: ["groupId", "timestamp"]})
            _empty.update(self._in_moto())
        self._in_moto().update(deepcopy(_empty))

    def add_connection(
        self,
        connection_id: str,
        user_id: str,
        group_id: str,
        *,
        age: float = 60,
        expires_in: float | None = 3600,
        padding: str = "",
        protocol: int | None = None,
        authentication: str = "none",
    ) -> None:
        """Store a connection that opened some seconds ago."""
        opened = datetime.now(UTC) - timedelta(seconds=age)
        row: Row = {
            "connectionId": {"S": connection_id},
            "userId": {"S": user_id},
            "groupId": {"S": group_id},
            "connectedAt": {"S": opened.strftime("%Y-%m-%dT%H:%M:%S.%fZ")},
            "padding": {"S": padding},
            "authentication": {"S": authentication},
        }
        if (protocol or self.protocol) > 1:
            row |= {"protocol": {"N": str(protocol or self.protocol)}, "events": {"BOOL": True}}
        if expires_in is not None:
            row["expiresAt"] = {"N": str(int(time.time() + expires_in))}
        self._in_moto()[CONNECTIONS].put_item(row)

    def create_members(self, **groups: list[str]) -> None:
        """Create a members table with the members of the groups."""
        _create_table(self._client, MEMBERS, ["memberId"], BY_GROUP_AND_USER)
        for group_id, user_ids in groups.items():
            for user_id in user_ids:
                self.add_member(user_id, group_id)

    def add_member(self, user_id: str, group_id: str, role: str = "member") -> None:
        row: Row = {"userId": {"S": user_id}, "groupId": {"S": group_id}, "role": {"S": role}}
        self._client.put_item(TableName=MEMBERS, Item=row | {"memberId": {"S": f"{group_id}/{user_id}"}})

    def remove_member(self, user_id: str, group_id: str) -> None:
        self._client.delete_item(TableName=MEMBERS, Key={"memberId": {"S": f"{group_id}/{user_id}"}})

    def create_read_markers(self) -> None:
        """Create the table of how far users have read."""
        _create_table(self._client, READ_MARKERS, ["userId", "groupId"], {GROUP_INDEX: ["groupId", "userId"]})

    def create_changes(self) -> None:
        """Create the table of changes to messages."""
        _create_table(self._client, CHANGES, ["groupId", "change"], {})

    def changes(self) -> list[str]:
        """The places of the changes that are listed."""
        return [row["change"]["S"] for row in self._rows(CHANGES)]

    def message(self, message_id: str) -> Row:
        """The row of a message."""
        [row] = self.found(MESSAGES, [{"messageId": {"S": message_id}}])
        assert row
        return row

    def markers(self) -> dict[tuple[str, str], str]:
        """The read markers: the message by user and group."""
        return {(row["userId"]["S"], row["groupId"]["S"]): row["messageId"]["S"] for row in self._rows(READ_MARKERS)}

    def connections(self) -> dict[str, Row]:
        """All connection rows by connection id."""
        return {row["connectionId"]["S"]: row for row in self._rows(CONNECTIONS)}

    def messages(self) -> list[dict[str, str]]:
        """All message rows. Every attribute is text."""
        return [{name: value["S"] for name, value in row.items()} for row in self._rows(MESSAGES)]

    def found(self, table: str, keys: Sequence[Row]) -> list[Row | None]:
        """The rows with these keys."""
        rows = self._rows(table) if keys else []
        by_key = {tuple(row[name]["S"] for name in keys[0]): row for row in rows}
        return [by_key.get(tuple(value["S"] for value in key.values())) for key in keys]

    def add_message(self, message_id: str, group_id: str, timestamp: str, text: str, *, sender_id: str = "ana") -> None:
        """Store a message as another program could."""
        row = {"messageId": message_id, "groupId": group_id, "timestamp": timestamp, "message": text}
        put_row(self._client, MESSAGES, row | {"senderId": sender_id, "senderName": sender_id})

    def forget_messages(self) -> None:
        """Delete all message rows, as another program could."""
        for row in self._rows(MESSAGES):
            self._client.delete_item(TableName=MESSAGES, Key={"messageId": row["messageId"]})

    @contextmanager
    def failing(self, operation: str, error: BaseException, *, after: int = 0, times: int = 1000) -> Iterator[None]:
        """Make calls of an operation fail: not the first few, and at most a number of times."""
        calls = 0

        def fail(**_: object) -> None:
            nonlocal calls
            calls += 1
            if after < calls <= after + times:
                raise error

        with self.hook(f"before-call.dynamodb.{operation}", fail):
            yield

    @contextmanager
    def hanging(self, operation: str, *, after: int = 0) -> Iterator[None]:
        """Make calls of an operation hang while the context is open, except the first few."""
        calls, ended = 0, threading.Event()

        def hang(**_: object) -> None:
            nonlocal calls
            calls += 1
            if calls > after:
                ended.wait()
                raise aws_error(operation)

        with self.hook(f"before-call.dynamodb.{operation}", hang):
            try:
                yield
            finally:
                ended.set()

    @contextmanager
    def losing_the_first_answer(self, operation: str) -> Iterator[None]:
        """Make the SDK repeat a call that DynamoDB has already served."""
        answers = iter([0])

        def lose(**_: object) -> int | None:
            return next(answers, None)  # the seconds that the SDK waits before it repeats a call

        with self.hook(f"needs-retry.dynamodb.{operation}", lose):
            yield

    @contextmanager
    def index_without(self, connection_id: str) -> Iterator[None]:
        """Make the index lag behind the table by one connection."""

        def hide(parsed: dict[str, Any], **_: object) -> None:
            parsed["Items"] = [row for row in parsed["Items"] if row["connectionId"]["S"] != connection_id]

        with self.hook("after-call.dynamodb.Query", hide):
            yield

    @contextmanager
    def counting(self, operation: str) -> Iterator[list[str]]:
        """Record every call of an operation."""
        calls: list[str] = []

        def count(**_: object) -> None:
            calls.append(operation)

        with self.hook(f"before-call.dynamodb.{operation}", count):
            yield calls

    @contextmanager
    def reading(self) -> Iterator[list[int]]:
        """Record the number of rows that each query reads."""
        rows: list[int] = []

        def count(parsed: dict[str, Any], **_: object) -> None:
            rows.append(parsed["ScannedCount"])

        with self.hook("after-call.dynamodb.Query", count):
            yield rows

    @contextmanager
    def before(self, operation: str, do: Sequence[Callable[[], object]]) -> Iterator[list[str]]:
        """Record every call of an operation, and run a function before each of the first few."""
        calls: list[str] = []
        pending = iter(do)
        within = False

        def act(**_: object) -> None:
            nonlocal within
            if not within:  # The function may call the same operation.
                calls.append(operation)
                within = True
                next(pending, lambda: None)()
                within = False

        with self.hook(f"before-call.dynamodb.{operation}", act):
            yield calls

    @contextmanager
    def spoiling(self, operation: str, value: str) -> Iterator[None]:
        """Simulate a fault in the SDK whose error quotes a value."""

        def spoil(**_: object) -> None:
            raise ValueError(value)

        with self.hook(f"provide-client-params.dynamodb.{operation}", spoil):
            yield

    def _rows(self, table: str) -> list[Row]:
        return [item.to_json()["Attributes"] for item in self._in_moto()[table].all_items()]

    def _in_moto(self) -> dict[str, Table]:
        # Through the client, what each test reads and writes takes hundreds of times as long.
        return dynamodb_backends[DEFAULT_ACCOUNT_ID][self._client.meta.region_name].tables

    @contextmanager
    def hook(self, event: str, handler: Any) -> Iterator[None]:
        """Have botocore call a handler at an event, such as ``before-call.dynamodb.Query``."""
        self._client.meta.events.register_first(event, handler)
        try:
            yield
        finally:
            self._client.meta.events.unregister(event, handler)
