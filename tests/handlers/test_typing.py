"""``typing``: pushed to the other members at once, and never stored."""

import json

import pytest

from handlers.runtime import settings

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import HANG, Frame
from .tables import aws_error

ANAS_PHONE = "AnaOtherConnection="


@pytest.fixture
def chat(modern_chat: Chat) -> Chat:
    return modern_chat


def typing(chat: Chat, **fields: object) -> int:
    return chat.receive(ANA, json.dumps({"action": "typing"} | fields), route="$default")


@pytest.mark.parametrize("is_typing", [True, False])
def test_the_other_members_are_told(chat: Chat, *, is_typing: bool) -> None:
    chat.tables.add_connection(ANAS_PHONE, "ana", "red")
    assert typing(chat, isTyping=is_typing, requestId="r1", userId="eve") == 200
    assert chat.frames(BOB) == [
        {"action": "typing", "groupId": "red", "userId": "ana", "isTyping": is_typing, "expiresInMs": 6000}
    ]
    assert chat.gateway.recipients() == {BOB}
    assert chat.tables.messages() == []


@pytest.mark.parametrize("fields", [{}, *[{"isTyping": value} for value in (None, 1, 0, "true", ["x"])]])
def test_a_value_that_is_not_a_boolean_is_refused(chat: Chat, fields: Frame) -> None:
    assert typing(chat, requestId="r1", **fields) == 400
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False, "requestId": "r1"}
    assert "isTyping" in words


@pytest.mark.parametrize(("limit", "told"), [(2, {BOB}), (1, set())])
def test_nothing_is_pushed_above_event_member_limit(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, limit: int, told: set[str]
) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", str(limit))
    settings.settings.cache_clear()
    chat.tables.add_connection(ANAS_PHONE, "ana", "red")
    assert typing(chat, isTyping=True) == 200
    assert chat.gateway.recipients() == told


@pytest.mark.parametrize(("devices", "told"), [(6, 6), (7, 0)])
def test_nothing_is_pushed_above_four_connections_for_each_member(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, devices: int, told: int
) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "2")
    settings.settings.cache_clear()
    for number in range(devices):
        chat.tables.add_connection(f"{number}=", "bob", "red")
    assert typing(chat, isTyping=True) == 200
    assert len(chat.gateway.recipients() - {BOB}) == told


@pytest.mark.parametrize("operation", ["UpdateItem", "Query"])
def test_a_failed_read_is_retryable(chat: Chat, operation: str) -> None:
    with chat.tables.failing(operation, aws_error(operation)):
        assert typing(chat, isTyping=True) == 503
    refusal, _ = chat.refusal(ANA)
    assert (refusal["code"], refusal["retryable"]) == ("UNAVAILABLE", True)


def test_a_member_that_hangs_is_given_up_in_time(chat: Chat, log: Log) -> None:
    chat.context = Context(milliseconds=2500)
    chat.gateway.answers[BOB] = HANG
    chat.tables.add_connection(EVE, "eve", "red")
    assert typing(chat, isTyping=True) == 200
    assert len(chat.frames(EVE)) == 1
    assert log.served()["durationMs"] < 2500
