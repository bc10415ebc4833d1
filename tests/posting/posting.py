"""Posts for the tests of the engine, and their outcomes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from handlers.posting.management_api import ManagementApi
from handlers.posting.posts import Outcome, Post

from .server import FakeManagementApi

Serve = Callable[..., FakeManagementApi]
Client = Callable[..., ManagementApi]
Thaw = Callable[[float], None]

FAR = 120.0
"""A deadline in seconds that no test reaches, even on a busy machine."""


class Outcomes:
    """Records the outcome of each connection id. Fails on a second outcome for the same id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Outcome] = {}
        self.threads: set[int] = set()

    def __call__(self, post: Post, outcome: Outcome) -> None:
        assert post.connection_id not in self.by_id
        self.by_id[post.connection_id] = outcome
        self.threads.add(threading.get_ident())

    def ids(self, outcome: Outcome) -> set[str]:
        """Return the ids with this outcome."""
        return {connection_id for connection_id, each in self.by_id.items() if each is outcome}


def posts(count: int, *, body: bytes = b"frame") -> list[Post]:
    return [Post(f"id-{number}=", body) for number in range(count)]


def post_all(api: ManagementApi, work: Iterable[Post], *, seconds: float = FAR, gives_way: bool = False) -> Outcomes:
    outcomes = Outcomes()
    api.post_all(work, deadline=time.monotonic() + seconds, on_outcome=outcomes, gives_way=gives_way)
    return outcomes
