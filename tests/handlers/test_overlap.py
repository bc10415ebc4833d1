"""Frames of a connection that are served at the same time: others come between any two calls of one frame."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, product
from typing import Any

import pytest

from handlers import presence_events
from handlers.tables.connections import find
from handlers.tables.group_rows import digest

from .chat import NOW, Chat

DORA = "DoraConnection="
GROUPS = ["red", "green"]
Act = Callable[[], object]


@pytest.fixture
def chat(modern_chat: Chat) -> Chat:
    """Dora's connection, which has no group."""
    assert modern_chat.connect(DORA, "userId=dora&protocol=2") == 200
    return modern_chat


@contextmanager
def between_calls(chat: Chat, others: dict[int, Act]) -> Iterator[None]:
    """Serve other frames before calls of DynamoDB, which are numbered from 1. Their own calls do not count."""
    numbers, within = count(1), False

    def act(**_: object) -> None:
        nonlocal within
        if not within and (other := others.get(next(numbers))):
            within = True
            other()
            within = False

    with chat.tables.hook("before-call.dynamodb", act):
        yield


def frame(chat: Chat, action: str, at_ms: int, *groups: str) -> Act:
    return lambda: chat.ask(DORA, action, groupIds=list(groups), at_ms=at_ms)


def pushed_to(chat: Chat) -> set[str]:
    """The groups of dora's group rows. They are those of the set in her own row."""
    own = find(DORA)
    rows = {row["groupId"]["S"] for key, row in chat.tables.connections().items() if key.startswith(f"{DORA}#")}
    assert own
    assert own.groups == set(map(digest, rows))
    return rows


@pytest.mark.parametrize("first", ["joinGroup", "leaveGroup"])
@pytest.mark.parametrize("second", ["joinGroup", "leaveGroup"])
@pytest.mark.parametrize("later", [-1, 0, 1])
@pytest.mark.parametrize("joined_before", [False, True])
def test_two_frames_end_as_the_later_one_says_or_joined(
    chat: Chat, first: str, second: str, later: int, *, joined_before: bool
) -> None:
    for call in range(1, 8):
        at_ms = NOW + 10 * call
        frame(chat, "joinGroup" if joined_before else "leaveGroup", at_ms - 5, "red")()
        served = []
        second_frame = frame(chat, second, at_ms + later, "red")
        with between_calls(chat, {call: lambda: served.append(second_frame())}):  # noqa: B023 - it is called at once
            frame(chat, first, at_ms, "red")()
        if not served:
            break
        joined = pushed_to(chat) == {"red"}
        if first == second:
            assert joined == (first == "joinGroup")
        elif later == 0 or (first if later < 0 else second) == "joinGroup":
            assert joined
        # Else the leave is the later one. If the group stays joined, that is harmless.
    assert call > 3


@pytest.mark.parametrize("seed", range(40))
def test_any_frames_that_overlap_leave_rows_that_belong_together(chat: Chat, seed: int) -> None:
    choose = random.Random(seed)
    at_ms = count(NOW)

    def some_frame() -> Act:
        groups = choose.sample(GROUPS, choose.choice([1, 2]))
        return frame(chat, choose.choice(["joinGroup", "leaveGroup"]), next(at_ms) + choose.choice([-1, 0, 1]), *groups)

    for _ in range(5):
        others = {choose.randint(1, 10): some_frame() for _ in range(choose.randint(0, 3))}
        with between_calls(chat, others):
            some_frame()()
        pushed_to(chat)
    # Alone, the next frames are served as they say.
    chat.ask(DORA, "joinGroup", groupIds=GROUPS, at_ms=NOW + 100)
    assert pushed_to(chat) == set(GROUPS)
    chat.ask(DORA, "leaveGroup", groupIds=GROUPS, at_ms=NOW + 101)
    assert pushed_to(chat) == set()


@pytest.mark.parametrize(("action", "call"), list(product(["joinGroup", "leaveGroup"], range(1, 9))))
def test_an_end_between_any_two_calls_leaves_no_row(chat: Chat, action: str, call: int) -> None:
    chat.ask(DORA, "joinGroup", groupId="green", at_ms=NOW)
    gone: list[dict[str, Any]] = []

    def end() -> None:
        gone.append(chat.tables.connections()[DORA])
        chat.disconnect(DORA)

    with between_calls(chat, {call: end}):
        frame(chat, action, NOW + 1, *GROUPS)()
    if not gone:
        end()
    record: dict[str, Any] = {"SequenceNumber": "1", "OldImage": gone[0]}
    presence_events.handler({"Records": [{"eventName": "REMOVE", "dynamodb": record}]}, chat.context)
    assert [key for key in chat.tables.connections() if key.startswith(DORA)] == []
