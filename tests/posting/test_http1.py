"""The response parser: every framing, responses split at every byte, and invalid bytes."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.posting.http1 import MAX_RESPONSE, ProtocolError, Response, parse_response


class Example(NamedTuple):
    """The bytes of a response, and the parsed response."""

    data: bytes
    response: Response
    until_close: bool


@st.composite
def examples(draw: st.DrawFn) -> Example:
    status = draw(st.sampled_from([200, 204, 304, 400, 403, 410, 413, 429, 500, 503]))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if status in (204, 304):
        framing = "none"
    closing = draw(st.booleans())
    # API Gateway gives only errors a type, and the parser reads no type of an answer that says "delivered".
    error_type = draw(st.sampled_from(["", "GoneException"])) if status >= 400 else ""
    body = draw(st.binary(max_size=40)) if framing != "none" else b""
    case = draw(st.sampled_from([str.lower, str.upper, str.title]))
    lines = [
        case("date") + ": Thu, 01 Jan 2026 00:00:00 GMT",
        case("x-amzn-requestid") + ":" + draw(st.sampled_from(["1-2-3", "close"])),
    ]
    if error_type:
        lines.append(f"{case('x-amzn-errortype')}: {error_type}")
    if closing:
        lines.append(f"{case('connection')}: close")
    if framing == "length":
        lines.append(f"{case('content-length')}: {len(body)}")
    if framing == "chunked":
        lines.append(f"{case('transfer-encoding')}: chunked")
        cut = draw(st.integers(0, len(body)))
        pieces = [piece for piece in (body[:cut], body[cut:]) if piece]
        extension = draw(st.sampled_from([b"", b";a=b"]))
        trailer = draw(st.sampled_from([b"", b"x-late: 1\r\n", b"a: 1\r\nb: 2\r\n"]))
        body = b"".join(b"%X%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
        body += b"0\r\n" + trailer + b"\r\n"
    order = draw(st.permutations(lines))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early\r\na: b\r\n\r\n"]))
    head = "\r\n".join([f"HTTP/1.1 {status} Some Reason", *order, "", ""]).encode()
    keep_alive = not closing and framing != "close"
    return Example(interim + head + body, Response(status, keep_alive, error_type), framing == "close")


@given(examples())
def test_a_response_split_at_any_byte_is_parsed(example: Example) -> None:
    for length in range(len(example.data)):
        assert parse_response(example.data[:length]) is None
    assert parse_response(example.data, closed=example.until_close) == example.response


@given(examples())
def test_an_end_in_the_middle_is_recognised(example: Example) -> None:
    complete = example.data.find(b"\r\n\r\n", example.data.rfind(b"HTTP/1.1")) + 4
    for length in range(complete if example.until_close else len(example.data)):
        with pytest.raises(ProtocolError):
            parse_response(example.data[:length], closed=True)


@given(examples(), st.binary(min_size=1))
def test_bytes_after_a_response_end_the_connection(example: Example, more: bytes) -> None:
    response = parse_response(example.data + more, closed=example.until_close)
    assert response == example.response._replace(keep_alive=False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc",
        b"HTTP/1.1 100 Continue\r\n\r\nwhat",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_RESPONSE,
        b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n" + b"y" * MAX_RESPONSE,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * MAX_RESPONSE,
        b"HTTP/1.1 100 Continue\r\n\r\n" * (MAX_RESPONSE // 20),
    ],
)
def test_an_invalid_response_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_response(data)


@given(
    st.binary(),
    st.sampled_from([b"", b"HTTP/1.", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200\r\n\r\n"]),
    st.booleans(),
)
def test_any_bytes_give_a_response_or_nothing_or_a_protocol_error(
    data: bytes,
    start: bytes,
    closed: bool,  # noqa: FBT001
) -> None:
    try:
        response = parse_response(start + data, closed=closed)
    except ProtocolError:
        return
    assert response is not None or not closed


@pytest.mark.parametrize(
    ("line", "keep_alive"),
    [("", True), ("Connection: keep-alive\r\n", True), ("Connection: close\r\n", False)],
)
def test_a_usual_response_is_parsed(line: str, keep_alive: bool) -> None:  # noqa: FBT001
    response = parse_response(f"HTTP/1.1 200 OK\r\n{line}Content-Length: 0\r\n\r\n".encode())
    assert response == Response(200, keep_alive, "")


def test_http_1_0_ends_the_connection() -> None:
    response = parse_response(b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert response == Response(200, keep_alive=False, error_type="")
