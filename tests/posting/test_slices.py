"""A message to a large group: how many posts a second it makes over all of its slices."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from handlers.posting import slices
from handlers.posting.posts import Outcome, Post
from handlers.tables.connection import Connection

from .posting import FAR, Client, Serve, post_all
from .server import OK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .server import Answer, Request

    Limit = Callable[[int, int], None]

FRAME = b"frame"


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    """Return a function that sets the posts per second, and the connections that one run serves."""

    def set_limits(rate: int, threshold: int) -> None:
        settings = SimpleNamespace(fan_out_rate=rate, broadcast_threshold=threshold)
        monkeypatch.setattr(slices, "settings", lambda: settings)

    return set_limits


@dataclass
class Clock:
    """A clock that only moves while something sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(slices, "time", clock)
    return clock


@pytest.fixture
def handed_over(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[tuple[float, int]]:
    """When each slice was handed over, and its size."""
    made: list[tuple[float, int]] = []
    monkeypatch.setattr(slices, "hand_over", lambda _, recipients: made.append((clock.now, len(recipients))))
    return made


def members(count: int) -> Iterator[Connection]:
    return (Connection(f"id-{number}=", "", "", "") for number in range(count))


def kept(count: int, deadline: float = math.inf) -> int:
    """Split a group. Returns how many recipients the run keeps for itself."""
    return len(list(slices.split(FRAME, members(count), deadline=deadline)))


@pytest.mark.parametrize(("rate", "count"), [(40, 1), (40, 10), (40, 11), (40, 40), (35, 35), (7, 7)])
def test_a_group_below_the_rate_never_waits(
    limit: Limit, clock: Clock, handed_over: list[tuple[float, int]], rate: int, count: int
) -> None:
    limit(rate, 10)
    own = kept(count)
    assert own + sum(size for _, size in handed_over) == count
    assert clock.slept == []


@pytest.mark.parametrize(
    ("rate", "threshold", "expected"),
    [
        (40, 10, [(0, 10), (0, 10), (0, 10), (1, 10), (1, 10), (1, 10), (1, 10), (2, 5)]),
        # Of whole slices, three fit into a second.
        (35, 10, [(0, 10), (0, 10), (1, 10), (1, 10), (1, 10), (2, 10), (2, 10), (2, 5)]),
        # A slice that is larger than the rate would make too many posts by itself.
        (30, 50, [(1, 30), (2, 25)]),
        (10_000, 10, [(0, 10)] * 7 + [(0, 5)]),
    ],
)
def test_slices_are_handed_over_at_the_rate(
    limit: Limit, handed_over: list[tuple[float, int]], rate: int, threshold: int, expected: list[tuple[float, int]]
) -> None:
    limit(rate, threshold)
    assert kept(85) == min(rate, threshold)
    assert handed_over == expected


def test_a_slow_list_of_recipients_is_not_made_slower(
    limit: Limit, clock: Clock, handed_over: list[tuple[float, int]]
) -> None:
    limit(40, 10)

    def slowly() -> Iterator[Connection]:
        for member in members(80):
            clock.now += 0.04
            yield member

    list(slices.split(FRAME, slowly(), deadline=math.inf))
    assert len(handed_over) == 7
    assert sum(clock.slept) == 0


def test_nothing_waits_longer_than_the_deadline(
    limit: Limit, clock: Clock, handed_over: list[tuple[float, int]]
) -> None:
    limit(10, 10)
    with pytest.raises(TimeoutError):
        # The check of the deadline has the real clock, on which this moment is past.
        kept(100, deadline=0.25)
    assert clock.slept == [0.25]
    assert handed_over == []


def test_all_runs_together_keep_to_the_rate(
    limit: Limit, serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice is posted at once by another engine, as another run of a function does."""
    limit(40, 10)
    arrived: dict[str, float] = {}
    runs: list[threading.Thread] = []

    async def behave(request: Request, answer: Answer) -> None:
        arrived[request.connection_id] = time.monotonic()
        await answer.raw(OK)

    server = serve(behave)

    def post_slice(_: str, recipients: list[Connection]) -> None:
        engine = client(server)
        posts = [Post(one.connection_id, FRAME) for one in recipients]
        runs.append(threading.Thread(target=post_all, args=(engine, posts)))
        runs[-1].start()

    monkeypatch.setattr(slices, "hand_over", post_slice)
    started = time.monotonic()
    own = slices.split(FRAME, members(130), deadline=started + FAR)
    outcomes = post_all(client(server), (Post(one.connection_id, FRAME) for one in own))
    for run in runs:
        run.join()
    assert len(outcomes.ids(Outcome.DELIVERED)) == 10
    assert len(arrived) == 130
    # A busy machine makes posts later, never earlier.
    too_early = [number for number in range(130) if arrived[f"id-{number}="] - started < number // 40]
    assert too_early == []
