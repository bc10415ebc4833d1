"""How far users have read: the actions ``markRead`` and ``getReads``."""

import json
from typing import Any

import pytest

from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat
from .conftest import Log
from .management_api_server import Frame
from .tables import MEMBERS, READ_MARKERS, aws_error

ANA_2, DORA = "AnaSecond=", "DoraConnection="
FIRST = {"messageId": "m1", "timestamp": "2026-01-01T00:00:00.000001Z"}
SECOND = {"messageId": "m2", "timestamp": "2026-01-01T00:00:00.000002Z"}


@pytest.fixture
def chat(modern_chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Chat:
    monkeypatch.setenv("READ_MARKERS_TABLE", READ_MARKERS)
    settings.settings.cache_clear()
    modern_chat.tables.create_read_markers()
    return modern_chat


def mark(chat: Chat, connection_id: str, **fields: Any) -> list[Frame]:
    return chat.ask(connection_id, "markRead", **fields)


def told(chat: Chat, connection_id: str) -> list[Frame]:
    return [frame for frame in chat.frames(connection_id) if frame["action"] == "read"]


def test_a_marker_is_stored_and_the_group_is_told(chat: Chat) -> None:
    assert mark(chat, ANA, **FIRST) == []
    assert chat.tables.markers() == {("ana", "red"): "m1"}
    assert told(chat, BOB) == [{"action": "read", "groupId": "red", "userId": "ana", **FIRST}]
    assert told(chat, ANA) == told(chat, EVE) == []


@pytest.mark.parametrize("again", [FIRST, SECOND], ids=["back", "the same"])
def test_a_marker_only_moves_forward(chat: Chat, again: dict[str, str]) -> None:
    mark(chat, ANA, **SECOND)
    (answer,) = mark(chat, ANA, **again, requestId="r1")
    assert answer == {"action": "read", "groupId": "red", "userId": "ana", **SECOND, "requestId": "r1"}
    assert chat.tables.markers() == {("ana", "red"): "m2"}
    assert len(told(chat, BOB)) == 1


def test_in_the_same_microsecond_the_ids_decide(chat: Chat) -> None:
    mark(chat, ANA, **FIRST)
    mark(chat, ANA, **FIRST | {"messageId": "m0"})
    assert chat.tables.markers() == {("ana", "red"): "m1"}
    mark(chat, ANA, **FIRST | {"messageId": "m3"})
    assert chat.tables.markers() == {("ana", "red"): "m3"}


def test_a_message_dated_ahead_does_not_make_later_ones_read(chat: Chat) -> None:
    (answer,) = mark(chat, ANA, messageId="m9", timestamp="2999-01-01T00:00:00Z", requestId="r1")
    assert abs(times.age(answer["timestamp"])) < 60
    assert mark(chat, ANA, messageId="m10", timestamp=times.timestamp(), requestId="r2")[0]["messageId"] == "m10"


def test_a_message_dated_ahead_is_marked_once(chat: Chat) -> None:
    """The time of the mark is now, so each repetition would move it, over messages that came since."""
    ahead = {"messageId": "m9", "timestamp": "2999-01-01T00:00:00Z"}
    mark(chat, ANA, **ahead)
    (first,) = mark(chat, ANA, **ahead, requestId="r1")
    assert mark(chat, ANA, **ahead, requestId="r1") == [first]
    assert len(told(chat, BOB)) == 1


def test_a_connection_that_asked_for_no_events_is_not_told(chat: Chat) -> None:
    assert chat.connect(DORA, "userId=dora&protocol=2") == 200
    chat.ask(DORA, "joinGroup", groupId="red")
    mark(chat, ANA, **FIRST)
    assert told(chat, DORA) == []
    chat.ask(DORA, "joinGroup", groupId="red", events=True)
    mark(chat, ANA, **SECOND)
    assert len(told(chat, DORA)) == 1


def test_a_mark_counts_although_nobody_can_be_told(chat: Chat, log: Log) -> None:
    with chat.tables.failing("Query", aws_error("Query")):
        assert [answer["action"] for answer in mark(chat, ANA, **FIRST, requestId="r1")] == ["read"]
    assert chat.tables.markers() == {("ana", "red"): "m1"}
    assert "others not told" in log.warnings()


def test_the_readers_other_devices_are_told_wherever_they_are(chat: Chat) -> None:
    chat.tables.add_connection(ANA_2, "ana", "green")
    chat.tables.add_connection("AnaOld=", "ana", "red", protocol=1)
    mark(chat, ANA, **FIRST)
    assert told(chat, ANA_2) == told(chat, BOB)
    assert chat.frames("AnaOld=") == []


def test_above_the_limit_only_the_readers_devices_are_told(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READ_RECEIPT_LIMIT", "1")
    settings.settings.cache_clear()
    chat.tables.add_connection(ANA_2, "ana", "red")
    mark(chat, ANA, **FIRST)
    assert len(told(chat, ANA_2)) == 1
    assert told(chat, BOB) == []
    with chat.tables.reading() as rows:
        mark(chat, ANA, **SECOND)
    assert rows == [2]  # Ana's devices. The group is known to be large.


def test_without_an_index_of_users_the_group_is_told(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "0")
    settings.settings.cache_clear()
    chat.tables.add_connection(ANA_2, "ana", "red")
    with chat.tables.counting("Query") as queries:
        mark(chat, ANA, **FIRST)
    assert len(told(chat, ANA_2)) == len(told(chat, BOB)) == 1
    assert len(queries) == 1


def test_protocol_1_is_told_nothing_but_may_mark(chat: Chat) -> None:
    chat.tables.add_connection(BOB, "bob", "red", protocol=1)
    mark(chat, ANA, **FIRST)
    assert chat.frames(BOB) == []
    assert mark(chat, BOB, **FIRST) == []
    assert mark(chat, BOB, **FIRST, requestId="r") == [{"action": "read", "userId": "bob", **FIRST, "requestId": "r"}]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "messageId"),
        ({"messageId": "m1"}, "timestamp"),
        ({"messageId": 1, "timestamp": "t"}, "messageId"),
        ({"messageId": "m1", "timestamp": "x" * 257}, "timestamp"),
        (FIRST | {"groupId": ""}, "groupId"),
    ],
)
def test_a_bad_frame_says_which_field(chat: Chat, fields: dict[str, Any], named: str) -> None:
    (answer,) = mark(chat, ANA, **fields)
    assert (answer["code"], named in answer["message"]) == ("BAD_REQUEST", True)
    assert chat.tables.markers() == {}


def test_a_stranger_can_neither_mark_nor_see(chat: Chat) -> None:
    mark(chat, ANA, **FIRST)
    for answers in (mark(chat, EVE, groupId="red", **FIRST), chat.ask(EVE, "getReads", groupId="red")):
        (answer,) = answers
        assert answer["code"] == "FORBIDDEN"
    assert chat.tables.markers() == {("ana", "red"): "m1"}


def test_reads_lists_how_far_each_has_read(chat: Chat) -> None:
    mark(chat, BOB, **SECOND)
    mark(chat, ANA, **FIRST)
    mark(chat, EVE, **SECOND)
    (answer,) = chat.ask(ANA, "getReads", requestId="r1")
    readers = [{"userId": "ana", **FIRST}, {"userId": "bob", **SECOND}]
    assert answer == {"action": "reads", "groupId": "red", "readers": readers, "truncated": False, "requestId": "r1"}


def test_reads_lists_no_more_than_the_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "1")
    settings.settings.cache_clear()
    mark(chat, BOB, **SECOND)
    mark(chat, ANA, **FIRST)
    (answer,) = chat.ask(ANA, "getReads")
    assert ([one["userId"] for one in answer["readers"]], answer["truncated"]) == (["ana"], True)


def test_who_is_no_member_any_more_is_not_listed(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(chat, BOB, **SECOND)
    mark(chat, ANA, **FIRST)
    chat.tables.create_members(red=["ana"])
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    settings.settings.cache_clear()
    (answer,) = chat.ask(ANA, "getReads")
    assert [one["userId"] for one in answer["readers"]] == ["ana"]


def test_members_are_listed_after_any_number_of_others(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(120):
        row = {"userId": f"a{number}", "groupId": "red"} | SECOND
        dynamodb().put_item(TableName=READ_MARKERS, Item={name: {"S": value} for name, value in row.items()})
    mark(chat, BOB, **FIRST)
    chat.tables.create_members(red=["ana", "bob"])
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    settings.settings.cache_clear()
    (answer,) = chat.ask(ANA, "getReads")
    assert ([one["userId"] for one in answer["readers"]], answer["truncated"]) == (["bob"], False)


@pytest.mark.parametrize(
    "odd", [{}, {"messageId": {"S": "m1"}}, {"messageId": {"BOOL": True}, "timestamp": {"S": "t"}}]
)
def test_an_odd_row_is_skipped_and_reported(chat: Chat, odd: dict[str, Any]) -> None:
    dynamodb().put_item(TableName=READ_MARKERS, Item={"userId": {"S": "zoe"}, "groupId": {"S": "red"}} | odd)
    mark(chat, ANA, **FIRST)
    (answer,) = chat.ask(ANA, "getReads")
    assert [one["userId"] for one in answer["readers"]] == ["ana"]


def test_a_row_without_a_time_can_be_marked(chat: Chat) -> None:
    row = {"userId": "ana", "groupId": "red", "messageId": "m0"}
    dynamodb().put_item(TableName=READ_MARKERS, Item={name: {"S": value} for name, value in row.items()})
    mark(chat, ANA, **FIRST)
    assert chat.tables.markers() == {("ana", "red"): "m1"}


def test_a_table_that_fails_is_unavailable_and_tells_nobody(chat: Chat) -> None:
    with chat.tables.failing("PutItem", aws_error("PutItem")):
        (answer,) = mark(chat, ANA, **FIRST)
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)
    assert chat.frames(BOB) == []


@pytest.mark.parametrize("action", ["markRead", "getReads", "getGroups"])
def test_without_the_table_the_actions_do_not_exist(modern_chat: Chat, action: str) -> None:
    body = json.dumps({"action": action} | FIRST)
    modern_chat.receive(ANA, body, route="$default")
    assert modern_chat.refusal(ANA)[0]["code"] == "UNKNOWN_ACTION"
