"""The owner's own programs read groups: their history, and who is connected."""

from typing import Any

import pytest

from .chat import ANA, Chat
from .program import Call, error_of
from .tables import aws_error

pytestmark = pytest.mark.usefixtures("publish_is_on")


def test_presence_is_the_frame_that_a_client_gets(modern_chat: Chat, call: Call) -> None:
    [frame] = modern_chat.ask(ANA, "getPresence")
    assert call("getPresence", groupId="red") == frame
    assert [member["userId"] for member in frame["members"]] == ["ana", "bob"]


def test_history_is_the_frame_that_a_client_gets(modern_chat: Chat, call: Call) -> None:
    for number in range(5):
        modern_chat.tables.add_message(f"m{number}", "red", f"2026-01-01T00:00:0{number}.000000Z", "Hi")
    [frame] = modern_chat.ask(ANA, "getHistory", limit=2)
    found = call("getHistory", groupId="red", limit=2)
    assert {**found, "after": ""} == {**frame, "after": ""}
    [frame] = modern_chat.ask(ANA, "getHistory", limit=2, before=frame["before"])
    assert call("getHistory", groupId="red", limit=2, before=found["before"]) == frame
    assert [message["messageId"] for message in frame["messages"]] == ["m1", "m2"]
    after = call("getHistory", groupId="red", after=frame["after"])
    assert {"m3", "m4"} <= {message["messageId"] for message in after["messages"]}


@pytest.mark.usefixtures("with_members")
def test_a_program_is_no_member_and_reads_every_group(chat: Chat, call: Call) -> None:
    chat.tables.add_message("m1", "green", "2026-01-01T00:00:00.000000Z", "Hi")
    assert [one["messageId"] for one in call("getHistory", groupId="green")["messages"]] == ["m1"]
    assert call("getPresence", groupId="green")["members"] == []


@pytest.mark.parametrize("action", ["getPresence", "getHistory"])
@pytest.mark.parametrize("given", [{}, {"groupId": None}, {"groupId": ""}, {"groupId": ["red"]}])
def test_the_group_must_be_named(call: Call, action: str, given: dict[str, Any]) -> None:
    code, message, retryable = error_of(call(action, **given))
    assert (code, "groupId" in message, retryable) == ("BAD_REQUEST", True, False)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "50"}, "limit"),
        ({"after": "nonsense"}, "cursor"),
        ({"before": 7}, "cursor"),
    ],
)
def test_a_wrong_field_of_a_history_is_named(call: Call, given: dict[str, Any], named: str) -> None:
    code, message, _ = error_of(call("getHistory", groupId="red", **given))
    assert (code, named in message) == ("BAD_REQUEST", True)


def test_a_cursor_is_of_one_group_and_one_direction(chat: Chat, call: Call) -> None:
    chat.tables.add_message("m1", "red", "2026-01-01T00:00:00.000000Z", "Hi")
    cursor = call("getHistory", groupId="red")["after"]
    assert error_of(call("getHistory", groupId="blue", after=cursor))[0] == "BAD_REQUEST"
    assert error_of(call("getHistory", groupId="red", after=cursor, before=cursor))[0] == "BAD_REQUEST"


@pytest.mark.parametrize("action", ["getPresence", "getHistory"])
def test_a_table_that_fails_makes_the_group_unavailable(chat: Chat, call: Call, action: str) -> None:
    with chat.tables.failing("Query", aws_error("Query", "arn:secret")):
        code, message, retryable = error_of(call(action, groupId="red"))
    assert (code, retryable) == ("UNAVAILABLE", True)
    assert "secret" not in message
