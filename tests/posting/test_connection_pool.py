"""Connections are kept and replaced, and are opened only to the right server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import trustme

from handlers.posting.posts import Outcome

from .posting import Client, Serve, Thaw, post_all, posts
from .server import OK, FakeManagementApi, accept

if TYPE_CHECKING:
    from .server import Answer, Request


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


def test_connections_that_were_idle_for_long_are_not_used(serve: Serve, client: Client, thaw: Thaw) -> None:
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


def test_a_certificate_of_another_authority_is_refused(client: Client) -> None:
    with FakeManagementApi(trustme.CA(), accept) as server:
        outcomes = post_all(client(server), posts(2))
        assert outcomes.ids(Outcome.FAILED) == {"id-0=", "id-1="}
        assert server.requests == []


def test_a_certificate_for_another_name_is_refused(serve: Serve, client: Client) -> None:
    server = serve(accept)
    server.endpoint = server.endpoint.replace("127.0.0.1", "localhost")
    assert post_all(client(server), posts(1)).ids(Outcome.FAILED) == {"id-0="}
    assert server.requests == []


def test_plain_http_works_for_the_emulator(client: Client, authority: trustme.CA) -> None:
    with FakeManagementApi(authority, accept, tls=False, path="/_aws/execute-api/abc/production") as server:
        assert len(post_all(client(server), posts(100)).ids(Outcome.DELIVERED)) == 100
        assert server.requests[0].path.startswith("/_aws/execute-api/abc/production/@connections/id-")


def test_a_new_connection_resumes_the_last_tls_session(serve: Serve, client: Client) -> None:
    async def behave(_: Request, answer: Answer) -> None:
        await answer.status(200, "Connection: close")
        answer.close()

    server = serve(behave)
    assert len(post_all(client(server, connections=1), posts(5)).ids(Outcome.DELIVERED)) == 5
    assert server.resumed == [False, True, True, True, True]
