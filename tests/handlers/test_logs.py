"""The functions log one line for each invocation, and never messages, names or users."""

import json
import logging
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest

from handlers.runtime import settings

from .chat import ANA, BOB, Chat
from .conftest import Log
from .management_api_server import GONE, Answer
from .tables import aws_error

SECRET = "hush"  # Every name, id and text of a client in these tests contains this.
ANA_HUSH = {"groupId": "group-hush", "senderId": "user-hush", "senderName": "name-hush", "clientMessageId": "id-hush"}

Call = Callable[[Chat], int]


def _frame(**fields: object) -> str:
    return json.dumps(
        {"action": "sendMessage", "message": "text-hush", "requestId": "request-hush"} | ANA_HUSH | fields
    )


def _default(chat: Chat, **fields: object) -> int:
    return chat.receive(ANA, json.dumps(fields), route="$default")


CALLS: dict[str, tuple[Call, dict[str, Any]]] = {
    "connect": (
        lambda chat: chat.connect("New=", "userId=user-hush&groupId=group-hush&token=token-hush"),
        {"connectionId": "New=", "route": "$connect", "outcome": "OK"},
    ),
    "connect refused": (
        lambda chat: chat.connect("New=", "userId=user-hush&token=token-hush"),
        {
            "connectionId": "New=",
            "route": "$connect",
            "outcome": "BAD_REQUEST",
            "reason": "the query string must have one groupId of 1 to 256 bytes",
        },
    ),
    "disconnect": (lambda chat: chat.disconnect(ANA), {"connectionId": ANA, "route": "$disconnect", "outcome": "OK"}),
    "ping": (
        lambda chat: _default(chat, action="ping", requestId="request-hush"),
        {"connectionId": ANA, "route": "$default", "action": "ping", "outcome": "OK", "reply": "delivered"},
    ),
    "history": (
        lambda chat: _default(chat, action="getHistory"),
        {
            "connectionId": ANA,
            "route": "$default",
            "action": "getHistory",
            "outcome": "OK",
            "messages": 0,
            "reply": "delivered",
        },
    ),
    "presence": (
        lambda chat: _default(chat, action="getPresence"),
        {
            "connectionId": ANA,
            "route": "$default",
            "action": "getPresence",
            "outcome": "OK",
            "members": 2,
            "reply": "delivered",
        },
    ),
    "typing": (
        lambda chat: _default(chat, action="typing", isTyping=True),
        {
            "connectionId": ANA,
            "route": "$default",
            "action": "typing",
            "outcome": "OK",
            "recipients": 1,
            "delivered": 1,
            "stale": 0,
            "failed": 0,
            "complete": True,
            "replied": True,
        },
    ),
    "unknown action": (
        lambda chat: _default(chat, action="hush"),
        {"connectionId": ANA, "route": "$default", "outcome": "UNKNOWN_ACTION", "reason": ANY, "reply": "delivered"},
    ),
    "no JSON": (
        lambda chat: chat.receive(ANA, '{"message":"text-hush'),
        {"connectionId": ANA, "route": "sendMessage", "outcome": "BAD_REQUEST", "reason": ANY, "reply": "delivered"},
    ),
    "message": (
        lambda chat: chat.receive(ANA, _frame()),
        {
            "connectionId": ANA,
            "route": "sendMessage",
            "outcome": "OK",
            "duplicate": False,
            "recipients": 2,
            "delivered": 2,
            "stale": 0,
            "failed": 0,
            "complete": True,
            "replied": True,
        },
    ),
    "too large": (
        lambda chat: chat.receive(ANA, _frame(message=SECRET * 10_000)),
        {"connectionId": ANA, "route": "sendMessage", "outcome": "TOO_LARGE", "reason": ANY, "reply": "delivered"},
    ),
    "forbidden": (
        lambda chat: chat.receive(ANA, _frame(senderId="other-hush")),
        {"connectionId": ANA, "route": "sendMessage", "outcome": "FORBIDDEN", "reason": ANY, "reply": "delivered"},
    ),
}


@pytest.fixture
def chat(chat: Chat) -> Chat:
    """The chat, with names of members that must not be logged."""
    chat.tables.add_connection(ANA, "user-hush", "group-hush")
    chat.tables.add_connection(BOB, "bob-hush", "group-hush", protocol=2)
    return chat


@pytest.mark.parametrize(("call", "fields"), CALLS.values(), ids=CALLS.keys())
def test_one_line_for_each_invocation_has_exactly_these_fields(
    chat: Chat, log: Log, call: Call, fields: dict[str, Any]
) -> None:
    call(chat)
    served = log.served()
    assert served.pop("durationMs") >= 0
    assert served == fields
    assert len(log.records) == 1
    assert SECRET not in log.text()


@pytest.mark.parametrize("name", ["botocore", "botocore.credentials", "botocore.endpoint"])
def test_of_botocores_lines_only_warnings_are_logged(log: Log, name: str) -> None:
    for write in (logging.getLogger(name).debug, logging.getLogger(name).info):
        write("user-hush")
    assert log.records == []
    logging.getLogger(name).warning("the clock is wrong")
    assert log.warnings() == ["the clock is wrong"]


def test_the_line_of_a_retry_says_so(chat: Chat, log: Log) -> None:
    chat.receive(ANA, _frame())
    log.captured.clear()
    chat.receive(ANA, _frame())
    served = log.served()
    assert served.items() >= {"outcome": "OK", "duplicate": True, "reply": "delivered"}.items()
    assert "recipients" not in served


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("PutItem", CALLS["connect"][0]),
        ("DeleteItem", CALLS["disconnect"][0]),
        ("GetItem", lambda chat: _default(chat, action="ping")),
        ("UpdateItem", CALLS["message"][0]),
        ("PutItem", CALLS["message"][0]),
        ("Query", CALLS["message"][0]),
    ],
)
def test_a_failed_call_is_logged_with_its_code_and_place_but_not_its_text(
    chat: Chat, log: Log, operation: str, call: Call
) -> None:
    with chat.tables.failing(operation, aws_error(operation, "invalid: text-hush")):
        call(chat)
    failures = [vars(record) for record in log.records if "failure" in vars(record)]
    [failure] = failures
    assert failure["failure"] == "ClientError"
    assert failure["awsCode"] == "ProvisionedThroughputExceededException"
    assert failure["awsOperation"] == operation
    assert any("handlers" in place for place in failure["at"])
    assert log.served()["outcome"] == "UNAVAILABLE"
    assert SECRET not in log.text()


def test_a_failed_mark_is_logged_and_does_not_fail_the_message(chat: Chat, log: Log) -> None:
    with chat.tables.failing("UpdateItem", aws_error("UpdateItem", "invalid: text-hush"), after=1):
        chat.receive(ANA, _frame())
    assert log.warnings() == ["not marked as pushed: a retry will push it again"]
    assert log.served()["outcome"] == "OK"
    assert SECRET not in log.text()


def test_an_sdk_error_is_logged_without_the_input_that_it_quotes(chat: Chat, log: Log) -> None:
    with chat.tables.spoiling("PutItem", "text-hush"):
        assert chat.receive(ANA, _frame()) == 500
    assert log.served()["failure"] == "ValueError"
    assert SECRET not in log.text()


def test_a_bug_is_logged_without_the_input_that_its_error_quotes(
    chat: Chat, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(frame: object) -> None:
        raise ValueError(f"cannot compose {frame}")

    monkeypatch.setattr("handlers.tables.messages.compose", fail)
    assert chat.receive(ANA, _frame()) == 500
    assert log.served().items() >= {"outcome": "INTERNAL", "failure": "ValueError"}.items()
    assert SECRET not in log.text()


def test_failed_deletions_and_posts_are_logged_without_names(chat: Chat, log: Log) -> None:
    chat.tables.add_connection("Phone=", "phone-hush", "group-hush")
    chat.gateway.answers |= {BOB: GONE, "Phone=": Answer(403)}
    with chat.tables.failing("DeleteItem", aws_error("DeleteItem", "invalid: user-hush")):
        chat.receive(ANA, _frame())
    assert len(log.warnings()) == 2
    assert SECRET not in log.text()


def test_the_line_says_that_a_reply_failed(chat: Chat, log: Log) -> None:
    chat.gateway.answers[ANA] = GONE
    assert _default(chat, action="ping") == 200
    assert log.served()["reply"] == "gone"


def test_a_function_that_cannot_reply_still_returns_a_status_and_logs_its_line(
    chat: Chat, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CALLBACK_URL")
    settings.settings.cache_clear()
    assert chat.receive(ANA, _frame()) == 500
    assert log.served().items() >= {"outcome": "INTERNAL", "failure": "KeyError"}.items()
