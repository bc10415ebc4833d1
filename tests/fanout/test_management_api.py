"""The engine against a real TLS server that behaves as each test says, badly for the most part."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from botocore.exceptions import NoCredentialsError
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.posting import addresses, connection_pool, pacing, read_ahead, run
from handlers.posting.management_api import ManagementApi
from handlers.posting.posts import Outcome, Post

from .server import FakeManagementApi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from .server import Answer, Behaviour, Request

    Serve = Callable[..., FakeManagementApi]
    Client = Callable[..., ManagementApi]

FAR = 120.0
"""Seconds to a deadline that no test meets, however busy the machine."""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Outcomes:
    """What became of each connection id; fails on a second outcome for one."""

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


def post_all(api: ManagementApi, work: Iterable[Post], *, seconds: float = FAR) -> Outcomes:
    outcomes = Outcomes()
    api.post_all(work, deadline=time.monotonic() + seconds, on_outcome=outcomes)
    return outcomes


async def accept(_: Request, answer: Answer) -> None:
    await answer.raw(OK)


async def never(*_: object) -> None:
    await asyncio.sleep(3600)


def always(status: int, *headers: str) -> Behaviour:
    async def behave(_: Request, answer: Answer) -> None:
        await answer.status(status, *headers, body=b'{"message":"secret text"}')

    return behave


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


def test_nobody_to_post_to(serve: Serve, client: Client) -> None:
    server = serve(accept)
    assert post_all(client(server), []).by_id == {}
    assert server.connections == 0


def test_posts_come_back_as_the_objects_they_were(serve: Serve, client: Client) -> None:
    @dataclass(frozen=True, slots=True)
    class Row(Post):
        user_id: str

    row = Row("a=", b"frame", "user")
    seen: list[tuple[Row, Outcome]] = []
    client(serve(accept)).post_all([row], deadline=time.monotonic() + FAR, on_outcome=lambda *pair: seen.append(pair))
    assert seen == [(row, Outcome.DELIVERED)]
    assert seen[0][0] is row


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
def test_status(serve: Serve, client: Client, status: int, outcome: Outcome, requests: int) -> None:
    server = serve(always(status))
    assert post_all(client(server), posts(1)).by_id == {"id-0=": outcome}
    assert len(server.requests) == requests


@pytest.mark.parametrize("trouble", ["429", "500", "reset", "close", "garbage", "half", "hang"])
def test_trouble_that_passes_is_survived(serve: Serve, client: Client, trouble: str) -> None:
    async def behave(request: Request, answer: Answer) -> None:
        if request.number > 0:
            await answer.raw(OK)
        elif trouble.isdigit():
            await answer.status(int(trouble))
        elif trouble == "reset":
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
    assert post_all(api, posts(1)).ids(Outcome.DELIVERED) == {"id-0="}
    assert len(server.requests) == 2


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            b"HTTP/1.1 103 A\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        ]
    ),
    st.data(),
)
def test_responses_in_pieces_leave_the_connection_usable(
    authority: trustme.CA, response: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(1, len(response) - 1), max_size=4)))
    pieces = [response[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]

    async def behave(_: Request, answer: Answer) -> None:
        await answer.raw(*pieces)

    with FakeManagementApi(authority, behave) as server:
        api = ManagementApi(server.endpoint, "us-east-1", run.Limits(connections=1))
        assert len(post_all(api, posts(3)).ids(Outcome.DELIVERED)) == 3
        assert server.connections == 1
        api.close()


def test_what_follows_a_response_is_nobodys_answer(serve: Serve, client: Client) -> None:
    """Not even where the response ends with what is read at once."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Padding: %s\r\n\r\n"
    first %= b"x" * (4096 - len(first) + 2)

    async def behave(request: Request, answer: Answer) -> None:
        await answer.raw(OK if request.number else first + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")

    assert len(first) == 4096
    assert len(post_all(client(serve(behave), connections=1), posts(3)).ids(Outcome.DELIVERED)) == 3


@pytest.mark.parametrize("framing", ["Connection: close\r\nContent-Length: 4\r\n", "Connection: close\r\n", ""])
def test_connection_that_closes_after_each_response(serve: Serve, client: Client, framing: str) -> None:
    async def behave(_: Request, answer: Answer) -> None:
        await answer.raw(f"HTTP/1.1 200 OK\r\n{framing}\r\nbody".encode())
        answer.close()

    server = serve(behave)
    assert len(post_all(client(server, connections=2), posts(10)).ids(Outcome.DELIVERED)) == 10
    assert len(server.requests) == server.connections == 10


def test_connections_are_kept_between_calls(serve: Serve, client: Client) -> None:
    server = serve(accept)
    api = client(server)
    for _ in range(5):
        post_all(api, posts(1))
    assert server.connections == 1


def test_connections_closed_between_calls_are_replaced(serve: Serve, client: Client) -> None:
    server = serve(accept)
    api = client(server, attempts=1)
    post_all(api, posts(50))
    server.drop_connections()
    assert len(post_all(api, posts(50)).ids(Outcome.DELIVERED)) == 50


def test_connection_that_turns_out_stale_is_replaced_once_without_counting(serve: Serve, client: Client) -> None:
    async def behave(request: Request, answer: Answer) -> None:
        if request.nth_on_connection:
            answer.reset()
        else:
            await answer.raw(OK)

    server = serve(behave)
    api = client(server, connections=1, attempts=1)
    assert len(post_all(api, posts(10)).ids(Outcome.DELIVERED)) == 10
    assert server.connections == 10


@pytest.fixture
def thaw(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass as a frozen process finds them gone: on the wall clock, not on the monotonic one."""
    frozen = 0.0

    def advance(seconds: float) -> None:
        nonlocal frozen
        frozen += seconds

    own = SimpleNamespace(time=lambda: time.time() + frozen, monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(addresses, "time", own)
    monkeypatch.setattr(connection_pool, "time", own)
    return advance


def test_connections_unused_for_long_are_not_tried(serve: Serve, client: Client, thaw: Callable[[float], None]) -> None:
    all_there = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.number == 2:
            all_there.set()
        await all_there.wait()
        await answer.raw(OK)

    server = serve(behave)
    api = client(server)
    post_all(api, posts(3))
    assert len(api.pool.open) == 3
    for _ in range(2):
        thaw(30)
        post_all(api, posts(1))
    assert len(api.pool.open) == 1
    assert server.connections == 3
    thaw(60)
    post_all(api, posts(1))
    assert server.connections == 4


def test_address_is_looked_up_anew_after_a_freeze(
    serve: Serve, client: Client, thaw: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lookups = []
    resolve = socket.getaddrinfo

    def count(*name: Any, **options: Any) -> list[Any]:
        lookups.append(name)
        return resolve(*name, **options)

    monkeypatch.setattr(socket, "getaddrinfo", count)
    api = client(serve(accept))
    for expected in (1, 2):
        post_all(api, posts(1))
        assert len(lookups) == expected
        thaw(3600)


def test_lookup_that_hangs_does_not_outlive_the_deadline(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(FAR))
    started = time.monotonic()
    assert post_all(client(serve(accept)), posts(3), seconds=0.3).ids(Outcome.FAILED) == {"id-0=", "id-1=", "id-2="}
    assert time.monotonic() - started < FAR / 2
    release.set()


def test_request_larger_than_the_socket_buffers(serve: Serve, client: Client) -> None:
    server = serve(accept)
    (post,) = posts(1, body=b"x" * 30_000_000)
    assert post_all(client(server, request_timeout=FAR), [post]).ids(Outcome.DELIVERED) == {"id-0="}
    assert server.requests[0].body == post.body


def test_one_recipient_that_hangs_holds_nobody_up(serve: Serve, client: Client) -> None:
    others_served = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.connection_id == "id-0=":
            await others_served.wait()
        await answer.raw(OK)
        if request.number == 199:
            others_served.set()

    outcomes = post_all(client(serve(behave), connections=2, request_timeout=FAR), posts(200))
    assert len(outcomes.ids(Outcome.DELIVERED)) == 200


def test_deadline(serve: Serve, client: Client) -> None:
    server = serve(never)
    started = time.monotonic()
    outcomes = post_all(client(server, request_timeout=FAR), posts(2000), seconds=0.3)
    assert len(outcomes.ids(Outcome.FAILED)) == 2000
    assert time.monotonic() - started < FAR / 2


def test_deadline_before_the_first_post(serve: Serve, client: Client) -> None:
    server = serve(accept)
    assert len(post_all(client(server), posts(2000), seconds=-1).ids(Outcome.FAILED)) == 2000
    assert server.requests == []


def test_posts_that_never_end_do_not_outlive_the_deadline(serve: Serve, client: Client) -> None:
    release = threading.Event()

    def work() -> Iterator[Post]:
        yield from posts(3)
        release.wait()

    outcomes = Outcomes()
    with pytest.raises(TimeoutError):
        client(serve(accept)).post_all(work(), deadline=time.monotonic() + 0.5, on_outcome=outcomes)
    release.set()
    assert len(outcomes.by_id) == 3


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


def test_error_of_the_callback_leaves_a_usable_engine(serve: Serve, client: Client) -> None:
    def fail(*_: object) -> None:
        raise LookupError("callback")

    api = client(serve(accept))
    with pytest.raises(LookupError, match="callback"):
        api.post_all(posts(100), deadline=time.monotonic() + FAR, on_outcome=fail)
    assert len(post_all(api, posts(100)).ids(Outcome.DELIVERED)) == 100


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


def test_posts_are_tried_more_often_where_the_account_is_at_its_limit(
    serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "_BACKOFF_S", 0.001)
    monkeypatch.setattr(
        random, "uniform", max
    )  # All wait for the longest, so that none is tried twice as often as others.

    all_under_way = asyncio.Event()

    async def behave(request: Request, answer: Answer) -> None:
        if request.number == 63:
            all_under_way.set()
        await all_under_way.wait()
        await (answer.status(429) if request.number < 200 else answer.raw(OK))

    assert len(post_all(client(serve(behave)), posts(64)).ids(Outcome.DELIVERED)) == 64


def test_backoff_is_anything_from_nothing_to_a_ceiling_that_doubles(
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


def test_forbidden_is_one_loud_line_without_content(
    serve: Serve, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(always(403, "x-amzn-ErrorType: ForbiddenException:http://internal/"))
    post_all(client(server), posts(20, body=b"private words"))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.getMessage() == "20 posts failed: {'403 ForbiddenException': 20}"


def test_certificate_of_a_stranger_is_refused(client: Client) -> None:
    with FakeManagementApi(trustme.CA(), accept) as server:
        outcomes = post_all(client(server), posts(2))
        assert outcomes.ids(Outcome.FAILED) == {"id-0=", "id-1="}
        assert server.requests == []


def test_certificate_for_another_name_is_refused(serve: Serve, client: Client) -> None:
    server = serve(accept)
    server.endpoint = server.endpoint.replace("127.0.0.1", "localhost")
    assert post_all(client(server), posts(1)).ids(Outcome.FAILED) == {"id-0="}
    assert server.requests == []


def test_nobody_listens(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with FakeManagementApi(trustme.CA(), accept) as server:
        pass
    assert post_all(client(server), posts(3)).ids(Outcome.FAILED) == {"id-0=", "id-1=", "id-2="}
    assert caplog.messages == ["3 posts failed: {'ConnectionRefusedError': 3}"]


def test_all_addresses_of_a_name_take_turns(serve: Serve, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(accept)
    resolve = socket.getaddrinfo

    def with_a_dead_address_first(host: str, port: int, **options: int) -> list[object]:
        return [*resolve("127.0.0.1", 1, **options), *resolve(host, port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", with_a_dead_address_first)
    assert len(post_all(client(server), posts(20)).ids(Outcome.DELIVERED)) == 20


def test_plain_http_for_the_emulator(client: Client, authority: trustme.CA) -> None:
    with FakeManagementApi(authority, accept, tls=False, path="/_aws/execute-api/abc/production") as server:
        assert len(post_all(client(server), posts(100)).ids(Outcome.DELIVERED)) == 100
        assert server.requests[0].path.startswith("/_aws/execute-api/abc/production/@connections/id-")


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


CHAOS = {
    "200": 40, "chunked": 5, "close": 5, "slow": 5, "410": 3, "403": 2, "413": 2, "429": 8, "503": 5,
    "reset": 4, "drop": 4, "garbage": 2, "half": 2, "hang": 1,
}  # fmt: skip
"""What the server may do with a request, and how often in about a hundred."""


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
def test_chaos(serve: Serve, client: Client, seed: int) -> None:
    """Whatever the server does, each recipient gets one outcome, and a true one."""
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
