"""The client of `make join` against a server that refuses: it waits for ``retryAfterMs``, and connects again."""

import asyncio
import json
import random
from collections import defaultdict
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from local import reliable_client
from local.link import Frame, RefusedError
from local.reliable_client import ReliableClient

WAIT_MS = 400
RATE_LIMITED = {"code": "RATE_LIMITED", "message": "slower", "retryable": True, "retryAfterMs": WAIT_MS}
NOT_CONNECTED = {"code": "NOT_CONNECTED", "message": "connect again", "retryable": False}
FORBIDDEN = {"code": "FORBIDDEN", "message": "not a member", "retryable": False}


class Server:
    """Refuses the first frame of each action in ``refusals`` with that error, and serves all others."""

    def __init__(self, **refusals: Frame) -> None:
        self.refusals = refusals
        self.connections = 0
        self.times: defaultdict[str, list[float]] = defaultdict(list)
        self.said: list[str] = []

    async def handle(self, connection: ServerConnection) -> None:
        self.connections += 1
        await connection.send('{"message":"Internal server error"}')
        await connection.send("not JSON")
        async for text in connection:
            frame = json.loads(text)
            action = frame["action"]
            self.times[action].append(asyncio.get_running_loop().time())
            same = {name: frame[name] for name in ("requestId", "clientMessageId") if name in frame}
            await connection.send(json.dumps(self._answer(action, frame) | same))

    def _answer(self, action: str, frame: Frame) -> dict[str, Any]:
        if refusal := self.refusals.pop(action, None):
            return {"action": "error"} | refusal
        if action == "getHistory":
            return {"action": "history", "messages": [], "before": None, "after": "c", "more": False}
        self.said.append(frame["message"])
        stamp = {"messageId": f"m{len(self.said)}", "timestamp": "2026-01-01T00:00:00.000000Z"}
        return {"action": "ack", "duplicate": False} | stamp


async def say_through(server: Server, *texts: str) -> list[str]:
    """Send texts. Returns the actions of the answers."""
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        client = ReliableClient(f"ws://127.0.0.1:{port}", "u", "g")
        running = asyncio.create_task(client.run())
        said = asyncio.gather(*(client.say(text).answer for text in texts))
        try:
            either: set[asyncio.Future[Any]] = {running, said}
            await asyncio.wait(either, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            return [answer["action"] for answer in said.result()]
        finally:
            said.cancel()
            running.cancel()
            await asyncio.wait({running})


def test_a_message_waits_as_long_as_the_server_says_and_keeps_its_place() -> None:
    server = Server(sendMessage=RATE_LIMITED)
    assert asyncio.run(say_through(server, "a", "b")) == ["ack", "ack"]
    assert server.said == ["a", "b"]
    first, second, _ = server.times["sendMessage"]
    assert second - first >= WAIT_MS / 1000
    assert server.connections == 1


def test_history_waits_as_long_as_the_server_says() -> None:
    # The message waits longer, so that the client asks for history again before the message is sent.
    server = Server(getHistory=RATE_LIMITED, sendMessage=RATE_LIMITED | {"retryAfterMs": 4 * WAIT_MS})
    asyncio.run(say_through(server, "a"))
    first, second = server.times["getHistory"]
    assert second - first >= WAIT_MS / 1000


@pytest.mark.parametrize("action", ["sendMessage", "getHistory"])
def test_the_client_reconnects_if_the_server_does_not_know_the_connection(action: str) -> None:
    server = Server(**{action: NOT_CONNECTED})
    assert asyncio.run(say_through(server, "a")) == ["ack"]
    assert server.connections == 2


def test_a_refused_message_is_reported_and_the_next_is_sent() -> None:
    server = Server(sendMessage=FORBIDDEN)
    assert asyncio.run(say_through(server, "a", "b")) == ["error", "ack"]
    assert server.said == ["b"]


def test_a_refused_history_ends_the_client() -> None:
    server = Server(getHistory=FORBIDDEN, sendMessage=RATE_LIMITED)
    with pytest.raises(RefusedError, match="not a member"):
        asyncio.run(say_through(server, "a"))


def test_clients_that_connected_together_recover_at_different_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_INDEX_LAG_S", 0)
    drawn: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        drawn.append((low, high))
        return low

    async def recover() -> None:
        async with serve(server.handle, "127.0.0.1", 0) as listening:
            port = next(iter(listening.sockets)).getsockname()[1]
            client = ReliableClient(f"ws://127.0.0.1:{port}", "u", "g", recover_every=0.1)
            with suppress(TimeoutError):
                await asyncio.wait_for(client.run(), 1)

    server = Server()
    monkeypatch.setattr(random, "uniform", least)
    asyncio.run(recover())
    assert (0.9, 1) in drawn
