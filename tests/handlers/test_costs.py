"""What each thing that a client does costs. Another figure here is another bill."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.calls import WHY
from handlers.requests import side_by_side
from handlers.runtime import settings

from .chat import Chat
from .costs import FRAMES, READ, THRESHOLD, WRITE, measure
from .tables import CHANGES, READ_MARKERS

EXPECTED = {
    # Calls of AWS, read units, write units, frames.
    "connect": (2, 0.5, 3, 0),
    "disconnect": (1, 0, 3, 0),
    "join a group": (5, 2, 3, 2),
    "join 24 more with one frame": (28, 2, 49, 2),
    "join 25 more with one frame": (29, 2, 51, 2),
    "send to a group of one, in 50 groups": (4, 0.5, 3, 2),
    "catch up in 25 groups without news": (27, 12.5, 1, 2),
    "mark as read in a group of two": (5, 1, 3, 2),
    "mark as read what was read": (2, 0, 2, 1),
    "who has read in a group of two": (3, 0.5, 1, 2),
    "list 25 of 50 groups without news": (29, 63.5, 1, 2),
    "list 25 of 50 groups with 2 unread messages in each": (54, 76, 1, 2),
    "leave a group": (5, 2, 3, 2),
    "end a connection with 49 group rows": (3, 0, 100, 0),
    "an hour without messages": (30, 15, 0, 30),
    "send to two members, without `clientMessageId`": (5, 0.5, 3, 3),
    "send to two members of protocol 2": (6, 0.5, 3, 4),
    "send 28 KB to two members of protocol 2": (6, 0.5, 55, 4),
    "the same 28 KB again, as a retry": (3, 0, 28, 2),
    "send to 25 members of protocol 1, with `broadcastThreshold: 10`": (17, 0.5, 5, 12),
    "a send that is refused": (2, 0, 1, 2),
    "a page of 50 short messages": (4, 1, 1, 2),
    "edit a message in a group of two": (7, 1.5, 4, 3),
    "delete a message in a group of two": (7, 1.5, 4, 3),
    "react to a message in a group of two": (7, 1.5, 4, 3),
    "react to it again": (2, 1, 1, 1),
    "catch up with two changed messages": (6, 4.0, 1, 2),
    "a page of 1 message of 28 KB, of 60": (3, 27, 1, 2),
    "who is connected": (3, 0.5, 1, 2),
    "tell 25 members who joined within 5 s": (26, 0.5, 0, 25),
    "tell 25 members who left within 5 s": (26, 0.5, 0, 25),
    "tell 25 members who is typing": (26, 0.5, 1, 25),
    "a program sends to a group of two and one of 25": (19, 1, 6, 12),
    "a program asks who is connected": (1, 0.5, 0, 0),
    "a program adds two connections of a user to a group": (12, 6.5, 6, 1),
    "a program disconnects two connections of a user": (5, 0.5, 6, 0),
    "a program exports a user with 60 messages of 28 KB": (3, 203.5, 0, 0),
    "a program erases that user in a group of three": (363, 233.5, 3300, 180),
}


@pytest.fixture
def one_thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as threads:
        yield threads


def test_every_action_costs_as_much_as_expected(
    chat: Chat, one_thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The meter reads moto's tables, which another thread must not change meanwhile.
    monkeypatch.setattr(side_by_side, "_threads", lambda: one_thread)
    monkeypatch.setenv("BROADCAST_THRESHOLD", str(THRESHOLD))
    monkeypatch.setenv("READ_MARKERS_TABLE", READ_MARKERS)
    monkeypatch.setenv("CHANGES_TABLE", CHANGES)
    settings.settings.cache_clear()
    measured = {}
    for case, costs in measure(chat).items():
        # The benchmark says why each operation is needed.
        assert costs.keys() <= WHY.keys()
        billed = [costs.pop(name, 0) for name in (READ, WRITE, FRAMES)]
        measured[case] = (sum(costs.values()), *billed)
    assert measured == EXPECTED
