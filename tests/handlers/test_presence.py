"""``getPresence``: the connected users, as many as fit into a frame."""

import json
from types import SimpleNamespace

import pytest

from handlers.runtime import settings

from .chat import ANA, EVE, Chat
from .management_api_server import Frame
from .tables import aws_error


def presence(chat: Chat, connection_id: str = ANA, **fields: object) -> Frame:
    assert chat.receive(connection_id, json.dumps({"action": "getPresence"} | fields), route="$default") == 200
    return chat.frames(connection_id)[-1]


def test_users_are_sorted_and_have_a_number_of_devices(chat: Chat) -> None:
    for number in range(3):
        chat.tables.add_connection(f"Adam{number}=", "adam", "red")
    assert presence(chat, requestId="r1") == {
        "action": "presence",
        "requestId": "r1",
        "members": [
            {"userId": "adam", "devices": 3},
            {"userId": "ana", "devices": 1},
            {"userId": "bob", "devices": 1},
        ],
        "truncated": False,
    }
    assert presence(chat, EVE)["members"] == [{"userId": "eve", "devices": 1}]
    assert chat.gateway.recipients() == {ANA, EVE}


def test_expired_connections_do_not_count(chat: Chat) -> None:
    chat.tables.add_connection("Old=", "old", "red", expires_in=-1)
    assert [member["userId"] for member in presence(chat)["members"]] == ["ana", "bob"]


def test_a_large_group_is_truncated_at_the_largest_frame(chat: Chat) -> None:
    users = [f"{number:0256}" for number in range(110)]
    for user in users:
        chat.tables.add_connection(f"Of{user}", user, "red")
    answer = presence(chat)
    assert answer["truncated"] is True
    listed = [member["userId"] for member in answer["members"]]
    assert listed == users[: len(listed)]
    [(_, body)] = chat.gateway.delivered
    assert 28 * 1024 - 300 < len(body) <= 32 * 1024


def test_a_group_above_one_page_of_its_index_is_truncated_there(chat: Chat) -> None:
    for number in range(15):
        chat.tables.add_connection(f"Large{number}=", f"user{number}", "red", padding="x" * 100_000)
    with chat.tables.counting("Query") as queries:
        answer = presence(chat)
    assert answer["truncated"] is True
    assert 5 < len(answer["members"]) < 15
    assert len(queries) == 1


@pytest.mark.parametrize("users", [20, 1], ids=["many users", "many devices"])
def test_a_large_group_is_read_in_part_and_remembered(chat: Chat, monkeypatch: pytest.MonkeyPatch, users: int) -> None:
    now = [1000.0]
    monkeypatch.setattr("handlers.posting.events.time", SimpleNamespace(time=lambda: now[0]))
    monkeypatch.setattr("random.uniform", lambda _least, most: most)
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "2")
    settings.settings.cache_clear()
    for number in range(20):
        chat.tables.add_connection(f"{number}=", f"user{number % users}", "green")
    with chat.tables.reading() as rows:
        for seconds in (0, 59, 1):
            now[0] += seconds
            for connection_id in ("0=", "1="):
                answer = presence(chat, connection_id)
                assert answer["truncated"] is True
                assert len(answer["members"]) == min(users, 2)
                assert chat.receive(connection_id, '{"action":"typing","isTyping":true}', route="$default") == 200
    assert rows == [9, 9]
    assert chat.gateway.recipients() == {"0=", "1="}


@pytest.mark.parametrize("operation", ["UpdateItem", "Query"])
def test_a_failed_read_is_retryable(chat: Chat, operation: str) -> None:
    with chat.tables.failing(operation, aws_error(operation)):
        assert chat.receive(ANA, '{"action":"getPresence","requestId":"r1"}', route="$default") == 503
    assert chat.refusal(ANA)[0] == {"code": "UNAVAILABLE", "retryable": True, "requestId": "r1"}
