"""Measures the time from a send until the last client has it, through the deployed program in the emulator."""

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
"""Sends after the first one that do not count: they open connections and fill caches."""
PAUSE_S = 0.03
"""Pause between sends, so that the function can end: the emulator runs one invocation of it at a time."""


class Sends(NamedTuple):
    """Milliseconds from a send until the last of ``clients`` clients has the message."""

    clients: int
    messages: int
    first_ms: float
    """For the first send after the start: the function is loaded and connects to everyone."""
    p50_ms: float
    p99_ms: float


def measure(clients: int, count: int) -> Sends:
    """Deploy the program into its own emulator and send ``count`` messages, one after another."""
    with Emulator(port=0) as emulator:
        create_messages_table(emulator)
        # Presence events would tell every client about every other client that joins.
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
