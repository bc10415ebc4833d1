"""What each thing that a client does costs. Another figure here is another bill."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import cost
from benchmarks.calls import WHY
from handlers.runtime import settings

from .chat import Chat
from .costs import FRAMES, READ, THRESHOLD, WRITE, Costs, measure
from .tables import CHANGES, READ_MARKERS

PROJECT = Path(__file__).parent.parent.parent

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
def counted(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> dict[str, Costs]:
    monkeypatch.setenv("BROADCAST_THRESHOLD", str(THRESHOLD))
    monkeypatch.setenv("READ_MARKERS_TABLE", READ_MARKERS)
    monkeypatch.setenv("CHANGES_TABLE", CHANGES)
    settings.settings.cache_clear()
    return measure(chat)


def test_every_action_costs_as_much_as_expected(counted: dict[str, Costs]) -> None:
    measured = {}
    for case, costs in counted.items():
        # The benchmark says why each operation is needed.
        assert costs.keys() <= WHY.keys()
        billed = [costs.pop(name, 0) for name in (READ, WRITE, FRAMES)]
        measured[case] = (sum(costs.values()), *billed)
    assert measured == EXPECTED


def test_the_documents_have_what_is_computed(counted: dict[str, Costs]) -> None:
    readme, operations = ((PROJECT / name).read_text() for name in ("README.md", "docs/operations.md"))
    use = cost.Use(people=20, hours=8 * 22, groups=3, size=10, messages=2_000 * 22, typing=0, peak=1)
    silent, typing = cost.month(use, counted), cost.month(replace(use, typing=2), counted)
    # A frame in, ten out and an ack for each message; 15 pings an hour with their answers; and four frames that join,
    # catch up and ask who is there, with their answers, every two hours.
    assert silent.frames == 44_000 * 12 + 20 * 176 * 30 + 20 * 88 * (3 * 2 + 2 + 2)
    assert typing.frames - silent.frames == 44_000 * 2 * 10
    others = typing.dollars["DynamoDB"] + typing.dollars["Lambda"]
    prices = [
        f"${sum(silent.dollars.values()):.2f} a month",
        f"${sum(typing.dollars.values()):.2f} if",
        f"{typing.frames:,.0f} frames",
        f"{typing.minutes:,.0f} connection minutes",
        f"DynamoDB and Lambda (${others:.2f})",
    ]
    assert [price for price in prices if price not in readme] == []
    assert cost.table() in operations


def test_a_load_above_a_quota_is_marked(counted: dict[str, Costs]) -> None:
    use = cost.Use(people=60_000, hours=1, groups=1, size=10_000, messages=1, typing=0, peak=2)
    marked = [line.split("  ")[1] for line in cost.report(use, counted) if "ABOVE" in line]
    assert marked == ["requests/s of API Gateway", "new connections/s"]
