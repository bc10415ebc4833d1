"""Measures how fast a client of many groups is back after a reconnect, and whether many of them hold each other up.

Usage: ``python -m benchmarks.many_groups [clients]``
"""

import asyncio
import json
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from local.deploy import deploy
from local.prerequisites import create_messages_table
from tests.switches.emulator import SwitchedEmulator

GROUPS = 50
BATCH = 25
"""Groups that one frame may name."""
TABLES_MS = 10
"""How long a call of DynamoDB takes for a client that is alone."""

_ANSWER_S = 60
"""Time after which a frame without an answer is sent again."""

Frame = dict[str, Any]


class Back(NamedTuple):
    """How clients of :data:`GROUPS` groups come back.

    Attributes:
        alone_ms: Milliseconds until one client has joined its groups and caught up, with :data:`TABLES_MS`.
        list_ms: Milliseconds until it has its list of groups with unread messages.
        clients: Number of clients that then come back at the same moment, without that delay.
        p50_s: Seconds until half of them are back.
        last_s: Seconds until all of them are back.
        refused: How often a frame was refused and repeated, by the code of the refusal.
    """

    alone_ms: float
    list_ms: float
    clients: int
    p50_s: float
    last_s: float
    refused: dict[str, int]


def measure(clients: int) -> Back:
    """Deploy the program into its own emulator, and have clients come back: one, then many."""
    with SwitchedEmulator(port=0) as emulator:
        create_messages_table(emulator)
        url = deploy(emulator, {"presence": False, "unread": True})["WebSocketURL"]
        asyncio.run(_alone(url))  # Loads the functions.
        emulator.switch(tables_ms=TABLES_MS)
        alone_ms, list_ms = asyncio.run(_alone(url))
        emulator.switch()
        times, refused = asyncio.run(_crowd(url, clients))
    return Back(alone_ms, list_ms, clients, statistics.median(times), max(times), dict(refused))


async def _alone(url: str) -> tuple[float, float]:
    async with _connected(url, "alone") as socket:
        for group in _groups(0):
            message = {"action": "sendMessage", "groupId": group, "senderId": "alone", "message": "Hi"}
            await _ask(socket, message | {"clientMessageId": group}, Counter())
    async with _connected(url, "reader") as socket:
        started = time.perf_counter()
        await _come_back(socket, 0, Counter())
        back = time.perf_counter()
        page: Frame = {"after": None, "more": True}
        while page["more"]:
            page = await _ask(socket, {"action": "getGroups", "after": page["after"]}, Counter())
        return (back - started) * 1e3, (time.perf_counter() - back) * 1e3


async def _crowd(url: str, clients: int) -> tuple[list[float], Counter[str]]:
    refused = Counter[str]()
    started = time.perf_counter()

    async def one(number: int) -> float:
        async with _connected(url, f"user{number}") as socket:
            await _come_back(socket, number, refused)
            return time.perf_counter() - started

    return await asyncio.gather(*map(one, range(clients))), refused


@asynccontextmanager
async def _connected(url: str, user: str) -> AsyncIterator[ClientConnection]:
    address = f"{url}?userId={user}&protocol=2"
    async with connect(address, open_timeout=None, ping_interval=None, close_timeout=1) as socket:
        yield socket


async def _come_back(socket: ClientConnection, number: int, refused: Counter[str]) -> None:
    """Join all groups, and read what is new in them."""
    groups = _groups(number)
    for frame in (lambda batch: {"action": "joinGroup", "groupIds": batch}, _catch_up):
        for start in range(0, GROUPS, BATCH):
            await _ask(socket, frame(groups[start : start + BATCH]), refused)


def _catch_up(groups: list[str]) -> Frame:
    return {"action": "getHistory", "groups": [{"groupId": group} for group in groups]}


def _groups(number: int) -> list[str]:
    """Groups of a client. Each is also a group of others."""
    return [f"group {number // 10} {each}" for each in range(GROUPS)]


async def _ask(socket: ClientConnection, frame: Frame, refused: Counter[str]) -> Frame:
    """Send a frame until it is served. Returns the last answer."""
    for attempt in count():
        request = f"{attempt} {frame['action']}"
        await socket.send(json.dumps(frame | {"requestId": request}))
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await _answer(socket, request)
        except TimeoutError:
            refused["no answer"] += 1
            continue
        if answer["action"] != "error":
            return answer
        refused[answer["code"]] += 1
        if not answer["retryable"]:
            break
        await asyncio.sleep(answer.get("retryAfterMs", 0) / 1e3 + random.random())  # noqa: S311 - no secret
    raise RuntimeError(answer)


async def _answer(socket: ClientConnection, request: str) -> Frame:
    while True:
        answer: Frame = json.loads(await socket.recv())
        if answer.get("requestId") == request and answer["action"] != "history":
            return answer


if __name__ == "__main__":
    print(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
