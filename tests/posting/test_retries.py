"""The number of posts at the same time, and the waiting time before a retry."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from handlers.posting import retries
from handlers.posting.posts import Outcome

from .posting import Client, Serve, post_all, posts
from .server import OK, always, at_most

if TYPE_CHECKING:
    from .server import Answer, Request


def test_throttling_lowers_the_number_of_connections_in_use(serve: Serve, client: Client) -> None:
    under_way: list[int] = [0]
    thirty_two = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        under_way.append(under_way[-1] + 1)
        if under_way[-1] == 32:
            thirty_two.set()
        await thirty_two.wait()
        under_way.append(under_way[-1] - 1)
        await (answer.status(429) if request.number < 200 else answer.raw(OK))

    assert len(post_all(client(serve(behave), attempts=2), posts(150)).by_id) == 150
    assert max(under_way[320:400]) == 1


@pytest.mark.parametrize("later", [429, 500])
def test_a_throttled_post_gets_more_attempts(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch, later: int
) -> None:
    monkeypatch.setattr(retries, "_BACKOFF_S", 0.001)
    monkeypatch.setattr(
        random, "uniform", max
    )  # Every post waits for the maximum, so that all are tried equally often.

    all_under_way = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.number == 63:
            all_under_way.set()
        await all_under_way.wait()
        status = 429 if request.number < 128 else later
        await (answer.status(status) if request.number < 200 else answer.raw(OK))

    assert len(post_all(client(serve(behave)), posts(64)).ids(Outcome.DELIVERED)) == 64


def test_backoff_is_random_from_zero_to_a_maximum_that_doubles(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ceilings, came = [], []

    def most(least: float, ceiling: float) -> float:
        assert least == 0
        ceilings.append(ceiling)
        return ceiling

    async def behave(_: Request, answer: Answer) -> None:
        came.append(time.monotonic())
        await answer.status(500)

    monkeypatch.setattr(random, "uniform", most)
    post_all(client(serve(behave), attempts=4), posts(1))
    assert ceilings[:3] == [0.2, 0.4, 0.8]
    assert retries.backoff(100) == 3.2
    waited = [later - earlier for earlier, later in pairwise(came)]
    assert all(wait >= ceiling for wait, ceiling in zip(waited, ceilings, strict=False))


def test_in_an_account_that_allows_1_000_posts_a_second_every_message_arrives(serve: Serve, client: Client) -> None:
    server = serve(at_most(1000))
    sender, typist = client(server), client(server)

    def type_on() -> Counter[Outcome]:
        frames = (post_all(typist, posts(200, body=b"event %d" % frame), gives_way=True) for frame in range(20))
        return Counter(outcome for frame in frames for outcome in frame.by_id.values())

    with ThreadPoolExecutor() as both:
        typed = both.submit(type_on)
        for _ in range(2):
            assert len(post_all(sender, posts(1000, body=b"message")).ids(Outcome.DELIVERED)) == 1000
    told = Counter((request.connection_id, request.body) for request in server.requests)
    events = [times for (_, body), times in told.items() if body != b"message"]
    assert max(events) == 1
    assert typed.result()[Outcome.DELIVERED] <= len(events) < typed.result().total() == 4000


def test_what_gives_way_is_not_posted_while_429s_come_from_all_sides(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    clock = SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic)
    monkeypatch.setattr(retries, "time", clock)
    server = serve(always(429))
    api = client(server, attempts=1)

    def attempts(*, gives_way: bool) -> int:
        before = len(server.requests)
        assert len(post_all(api, posts(1), gives_way=gives_way).ids(Outcome.FAILED)) == 1
        return len(server.requests) - before

    post_all(api, posts(4))
    assert attempts(gives_way=True) == 1
    post_all(api, posts(5))
    assert attempts(gives_way=True) == 0
    assert attempts(gives_way=False) == 4
    now[0] += 2.1
    assert attempts(gives_way=True) == 1


def test_one_full_buffer_does_not_hold_up_what_gives_way(serve: Serve, client: Client) -> None:
    async def behave(request: Request, answer: Answer) -> None:
        await (answer.status(429) if request.connection_id == "id-0=" else answer.raw(OK))

    api = client(serve(behave))
    for _ in range(3):
        assert post_all(api, posts(20), gives_way=True).ids(Outcome.FAILED) == {"id-0="}
