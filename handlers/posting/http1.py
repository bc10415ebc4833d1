"""Reads HTTP/1.1 responses: the status, and whether the connection can be used again. Nothing else matters here.

Source: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_RESPONSE = 8_192
"""Largest response in bytes, head and body. A larger one counts as garbage. Real ones have less than 1 KB."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?").fullmatch
_LENGTH = re.compile(rb"[0-9]{1,9}").fullmatch
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?").fullmatch
_NO_BODY = frozenset({204, 304})


class ProtocolError(Exception):
    """The server sent something other than an HTTP/1.x response, sent too much, or stopped in the middle."""


class Response(NamedTuple):
    """The parts of a response that the engine needs."""

    status: int
    keep_alive: bool
    """Whether the connection may carry another request."""
    error_type: str
    """The ``x-amzn-errortype`` header up to a colon, empty without one."""


_DELIVERED = Response(200, keep_alive=True, error_type="")


def parse_response(data: bytes, *, closed: bool = False) -> Response | None:
    """Read the response to one request.

    It keeps no state: each time bytes arrive, pass all bytes since the request. A response of the management API fits
    into one packet, so usually one call is enough.

    Args:
        data: Every byte received since the request was sent.
        closed: Whether no more will come.

    Returns:
        The response, or None while it is incomplete.

    Raises:
        ProtocolError: These bytes cannot become a response.
    """
    end = data.find(b"\r\n\r\n")
    if end >= 0 and end + 4 == len(data) and data.startswith(b"HTTP/1.1 200"):
        head = data.lower()
        if (
            b"\r\ncontent-length: 0\r\n" in head
            and head.count(b"content-length") == 1
            and b"close" not in head
            and b"transfer-encoding" not in head
        ):
            return _DELIVERED
    response = _parse(data, end, closed=closed)
    if response is None and (closed or len(data) > MAX_RESPONSE):
        reason = "closed in the middle of a response" if closed else "response too large"
        raise ProtocolError(reason)
    return response


def _parse(data: bytes, end: int, *, closed: bool) -> Response | None:
    start, status, version = 0, 100, b""
    while status < 200:  # interim responses precede the one that counts
        if data[start : start + 7] != b"HTTP/1."[: len(data) - start]:
            raise ProtocolError("not HTTP/1.x")
        if end < 0:
            return None
        status_line, *lines = data[start:end].split(b"\r\n")
        matched = _STATUS_LINE(status_line)
        if not matched:
            raise ProtocolError("bad status line")
        version, status, body = matched[1], int(matched[2]), end + 4
        start, end = body, data.find(b"\r\n\r\n", body)
    fields = _fields(lines)
    ends_with_connection = not {b"content-length", b"transfer-encoding"} & fields.keys() and status not in _NO_BODY
    if status in _NO_BODY:
        stop = body
    elif ends_with_connection:
        stop = len(data) if closed else -1
    else:
        stop = _end_of_body(data, body, fields)
    if not 0 <= stop <= len(data):
        return None
    keep_alive = (
        version == b"1"
        and b"close" not in fields.get(b"connection", b"").lower()
        and not ends_with_connection
        and stop == len(data)  # or what follows would be taken for the next recipient's answer
    )
    error_type = fields.get(b"x-amzn-errortype", b"").partition(b":")[0]
    return Response(status, keep_alive, error_type.decode("latin-1"))


def _fields(lines: list[bytes]) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise ProtocolError("bad header line")
        name, value = name.lower(), value.strip()
        if name == b"content-length" and fields.get(name, value) != value:
            raise ProtocolError("ambiguous length")
        fields[name] = value
    return fields


def _end_of_body(data: bytes, body: int, fields: dict[bytes, bytes]) -> int:
    """Return the index after a delimited body. It is beyond the data, or -1, while the body is incomplete."""
    length = fields.get(b"content-length")
    if b"transfer-encoding" in fields:
        if fields[b"transfer-encoding"].lower() != b"chunked" or length is not None:
            raise ProtocolError("ambiguous length")
        return _end_of_chunks(data, body)
    if length is None or not _LENGTH(length):
        raise ProtocolError("bad content-length")
    return body + int(length)


def _end_of_chunks(data: bytes, at: int) -> int:
    """Return the index after the last chunk and its trailers, or -1 while they are incomplete."""
    while True:
        line_end = data.find(b"\r\n", at)
        if line_end < 0:
            return -1
        matched = _CHUNK_SIZE(data, at, line_end)
        if not matched:
            raise ProtocolError("bad chunk size")
        size = int(matched[1], 16)
        if size == 0:
            break
        at = line_end + 2 + size
        if len(data) < at + 2:
            return -1
        if data[at : at + 2] != b"\r\n":
            raise ProtocolError("bad chunk end")
        at += 2
    if data.startswith(b"\r\n", line_end + 2):
        return line_end + 4
    trailers_end = data.find(b"\r\n\r\n", line_end + 2)
    return trailers_end + 4 if trailers_end >= 0 else -1
