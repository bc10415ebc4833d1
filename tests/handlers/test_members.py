"""Membership in a group, with a members table."""

import json
import time
from types import SimpleNamespace

import pytest

from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables import members
from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, EVE, Chat
from .conftest import Log
from .management_api_server import GONE
from .tables import CONNECTIONS, MEMBERS, aws_error


@pytest.fixture(autouse=True)
def closed_groups(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    settings.settings.cache_clear()
    chat.tables.create_members(red=["ana", "bob"], blue=["eve"])


def pass_time() -> None:
    """Make cached members expire."""
    members._read.clear()  # noqa: SLF001 - the cache of this process
    members._checked.clear()  # noqa: SLF001 - the same


def test_only_members_can_connect(chat: Chat) -> None:
    assert chat.connect("New=", "userId=ana&groupId=red") == 200
    for query in (
        "userId=eve&groupId=red",
        "userId=ana&groupId=blue",
        "userId=ana&groupId=Red",
        "userId=Ana&groupId=red",
    ):
        assert chat.connect("Stranger=", query) == 403
    assert "Stranger=" not in chat.tables.connections()


def test_a_member_of_many_groups_is_found_beyond_the_first_page(chat: Chat) -> None:
    for number in range(1_200):
        chat.tables.add_member("ana", f"{number:04}" + "x" * 900)
    chat.tables.add_member("ana", "zebra")
    assert chat.connect("New=", "userId=ana&groupId=zebra") == 200


def test_nobody_can_connect_if_the_table_cannot_be_read(chat: Chat) -> None:
    with chat.tables.failing("Query", aws_error("Query")):
        assert chat.connect("New=", "userId=ana&groupId=red") == 503
        assert chat.send(ANA) == 503
    assert chat.tables.messages() == []


@pytest.mark.parametrize(
    "frame",
    [
        {"action": "sendMessage", "groupId": "red", "senderId": "ana", "message": "hi"},
        {"action": "getHistory"},
        {"action": "getPresence"},
        {"action": "typing", "isTyping": True},
        {"action": "ping"},
    ],
)
def test_a_removed_member_is_refused_deleted_and_disconnected(chat: Chat, frame: dict[str, object]) -> None:
    chat.tables.remove_member("ana", "red")
    route = "sendMessage" if frame["action"] == "sendMessage" else "$default"
    assert chat.receive(ANA, json.dumps(frame), route=route) == 403
    assert chat.refusal(ANA)[0] == {"code": "FORBIDDEN", "retryable": False}
    assert chat.gateway.closed == [ANA]
    assert ANA not in chat.tables.connections()
    assert chat.tables.messages() == []
    assert chat.frames(BOB) == []


def test_a_removed_member_is_out_even_if_the_connection_cannot_be_closed(chat: Chat, log: Log) -> None:
    chat.tables.remove_member("ana", "red")
    chat.gateway.answers[ANA] = GONE
    assert chat.send(ANA) == 200
    assert ANA not in chat.tables.connections()
    assert log.served()["outcome"] == "FORBIDDEN"


def test_a_removed_member_who_only_listens_receives_nothing_more(chat: Chat) -> None:
    chat.send(ANA)
    chat.tables.remove_member("bob", "red")
    pass_time()
    chat.send(ANA)
    chat.receive(ANA, '{"action":"typing","isTyping":true}', route="$default")
    assert [frame["action"] for frame in chat.frames(BOB)] == ["message"]
    chat.receive(ANA, '{"action":"getPresence"}', route="$default")
    assert chat.frames(ANA)[-1]["members"] == [{"userId": "ana", "devices": 1}]


def test_members_are_cached_for_membership_recheck_seconds(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("handlers.tables.members.time", SimpleNamespace(time=lambda: now[0]))
    chat.send(ANA)
    chat.tables.remove_member("bob", "red")
    now[0] += 59.9
    chat.send(ANA)
    assert len(chat.pushes(BOB)) == 2
    now[0] += 0.2
    chat.send(ANA)
    assert len(chat.pushes(BOB)) == 2


def test_a_new_member_can_send_and_receive_at_once(chat: Chat) -> None:
    chat.send(ANA)
    chat.tables.add_member("dora", "red")
    assert chat.connect("Dora=", "userId=dora&groupId=red") == 200
    chat.send(ANA)
    assert len(chat.pushes("Dora=")) == 1
    frame = {"action": "sendMessage", "groupId": "red", "senderId": "dora", "message": "hi"}
    assert chat.receive("Dora=", json.dumps(frame)) == 200
    assert len(chat.pushes(ANA)) == 3


def test_a_member_who_is_removed_right_after_connecting_is_refused(chat: Chat) -> None:
    chat.tables.add_member("dora", "red")
    assert chat.connect("Dora=", "userId=dora&groupId=red") == 200
    chat.tables.remove_member("dora", "red")
    frame = {"action": "sendMessage", "groupId": "red", "senderId": "dora", "message": "hi"}
    assert chat.receive("Dora=", json.dumps(frame)) == 403
    assert chat.pushes(ANA) == []


def test_the_cache_of_members_is_bounded(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MOST_MEMBERS", 4)
    for sender, remembered in ((ANA, {"red"}), (EVE, {"blue"}), (EVE, {"blue"}), (ANA, {"red"})):
        assert chat.send(sender) == 200
        assert set(members._read) == remembered  # noqa: SLF001 - the cache of this process


def test_the_cache_of_users_is_bounded(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "_MOST_CHECKED", 4)
    for sender, remembered in ((ANA, {"ana"}), (BOB, {"ana", "bob"}), (EVE, {"eve"}), (ANA, {"eve", "ana"})):
        assert chat.send(sender) == 200
        assert set(members._checked) == remembered  # noqa: SLF001 - the cache of this process


def test_a_member_of_one_group_is_not_a_member_of_another(chat: Chat) -> None:
    chat.tables.remove_member("ana", "red")
    chat.tables.add_member("ana", "blue")
    assert chat.send(ANA) == 403
    assert chat.send(EVE) == 200


def test_the_table_is_read_once_per_group_not_once_per_message(chat: Chat) -> None:
    chat.send(ANA)
    with chat.tables.counting("Query") as queries:
        for _ in range(5):
            chat.send(ANA)
    assert len(queries) == 5  # of the connections


@pytest.mark.parametrize(
    "connected_at", [times.of(time.time() + 3600), "9999-99-99T99:99:99Z"], ids=["an hour ahead", "no time"]
)
def test_a_connection_dated_ahead_costs_no_query_for_each_message(chat: Chat, connected_at: str) -> None:
    row = {"connectionId": "Foreign=", "userId": "fred", "groupId": "red", "connectedAt": connected_at}
    put_row(dynamodb(), CONNECTIONS, row)
    chat.send(ANA)
    with chat.tables.counting("Query") as queries:
        for _ in range(5):
            chat.send(ANA)
    assert len(queries) == 5  # of the connections
    assert chat.pushes("Foreign=") == []
