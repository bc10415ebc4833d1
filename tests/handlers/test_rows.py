"""Rows that other programs write into the connections table: what is a connection, and what it gives."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from handlers import presence_events
from handlers.runtime import settings
from handlers.tables import rows
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat
from .conftest import Log
from .management_api_server import GONE, Frame
from .tables import CONNECTIONS, MEMBERS

THEIRS = "TheirConnection="
NULL = {"NULL": True}


def ago(seconds: float, form: str = "%Y-%m-%dT%H:%M:%S.000Z", zone: timezone = UTC) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).astimezone(zone).strftime(form)


def put(key: str = THEIRS, **attributes: Any) -> dict[str, Any]:
    """Store a row of the group red and the user dora, with some attributes changed. None leaves one out."""
    usual = {"userId": {"S": "dora"}, "groupId": {"S": "red"}, "connectedAt": {"S": ago(60)}}
    row = {name: value for name, value in (usual | attributes).items() if value is not None}
    dynamodb().put_item(TableName=CONNECTIONS, Item=row | {"connectionId": {"S": key}})
    return row | {"connectionId": {"S": key}}


def ask(chat: Chat, connection_id: str, action: str, **fields: object) -> Frame:
    chat.receive(connection_id, json.dumps({"action": action} | fields), route="$default")
    return chat.frames(connection_id)[-1]


NEW_YORK, TOKYO = timezone(timedelta(hours=-5)), timezone(timedelta(hours=9))
OPEN: dict[str, dict[str, Any]] = {
    "as the old stack wrote it": {},
    "expiresAt as a fraction": {"expiresAt": {"N": str(time.time() + 3600.5)}},
    "expiresAt as digits in a text": {"expiresAt": {"S": str(int(time.time()) + 3600)}},
    "expiresAt as an ISO time": {"expiresAt": {"S": ago(-3600)}},
    "expiresAt in milliseconds": {"expiresAt": {"N": str(int(time.time() + 3600) * 1000)}},
    "expiresAt absurdly large": {"expiresAt": {"N": "9.9E+125"}},
    "expiresAt null": {"expiresAt": NULL},
    "expiresAt unreadable": {"expiresAt": {"S": "soon"}},
    "connectedAt in seconds": {"connectedAt": {"N": str(int(time.time()) - 60)}},
    "connectedAt in milliseconds": {"connectedAt": {"N": str(int(time.time() - 60) * 1000)}},
    "connectedAt as a fraction in a text": {"connectedAt": {"S": str(time.time() - 60)}},
    "connectedAt without a zone": {"connectedAt": {"S": ago(60, "%Y-%m-%d %H:%M:%S")}},
    "connectedAt with a zone": {"connectedAt": {"S": ago(60, "%Y-%m-%dT%H:%M:%S%z", NEW_YORK)}},
    "expiresAt in local time west": {"expiresAt": {"S": ago(-3600, "%Y-%m-%dT%H:%M:%S", NEW_YORK)}},
    "connectedAt in local time west": {"connectedAt": {"S": ago(60, "%Y-%m-%dT%H:%M:%S", NEW_YORK)}},
    "connectedAt in local time east": {"connectedAt": {"S": ago(60, "%Y-%m-%dT%H:%M:%S", TOKYO)}},
    "connectedAt years ahead": {"connectedAt": {"S": "2999-01-01T00:00:00Z"}},
    "connectedAt unreadable": {"connectedAt": {"S": "yesterday"}},
    "userId as a number": {"userId": {"N": "4.2E+3"}},
    "nulls": {"authentication": NULL, "name": NULL},
    "more than is known": {"events": {"L": [NULL]}, "name": {"M": {}}, "protocol": {"B": b"2"}},
}
ENDED: dict[str, dict[str, Any]] = {
    "expiresAt negative": {"expiresAt": {"N": "-5"}},
    "expiresAt in the past as text": {"expiresAt": {"S": str(int(time.time()) - 5)}},
    "expiresAt in the past in milliseconds": {"expiresAt": {"N": str(int(time.time() - 5) * 1000)}},
    "expiresAt absurdly large and old": {"expiresAt": {"N": "1E+30"}, "connectedAt": {"S": ago(3 * 3600 + 60)}},
    "old, in seconds": {"connectedAt": {"N": str(int(time.time()) - 3 * 3600 - 60)}},
    "old in every zone": {"connectedAt": {"S": ago(15 * 3600 + 60, "%Y-%m-%d %H:%M:%S")}},
    "years ago": {"connectedAt": {"S": "1999-01-01"}},
    "of another authentication": {"authentication": {"S": "jwt"}},
    "of another API": {"apiId": {"N": "1"}},
    "of an API without a name": {"apiId": {"S": ""}},
    "of the API null": {"apiId": NULL},
}
NO_CONNECTION: dict[str, dict[str, Any]] = {
    "no userId": {"userId": None, "member": {"S": "dora"}},
    "no connectedAt": {"connectedAt": None},
    "userId of another type": {"userId": {"L": []}},
    "connectedAt of another type": {"connectedAt": {"M": {}}},
    "expiresAt of another type": {"expiresAt": {"BOOL": True}},
    "authentication of another type": {"authentication": {"B": b"none"}},
    "apiId of another type": {"apiId": {"SS": ["a"]}},
}


@pytest.mark.parametrize("attributes", OPEN.values(), ids=OPEN)
def test_a_connection_is_served_however_another_program_writes_it(chat: Chat, log: Log, attributes: Any) -> None:
    row = put(**attributes)
    chat.tables.add_connection(BOB, "bob", "red", protocol=2)
    user_id = "4200" if "N" in row["userId"] else "dora"
    assert chat.send(ANA) == 200
    assert sorted(each for each, _ in chat.gateway.delivered) == [ANA, BOB, THEIRS]
    assert {"userId": user_id, "devices": 1} in ask(chat, ANA, "getPresence")["members"]
    assert (
        chat.receive(
            THEIRS, json.dumps({"action": "sendMessage", "groupId": "red", "senderId": user_id, "message": "Hi"})
        )
        == 200
    )
    record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": row}}
    presence_events.handler({"Records": [record]}, chat.context)
    joined = [{"userId": user_id}]
    assert chat.frames(BOB)[-1] == {"action": "presenceChanged", "groupId": "red", "joined": joined, "left": []}
    assert log.warnings() == []


@pytest.mark.parametrize("attributes", [*ENDED.values(), *NO_CONNECTION.values()], ids=[*ENDED, *NO_CONNECTION])
def test_a_row_that_has_ended_or_is_no_connection_is_skipped_by_everybody(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, attributes: Any
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "1")
    settings.settings.cache_clear()
    put(**attributes)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}
    assert "dora" not in str(ask(chat, ANA, "getPresence")["members"])
    assert ask(chat, THEIRS, "ping")["code"] == ask(chat, THEIRS, "getPresence")["code"] == "NOT_CONNECTED"
    assert chat.connect("New=", "userId=dora&groupId=red") == 200


@pytest.mark.parametrize("attributes", NO_CONNECTION.values(), ids=NO_CONNECTION)
def test_a_row_that_is_no_connection_is_reported_once_without_its_contents(
    chat: Chat, log: Log, attributes: Any
) -> None:
    row = put(**attributes)
    records = [
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": row}},
        {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "2", "OldImage": row}},
    ]
    presence_events.handler({"Records": records}, chat.context)
    assert [chat.send(ANA), chat.send(ANA)] == [200, 200]
    ask(chat, ANA, "getPresence")
    assert log.warnings() == ["row skipped"]
    assert log.level_of("row skipped") == logging.WARNING
    assert "dora" not in log.text()
    [line] = [record for record in log.records if record.getMessage() == "row skipped"]
    assert (vars(line)["table"], vars(line)["connectionId"]) == (CONNECTIONS, THEIRS)


def test_a_key_that_may_name_a_person_is_not_logged(chat: Chat, log: Log) -> None:
    put("USER#dora@example.com", connectedAt=None)
    assert chat.send(ANA) == 200
    assert log.warnings() == ["row skipped"]
    assert "dora" not in log.text()


def test_a_process_reports_a_limited_number_of_rows(chat: Chat, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_MOST_REPORTED", 2)
    for number in range(4):
        put(f"{number}=", connectedAt=None)
    assert [chat.send(ANA), chat.send(ANA)] == [200, 200]
    assert log.warnings() == ["row skipped"] * 2


def test_a_row_whose_end_nobody_knows_gets_messages_but_does_not_count_against_the_limit(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "1")
    settings.settings.cache_clear()
    put(connectedAt={"S": "2999-01-01T00:00:00Z"})
    assert chat.connect("New=", "userId=dora&groupId=red") == 200
    chat.send(ANA)
    assert len(chat.pushes(THEIRS)) == 1


@pytest.mark.parametrize(("ahead", "kept"), [(10, True), (3600, False), (10**9, False)])
def test_a_stale_row_dated_ahead_is_not_taken_for_a_handshake(chat: Chat, ahead: float, *, kept: bool) -> None:
    put(connectedAt={"S": ago(-ahead)})
    chat.gateway.answers[THEIRS] = GONE
    assert chat.send(ANA) == 200
    assert (THEIRS in chat.tables.connections()) == kept


def test_a_connection_without_a_group_may_act_in_the_groups_of_its_user(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "1")
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    settings.settings.cache_clear()
    row = put(groupId=None)
    chat.tables.create_members(red=["dora", "ana", "bob"])
    assert ask(chat, THEIRS, "ping")["action"] == "pong"
    for action in ("getHistory", "getPresence", "typing"):
        refusal = ask(chat, THEIRS, action, isTyping=True)
        assert (refusal["code"], "groupId" in refusal["message"]) == ("BAD_REQUEST", True)
    message = {"action": "sendMessage", "senderId": "dora", "message": "Hi"}
    assert chat.receive(THEIRS, json.dumps(message | {"groupId": "blue"})) == 403
    assert chat.tables.messages() == []
    assert chat.receive(THEIRS, json.dumps(message | {"groupId": "red"})) == 200
    chat.gateway.delivered.clear()
    assert chat.connect("New=", "userId=dora&groupId=red") == 429
    presence_events.handler(
        {"Records": [{"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": row}}]}, chat.context
    )
    assert chat.gateway.recipients() == set()


GROUP_ROW = {"userId": None, "member": {"S": "dora"}, "joinedAt": {"S": ago(30)}}


def test_a_group_row_gets_what_is_sent_to_its_group_at_the_connection_before_the_hash(chat: Chat) -> None:
    put(groupId={"S": "green"})
    put(f"{THEIRS}#aGFzaA", **GROUP_ROW)
    assert chat.send(ANA) == 200
    assert sorted(each for each, _ in chat.gateway.delivered) == [ANA, BOB, THEIRS]
    assert {"userId": "dora", "devices": 1} in ask(chat, ANA, "getPresence")["members"]


def test_a_connection_with_two_rows_in_a_group_gets_a_message_once_and_is_one_device(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTIONS_PER_USER", "2")
    settings.settings.cache_clear()
    put()
    put(f"{THEIRS}#aGFzaA", **GROUP_ROW)
    put(f"{THEIRS}#b3RoZXI", **GROUP_ROW)
    put(f"{ANA}#aGFzaA", **GROUP_ROW | {"member": {"S": "ana"}})
    assert chat.send(ANA) == 200
    assert sorted(each for each, _ in chat.gateway.delivered) == [ANA, BOB, THEIRS]
    assert {"userId": "dora", "devices": 1} in ask(chat, ANA, "getPresence")["members"]
    assert chat.connect("New=", "userId=dora&groupId=red") == 200


@pytest.mark.parametrize("changed", [{"expiresAt": {"N": "-1"}}, {"connectedAt": {"S": "1999-01-01"}}], ids=str)
def test_an_expired_group_row_does_not_close_its_connection(chat: Chat, changed: Any) -> None:
    put(f"{BOB}#aGFzaA", **GROUP_ROW | {"member": {"S": "bob"}} | changed)
    assert [chat.send(ANA), chat.send(ANA)] == [200, 200]
    assert len(chat.pushes(BOB)) == 2
    assert chat.gateway.closed == []
    assert chat.tables.connections().keys() == {ANA, BOB, EVE}


def test_a_connection_without_a_group_that_has_expired_is_closed_by_its_group_row(chat: Chat) -> None:
    put(groupId=None, expiresAt={"N": "1"})
    put(f"{THEIRS}#aGFzaA", **GROUP_ROW | {"expiresAt": {"N": "1"}})
    assert chat.send(ANA) == 200
    assert chat.gateway.closed == [THEIRS]
    assert chat.tables.connections().keys() == {ANA, BOB, EVE}


@pytest.mark.parametrize("changed", [{"groupId": None}, {"member": None}, {"userId": {"S": "dora"}, "member": None}])
def test_a_group_row_needs_its_group_and_its_member(chat: Chat, changed: Any) -> None:
    put(f"{THEIRS}#aGFzaA", **GROUP_ROW | changed)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


def test_a_group_row_that_answers_410_is_deleted_with_its_connection(chat: Chat) -> None:
    put(groupId={"S": "green"})
    put(f"{THEIRS}#aGFzaA", **GROUP_ROW)
    chat.gateway.answers[THEIRS] = GONE
    assert chat.send(ANA) == 200
    assert chat.tables.connections().keys() == {ANA, BOB, EVE}
