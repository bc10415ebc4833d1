"""The number of posts at the same time, and the waiting time before a retry."""

from __future__ import annotations

import asyncio
import random
import time
from itertools import pairwise
from typing import TYPE_CHECKING

from handlers.posting import retries
from handlers.posting.posts import Outcome

from .posting import Client, Serve, post_all, posts
from .server import OK

if TYPE_CHECKING:
    import pytest

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


def test_a_throttled_post_gets_more_attempts(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_BACKOFF_S", 0.001)
    monkeypatch.setattr(
        random, "uniform", max
    )  # Every post waits for the maximum, so that all are tried equally often.

    all_under_way = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.number == 63:
            all_under_way.set()
        await all_under_way.wait()
        await (answer.status(429) if request.number < 200 else answer.raw(OK))

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
    waited = [later - earlier for earlier, later in pairwise(came)]
    assert all(wait >= ceiling for wait, ceiling in zip(waited, ceilings, strict=False))
