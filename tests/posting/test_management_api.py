"""The whole engine, against a real TLS server that often misbehaves."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import NoCredentialsError

from handlers.posting import run
from handlers.posting.posts import Outcome, Post

from .posting import FAR, Client, Serve, post_all, posts
from .server import OK, accept, never

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .server import Answer, Request


def test_every_recipient_gets_its_own_frame_once(serve: Serve, client: Client) -> None:
    server = serve(accept)
    work = [Post(f"id {number}/=", b"%d" % number * 100) for number in range(500)]
    outcomes = post_all(client(server), work)
    assert outcomes.by_id == dict.fromkeys((post.connection_id for post in work), Outcome.DELIVERED)
    assert outcomes.threads == {threading.get_ident()}
    assert sorted((request.connection_id, request.body) for request in server.requests) == sorted(
        (post.connection_id, post.body) for post in work
    )
    assert server.connections <= 64


def test_without_recipients_no_connection_is_opened(serve: Serve, client: Client) -> None:
    server = serve(accept)
    assert post_all(client(server), []).by_id == {}
    assert server.connections == 0


def test_the_callback_gets_the_original_post_objects(serve: Serve, client: Client) -> None:
    @dataclass(frozen=True, slots=True)
    class Row(Post):
        user_id: str

    row = Row("a=", b"frame", "user")
    seen: list[tuple[Row, Outcome]] = []
    client(serve(accept)).post_all([row], deadline=time.monotonic() + FAR, on_outcome=lambda *pair: seen.append(pair))
    assert seen == [(row, Outcome.DELIVERED)]
    assert seen[0][0] is row


def test_without_credentials_no_post_is_read(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    work = iter(posts(1))
    with pytest.raises(NoCredentialsError):
        post_all(client(serve(accept)), work)
    assert len(list(work)) == 1


def test_credentials_that_rotate_within_a_second_sign_the_next_run(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(run, "time", clock)
    server = serve(accept)
    api = client(server)
    for key, secret in (("FIRST", "secret"), ("SECOND", "other secret")):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        post_all(api, posts(1))
    first, second = (request.headers["authorization"].partition("Signature=") for request in server.requests)
    assert "Credential=FIRST/" in first[0]
    assert "Credential=SECOND/" in second[0]
    assert first[2] != second[2]


def test_credentials_are_read_again_during_a_long_run(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(run, "time", clock)
    delivered = threading.Event()

    def work() -> Iterator[Post]:
        yield from posts(1)
        assert delivered.wait(FAR)
        yield from posts(1)

    def a_second_later(*_: object) -> None:
        nonlocal now
        now += 1
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "SECOND")
        delivered.set()

    server = serve(accept)
    client(server).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=a_second_later)
    assert ["Credential=SECOND/" in request.headers["authorization"] for request in server.requests] == [False, True]


CHAOS = {
    "200": 40, "chunked": 5, "close": 5, "slow": 5, "410": 3, "403": 2, "413": 2, "429": 8, "503": 5,
    "reset": 4, "drop": 4, "garbage": 2, "half": 2, "hang": 1,
}  # fmt: skip
"""The server's answers and faults, with their weights. The sum is about a hundred."""


async def misbehave(action: str, answer: Answer, chance: random.Random) -> None:
    if action.isdigit():
        await answer.status(int(action))
    elif action == "chunked":
        await answer.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r", b"\nab\r\n0\r\n\r\n")
    elif action == "slow":
        await asyncio.sleep(chance.random() * 0.05)
        await answer.raw(*(bytes([byte]) for byte in OK))
    elif action == "reset":
        answer.reset()
    elif action == "hang":
        await never()
    else:
        await answer.raw(
            {
                "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
                "drop": b"",
                "garbage": chance.randbytes(100),
                "half": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
            }[action]
        )
        answer.close()


@pytest.mark.parametrize("seed", range(3))
def test_every_recipient_gets_one_true_outcome_despite_faults(serve: Serve, client: Client, seed: int) -> None:
    chance = random.Random(seed)
    accepted: Counter[str] = Counter()
    gone: set[str] = set()

    async def behave(request: Request, answer: Answer) -> None:
        (action,) = chance.choices(list(CHAOS), list(CHAOS.values()))
        if action in {"200", "chunked", "close", "slow"}:
            accepted[request.connection_id] += 1
        if action == "410":
            gone.add(request.connection_id)
        await misbehave(action, answer, chance)

    work = posts(600)
    outcomes = post_all(client(serve(behave), request_timeout=5.0, connections=32), work)
    assert set(outcomes.by_id) == {post.connection_id for post in work}
    assert outcomes.ids(Outcome.DELIVERED) == set(accepted)
    assert max(accepted.values()) == 1
    assert outcomes.ids(Outcome.GONE) == gone
    assert outcomes.ids(Outcome.FAILED)
