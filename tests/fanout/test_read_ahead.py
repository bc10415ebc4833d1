"""Posts are read ahead on another thread: as many as are needed, and none after the end."""

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


def test_posting_goes_on_while_the_next_page_is_read(serve: Serve, client: Client) -> None:
    served = threading.Event()

    def work() -> Iterator[Post]:
        yield Post("first=", b"")
        assert served.wait(FAR)  # the next page comes only when the first has been delivered
        yield Post("second=", b"")

    order: list[str] = []

    def on_outcome(post: Post, _: Outcome) -> None:
        order.append(post.connection_id)
        served.set()

    client(serve(accept)).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=on_outcome)
    assert order == ["first=", "second="]


def test_posts_are_read_only_a_bounded_number_ahead(
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
    assert ahead <= 16 + 16 + 64 + 1  # unread by the loop, waiting for a retry, under way, in the reader's hand


def test_error_of_the_iterable_comes_after_what_was_read(serve: Serve, client: Client) -> None:
    def work() -> Iterator[Post]:
        yield from posts(100)
        raise LookupError("page")

    outcomes = Outcomes()
    with pytest.raises(LookupError, match="page"):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + FAR, on_outcome=outcomes)
    assert len(outcomes.ids(Outcome.DELIVERED)) == 100


LONG = 30.0
"""Seconds that the loop waits for a wake-up here, and a test for a thread. Waited only by an engine with a fault."""


@pytest.fixture
def only_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the loop wait for as long as nothing wakes it, where it looks for timeouts every 50 ms otherwise."""
    monkeypatch.setattr(run, "_SWEEP_S", FAR)


@pytest.mark.usefixtures("only_woken")
def test_loop_is_woken_by_the_next_post_and_by_the_end(serve: Serve, client: Client) -> None:
    delivered = threading.Event()

    def work() -> Iterator[Post]:
        for post in posts(3):
            delivered.clear()
            yield post
            assert delivered.wait(LONG)

    api, deadline = client(serve(accept)), time.monotonic() + LONG
    api.post_all(work(), deadline=deadline, on_outcome=lambda *_: delivered.set())
    assert time.monotonic() < deadline


def test_end_can_be_seen_when_the_loop_is_woken_for_it() -> None:
    woken: SimpleQueue[bool] = SimpleQueue()
    created = threading.Event()

    def work() -> Iterator[Post]:
        created.wait(LONG)
        yield from ()

    reader = read_ahead.ReadAhead(work(), lambda: woken.put(reader.exhausted))
    created.set()
    assert woken.get(timeout=LONG)


@pytest.mark.usefixtures("only_woken")
def test_post_that_comes_while_the_loop_asks_to_be_woken_is_not_missed(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, came, delivered = threading.Event(), threading.Event(), threading.Event()

    class Race(read_ahead.ReadAhead[Post]):
        """Lets the first post come after the loop has found none, and before it says that it is starving."""

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
def test_room_made_just_before_the_reader_waits_for_it_is_seen(monkeypatch: pytest.MonkeyPatch, *, stop: bool) -> None:
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
def test_reader_does_not_go_on_after_the_run(
    serve: Serve, client: Client, seconds: float, on_outcome: Callable[..., None], error: type[Exception]
) -> None:
    """It may be reading a page when the run ends. It reads that one to its first post, and stops."""
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


def test_reader_that_waits_for_room_ends_with_the_run(
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
