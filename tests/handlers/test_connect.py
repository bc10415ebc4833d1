import json
import re
import time

import pytest

from handlers.runtime import settings

from .chat import ANA, BOB, Chat
from .conftest import CONNECTION_TTL, Log
from .tables import aws_error

NEW = "NewConnection="
CHOSEN = {"headers": {"Sec-WebSocket-Protocol": "websocket-chat"}}


def test_connect_stores_a_row_of_exactly_these_fields(chat: Chat) -> None:
    before = time.time()
    assert chat.connect(NEW, "userId=dora&groupId=red&token=secret") == 200
    row = chat.tables.connections()[NEW]

    connected_at, expires_at = row.pop("connectedAt")["S"], row.pop("expiresAt")["N"]
    assert row == {
        "connectionId": {"S": NEW},
        "userId": {"S": "dora"},
        "groupId": {"S": "red"},
        "authentication": {"S": "none"},
        "apiId": {"S": "chat-api-id"},
        "protocol": {"N": "1"},
        "events": {"BOOL": False},
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", connected_at)
    assert int(before) <= int(expires_at) - CONNECTION_TTL <= time.time()


def test_nothing_is_posted_to_a_connection_that_is_not_open_yet(chat: Chat) -> None:
    chat.connect(NEW, "userId=dora&groupId=red")
    assert chat.frames(NEW) == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "userId=dora",
        "groupId=red",
        "userId=&groupId=red",
        "userId=dora&groupId=",
        "userid=dora&groupid=red",
        "userId=dora&userId=ana&groupId=red",
        "userId=dora&groupId=red&groupId=red",
        f"userId={'x' * 257}&groupId=red",
        f"userId=dora&groupId={'x' * 257}",
        f"userId={'é' * 128}x&groupId=red",
        f"userId=dora&groupId={'😀' * 64}x",
    ],
)
def test_connect_without_exactly_one_valid_user_and_group_is_refused(chat: Chat, query: str) -> None:
    assert chat.connect(NEW, query) == 400
    assert NEW not in chat.tables.connections()
    assert chat.frames(NEW) == []


@pytest.mark.parametrize("longest", ["x" * 256, "é" * 128, "😀" * 64])
def test_ids_of_256_bytes_connect(chat: Chat, longest: str) -> None:
    assert chat.connect(NEW, f"userId={longest}&groupId={longest}") == 200
    assert chat.tables.connections()[NEW]["groupId"] == {"S": longest}


@pytest.mark.parametrize(("named", "served"), [("1", "1"), ("2", "2"), ("3", "2"), ("999999999", "2")])
def test_a_client_is_served_the_newest_protocol_that_both_know(chat: Chat, named: str, served: str) -> None:
    assert chat.connect(NEW, f"userId=dora&groupId=red&protocol={named}") == 200
    assert chat.tables.connections()[NEW]["protocol"] == {"N": served}
    chat.receive(NEW, '{"action":"ping"}', route="$default")
    assert chat.frames(NEW)[0]["protocol"] == int(served)


@pytest.mark.parametrize("given", ["", "0", "-1", "02", "2.0", "two", "\u0662", "1" * 10, "2&protocol=2"])
def test_a_protocol_that_is_no_number_is_refused(chat: Chat, given: str, log: Log) -> None:
    assert chat.connect(NEW, f"userId=dora&groupId=red&protocol={given}") == 400
    assert log.served()["reason"] == "protocol must be a number, such as 2, given once"
    assert NEW not in chat.tables.connections()


def test_connect_that_cannot_be_stored_is_refused(chat: Chat) -> None:
    with chat.tables.failing("PutItem", aws_error("PutItem")):
        assert chat.connect(NEW, "userId=dora&groupId=red") == 503
    assert NEW not in chat.tables.connections()
    assert chat.frames(NEW) == []


@pytest.mark.parametrize(
    ("headers", "answered"),
    [
        ({"Sec-WebSocket-Protocol": ["websocket-chat, secret-token"]}, CHOSEN),
        ({"sec-websocket-protocol": ["other,websocket-chat"]}, CHOSEN),
        ({"Sec-WebSocket-Protocol": ["other", "websocket-chat"]}, CHOSEN),
        ({"Sec-WebSocket-Protocol": ["websocket-chat2"]}, {}),
        ({}, {}),
    ],
)
def test_only_our_subprotocol_is_chosen_and_no_other_is_repeated(
    chat: Chat, headers: dict[str, list[str]], answered: dict[str, object]
) -> None:
    answer = chat.handshake(NEW, "userId=dora&groupId=red", headers=headers)
    assert answer == {"statusCode": 200} | answered


class TestAuthenticated:
    """With an authorizer, the user comes from its context and never from the query."""

    @pytest.fixture(autouse=True)
    def jwt(self, monkeypatch: pytest.MonkeyPatch, chat: Chat) -> None:  # noqa: ARG002 - this must run after the settings of chat
        monkeypatch.setenv("AUTHENTICATION", "jwt")
        settings.settings.cache_clear()

    def test_the_user_comes_from_the_authorizer_and_the_row_expires_with_the_token(self, chat: Chat) -> None:
        ends = int(time.time()) + 300
        context = {"userId": "dora", "expiresAt": str(ends)}
        assert chat.connect(NEW, "groupId=red", authorizer=context) == 200
        row = chat.tables.connections()[NEW]
        assert (row["userId"], row["expiresAt"]) == ({"S": "dora"}, {"N": str(ends)})

    def test_a_long_token_does_not_extend_the_row(self, chat: Chat) -> None:
        context = {"userId": "dora", "expiresAt": str(int(time.time()) + 10 * CONNECTION_TTL)}
        assert chat.connect(NEW, "groupId=red", authorizer=context) == 200
        assert int(chat.tables.connections()[NEW]["expiresAt"]["N"]) <= time.time() + CONNECTION_TTL

    def test_connections_from_before_the_authorizer_lose_their_rights(self, chat: Chat) -> None:
        context = {"userId": "dora", "expiresAt": str(int(time.time()) + 300)}
        assert chat.connect(NEW, "groupId=red", authorizer=context) == 200
        assert chat.send(ANA) == 410
        assert chat.receive(ANA, '{"action":"ping"}', route="$default") == 410
        frame = {"action": "sendMessage", "groupId": "red", "senderId": "dora", "message": "hi"}
        assert chat.receive(NEW, json.dumps(frame)) == 200
        assert [message["message"] for message in chat.pushes(NEW)] == ["hi"]
        assert chat.pushes(ANA) == chat.pushes(BOB) == []

    @pytest.mark.parametrize(
        "context",
        [None, {}, {"userId": "dora"}, {"expiresAt": "1"}, {"userId": "", "expiresAt": "1"}, {"principalId": "dora"}],
    )
    def test_without_the_authorizers_context_nobody_can_connect(
        self, chat: Chat, context: dict[str, str] | None
    ) -> None:
        assert chat.connect(NEW, "userId=dora&groupId=red", authorizer=context) == 403
        assert NEW not in chat.tables.connections()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://app.example.com", 200),
        ("HTTPS://App.Example.com", 200),
        ("https://a.example.org", 200),
        ("https://a.b-2.example.org", 200),
        ("http://localhost:3000", 200),
        ("http://[::1]:3000", 200),
        ("file://", 200),
        ("file:///", 403),
        ("https://app.example.com.evil.net", 403),
        ("https://evil-app.example.com", 403),
        ("https://app.example.com:8443", 403),
        ("http://app.example.com", 403),
        ("https://app.example.com/", 403),
        ("https://example.org", 403),
        ("https://.example.org", 403),
        ("https://a..example.org", 403),
        ("https://evilexample.org", 403),
        ("https://evil.net/.example.org", 403),
        ("https://evil.net#.example.org", 403),
        ("https://user@a.example.org", 403),
        ("https://evil.net:1.example.org", 403),
        ("https://a.example.org:444", 403),
        ("http://a.example.org", 403),
        ("http://localhost:3001", 403),
        ("null", 403),
        ("", 403),
        ("*", 403),
    ],
)
def test_pages_can_connect_only_from_allowed_origins(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, origin: str, status: int
) -> None:
    _allow(
        monkeypatch,
        "https://app.example.com",
        "https://*.example.org",
        "http://localhost:3000",
        "http://[::1]:3000",
        "file://",
    )
    assert chat.connect(NEW, "userId=dora&groupId=red", headers={"Origin": [origin]}) == status
    assert (NEW in chat.tables.connections()) is (status == 200)


def test_two_origins_are_refused(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    _allow(monkeypatch, "https://app.example.com")
    both = {"Origin": ["https://app.example.com", "https://app.example.com"]}
    assert chat.connect(NEW, "userId=dora&groupId=red", headers=both) == 403
    split = {"Origin": ["https://app.example.com"], "origin": ["https://evil.net"]}
    assert chat.connect(NEW, "userId=dora&groupId=red", headers=split) == 403


@pytest.mark.parametrize(("required", "status"), [("false", 200), ("true", 403)])
def test_a_client_without_an_origin_is_refused_only_if_configured(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, required: str, status: int
) -> None:
    monkeypatch.setenv("REQUIRE_ORIGIN", required)
    _allow(monkeypatch, "https://app.example.com")
    assert chat.connect(NEW, "userId=dora&groupId=red", headers={"Host": ["x"]}) == status


def _allow(monkeypatch: pytest.MonkeyPatch, *origins: str) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", json.dumps(origins))
    settings.settings.cache_clear()
