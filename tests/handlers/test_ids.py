"""Message ids: fresh ids sort by time, derived ids are the same in a retry."""

import time
import uuid
from itertools import count

import pytest

from handlers.protocol.ids import derived_message_id, fresh_message_id


def test_fresh_id_is_a_uuid_of_version_7_that_begins_with_the_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(fresh_message_id())
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


@pytest.mark.parametrize(
    ("random", "made"),
    [(b"\0", "01234567-89ab-7000-8000-000000000000"), (b"\xff", "01234567-89ab-7fff-bfff-ffffffffffff")],
)
def test_fresh_id_contains_the_whole_millisecond_and_random_bits(
    monkeypatch: pytest.MonkeyPatch, random: bytes, made: str
) -> None:
    monkeypatch.setattr("handlers.protocol.ids.time.time_ns", lambda: 0x0123_4567_89AB * 1_000_000 + 999_999)
    monkeypatch.setattr("handlers.protocol.ids.os.urandom", lambda size: random * size)
    assert fresh_message_id() == made


@pytest.mark.parametrize("step", [1, 0, -1, -3_600_000])
def test_fresh_ids_never_decrease_whatever_the_clock_does(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    milliseconds = count(1_800_000_000_000, step)
    monkeypatch.setattr("handlers.protocol.ids.time.time_ns", lambda: next(milliseconds) * 1_000_000)
    made = [fresh_message_id() for _ in range(50)]
    assert made == sorted(set(made))
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in made} == {(7, uuid.RFC_4122)}


def test_derived_id_never_changes() -> None:
    """A later version of the functions must recognise retries of messages that this one stored."""
    assert derived_message_id("red", "ana", "c1") == "fb1b8aea-e084-57ff-82e2-98f23c591211"


def test_derived_id_depends_on_where_its_parts_end() -> None:
    alike = [
        ("a", "b", "c"),
        ("a", "bc", ""),
        ("ab", "", "c"),
        ("", "ab", "c"),
        ("a,b", "c", ""),
        ("a", "b,c", ""),
        ('a","b', "c", ""),
        ("a", 'b","c', ""),
        ("b", "a", "c"),
    ]
    assert len({derived_message_id(*parts) for parts in alike}) == len(alike)
