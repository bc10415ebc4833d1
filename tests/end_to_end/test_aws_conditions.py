"""What AWS does and the emulator does only with its switches: nothing is lost, whatever comes together."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosedError

from local.deploy import deploy
from local.emulator import ROOT
from local.link import Frame
from local.prerequisites import create_messages_table
from local.reliable_client import ReliableClient
from tests.rows import put_row
from tests.switches.emulator import SwitchedEmulator

from .conftest import Chat

LAG_S = 1


@pytest.fixture(scope="module")
def switched() -> Iterator[Chat]:
    with SwitchedEmulator(port=0) as emulator:
        create_messages_table(emulator)
        yield Chat(emulator, deploy(emulator))


@pytest.fixture
def group() -> str:
    return f"group-{uuid4()}"


def switch(chat: Chat, **switches: Any) -> None:
    assert isinstance(chat.emulator, SwitchedEmulator)
    chat.emulator.switch(**switches)


class Recorder(ReliableClient):
    """Records what it shows, until it has enough."""

    def __init__(self, url: str, user_id: str, groups: tuple[str, ...], enough: int) -> None:
        """Take one group in the handshake, or join several."""
        super().__init__(url, user_id, groups[0] if len(groups) == 1 else "", recover_every=2)
        for group in groups:
            self.group(group)
        self.shown: list[str] = []
        self.complete = asyncio.Event()
        self._enough = enough

    def on_message(self, message: Frame) -> None:
        self.shown.append(message["message"])
        if len(self.shown) >= self._enough:
            self.complete.set()

    def cut(self) -> None:
        if self._life:
            self._life.cancel()


async def chatted(chat: Chat, *groups: str, users: int, texts: int) -> list[Recorder]:
    """Have users say texts in each group, while each loses its connection once, until everybody has all of them."""
    enough = users * texts * len(groups)
    clients = [Recorder(chat.url, f"user-{number}", groups, enough) for number in range(users)]
    running = [asyncio.create_task(client.run()) for client in clients]
    async with asyncio.timeout(90):
        for number in range(texts):
            for client in clients:
                said = [room.say(f"{client.user_id} {number} in {room.group_id}") for room in client.rooms.values()]
                if number == 1:
                    client.cut()
                await asyncio.gather(*(one.answer for one in said))
        await asyncio.gather(*(client.complete.wait() for client in clients))
    for task in running:
        task.cancel()
    await asyncio.wait(running)
    return clients


def test_nothing_is_lost_while_indexes_lag_clocks_differ_and_posts_are_throttled(switched: Chat, group: str) -> None:
    names = switched.outputs["FunctionNames"]
    switch(
        switched,
        index_lag_s=LAG_S,
        stream_delay_s=LAG_S,
        stream_deliveries=2,
        posts_per_second=20,
        gateway_clock_s=3,
        clocks_s={names["sendMessage"]: -2, names["$default"]: 2},
    )
    clients = asyncio.run(chatted(switched, group, users=4, texts=3))
    stored = sorted(row["message"] for row in switched.rows("MessagesTable") if row["groupId"] == group)
    assert len(stored) == 12
    assert [sorted(client.shown) for client in clients] == [stored] * 4


def test_nothing_is_lost_in_two_groups_of_one_connection(switched: Chat, group: str) -> None:
    groups = (f"{group} red", f"{group} blue")
    switch(switched, index_lag_s=LAG_S)
    clients = asyncio.run(chatted(switched, *groups, users=2, texts=2))
    stored = sorted(row["message"] for row in switched.rows("MessagesTable") if row["groupId"] in groups)
    assert len(stored) == 8
    assert [sorted(client.shown) for client in clients] == [stored] * 2


def test_a_hanging_recipient_delays_nobody_else(switched: Chat, group: str) -> None:
    switch(switched)
    with switched.join("alice", group) as alice, switched.join("bob", group) as bob, switched.join("eve", group) as eve:
        alice.say("before")
        assert [who.receive("message")["message"] for who in (bob, eve)] == ["before"] * 2
        rows = [row for row in switched.rows("ConnectionsTable") if row.get("groupId") == group]
        switch(switched, hanging=[row["connectionId"] for row in rows if row["userId"] == "eve"])
        started = time.monotonic()
        alice.say("now")
        assert bob.receive("message")["message"] == "now"
        assert time.monotonic() - started < 2
        eve.receive_nothing("message")


def test_a_frame_above_32_kb_ends_the_connection(switched: Chat, group: str) -> None:
    switch(switched, frame_limit=True)
    with switched.join("alice", group) as alice:
        alice.say("x", padding="x" * 32_000)
        assert alice.receive("message")["message"] == "x"
        alice.say("x" * 33_000)
        with pytest.raises(ConnectionClosedError, match="1009"):
            alice.receive("message")


def test_late_and_repeated_records_of_the_stream_are_told_once(switched: Chat, group: str) -> None:
    switch(switched, stream_delay_s=1, stream_deliveries=2)
    with switched.join("alice", group, protocol=2) as alice:
        with switched.join("bob", group, protocol=2):
            started = time.monotonic()
            assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]
            assert time.monotonic() - started > 0.5
            alice.receive_nothing("presenceChanged", seconds=2)
        assert alice.receive("presenceChanged")["left"] == [{"userId": "bob"}]
        alice.receive_nothing("presenceChanged", seconds=2)


def test_the_other_switches_do_what_they_say(
    switched: Chat, group: str, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    switch(
        switched,
        index_lag_s=LAG_S,
        posts_per_second=1,
        clocks_s={switched.outputs["FunctionNames"]["$default"]: 60},
    )
    dynamodb, table = switched.emulator.client("dynamodb"), switched.outputs["MessagesTable"]

    def indexed() -> int:
        query = {"KeyConditionExpression": "groupId = :g", "ExpressionAttributeValues": {":g": {"S": group}}}
        return len(dynamodb.query(TableName=table, IndexName="GroupIdIndex", **query)["Items"])

    put_row(dynamodb, table, {"messageId": group, "groupId": group, "timestamp": "t"})
    assert indexed() == 0
    time.sleep(LAG_S + 0.1)
    assert indexed() == 1

    callbacks = boto3.client(
        "apigatewaymanagementapi",
        "us-east-1",
        aws_access_key_id=ROOT,
        aws_secret_access_key=ROOT,
        endpoint_url=switched.outputs["CallbackURL"],
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )

    def status() -> int:
        with pytest.raises(ClientError) as refused:
            callbacks.post_to_connection(ConnectionId="nobody", Data=b"")
        return int(refused.value.response["ResponseMetadata"]["HTTPStatusCode"])

    # Those who were connected before may still be told who has left, and use up the quota.
    eventually(lambda: status() == 410)
    assert status() == 429

    with switched.join("alice", group) as alice:
        time.sleep(1)
        alice.send("ping")
        ahead = datetime.fromisoformat(alice.receive("pong")["serverTime"]) - datetime.now(UTC)
        assert 55 < ahead.total_seconds() < 65
