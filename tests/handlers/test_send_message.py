"""A valid message is stored once, pushed to its group, and acknowledged if it has a ``clientMessageId``."""

import json
import re
import time
import uuid
from datetime import UTC, datetime

import pytest

from .chat import ANA, BOB, EVE, Chat
from .management_api_server import Frame

ANAS_PHONE = "AnaOtherConnection="
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        pytest.param({"senderName": "Ana"}, {"senderName": "Ana"}, id="with a name"),
        pytest.param({}, {"senderName": "ana"}, id="without a name: the user's id"),
        pytest.param({"senderName": ""}, {"senderName": "ana"}, id="with an empty name"),
        pytest.param({"senderName": None}, {"senderName": "ana"}, id="with null for a name"),
        pytest.param({"clientMessageId": None}, {"senderName": "ana"}, id="with null for a client's id"),
        pytest.param(
            {"clientMessageId": "c1"}, {"senderName": "ana", "clientMessageId": "c1"}, id="with a client's id"
        ),
        pytest.param(
            {"timestamp": "2001-01-01", "messageId": "m", "requestId": "r", "pushedAt": 1, "extra": [{"a": None}]},
            {"senderName": "ana"},
            id="with fields to ignore",
        ),
        pytest.param({"message": 'Grüße 😀 "\\ \n\t\x00'}, {"senderName": "ana"}, id="with all sorts of text"),
    ],
)
def test_stored_row_and_push_have_exactly_these_fields(chat: Chat, sent: Frame, stored: Frame) -> None:
    assert chat.send(ANA, **sent) == 200

    [row] = chat.tables.messages()
    [push] = chat.frames(BOB)
    row.pop("pushedAt", None)  # tells a retry that it need not push again
    expected = {
        "groupId": "red",
        "senderId": "ana",
        "message": sent.get("message", "Hi"),
        "messageId": row["messageId"],
        "timestamp": row["timestamp"],
    } | stored
    assert row == expected
    assert push == expected | {"action": "message"}


@pytest.mark.parametrize("unread", ["9" * 4000, "1e999", '{"deeply":[[["nested"]]]}', '"x"'])
def test_unknown_fields_may_be_any_json(chat: Chat, unread: str) -> None:
    frame = f'{{"action":"sendMessage","groupId":"red","senderId":"ana","message":"Hi","unread":{unread}}}'
    assert chat.receive(ANA, frame) == 200
    assert len(chat.tables.messages()) == 1


def test_binary_frame_with_json_in_utf8_is_served(chat: Chat) -> None:
    frame = {"action": "sendMessage", "groupId": "red", "senderId": "ana", "message": "Grüße"}
    assert chat.receive(ANA, json.dumps(frame, ensure_ascii=False).encode()) == 200
    assert chat.frames(BOB)[0]["message"] == "Grüße"


def test_a_push_reaches_every_connection_of_the_group_once_and_no_other(chat: Chat) -> None:
    chat.tables.add_connection(ANAS_PHONE, "ana", "red")
    chat.send(ANA)
    [frame] = chat.frames(BOB)
    assert chat.frames(ANA) == chat.frames(ANAS_PHONE) == [frame]
    assert chat.frames(EVE) == []


def test_sender_is_served_even_if_the_index_does_not_list_it_yet(chat: Chat) -> None:
    with chat.tables.index_without(ANA):
        chat.send(ANA)
    assert len(chat.frames(ANA)) == len(chat.frames(BOB)) == 1


def test_timestamps_are_the_servers_time_and_sort_as_text(chat: Chat) -> None:
    before = datetime.now(UTC)
    for _ in range(5):
        chat.send(ANA, timestamp="2001-01-01T00:00:00Z")
    times = [push["timestamp"] for push in chat.frames(BOB)]

    assert all(TIMESTAMP.fullmatch(each) for each in times)
    assert before <= datetime.fromisoformat(times[0])
    assert datetime.fromisoformat(times[-1]) <= datetime.now(UTC)
    assert times == sorted(set(times))


def test_timestamp_keeps_its_width_on_a_full_second(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullSecond(datetime):
        @classmethod
        def now(cls, tz: object = None) -> "FullSecond":
            assert tz is UTC
            return cls(2031, 2, 3, 4, 5, 6, tzinfo=UTC)

    monkeypatch.setattr("handlers.protocol.times.datetime", FullSecond)
    chat.send(ANA)
    assert chat.frames(BOB)[0]["timestamp"] == "2031-02-03T04:05:06.000000Z"


def test_fresh_ids_begin_with_their_time_and_never_repeat(chat: Chat) -> None:
    before = time.time_ns() // 1_000_000
    for _ in range(5):
        chat.send(ANA)
    after = time.time_ns() // 1_000_000

    ids = [uuid.UUID(row["messageId"]) for row in chat.tables.messages()]
    assert len(ids) == 5
    assert {(each.version, each.variant) for each in ids} == {(7, uuid.RFC_4122)}
    assert all(before <= each.int >> 80 <= after for each in ids)


def test_no_ack_without_a_client_message_id(chat: Chat) -> None:
    chat.send(ANA, requestId="r1")
    assert chat.acks(ANA) == []


def test_only_the_sender_gets_an_ack_with_the_stored_message(chat: Chat) -> None:
    assert chat.send(ANA, clientMessageId="c1", requestId="r1") == 200
    [row] = chat.tables.messages()
    assert chat.acks(ANA) == [
        {
            "action": "ack",
            "clientMessageId": "c1",
            "requestId": "r1",
            "messageId": row["messageId"],
            "timestamp": row["timestamp"],
            "duplicate": False,
        }
    ]
    assert chat.acks(BOB) == []


def test_nobody_receives_a_message_before_it_is_stored(chat: Chat) -> None:
    stored_at_delivery: dict[str, list[str]] = {}

    def look(connection_id: str, frame: Frame) -> None:
        stored = [row["messageId"] for row in chat.tables.messages()]
        stored_at_delivery[f"{frame['action']} to {connection_id}"] = stored

    chat.gateway.on_delivery = look
    chat.send(ANA, clientMessageId="c1")
    [row] = chat.tables.messages()
    heard = [f"message to {ANA}", f"message to {BOB}", f"ack to {ANA}"]
    assert stored_at_delivery == {each: [row["messageId"]] for each in heard}
