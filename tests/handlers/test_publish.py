"""The owner's own programs: they send messages to groups, as any user or as the system."""

import time
from typing import Any

import pytest

from handlers import publish
from handlers.protocol.program_frames import MAX_GROUPS
from handlers.requests import side_by_side
from handlers.runtime import settings

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import GONE
from .program import Call, error_of
from .tables import aws_error

pytestmark = pytest.mark.usefixtures("publish_is_on")


def test_the_system_writes_to_a_group(chat: Chat, call: Call) -> None:
    answer = call(groupId="red", message="Shipped")

    [row] = chat.tables.messages()
    stored = {
        "groupId": "red",
        "senderId": "system",
        "senderName": "Support",
        "type": "system",
        "message": "Shipped",
        "messageId": row["messageId"],
        "timestamp": row["timestamp"],
    }
    assert row == stored
    assert chat.frames(ANA) == chat.frames(BOB) == [{"action": "message"} | stored]
    assert chat.frames(EVE) == []
    outcome = {name: row[name] for name in ("groupId", "messageId", "timestamp")}
    assert answer == {"groups": [outcome | {"duplicate": False}]}


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"senderId": "ana"}, {"senderId": "ana", "senderName": "ana"}),
        ({"senderId": "ana", "senderName": "Ana"}, {"senderId": "ana", "senderName": "Ana"}),
        ({"senderId": "stranger", "type": "system"}, {"senderName": "stranger", "type": "system"}),
        ({"senderId": "system"}, {"senderId": "system", "senderName": "Support", "type": "system"}),
        ({"senderName": "Shop"}, {"senderId": "system", "senderName": "Shop", "type": "system"}),
        ({"senderName": "", "type": "order"}, {"senderName": "Support", "type": "order"}),
        ({"replyTo": "m1", "data": {"order": 7}}, {"replyTo": "m1", "data": '{"order":7}'}),
    ],
)
def test_a_program_may_be_any_user_and_send_any_type(
    chat: Chat, call: Call, given: dict[str, Any], stored: dict[str, str]
) -> None:
    assert "error" not in call(groupId="red", message="Hi", **given)
    [row] = chat.tables.messages()
    assert stored.items() <= row.items()
    assert "type" in row or "senderId" in given


def test_a_message_goes_to_each_of_many_groups_once(chat: Chat, call: Call) -> None:
    groups = ["red", "blue", *(f"empty {number}" for number in range(MAX_GROUPS - 2))]
    answer = call(groupIds=[*groups, "red"], message="Hi")
    assert [outcome["groupId"] for outcome in answer["groups"]] == groups
    assert sorted(row["groupId"] for row in chat.tables.messages()) == sorted(groups)
    assert len({outcome["messageId"] for outcome in answer["groups"]}) == MAX_GROUPS
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOB)) == len(chat.pushes(EVE)) == 1


def test_a_repeated_call_stores_and_pushes_nothing_twice(chat: Chat, call: Call) -> None:
    first = call(groupIds=["red", "blue"], message="Hi", clientMessageId="order 7")
    again = call(groupIds=["red", "blue", "green"], message="Hi", clientMessageId="order 7")
    assert [outcome["duplicate"] for outcome in again["groups"]] == [True, True, False]
    assert [outcome | {"duplicate": False} for outcome in again["groups"][:2]] == first["groups"]
    assert len(chat.tables.messages()) == 3
    assert len(chat.pushes(ANA)) == len(chat.pushes(EVE)) == 1


def test_the_same_id_of_another_message_is_a_conflict_in_its_group_alone(chat: Chat, call: Call) -> None:
    call(groupId="red", message="Hi", clientMessageId="c1")
    taken, free = call(groupIds=["red", "blue"], message="Other", clientMessageId="c1")["groups"]
    assert (taken["groupId"], taken["code"], taken["retryable"]) == ("red", "CONFLICT", False)
    assert (free["groupId"], free["duplicate"]) == ("blue", False)
    assert len(chat.tables.messages()) == 2


def test_a_program_does_not_collide_with_the_users_messages(chat: Chat, call: Call) -> None:
    chat.send(ANA, clientMessageId="c1")
    [outcome] = call(groupId="red", message="Other", clientMessageId="c1")["groups"]
    assert outcome["duplicate"] is False


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "groupId"),
        ({"groupId": ""}, "groupId"),
        ({"groupId": "red", "groupIds": ["red"]}, "groupIds"),
        ({"groupIds": []}, "groupIds"),
        ({"groupIds": "red"}, "groupIds"),
        ({"groupIds": ["red", 1]}, "groupIds"),
        ({"groupIds": [str(number) for number in range(MAX_GROUPS + 1)]}, "100 groups"),
        ({"groupId": "red", "message": ""}, "message"),
        ({"groupId": "red", "message": None}, "message"),
        ({"groupId": "red", "senderId": ""}, "senderId"),
        ({"groupId": "red", "senderId": ["system"]}, "senderId"),
        ({"groupId": "red", "senderId": "x" * 257}, "senderId"),
        ({"groupId": "red", "senderName": 1}, "senderName"),
        ({"groupId": "red", "clientMessageId": 7}, "clientMessageId"),
        ({"groupId": "red", "type": 7}, "type"),
        ({"groupId": "red", "replyTo": ""}, "replyTo"),
        ({"groupId": "red", "data": "text"}, "data"),
        ({"groupId": "red", "data": {"a": "x" * 2048}}, "data"),
        ({"groupId": "red", "message": "half \ud800"}, "surrogate"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_stored(
    chat: Chat, call: Call, given: dict[str, Any], named: str
) -> None:
    code, message, retryable = error_of(call(**({"message": "Hi"} | given)))
    assert (code, retryable) == ("BAD_REQUEST", False)
    assert named in message
    assert chat.tables.messages() == []


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (None, "BAD_REQUEST"),
        ("sendMessage", "BAD_REQUEST"),
        ([{"action": "sendMessage"}], "BAD_REQUEST"),
        ({}, "BAD_REQUEST"),
        ({"action": 1}, "BAD_REQUEST"),
        ({"action": "ping"}, "UNKNOWN_ACTION"),
        ({"Records": []}, "BAD_REQUEST"),
    ],
)
def test_an_event_that_asks_for_nothing_is_refused(event: object, code: str) -> None:
    assert error_of(publish.handler(event, Context()))[0] == code


def test_a_message_that_is_too_large_is_stored_nowhere(chat: Chat, call: Call) -> None:
    outcomes = call(groupIds=["red", "blue"], message="x" * 30_000)["groups"]
    assert [outcome["code"] for outcome in outcomes] == ["TOO_LARGE"] * 2
    assert chat.tables.messages() == []


@pytest.mark.parametrize("operation", ["PutItem", "Query"])
@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "AccessDeniedException"])
def test_a_table_that_fails_makes_the_groups_unavailable(chat: Chat, call: Call, operation: str, code: str) -> None:
    with chat.tables.failing(operation, aws_error(operation, "arn:aws:dynamodb:secret", code=code)):
        answer = call(groupIds=["red", "blue"], message="Hi", clientMessageId="c1")
    assert [(outcome["code"], outcome["retryable"]) for outcome in answer["groups"]] == [("UNAVAILABLE", True)] * 2
    assert "arn" not in str(answer)
    again = call(groupIds=["red", "blue"], message="Hi", clientMessageId="c1")
    assert [outcome["duplicate"] for outcome in again["groups"]] == [operation == "Query"] * 2
    assert len(chat.pushes(ANA)) == len(chat.pushes(EVE)) == 1


def test_without_an_id_a_message_that_may_be_stored_is_not_to_be_repeated(chat: Chat, call: Call) -> None:
    with chat.tables.failing("Query", aws_error("Query")):
        [outcome] = call(groupId="red", message="Hi")["groups"]
    assert (outcome["code"], outcome["retryable"]) == ("UNAVAILABLE", False)


def test_a_fault_is_answered_without_what_is_internal(chat: Chat, call: Call, log: Log) -> None:
    error = aws_error("PutItem", "Requested resource not found: ChatMessages", code="ResourceNotFoundException")
    with chat.tables.failing("PutItem", error):
        [outcome] = call(groupId="red", message="Hi")["groups"]
    assert (outcome["code"], outcome["retryable"]) == ("INTERNAL", False)
    assert "ChatMessages" not in str(outcome)
    assert log.served()["awsCode"] == "ResourceNotFoundException"


def test_an_error_of_one_group_is_no_error_of_the_others(chat: Chat, call: Call) -> None:
    with chat.tables.failing("PutItem", aws_error("PutItem"), times=1):
        outcomes = call(groupIds=["red", "blue", "green"], message="Hi")["groups"]
    assert sorted(outcome.get("code", "OK") for outcome in outcomes) == ["OK", "OK", "UNAVAILABLE"]
    assert len(chat.tables.messages()) == 2


def test_a_group_that_there_was_no_time_for_is_unavailable(
    chat: Chat, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "AT_ONCE", 2)
    side_by_side._threads.cache_clear()  # noqa: SLF001 - of another number
    groups = [f"group {number}" for number in range(5)]
    started = time.monotonic()
    with chat.tables.hanging("PutItem"):
        outcomes = call(groupIds=groups, message="Hi", milliseconds=2_500)["groups"]
    assert time.monotonic() - started < 2
    side_by_side._threads.cache_clear()  # noqa: SLF001 - those threads may still hang
    assert [outcome["code"] for outcome in outcomes] == ["UNAVAILABLE"] * 5
    # Two of them may be stored, and have no id that makes them repeatable.
    assert [outcome["retryable"] for outcome in outcomes] == [False, False, True, True, True]
    assert chat.tables.messages() == []


def test_a_recipient_that_is_gone_is_forgotten(chat: Chat, call: Call) -> None:
    chat.gateway.answers[BOB] = GONE
    call(groupId="red", message="Hi")
    assert BOB not in chat.tables.connections()
    assert len(chat.pushes(ANA)) == 1


def test_each_call_is_logged_once_without_what_it_says(chat: Chat, call: Call, log: Log) -> None:  # noqa: ARG001
    call(groupIds=["red", "blue-hush"], message="text-hush", senderId="user-hush", senderName="name-hush")
    served = log.served()
    assert served.pop("durationMs") > 0
    assert served == {
        "route": "publish",
        "action": "sendMessage",
        "outcome": "OK",
        "groups": 2,
        "failedGroups": 0,
        "recipients": 2,
        "delivered": 2,
        "stale": 0,
        "failed": 0,
    }
    assert "hush" not in log.text()


@pytest.mark.parametrize(("protocol", "status"), [(1, 403), (2, 403)])
def test_nobody_connects_as_the_system(chat: Chat, protocol: int, status: int) -> None:
    query = f"groupId=red&protocol={protocol}&userId="
    assert chat.connect("New=", f"{query}system") == status
    assert chat.connect("New=", f"{query}System") == 200


def test_without_publish_the_system_is_a_user_like_others(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SYSTEM_NAME")
    settings.settings.cache_clear()
    assert chat.connect("New=", "groupId=red&userId=system") == 200
