"""A connections table that several APIs share, and the rows of programs that know nothing of ``apiId``."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers import presence_events
from handlers.posting import fan_out
from handlers.runtime import settings
from handlers.tables import connections
from handlers.tables.aws import dynamodb
from handlers.tables.connection import Connection
from handlers.tables.schema import CONNECTION_TYPES, MESSAGE_TYPES

from .chat import ANA, BOB, EVE, Chat
from .management_api_server import GONE
from .tables import CONNECTIONS, MESSAGES, Row

THEIRS = "TheirConnection="
OURS = "chat-api-id"


@pytest.fixture
def adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_TABLE_ADOPTED", "true")
    settings.settings.cache_clear()


def put(connection_id: str, user_id: str, *, api_id: str | None, age: float = 60) -> Row:
    """Store a connection as the old stack does: without an expiry, and with milliseconds."""
    connected_at = (datetime.now(UTC) - timedelta(seconds=age)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    texts = {"connectionId": connection_id, "userId": user_id, "groupId": "red", "connectedAt": connected_at}
    row: Row = {name: {"S": value} for name, value in texts.items()}
    row |= {"apiId": {"S": api_id}} if api_id else {}
    dynamodb().put_item(TableName=CONNECTIONS, Item=row)
    return row


def limit(connections_per_user: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", str(connections_per_user))
    settings.settings.cache_clear()


def test_a_connection_is_stored_with_its_api(chat: Chat) -> None:
    assert chat.connect("New=", "userId=dora&groupId=red") == 200
    assert chat.tables.connections()["New="]["apiId"] == {"S": OURS}


def test_a_row_of_another_api_gets_nothing_and_stays(chat: Chat) -> None:
    put(THEIRS, "dora", api_id="another")
    chat.gateway.answers[THEIRS] = GONE
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}
    assert THEIRS in chat.tables.connections()


def test_a_row_of_another_api_is_no_connection_of_ours(chat: Chat) -> None:
    put(ANA, "ana", api_id="another")
    assert chat.send(ANA) == 410
    assert connections.find(ANA) is None


def test_a_row_of_another_api_does_not_count_against_the_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(2, monkeypatch)
    put(THEIRS, "ana", api_id="another")
    assert chat.connect("New=", "userId=ana&groupId=red") == 200
    assert chat.connect("Newer=", "userId=ana&groupId=red") == 429


def test_a_row_without_an_api_counts_against_the_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(2, monkeypatch)
    put(THEIRS, "ana", api_id=None)
    assert chat.connect("New=", "userId=ana&groupId=red") == 429


def test_a_row_without_an_expiry_ends_after_three_hours(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(2, monkeypatch)
    put("Young=", "dora", api_id=None, age=3 * 3600 - 60)
    put("Old=", "ana", api_id=None, age=3 * 3600 + 60)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB, "Young="}
    assert chat.connect("New=", "userId=ana&groupId=red") == 200


def test_without_a_limit_nothing_is_counted(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    limit(0, monkeypatch)
    with chat.tables.counting("Query") as queries:
        assert chat.connect("New=", "userId=ana&groupId=red") == 200
    assert queries == []


@pytest.mark.usefixtures("adopted")
def test_in_an_adopted_table_a_row_without_an_api_is_served(chat: Chat) -> None:
    put(THEIRS, "dora", api_id=None)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB, THEIRS}


@pytest.mark.usefixtures("adopted")
def test_in_an_adopted_table_a_stale_row_without_an_api_stays_and_is_posted_to_once(chat: Chat) -> None:
    put(THEIRS, "dora", api_id=None)
    chat.gateway.answers[THEIRS] = GONE
    assert chat.send(ANA) == 200
    chat.gateway.answers.clear()
    assert chat.send(ANA) == 200
    assert THEIRS in chat.tables.connections()
    assert chat.gateway.recipients() == {ANA, BOB}


@pytest.mark.usefixtures("adopted")
def test_in_an_adopted_table_a_stale_row_of_this_api_is_deleted(chat: Chat) -> None:
    put(THEIRS, "dora", api_id=OURS)
    chat.gateway.answers[THEIRS] = GONE
    assert chat.send(ANA) == 200
    assert THEIRS not in chat.tables.connections()


def test_in_our_own_table_a_stale_row_without_an_api_is_deleted(chat: Chat) -> None:
    chat.gateway.answers[BOB] = GONE
    assert chat.send(ANA) == 200
    assert "apiId" not in chat.tables.connections()[EVE]
    assert BOB not in chat.tables.connections()


@pytest.mark.usefixtures("adopted")
def test_the_first_frame_writes_the_api_into_the_row(chat: Chat) -> None:
    with chat.tables.counting("UpdateItem") as updates:
        assert chat.send(ANA) == 200
    assert chat.tables.connections()[ANA]["apiId"] == {"S": OURS}
    assert len(updates) == 1


@pytest.mark.usefixtures("adopted")
def test_a_connection_without_an_api_is_deleted_when_it_disconnects(chat: Chat) -> None:
    assert chat.disconnect(ANA) == 200
    assert ANA not in chat.tables.connections()


@pytest.mark.usefixtures("adopted", "chat")
def test_the_process_remembers_a_limited_number_of_stale_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "_MOST_REMEMBERED", 2)
    for connection_id in ("One=", "Two=", "Three="):
        gone = Connection(connection_id, "ana", "red", "", row_id=connection_id)
        fan_out._delete_stale(gone)  # noqa: SLF001 - thousands of connections would take long
    assert fan_out._stale == {"Three="}  # noqa: SLF001 - the same


@pytest.mark.parametrize("api_id", ["another", None, OURS])
def test_presence_tells_nothing_of_a_connection_of_another_api(chat: Chat, api_id: str | None) -> None:
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=2)
    images = {"NewImage": put(THEIRS, "dora", api_id=api_id)}
    joined = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1"} | images}
    presence_events.handler({"Records": [joined]}, chat.context)
    assert chat.gateway.recipients() == (set() if api_id == "another" else {ANA, BOB})


@pytest.mark.parametrize("kind", ["INSERT", "REMOVE"])
def test_presence_skips_a_row_that_is_not_a_connection(chat: Chat, kind: str) -> None:
    image = {"connectionId": {"S": THEIRS}, "groupId": {"S": "red"}}
    record = {"eventName": kind, "dynamodb": {"SequenceNumber": "1", "NewImage": image, "OldImage": image}}
    presence_events.handler({"Records": [record]}, chat.context)
    assert chat.gateway.delivered == []


@pytest.mark.parametrize("attribute", ["connectedAt", "expiresAt", "authentication"])
def test_a_row_with_an_attribute_of_another_type_does_not_stop_a_message(chat: Chat, attribute: str) -> None:
    row = put(THEIRS, "dora", api_id=None)
    dynamodb().put_item(TableName=CONNECTIONS, Item=row | {attribute: {"BOOL": True}})
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


def test_the_types_that_an_existing_table_is_checked_for_are_those_that_are_written(chat: Chat) -> None:
    chat.connect("New=", "userId=dora&groupId=red")
    frame = {"action": "sendMessage", "groupId": "red", "senderId": "dora", "message": "Hi", "clientMessageId": "c1"}
    chat.receive("New=", json.dumps(frame))
    [message] = dynamodb().scan(TableName=MESSAGES)["Items"]
    for row, types in ((chat.tables.connections()["New="], CONNECTION_TYPES), (message, MESSAGE_TYPES)):
        assert {name: next(iter(value)) for name, value in row.items()}.items() <= types.items()
