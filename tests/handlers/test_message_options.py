"""``type``, ``replyTo`` and ``data`` of a message: what is accepted, stored, pushed, and part of a retry."""

import json
from typing import Any

import pytest

from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, Chat
from .tables import MESSAGES

OPTIONS: dict[str, Any] = {"type": "image", "replyTo": "m0", "data": {"url": "https://example.com/ä", "size": [1, 2.5]}}
INVALID: list[tuple[str, object]] = [
    *[(name, bad) for name in ("type", "replyTo") for bad in ("", 7, ["image"], {"a": 1}, "x" * 257)],
    *[("data", bad) for bad in ("text", 7, [1], True, {"text": "x" * 2_038}, {"text": "é" * 1_019})],
    ("type", "system"),
]


def newest(chat: Chat) -> Any:
    return chat.ask(ANA, "getHistory", limit=1)[-1]["messages"][-1]


def test_they_are_stored_pushed_and_in_the_history(modern_chat: Chat) -> None:
    assert modern_chat.send(ANA, **OPTIONS) == 200
    [pushed] = modern_chat.pushes(BOB)
    assert {name: pushed[name] for name in OPTIONS} == OPTIONS
    assert newest(modern_chat) == {name: value for name, value in pushed.items() if name != "action"}
    [row] = modern_chat.tables.messages()
    assert (row["type"], row["replyTo"], json.loads(row["data"])) == tuple(OPTIONS.values())


def test_null_stands_for_a_missing_one(modern_chat: Chat) -> None:
    assert modern_chat.send(ANA, **dict.fromkeys(OPTIONS)) == 200
    [row] = modern_chat.tables.messages()
    assert not row.keys() & OPTIONS.keys()


@pytest.mark.parametrize("data", [{}, {"text": "x" * 2_037}, {"text": "é" * 1_018}])
def test_data_of_2_kb_is_accepted(modern_chat: Chat, data: dict[str, object]) -> None:
    assert modern_chat.send(ANA, data=data) == 200
    assert modern_chat.pushes(BOB)[0]["data"] == data


@pytest.mark.parametrize(("name", "bad"), INVALID)
def test_another_value_is_refused_and_nothing_is_stored(modern_chat: Chat, name: str, bad: object) -> None:
    assert modern_chat.send(ANA, **{name: bad}) == (403 if bad == "system" else 400)
    frame, words = modern_chat.refusal(ANA)
    assert name in words
    assert frame["retryable"] is False
    assert modern_chat.tables.messages() == []


def test_a_number_that_json_does_not_have_is_refused(modern_chat: Chat) -> None:
    frame = '{"action":"sendMessage","groupId":"red","senderId":"ana","message":"Hi","data":{"size":1e999}}'
    assert modern_chat.receive(ANA, frame) == 400


@pytest.mark.parametrize(("name", "bad"), INVALID)
def test_on_protocol_1_what_is_not_valid_is_left_out(chat: Chat, name: str, bad: object) -> None:
    """The old back end ignored these fields, and its clients may send anything in them."""
    assert chat.send(ANA, **{name: bad}) == 200
    assert name not in chat.pushes(BOB)[0]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_retry_has_to_repeat_them(modern_chat: Chat, name: str) -> None:
    assert modern_chat.send(ANA, clientMessageId="c1", **OPTIONS) == 200
    assert modern_chat.send(ANA, clientMessageId="c1", **OPTIONS) == 200
    assert [ack["duplicate"] for ack in modern_chat.acks(ANA)] == [False, True]
    other = {"data": {"url": "another"}}.get(name, "another")
    assert modern_chat.send(ANA, clientMessageId="c1", **(OPTIONS | {name: other})) == 409
    assert modern_chat.send(ANA, clientMessageId="c1", **(OPTIONS | {name: None})) == 409
    assert len(modern_chat.tables.messages()) == 1


def test_they_count_for_the_size_of_the_frame(modern_chat: Chat) -> None:
    text = "x" * 27_500
    assert modern_chat.send(ANA, message=text) == 200
    assert modern_chat.send(ANA, message=text, data={"text": "x" * 2_000}) == 413


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ({"type": "image", "data": '{"url":"u"}'}, {"type": "image", "data": {"url": "u"}}),
        # Not an object in JSON: it cannot be shown.
        ({"data": "no JSON"}, {}),
        ({"data": "[1]"}, {}),
        ({"data": "[" * 100_000}, {}),
        ({"data": '{"a":"\\ud800"}'}, {}),
        ({"data": '{"a":NaN}'}, {}),
        ({"data": '{"a":1e999}'}, {}),
    ],
)
def test_rows_of_other_programs_are_shown_as_far_as_they_can_be(
    modern_chat: Chat, row: dict[str, str], shown: dict[str, object]
) -> None:
    theirs = {"messageId": "m1", "groupId": "red", "timestamp": "2026-01-01", "message": "Hi"}
    put_row(dynamodb(), MESSAGES, theirs | row)
    assert newest(modern_chat) == theirs | shown
