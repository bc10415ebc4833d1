"""Events when a user joins or leaves, and who receives them."""

from typing import Any

import pytest

from handlers import presence_events
from handlers.posting.events import small_group
from handlers.requests.background import InvocationError
from handlers.runtime import settings
from handlers.tables import connections
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import HANG, Answer, Frame
from .tables import CONNECTIONS, Row

DORA, DORAS_PHONE = "DoraConnection=", "DoraOtherConnection="


def row(chat: Chat, connection_id: str) -> Row:
    return chat.tables.connections()[connection_id]


def joined(*rows: Row) -> list[dict[str, Any]]:
    return [{"eventName": "INSERT", "dynamodb": {"NewImage": each}} for each in rows]


def left(*rows: Row) -> list[dict[str, Any]]:
    return [{"eventName": "REMOVE", "dynamodb": {"OldImage": each}} for each in rows]


def serve(chat: Chat, records: list[dict[str, Any]]) -> None:
    presence_events.handler({"Records": records}, chat.context)


def end(chat: Chat, connection_id: str) -> Row:
    """Delete a connection's row, and return what it was."""
    before = row(chat, connection_id)
    connections.close_connection(connection_id)
    return before


def event(name: str, user_id: str) -> Frame:
    return {"action": "presenceEvent", "event": name, "groupId": "red", "userId": user_id}


def put_back_in_time(connection_id: str, connected_at: str) -> None:
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": connection_id}},
        UpdateExpression="SET connectedAt = :at",
        ExpressionAttributeValues={":at": {"S": connected_at}},
    )


def test_the_other_users_are_told_when_a_user_joins_and_leaves(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    serve(chat, left(end(chat, DORA)))
    assert chat.frames(ANA) == chat.frames(BOB) == [event("joined", "dora"), event("left", "dora")]
    assert chat.gateway.recipients() == {ANA, BOB}


def test_if_devices_join_together_only_the_earliest_sends_an_event(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    serve(chat, joined(row(chat, DORAS_PHONE)))
    assert chat.gateway.delivered == []
    serve(chat, joined(row(chat, DORA)))
    assert chat.frames(ANA) == chat.frames(BOB) == [event("joined", "dora")]
    assert chat.gateway.recipients() == {ANA, BOB}


def test_if_devices_join_in_the_same_microsecond_only_one_sends_an_event(chat: Chat) -> None:
    for device in (DORA, DORAS_PHONE):
        chat.tables.add_connection(device, "dora", "red")
        put_back_in_time(device, "2026-01-01T00:00:00.000000Z")
    serve(chat, joined(row(chat, DORA), row(chat, DORAS_PHONE)))
    assert chat.frames(ANA) == [event("joined", "dora")]


def test_a_user_leaves_with_the_last_device(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    serve(chat, left(end(chat, DORA)))
    assert chat.gateway.delivered == []
    serve(chat, left(end(chat, DORAS_PHONE)))
    assert chat.frames(ANA) == chat.frames(BOB) == [event("left", "dora")]


@pytest.mark.parametrize("expires_in", [None, -1], ids=["gone", "expired"])
def test_a_device_that_is_only_in_the_lagging_index_does_not_count(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, expires_in: float | None
) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    listed = small_group("red")
    monkeypatch.setattr("handlers.presence_events.small_group", lambda _group_id: listed)
    last = end(chat, DORA)
    if expires_in is None:
        connections.close_connection(DORAS_PHONE)
    else:
        chat.tables.add_connection(DORAS_PHONE, "dora", "red", expires_in=expires_in)
    serve(chat, left(last))
    assert event("left", "dora") in chat.frames(ANA)


def test_a_device_in_another_group_does_not_count(chat: Chat) -> None:
    chat.tables.add_connection(EVE, "dora", "blue", age=100)
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    serve(chat, left(end(chat, DORA)))
    assert chat.frames(ANA) == [event("joined", "dora"), event("left", "dora")]
    assert chat.frames(EVE) == []


def test_no_events_are_sent_above_event_member_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "3")
    settings.settings.cache_clear()
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    assert len(chat.frames(ANA)) == 1
    chat.tables.add_connection("Fred=", "fred", "red")
    serve(chat, joined(row(chat, "Fred=")))
    assert len(chat.frames(ANA)) == 1


def test_lambda_repeats_an_incomplete_push(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    chat.gateway.answers[BOB] = HANG
    chat.context = Context(milliseconds=2500)
    with pytest.raises(InvocationError):
        serve(chat, joined(row(chat, DORA)))
    chat.gateway.answers, chat.context = {}, Context()
    serve(chat, joined(row(chat, DORA)))
    assert chat.frames(BOB) == [event("joined", "dora")]


def test_one_failed_recipient_does_not_repeat_the_push(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    chat.gateway.answers[BOB] = Answer(403)
    serve(chat, joined(row(chat, DORA)))
    assert chat.frames(ANA) == [event("joined", "dora")]


def test_the_log_has_the_number_of_records_and_of_events_sent(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    chat.tables.add_connection("Lone=", "lone", "green")
    serve(chat, joined(row(chat, DORA), row(chat, DORAS_PHONE)) + left(end(chat, "Lone=")))
    served = log.served()
    assert served.pop("durationMs") >= 0
    assert served == {"route": "presence", "outcome": "OK", "records": 3, "told": 1}
