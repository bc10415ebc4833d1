"""Posts are read ahead on another thread: as many as are needed, and none after the end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from handlers.posting import read_ahead, run
from handlers.posting.posts import Outcome, Post

from .posting import FAR, Client, Outcomes, Serve, posts
from .server import accept, always

if TYPE_CHECKING:
    from collections.abc import Iterator


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
