"""Hundreds of clients, thousands of messages, and all kinds of faults: no message is lost or stored twice."""

import asyncio
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_messages_table
from tests.rows import put_row

from .chaos_proxy import ChaosProxy
from .soak_client import SoakClient

if TYPE_CHECKING:
    from local.link import Frame
    from local.room import Outgoing

SEED = 3
SPEAKERS = 24
"""Messages that are sent at the same time. The emulator serves them one by one."""
PROGRESS_S = 5
CONNECT_S = 0.03
"""Seconds between the first connections of two clients."""
RECOVERING = 50
"""Clients that connect again at the same time at the end. More would only test the emulator."""
STALL_S = 60
"""A soak ends when nothing has come closer to its end for this long. If other work slows the machine down, a second
counts for less: with three processes that want to run on each core, for a third."""

PROTOCOL_FIELDS = ("messageId", "groupId", "senderId", "senderName", "message", "timestamp", "clientMessageId")


@dataclass(frozen=True, kw_only=True)
class Load:
    """The load and the faults. Each share is a share of the messages.

    Attributes:
        killed: Share with which the connection of a client is killed.
        repeated: Share that is sent again unnecessarily.
        garbage: Share with which an invalid frame is sent.
        stale: Share with which the row of a connection that ended long ago is stored.
    """

    clients: int
    groups: int
    messages: int
    killed: float = 0.06
    repeated: float = 0.04
    garbage: float = 0.02
    stale: float = 0.02


class Soak:
    """One soak of a deployed chat."""

    def __init__(self, emulator: Emulator, outputs: dict[str, Any], load: Load) -> None:
        self._dynamodb = emulator.client("dynamodb")
        self._outputs = outputs
        self._load = load
        self._groups = [f"group-{n}" for n in range(load.groups)]
        self.clients = [
            SoakClient(outputs["WebSocketURL"], f"user-{n}", self._groups[n % load.groups]) for n in range(load.clients)
        ]
        self.sent: dict[str, SoakClient] = {}
        self.counts: Counter[str] = Counter()
        self._numbers = iter(range(load.messages - load.groups))
        self._stale_rows = 0

    async def run(self, calm: AbstractContextManager[None] = nullcontext()) -> None:  # noqa: B008 - it has no state
        """Run the soak. At the end, every client connects again.

        Args:
            calm: Open while every group gets one last message. After it, no stale row may be left.
        """
        async with asyncio.TaskGroup() as running:
            forever = [running.create_task(self._tell())]
            for client in self.clients:
                forever.append(running.create_task(client.run()))
                await asyncio.sleep(CONNECT_S)
            async with asyncio.TaskGroup() as speaking:
                for _ in range(SPEAKERS):
                    speaking.create_task(self._speak(speaking))
            with calm:
                for client in self.clients[: self._load.groups]:  # One of each group.
                    await self._say(client, "last words").answer
                await self._no_stale_rows()
            recovering = asyncio.Semaphore(RECOVERING)
            await asyncio.gather(*(self._recover(client, recovering) for client in self.clients))
            for task in forever:
                task.cancel()

    async def _speak(self, tasks: asyncio.TaskGroup) -> None:
        for number in self._numbers:
            # Each message has its own random numbers, so that its faults do not depend on the timing.
            dice = random.Random(f"{SEED} {number}")
            client = dice.choice(self.clients)
            if dice.random() < self._load.stale:
                await self._plant_stale_row(dice.choice(self._groups))
            if dice.random() < self._load.garbage:
                await self._send_garbage(client, dice)
            outgoing = self._say(client, f"message {number}")
            if dice.random() < self._load.repeated:
                tasks.create_task(self._repeat(client, outgoing, dice.choice(("at once", "before ack", "after ack"))))
            if dice.random() < self._load.killed:
                await asyncio.sleep(dice.choice((0, 0.01, 0.1, 1)))
                # Every second time, kill the sender itself. Its ack may then be lost.
                self.counts["kills"] += dice.choice((client, dice.choice(self.clients))).kill()
            await outgoing.answer

    def _say(self, client: SoakClient, text: str) -> "Outgoing":
        outgoing = client.say(text)
        self.sent[outgoing.client_message_id] = client
        return outgoing

    async def _repeat(self, client: SoakClient, outgoing: "Outgoing", when: str) -> None:
        if when == "before ack":
            await asyncio.sleep(0.02)
        elif when == "after ack":
            await outgoing.answer
            await asyncio.sleep(random.uniform(0, 5))
        for _ in range(2):
            self.counts["repeated"] += await client.send_text(outgoing.frame)

    async def _send_garbage(self, client: SoakClient, dice: random.Random) -> None:
        message = {"action": "sendMessage", "groupId": client.group_id, "senderId": client.user_id, "message": "never"}
        stranger = dice.choice([other for other in self.clients if other.group_id != client.group_id])
        garbage: list[str | bytes | Frame] = [
            "not JSON",
            "[]",
            "{}",
            b"\xff\x00\xfe",
            {"action": "dance"},
            {"action": "$disconnect"},
            {"action": ["sendMessage"]},
            {"action": "getHistory", "after": "not a cursor"},
            message | {"senderId": stranger.user_id},
            message | {"groupId": stranger.group_id},
            message | {"message": "x" * 30_000},
            message | {"message": {"not": "a text"}},
        ]
        frame = dice.choice(garbage)
        self.counts["garbage"] += await client.send_text(json.dumps(frame) if isinstance(frame, dict) else frame)

    async def _plant_stale_row(self, group_id: str) -> None:
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        row = {
            "connectionId": f"stale-{uuid4()}",
            "groupId": group_id,
            "userId": "nobody",
            "connectedAt": long_ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        await asyncio.to_thread(put_row, self._dynamodb, self._outputs["ConnectionsTable"], row)
        self.counts["stale rows planted"] += 1

    async def _no_stale_rows(self) -> None:
        # The last ack of a group may come before its stale rows are deleted.
        while left := [row for row in await self.rows("ConnectionsTable") if row["connectionId"].startswith("stale-")]:
            self._stale_rows = len(left)
            await asyncio.sleep(0.5)
        self.counts["stale rows cleaned"] = self.counts["stale rows planted"]

    async def _recover(self, client: SoakClient, permits: asyncio.Semaphore) -> None:
        async with permits:
            await client.recover()

    async def rows(self, table: str) -> list[dict[str, str]]:
        """All rows of a table of the chat, by the name of its output."""

        def scan() -> list[dict[str, Any]]:
            pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._outputs[table])
            return [row for page in pages for row in page["Items"]]

        return [
            {name: next(iter(value.values())) for name, value in row.items()} for row in await asyncio.to_thread(scan)
        ]

    async def _tell(self) -> None:
        """Tell how far the soak is. It fails when it gets no further."""
        started, stalled = time.monotonic(), 0.0
        before = self._progress
        while True:
            await asyncio.sleep(PROGRESS_S)
            tell(f"{time.monotonic() - started:4.0f} s  {self}")
            waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
            stalled = stalled + PROGRESS_S / max(1, waiting) if self._progress == before else 0
            before = self._progress
            assert stalled < STALL_S, f"no progress for {STALL_S} s, {self._stale_rows} stale rows are left: {self}"

    @property
    def _progress(self) -> tuple[int, int]:
        return sum(client.progress for client in self.clients), self._stale_rows

    def __str__(self) -> str:
        clients = sum((client.counts for client in self.clients), Counter[str]())
        acked = sum(len(client.acks) for client in self.clients)
        told = {"messages": len(self.sent), "acked": acked} | self.counts | clients
        return f"{sum(client.connected for client in self.clients)} connected, " + ", ".join(
            f"{name}: {number}" for name, number in told.items()
        )


def tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for a run with -s


def check(soak: Soak, rows: list[dict[str, str]]) -> None:
    """Check that every message is stored once, and that every client has exactly its group's messages, in order."""
    assert min(soak.counts[done] for done in ("kills", "repeated", "garbage", "stale rows cleaned")) > 0
    assert Counter(row.get("clientMessageId") for row in rows) == Counter(soak.sent.keys())
    stored = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row["timestamp"], row["messageId"])):
        sender = soak.sent[row["clientMessageId"]]
        assert (row["senderId"], row["groupId"]) == (sender.user_id, sender.group_id)
        assert sender.acks[row["clientMessageId"]] == {(row["messageId"], row["timestamp"])}
        stored[row["groupId"]].append({name: row[name] for name in PROTOCOL_FIELDS})
    for client in soak.clients:
        assert client.timeline == stored[client.group_id]
        assert client.groups == {client.group_id}
        assert client.contradictions == []


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        yield running


def test_a_soak_that_gets_no_further_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.soak.test_soak.STALL_S", 1)
    monkeypatch.setattr("tests.soak.test_soak.PROGRESS_S", 0.1)
    nobody = {"WebSocketURL": "ws://127.0.0.1:9"}
    soak = Soak(Emulator(port=0), nobody, Load(clients=2, groups=2, messages=4, stale=0))
    with pytest.raises(ExceptionGroup) as stopped:
        asyncio.run(asyncio.wait_for(soak.run(), 30))
    assert "no progress for 1 s, 0 stale rows are left: 0 connected, messages: " in str(stopped.value.exceptions[0])


@pytest.mark.timeout(0)  # It ends on a stall.
def test_every_client_gets_exactly_its_groups_messages_despite_kills_and_retries(emulator: Emulator) -> None:
    create_messages_table(emulator)
    outputs = deploy(emulator)

    async def soak_it() -> None:
        soak = Soak(emulator, outputs, Load(clients=200, groups=20, messages=10_000))
        await soak.run()
        tell(f"done    {soak}")
        check(soak, await soak.rows("MessagesTable"))

    asyncio.run(soak_it())


@pytest.mark.timeout(0)  # It ends on a stall.
def test_every_client_gets_exactly_its_groups_messages_despite_a_faulty_management_api(emulator: Emulator) -> None:
    create_messages_table(emulator)
    # With slices: for every message, another invocation serves some of the recipients.
    outputs = deploy(emulator, {"namePrefix": "Chaos", "broadcastThreshold": 6})

    async def soak_it() -> None:
        async with ChaosProxy(emulator.port, SEED) as proxy:
            await asyncio.to_thread(post_through, emulator, outputs, proxy.port)
            soak = Soak(emulator, outputs, Load(clients=200, groups=20, messages=10_000))
            await soak.run(calm=proxy.calm())
            tell(f"done    {soak}, posts: {dict(proxy.posts)}")
            check(soak, await soak.rows("MessagesTable"))

    asyncio.run(soak_it())


def post_through(emulator: Emulator, outputs: dict[str, Any], port: int) -> None:
    """Make the functions post to another port. Call it before their first invocation."""
    functions = emulator.client("lambda")
    for name in outputs["FunctionNames"].values():
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["CALLBACK_URL"] = variables["CALLBACK_URL"].replace(f":{emulator.port}/", f":{port}/")
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
