"""From a send to the last receipt, through the program as it is deployed, in the emulator."""

import asyncio
import json
import statistics
import time
from contextlib import AsyncExitStack
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_messages_table

TEXT = "x" * 100
WARM_UP = 5
"""Sends after the first one that do not count: connections are opened, caches filled."""
PAUSE_S = 0.03
"""Lets the function end before the next send: the emulator runs one invocation of it at a time."""


class Sends(NamedTuple):
    """Milliseconds from send to last receipt in a group of so many clients."""

    clients: int
    messages: int
    first_ms: float
    """Of the first send after the start: the function is loaded, and connects to everybody."""
    p50_ms: float
    p99_ms: float


def measure(clients: int, count: int) -> Sends:
    """Deploy the program into an emulator of its own and send ``count`` messages, one after another."""
    with Emulator(port=0) as emulator:
        create_messages_table(emulator)
        # Presence events would tell each of the clients about each other one that joins.
        url = deploy(emulator, {"presence": False, "messageRate": 1_000, "messageBurst": 1_000})["WebSocketURL"]
        first, *times = asyncio.run(_send(url, clients, 1 + WARM_UP + count))
    counted = sorted(times[WARM_UP:])
    return Sends(clients, count, first, statistics.median(counted), counted[(count - 1) * 99 // 100])


async def _send(url: str, clients: int, count: int) -> list[float]:
    async with asyncio.timeout(600), AsyncExitStack() as opened:
        sockets = [
            await opened.enter_async_context(connect(f"{url}?userId=u{number}&groupId=g", close_timeout=1))
            for number in range(clients)
        ]
        times = []
        for number in range(count):
            name = f"c{number}"
            message = {"groupId": "g", "senderId": "u0", "message": TEXT, "clientMessageId": name}
            start = time.perf_counter()
            await sockets[0].send(json.dumps({"action": "sendMessage"} | message))
            await asyncio.gather(*(_receive(socket, name) for socket in sockets))
            times.append((time.perf_counter() - start) * 1e3)
            await asyncio.sleep(PAUSE_S)
        return times


async def _receive(socket: ClientConnection, name: str) -> None:
    while True:
        frame = json.loads(await socket.recv())
        if frame["action"] == "error":
            raise RuntimeError(frame)
        if frame["action"] == "message" and frame["clientMessageId"] == name:
            return
