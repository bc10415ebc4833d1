"""Cursors: a stored cursor decodes to the same position, and anything else is refused."""

import base64
import hashlib
import json

import pytest

from handlers.protocol.cursors import START, Position, decode, encode
from handlers.protocol.errors import ChatError, Code

TIMESTAMP = "2026-01-01T00:00:00.000000Z"
RED = hashlib.sha256(b"red").hexdigest()[:16]


def position(timestamp: str = TIMESTAMP, message_id: str = "m1", *, began: str | None = None) -> Position:
    return Position(timestamp=timestamp, message_id=message_id, began=began)


def forged(fields: list[object]) -> str:
    """A cursor in our format with any content."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "place",
    [
        START,
        position(),
        position(began=TIMESTAMP),
        position(began="é" * 512),
        position("yesterday", "é😀"),
        *[position(message_id="x" * length) for length in range(5)[1:]],
        position("x" * 1024, "x" * 2048),
        position("é" * 512, "é" * 1024),
    ],
    ids=lambda place: f"{place.timestamp[:9]} {place.message_id[:5]}",
)
@pytest.mark.parametrize("group_id", ["red", "Gruppe ä 😀"])
def test_a_cursor_decodes_to_its_position(group_id: str, place: Position) -> None:
    cursor = encode(group_id, place)
    assert decode(group_id, cursor) == place
    assert (
        cursor.replace("-", "").replace("_", "").isalnum()
    )  # Only characters that need no escape in a URL or a file name.


def test_cursors_of_earlier_versions_still_decode() -> None:
    """Clients store cursors for a long time."""
    kept = "WyJiMWY1MWE1MTFmMWRhMGNkIiwgIjIwMjYtMDEtMDFUMDA6MDA6MDAuMDAwMDAwWiIsICJtMSIsIHRydWVd"
    assert decode("red", kept) == position()
    # From a page in the middle of a catch-up, which did not say yet when the catch-up began.
    assert decode("red", forged([RED, TIMESTAMP, "m1", False])) == position(began=TIMESTAMP)


@pytest.mark.parametrize(
    "cursor",
    [
        *["", "x", "W10", "bnVsbA", "AAAA", 5, True, [], {}, None],
        *[forged([]), forged([RED, TIMESTAMP, "m1"]), forged([RED, TIMESTAMP, "m1", True, True])],
        pytest.param(forged([RED, TIMESTAMP, "", True]), id="half a position: no message"),
        pytest.param(forged([RED, "", "m1", True]), id="half a position: no time"),
        pytest.param(forged([RED, "x" * 1025, "m1", True]), id="a timestamp too long for a key"),
        pytest.param(forged([RED, "é" * 513, "m1", True]), id="a timestamp with too many bytes"),
        pytest.param(forged([RED, TIMESTAMP, "x" * 2049, True]), id="a message id too long for a key"),
        pytest.param(forged([RED, TIMESTAMP, "é" * 1025, True]), id="a message id with too many bytes"),
        pytest.param(forged([RED, TIMESTAMP, "\ud800", True]), id="half of a surrogate pair"),
        *[forged([RED, TIMESTAMP, "m1", began]) for began in (1, 0, "", ["x"], "x" * 1025, "é" * 513, "\ud800")],
        *[forged([RED, value, "m1", True]) for value in (1, None, True, ["x"])],
        *[forged([RED, TIMESTAMP, value, True]) for value in (1, None, True, ["x"])],
        pytest.param(forged(["red", TIMESTAMP, "m1", True]), id="the group itself"),
        pytest.param(base64.urlsafe_b64encode(b"[" * 50_000).decode(), id="deep list"),
        pytest.param(forged([RED, TIMESTAMP, "m1", True]) + "!", id="another alphabet"),
    ],
)
def test_an_invalid_cursor_is_refused(cursor: object) -> None:
    with pytest.raises(ChatError) as refused:
        decode("red", cursor)
    assert (refused.value.code, refused.value.retryable) == (Code.BAD_REQUEST, False)
    assert "cursor" in refused.value.message


@pytest.mark.parametrize("place", [START, position()])
def test_a_cursor_of_another_group_is_refused(place: Position) -> None:
    with pytest.raises(ChatError):
        decode("blue", encode("red", place))


def test_positions_sort_like_their_messages() -> None:
    first, second, third = position("1", "b"), position("2", "a"), position("2", "b")
    assert sorted([third, first, START, second], key=lambda position: position.place) == [START, first, second, third]
