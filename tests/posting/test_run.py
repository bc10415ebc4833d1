"""A run of the engine: the outcome of a post after each answer, each fault and the deadline."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import trustme

from handlers.posting import run
from handlers.posting.posts import Outcome, Post
from handlers.posting.run import Limits

from .posting import FAR, Client, Outcomes, Serve, post_all, posts
from .server import OK, FakeManagementApi, accept, always, never

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .server import Answer, Request


@pytest.mark.parametrize(
    ("status", "outcome", "requests"),
    [
        (200, Outcome.DELIVERED, 1),
        (410, Outcome.GONE, 1),
        (400, Outcome.FAILED, 1),
        (403, Outcome.FAILED, 1),
        (413, Outcome.FAILED, 1),
        (301, Outcome.FAILED, 1),
        (408, Outcome.FAILED, 3),
        (429, Outcome.FAILED, 3),
        (500, Outcome.FAILED, 3),
        (503, Outcome.FAILED, 3),
    ],
)
def test_each_status_has_its_outcome(
    serve: Serve, client: Client, status: int, outcome: Outcome, requests: int
) -> None:
    server = serve(always(status))
    assert post_all(client(server), posts(1)).by_id == {"id-0=": outcome}
    assert len(server.requests) == requests


@pytest.mark.parametrize("status", [429, 500])
def test_a_frame_that_was_not_delivered_is_posted_again(serve: Serve, client: Client, status: int) -> None:
    async def behave(request: Request, answer: Answer) -> None:
        await (answer.raw(OK) if request.number else answer.status(status))

    server = serve(behave)
    assert post_all(client(server), posts(1)).ids(Outcome.DELIVERED) == {"id-0="}
    assert len(server.requests) == 2


@pytest.mark.parametrize("trouble", ["reset", "close", "garbage", "half", "hang"])
def test_a_frame_that_may_have_been_delivered_is_posted_once(serve: Serve, client: Client, trouble: str) -> None:
    async def behave(_: Request, answer: Answer) -> None:
        if trouble == "reset":
            answer.reset()
        elif trouble == "close":
            answer.close()
        elif trouble == "garbage":
            await answer.raw(b"\x00\x01 nonsense\r\n\r\n")
        elif trouble == "half":
            await answer.raw(b"HTTP/1.1 200 OK\r\nContent-Le")
            answer.close()
        else:
            await never()

    server = serve(behave)
    api = client(server, request_timeout=2.0 if trouble == "hang" else FAR)
    assert post_all(api, posts(1)).ids(Outcome.FAILED) == {"id-0="}
    assert len(server.requests) == 1


def test_a_connection_that_cannot_be_opened_is_tried_again(client: Client) -> None:
    handshakes: list[bytes] = []

    def refuse_handshakes() -> None:
        with suppress(OSError):  # At the end, when the listener is closed.
            while True:
                sock, _ = listener.accept()
                handshakes.append(sock.recv(1))
                sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=refuse_handshakes).start()
        server = SimpleNamespace(endpoint=f"https://127.0.0.1:{listener.getsockname()[1]}/production")
        assert post_all(client(server), posts(1)).ids(Outcome.FAILED) == {"id-0="}
        listener.shutdown(socket.SHUT_RDWR)
    assert len(handshakes) == Limits().attempts


def test_a_recipient_that_hung_gets_less_time_until_it_answers(serve: Serve, client: Client) -> None:
    patience: list[float] = []
    hangs = [True, True, False, True]

    async def behave(_: Request, answer: Answer) -> None:
        if hangs.pop(0):
            await never()
        await answer.raw(OK)

    api = client(serve(behave), request_timeout=2.0)
    for _ in range(4):
        started = time.monotonic()
        post_all(api, posts(1))
        patience.append(time.monotonic() - started)
    assert patience[0] >= 2.0
    assert 0.5 <= patience[1] < 2.0
    assert patience[3] >= 2.0


def test_a_stale_connection_is_replaced_once_without_using_up_an_attempt(serve: Serve, client: Client) -> None:
    async def behave(request: Request, answer: Answer) -> None:
        if request.nth_on_connection:
            answer.reset()
        else:
            await answer.raw(OK)

    server = serve(behave)
    api = client(server, connections=1, attempts=1)
    assert len(post_all(api, posts(10)).ids(Outcome.DELIVERED)) == 10
    assert server.connections == 10


def test_a_recipient_that_hangs_does_not_delay_the_others(serve: Serve, client: Client) -> None:
    others_served = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.connection_id == "id-0=":
            await others_served.wait()
        await answer.raw(OK)
        if request.number == 199:
            others_served.set()

    outcomes = post_all(client(serve(behave), connections=2, request_timeout=FAR), posts(200))
    assert len(outcomes.ids(Outcome.DELIVERED)) == 200


def test_the_process_remembers_a_limited_number_of_recipients_that_hung(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_MOST_SLOW", 2)
    api = client(serve(never), request_timeout=0.2)
    post_all(api, posts(3))
    assert len(api._memory.slow) == 1  # noqa: SLF001 - the memory has no other trace


def test_the_deadline_ends_every_post(serve: Serve, client: Client) -> None:
    server = serve(never)
    started = time.monotonic()
    outcomes = post_all(client(server, request_timeout=FAR), posts(2000), seconds=0.3)
    assert len(outcomes.ids(Outcome.FAILED)) == 2000
    assert time.monotonic() - started < FAR / 2


def test_nothing_is_posted_after_the_deadline(serve: Serve, client: Client) -> None:
    server = serve(accept)
    assert len(post_all(client(server), posts(2000), seconds=-1).ids(Outcome.FAILED)) == 2000
    assert server.requests == []


def test_an_iterable_that_never_ends_is_given_up_at_the_deadline(serve: Serve, client: Client) -> None:
    release = threading.Event()

    def work() -> Iterator[Post]:
        yield from posts(3)
        release.wait()

    outcomes = Outcomes()
    with pytest.raises(TimeoutError):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + 0.5, on_outcome=outcomes)
    release.set()
    assert len(outcomes.by_id) == 3


def test_the_engine_works_after_an_error_of_the_callback(serve: Serve, client: Client) -> None:
    def fail(*_: object) -> None:
        raise LookupError("callback")

    api = client(serve(accept))
    with pytest.raises(LookupError, match="callback"):
        api.post_all(posts(100), deadline=time.monotonic() + FAR, on_outcome=fail)
    assert len(post_all(api, posts(100)).ids(Outcome.DELIVERED)) == 100


def test_the_engine_works_after_a_post_that_cannot_be_signed(serve: Serve, client: Client) -> None:
    """Both on a new connection and on an idle one."""
    api = client(serve(accept))
    for _ in range(2):
        with pytest.raises(UnicodeEncodeError):
            post_all(api, [Post("\ud800", b"frame")])
        assert api.pool.open == set(api.pool.idle)
        assert len(post_all(api, posts(3)).ids(Outcome.DELIVERED)) == 3


def test_forbidden_posts_are_one_error_line_without_content(
    serve: Serve, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(always(403, "x-amzn-ErrorType: ForbiddenException:http://internal/"))
    post_all(client(server), posts(20, body=b"private words"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "20 posts failed: {'403 ForbiddenException': 20}"


def test_a_refused_connection_fails_the_posts(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with FakeManagementApi(trustme.CA(), accept) as server:
        pass
    assert post_all(client(server), posts(3)).ids(Outcome.FAILED) == {"id-0=", "id-1=", "id-2="}
    assert caplog.messages == ["3 posts failed: {'ConnectionRefusedError': 3}"]
