"""The limits of frames per connection and of connections per user."""

import json
from typing import Any

import pytest

from handlers.runtime import settings
from handlers.tables import rate_limit
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat
from .management_api_server import Frame
from .tables import CONNECTIONS, aws_error

RATE, BURST = 10, 20
NOW = 1_800_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, which a test can change."""
    now = [NOW]
    monkeypatch.setattr("handlers.tables.rate_limit.time.time_ns", lambda: int(now[0] * 1e9))
    return now


def set_busy_until(moment: float) -> None:
    """Write the row as another process does for a frame."""
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": ANA}},
        UpdateExpression="SET busyUntil = :moment",
        ExpressionAttributeValues={":moment": {"N": str(int(moment * 1e6))}},
    )


def ask(chat: Chat, connection_id: str, action: str, **fields: object) -> int:
    return chat.receive(connection_id, json.dumps({"action": action} | fields), route="$default")


def refused(chat: Chat) -> Frame:
    [refusal] = [frame for frame in chat.frames(ANA) if frame["action"] == "error"]
    return dict(refusal)


def test_a_burst_is_served_and_the_next_frame_is_refused_with_the_time_to_wait(chat: Chat) -> None:
    assert [chat.send(ANA) for _ in range(BURST)] == [200] * BURST
    assert chat.send(ANA, requestId="r1", clientMessageId="c1") == 429
    refusal = refused(chat)
    words = refusal.pop("message")
    assert refusal == {
        "action": "error",
        "code": "RATE_LIMITED",
        "retryable": True,
        "retryAfterMs": 1_000 // RATE + 1,
        "requestId": "r1",
        "clientMessageId": "c1",
    }
    assert "20 at once and 10 a second" in words
    assert len(chat.tables.messages()) == BURST
    assert len(chat.pushes(BOB)) == BURST


def test_after_retry_after_exactly_one_more_frame_is_served(chat: Chat, clock: list[float]) -> None:
    for _ in range(BURST + 1):
        chat.send(ANA)
    clock[0] += refused(chat)["retryAfterMs"] / 1_000
    assert [chat.send(ANA), chat.send(ANA)] == [200, 429]


def test_over_a_long_time_frames_are_served_at_the_rate(chat: Chat, clock: list[float]) -> None:
    served = 0
    for _ in range(200):  # five times the rate, for four seconds
        served += ask(chat, ANA, "getPresence") == 200
        clock[0] += 1 / RATE / 5
    assert BURST + 4 * RATE - 1 <= served <= BURST + 4 * RATE + 1


def test_idle_time_allows_at_most_a_burst(chat: Chat, clock: list[float]) -> None:
    chat.send(ANA)
    clock[0] += 3_600
    assert [chat.send(ANA) for _ in range(BURST + 1)] == [200] * BURST + [429]


def test_frames_of_every_action_that_reads_or_writes_count_together(chat: Chat) -> None:
    asked = [ask(chat, ANA, action, isTyping=True) for action in ("getHistory", "getPresence", "typing", "typing") * 5]
    assert asked == [200] * BURST
    assert chat.send(ANA) == 429
    assert ask(chat, ANA, "getHistory") == 429
    assert ask(chat, ANA, "typing", isTyping=True) == 429
    assert ask(chat, ANA, "ping") == 200


def test_each_connection_has_its_own_rate(chat: Chat) -> None:
    for _ in range(BURST + 5):
        chat.send(ANA)
    assert chat.send(BOB) == 200
    assert chat.send(EVE) == 200


@pytest.mark.parametrize("between", [0, 0.05, 1, 10])
def test_a_frame_costs_one_write_of_the_row_and_no_read(chat: Chat, clock: list[float], between: float) -> None:
    chat.send(ANA)
    with chat.tables.counting("UpdateItem") as updates, chat.tables.counting("GetItem") as reads:
        for _ in range(10):
            clock[0] += between
            assert chat.send(ANA) == 200
    assert len(updates) == 10
    assert reads == []


def test_all_processes_together_count_the_frames_of_a_connection(chat: Chat) -> None:
    for number in range(BURST):
        if number % 3 == 0:
            rate_limit._busy_until.clear()  # noqa: SLF001 - the state of a new process
        assert chat.send(ANA) == 200
    rate_limit._busy_until.clear()  # noqa: SLF001 - the same
    assert chat.send(ANA) == 429


def test_a_frame_is_served_if_other_processes_change_the_row_between_attempts(chat: Chat) -> None:
    """The first attempt assumes a busy connection, the second an idle one. Both are wrong."""
    chat.send(ANA)
    with chat.tables.before(
        "UpdateItem", [lambda: set_busy_until(0), lambda: set_busy_until(NOW + 1 / RATE)]
    ) as attempts:
        chat.receive(ANA, '{"action":"getPresence"}', route="$default")
    assert chat.frames(ANA)[-1]["action"] == "presence"
    assert len(attempts) == 3


def test_the_cache_of_connections_is_bounded(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "_MOST_HINTS", 2)
    for sender in (ANA, BOB, EVE, ANA):
        assert chat.send(sender) == 200
        assert len(rate_limit._busy_until) <= 2  # noqa: SLF001 - the cache of this process


def test_a_row_without_rate_limit_state_is_served(chat: Chat) -> None:
    assert "busyUntil" not in chat.tables.connections()[ANA]
    assert chat.send(ANA) == 200


@pytest.mark.parametrize("known", [True, False], ids=["warm", "cold"])
@pytest.mark.parametrize(
    "busy_until",
    [{"S": "later"}, {"N": "9.9E+125"}, {"N": str((NOW + 60) * 1e6)}, {"N": "-1.5"}, {"M": {}}, {"NULL": True}],
    ids=str,
)
def test_a_rate_that_another_program_spoiled_is_repaired(chat: Chat, busy_until: Any, *, known: bool) -> None:
    if known:
        chat.send(ANA)
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": ANA}},
        UpdateExpression="SET busyUntil = :spoiled",
        ExpressionAttributeValues={":spoiled": busy_until},
    )
    assert [chat.send(ANA) for _ in range(BURST + 1)] == [200] * BURST + [429]


def test_a_rate_in_fractions_is_kept(chat: Chat) -> None:
    set_busy_until(NOW)
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": ANA}},
        UpdateExpression="SET busyUntil = busyUntil + :half",
        ExpressionAttributeValues={":half": {"N": "0.5"}},
    )
    assert [chat.send(ANA) for _ in range(BURST + 1)] == [200] * (BURST - 1) + [429] * 2


def test_a_frame_never_recreates_the_row_of_a_closed_connection(chat: Chat) -> None:
    chat.disconnect(ANA)
    assert chat.send(ANA) == 410
    assert ask(chat, ANA, "ping") == 410
    assert ANA not in chat.tables.connections()


def test_the_limit_of_connections_counts_all_groups_of_a_user(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "3")
    settings.settings.cache_clear()
    assert chat.connect("Two=", "userId=ana&groupId=blue") == 200
    assert chat.connect("Three=", "userId=ana&groupId=red") == 200
    assert chat.connect("Four=", "userId=ana&groupId=green") == 429
    assert "Four=" not in chat.tables.connections()
    assert chat.connect("Other=", "userId=bob&groupId=red") == 200
    chat.disconnect("Two=")
    assert chat.connect("Five=", "userId=ana&groupId=red") == 200


def test_expired_connections_do_not_count(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "2")
    settings.settings.cache_clear()
    chat.tables.add_connection("Old=", "ana", "red", expires_in=-1)
    assert chat.connect("Two=", "userId=ana&groupId=red") == 200


def test_the_handshake_is_refused_if_connections_cannot_be_counted(chat: Chat) -> None:
    with chat.tables.failing("Query", aws_error("Query")):
        assert chat.connect("New=", "userId=dora&groupId=red") == 503
    assert "New=" not in chat.tables.connections()
