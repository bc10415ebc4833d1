"""The owner's own programs disconnect users, and add them to groups and remove them."""

import json

import pytest

from handlers.runtime import settings

from .chat import ANA, BOB, EVE, Chat
from .program import Call, error_of
from .tables import aws_error

pytestmark = pytest.mark.usefixtures("publish_is_on")

PHONE = "AnaPhone="
ACTIONS = ["disconnectUser", "addToGroup", "removeFromGroup"]


@pytest.fixture
def phone(chat: Chat) -> str:
    """A second connection of ana, which speaks protocol 2 and has no group of its own."""
    chat.connect(PHONE, "userId=ana&protocol=2")
    return PHONE


def groups_of(chat: Chat, connection_id: str) -> set[str]:
    """The groups whose messages reach a connection."""
    heard = set()
    for group_id in ("red", "blue", "green"):
        before = len(chat.pushes(connection_id))
        Call()(groupId=group_id, message="Hi")
        if len(chat.pushes(connection_id)) > before:
            heard.add(group_id)
    return heard


def test_all_connections_of_a_user_are_closed_and_forgotten(chat: Chat, call: Call, phone: str) -> None:
    chat.ask(phone, "joinGroup", groupId="blue")
    assert call("disconnectUser", userId="ana") == {"disconnected": 2}
    assert sorted(chat.gateway.closed) == sorted([ANA, phone])
    # With presence, the stream ends the rest.
    assert {row_id for row_id in chat.tables.connections() if "#" not in row_id} == {BOB, EVE}
    assert call("disconnectUser", userId="ana") == {"disconnected": 0}


def test_without_a_stream_the_group_rows_go_too(
    chat: Chat, call: Call, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRESENCE", "false")
    settings.settings.cache_clear()
    chat.ask(phone, "joinGroup", groupId="blue")
    call("disconnectUser", userId="ana")
    assert chat.tables.connections().keys() == {BOB, EVE}


def test_a_connection_that_cannot_be_closed_is_found_again(chat: Chat, call: Call, phone: str) -> None:
    chat.gateway.not_closing.add(ANA)
    code, _, retryable = error_of(call("disconnectUser", userId="ana"))
    assert (code, retryable) == ("UNAVAILABLE", True)
    assert chat.gateway.closed == [phone]
    chat.gateway.not_closing.clear()
    assert call("disconnectUser", userId="ana") == {"disconnected": 1}


def test_connections_that_are_added_to_a_group_hear_it(chat: Chat, call: Call, phone: str) -> None:
    assert call("addToGroup", userId="ana", groupId="blue") == {"added": 2, "refused": 0}
    # Protocol 1 knows no such frame.
    assert chat.frames(ANA) == []
    assert chat.frames(phone) == [{"action": "joined", "groupIds": ["blue"], "refused": []}]
    assert groups_of(chat, phone) == {"blue"}
    assert groups_of(chat, ANA) == {"red", "blue"}
    assert groups_of(chat, EVE) == {"blue"}
    assert chat.ask(phone, "getHistory", groupId="blue")[0]["action"] == "history"


def test_adding_again_changes_nothing(chat: Chat, call: Call, phone: str) -> None:
    for _ in range(2):
        assert call("addToGroup", userId="ana", groupId="red") == {"added": 2, "refused": 0}
    assert groups_of(chat, phone) == groups_of(chat, ANA) == {"red"}
    assert call(groupId="red", message="Hi")["groups"][0]["duplicate"] is False


def test_adding_keeps_what_a_connection_has_asked_for(chat: Chat, call: Call) -> None:
    chat.tables.add_connection("Other=", "ana", "", protocol=2)
    chat.ask("Other=", "joinGroup", groupId="green", events=True, name="Ana A.")
    before = [row for row in chat.tables.connections().values() if row["groupId"]["S"] == "green"]
    call("addToGroup", userId="ana", groupId="green")
    after = [row for row in chat.tables.connections().values() if row["groupId"]["S"] == "green"]
    assert [row for row in after if "events" in row and row["events"]["BOOL"]] == before


def test_adding_is_not_limited_by_a_rate_but_by_the_number_of_groups(
    chat: Chat, call: Call, phone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUPS_PER_CONNECTION", "2")
    settings.settings.cache_clear()
    for _ in range(10):
        assert call("addToGroup", userId="ana", groupId="green") == {"added": 2, "refused": 0}
        call("removeFromGroup", userId="ana", groupId="green")
    answers = [call("addToGroup", userId="ana", groupId=f"group {number}") for number in range(3)]
    assert answers == [{"added": 2, "refused": 0}] * 2 + [{"added": 0, "refused": 2}]
    assert phone in chat.tables.connections()


def test_connections_that_are_removed_from_a_group_hear_it_no_more(chat: Chat, call: Call, phone: str) -> None:
    chat.ask(phone, "joinGroup", groupIds=["red", "blue"])
    known = len(chat.frames(phone))
    assert call("removeFromGroup", userId="ana", groupId="red") == {"removed": 2}
    assert chat.frames(phone)[known:] == [{"action": "left", "groupIds": ["red"], "reason": "REMOVED"}]
    assert groups_of(chat, phone) == {"blue"}
    # A connection of protocol 1 without a group would hear nothing more.
    assert chat.gateway.closed == [ANA]
    assert ANA not in chat.tables.connections()
    assert call("removeFromGroup", userId="ana", groupId="red") == {"removed": 0}


def test_a_connection_of_protocol_1_keeps_its_other_groups(chat: Chat, call: Call) -> None:
    call("addToGroup", userId="ana", groupId="blue")
    assert call("removeFromGroup", userId="ana", groupId="red") == {"removed": 1}
    assert chat.gateway.closed == []
    assert groups_of(chat, ANA) == {"blue"}


@pytest.mark.usefixtures("with_members")
def test_adding_makes_nobody_a_member(chat: Chat, call: Call, phone: str) -> None:
    call("addToGroup", userId="ana", groupId="blue")
    assert groups_of(chat, phone) == set()
    frame = {"action": "sendMessage", "groupId": "blue", "senderId": "ana", "message": "Hi"}
    assert chat.receive(phone, json.dumps(frame)) == 403


def test_nobody_else_is_touched(chat: Chat, call: Call) -> None:
    before = chat.tables.connections()
    assert call("disconnectUser", userId="dora") == {"disconnected": 0}
    assert call("removeFromGroup", userId="dora", groupId="red") == {"removed": 0}
    assert call("addToGroup", userId="dora", groupId="red") == {"added": 0, "refused": 0}
    assert chat.tables.connections() == before
    assert chat.gateway.delivered == []


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("user_id", [None, "", 7, ["ana"], "x" * 257])
def test_the_user_must_be_named(call: Call, action: str, user_id: object) -> None:
    code, message, retryable = error_of(call(action, userId=user_id, groupId="red"))
    assert (code, "userId" in message, retryable) == ("BAD_REQUEST", True, False)


@pytest.mark.parametrize("action", ["addToGroup", "removeFromGroup"])
def test_the_group_must_be_named(call: Call, action: str) -> None:
    code, message, _ = error_of(call(action, userId="ana"))
    assert (code, "groupId" in message) == ("BAD_REQUEST", True)


@pytest.mark.parametrize("action", ACTIONS)
def test_without_a_limit_of_connections_there_may_be_no_index(
    chat: Chat, call: Call, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "0")
    settings.settings.cache_clear()
    with chat.tables.counting("Query") as queries:
        code, message, retryable = error_of(call(action, userId="ana", groupId="red"))
    assert (code, "connectionsPerUser" in message, retryable) == ("UNKNOWN_ACTION", True, False)
    assert queries == []


@pytest.mark.parametrize(
    ("action", "operation"),
    [
        *((action, "Query") for action in ACTIONS),
        ("disconnectUser", "DeleteItem"),
        ("addToGroup", "GetItem"),
        ("addToGroup", "UpdateItem"),
        ("addToGroup", "PutItem"),
        ("removeFromGroup", "GetItem"),
        ("removeFromGroup", "UpdateItem"),
    ],
)
def test_a_table_that_fails_makes_the_call_repeatable(
    chat: Chat, call: Call, phone: str, action: str, operation: str
) -> None:
    group_id = "blue" if action == "addToGroup" else "red"
    with chat.tables.failing(operation, aws_error(operation, "arn:secret")):
        code, message, retryable = error_of(call(action, userId="ana", groupId=group_id))
    assert (code, retryable) == ("UNAVAILABLE", True)
    assert "secret" not in message
    assert "error" not in call(action, userId="ana", groupId=group_id)
    assert groups_of(chat, phone) == ({"blue"} if action == "addToGroup" else set())
