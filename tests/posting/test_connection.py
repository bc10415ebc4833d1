"""One connection: responses and requests that arrive in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.posting import run
from handlers.posting.management_api import ManagementApi
from handlers.posting.posts import Outcome

from .posting import FAR, Client, Serve, post_all, posts
from .server import OK, FakeManagementApi, accept

if TYPE_CHECKING:
    import trustme

    from .server import Answer, Request


@settings(max_examples=15)
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


def test_bytes_after_a_response_are_not_the_next_answer(serve: Serve, client: Client) -> None:
    """Even if the response ends exactly where one read ends."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Padding: %s\r\n\r\n"
    first %= b"x" * (4096 - len(first) + 2)

    async def behave(request: Request, answer: Answer) -> None:
        await answer.raw(OK if request.number else first + b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")

    assert len(first) == 4096
    assert len(post_all(client(serve(behave), connections=1), posts(3)).ids(Outcome.DELIVERED)) == 3


@pytest.mark.parametrize("framing", ["Connection: close\r\nContent-Length: 4\r\n", "Connection: close\r\n", ""])
def test_a_connection_that_closes_after_each_response_is_replaced(serve: Serve, client: Client, framing: str) -> None:
    async def behave(_: Request, answer: Answer) -> None:
        await answer.raw(f"HTTP/1.1 200 OK\r\n{framing}\r\nbody".encode())
        answer.close()

    server = serve(behave)
    assert len(post_all(client(server, connections=2), posts(10)).ids(Outcome.DELIVERED)) == 10
    assert len(server.requests) == server.connections == 10


def test_a_request_larger_than_the_socket_buffers_is_sent(serve: Serve, client: Client) -> None:
    server = serve(accept)
    (post,) = posts(1, body=b"x" * 30_000_000)
    assert post_all(client(server, request_timeout=FAR), [post]).ids(Outcome.DELIVERED) == {"id-0="}
    assert server.requests[0].body == post.body
