"""Another thread reads posts ahead: as many as needed, and none after the end of the run."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from handlers.posting import read_ahead, run
from handlers.posting.posts import Outcome, Post

from .posting import FAR, Client, Outcomes, Serve, posts
from .server import accept, always

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def test_posting_continues_while_the_next_page_is_read(serve: Serve, client: Client) -> None:
    served = threading.Event()

    def work() -> Iterator[Post]:
        yield Post("first=", b"")
        assert served.wait(FAR)  # the next page comes only after the first post is delivered
        yield Post("second=", b"")

    order: list[str] = []

    def on_outcome(post: Post, _: Outcome) -> None:
        order.append(post.connection_id)
        served.set()

    client(serve(accept)).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=on_outcome)
    assert order == ["first=", "second="]


def test_only_a_limited_number_of_posts_is_read_ahead(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_MOST", 16)
    monkeypatch.setattr(run, "_MAX_WAITING", 16)
    read, done, ahead = 0, 0, 0

    def work() -> Iterator[Post]:
        nonlocal read, ahead
        for post in posts(2000):
            read += 1
            ahead = max(ahead, read - done)
            yield post

    def on_outcome(*_: object) -> None:
        nonlocal done
        done += 1

    api = client(serve(always(500)), attempts=2)
    api.post_all(work(), deadline=time.monotonic() + FAR, on_outcome=on_outcome)
    assert done == read == 2000
    assert ahead <= 16 + 16 + 64 + 1  # read ahead, waiting for a retry, being posted, held by the reader


def test_an_error_of_the_iterable_is_raised_after_the_posts_before_it(serve: Serve, client: Client) -> None:
    def work() -> Iterator[Post]:
        yield from posts(100)
        raise LookupError("page")

    outcomes = Outcomes()
    with pytest.raises(LookupError, match="page"):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=outcomes)
    assert len(outcomes.ids(Outcome.DELIVERED)) == 100


LONG = 30.0
"""Longest time in seconds that a test waits. Only a broken engine makes a test wait so long."""


@pytest.fixture
def only_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop run only when it is woken. Normally it also looks for timeouts every 50 ms."""
    monkeypatch.setattr(run, "_SWEEP_S", FAR)


@pytest.mark.usefixtures("only_woken")
def test_the_next_post_and_the_end_wake_the_loop(serve: Serve, client: Client) -> None:
    delivered = threading.Event()

    def work() -> Iterator[Post]:
        for post in posts(3):
            delivered.clear()
            yield post
            assert delivered.wait(LONG)

    api, deadline = client(serve(accept)), time.monotonic() + LONG
    api.post_all(work(), deadline=deadline, on_outcome=lambda *_: delivered.set())
    assert time.monotonic() < deadline


def test_the_end_is_visible_when_it_wakes_the_loop() -> None:
    woken: SimpleQueue[bool] = SimpleQueue()
    created = threading.Event()

    def work() -> Iterator[Post]:
        created.wait(LONG)
        yield from ()

    reader = read_ahead.ReadAhead(work(), lambda: woken.put(reader.exhausted))
    created.set()
    assert woken.get(timeout=LONG)


@pytest.mark.usefixtures("only_woken")
def test_a_post_that_arrives_just_before_the_loop_waits_is_not_missed(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, came, delivered = threading.Event(), threading.Event(), threading.Event()

    class Race(read_ahead.ReadAhead[Post]):
        """The first post arrives after the loop has found no post, and before the loop sets ``starving``."""

        @property
        def starving(self) -> bool:
            if threading.current_thread().name == "read-ahead":
                came.set()
                return False
            return self._starving

        @starving.setter
        def starving(self, value: bool) -> None:
            if value and not asked.is_set():
                asked.set()
                assert came.wait(LONG)
            self._starving = value

    def work() -> Iterator[Post]:
        assert asked.wait(LONG)
        yield from posts(1)
        assert delivered.wait(LONG)

    monkeypatch.setattr(run, "ReadAhead", Race)
    api, deadline = client(serve(accept)), time.monotonic() + LONG
    api.post_all(work(), deadline=deadline, on_outcome=lambda *_: delivered.set())
    assert time.monotonic() < deadline


def make_room(reader: read_ahead.ReadAhead[int], taken: list[int]) -> None:
    while (item := reader.take()) is not None:
        taken.append(item)


@pytest.mark.parametrize("stop", [False, True])
def test_room_that_appears_just_before_the_reader_waits_is_not_missed(
    monkeypatch: pytest.MonkeyPatch, *, stop: bool
) -> None:
    taken: list[int] = []
    ended = threading.Event()

    class Room(threading.Event):
        def clear(self) -> None:
            if stop:
                reader.stop()
            else:
                make_room(reader, taken)
            super().clear()

    monkeypatch.setattr(read_ahead, "_MOST", 4)
    monkeypatch.setattr(read_ahead, "threading", SimpleNamespace(Thread=threading.Thread, Event=Room))
    created = threading.Event()

    def work() -> Iterator[int]:
        created.wait(LONG)
        yield from range(10)

    reader = read_ahead.ReadAhead(work(), ended.set)
    created.set()
    assert ended.wait(LONG)
    make_room(reader, taken)
    assert taken == list(range(4 if stop else 10))


def fail(*_: object) -> None:
    raise LookupError("callback")


@pytest.mark.parametrize(
    ("seconds", "on_outcome", "error"),
    [
        pytest.param(FAR, fail, LookupError, id="exception"),
        pytest.param(0.2, lambda *_: None, TimeoutError, id="deadline"),
    ],
)
def test_the_reader_stops_after_the_run(
    serve: Serve, client: Client, seconds: float, on_outcome: Callable[..., None], error: type[Exception]
) -> None:
    """If it is reading a page when the run ends, it reads the first post of that page and stops."""
    over = threading.Event()
    readers: list[threading.Thread] = []
    read = 0

    def work() -> Iterator[Post]:
        nonlocal read
        readers.append(threading.current_thread())
        yield from posts(3)
        over.wait(FAR)
        for post in posts(100):
            read += 1
            yield post

    with pytest.raises(error):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + seconds, on_outcome=on_outcome)
    over.set()
    readers[0].join(LONG)
    assert not readers[0].is_alive()
    assert read == 1


def test_a_reader_that_waits_for_room_ends_with_the_run(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_ahead, "_MOST", 16)
    readers: list[threading.Thread] = []
    read = 0

    def work() -> Iterator[Post]:
        nonlocal read
        readers.append(threading.current_thread())
        for post in posts(1000):
            read += 1
            yield post

    with pytest.raises(LookupError, match="callback"):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=fail)
    readers[0].join(LONG)
    assert not readers[0].is_alive()
    assert read < 1000
