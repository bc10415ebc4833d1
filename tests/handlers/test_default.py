"""Actions without their own route, and frames with a route as the action."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, Chat
from .management_api_server import Frame
from .tables import CONNECTIONS
from .test_send_message import TIMESTAMP

NOT_AN_ACTION = [{}, *[{"action": value} for value in (None, 1, True, ["ping"], {"ping": 1})]]


@pytest.mark.parametrize("request_id", [{}, {"requestId": "r1"}])
def test_ping_is_answered_with_a_pong_and_the_servers_time(chat: Chat, request_id: Frame) -> None:
    assert chat.receive(ANA, json.dumps({"action": "ping"} | request_id), route="$default") == 200
    [pong] = chat.frames(ANA)
    assert TIMESTAMP.fullmatch(pong.pop("serverTime"))
    assert TIMESTAMP.fullmatch(pong.pop("expiresAt"))
    assert pong == {"action": "pong", "protocol": 1} | request_id
    assert len(chat.gateway.delivered) == 1


def test_a_pong_says_when_the_rights_of_the_connection_end(chat: Chat) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    chat.tables.add_connection(ANA, "ana", "red", expires_in=90)
    chat.receive(ANA, '{"action":"ping"}', route="$default")
    [pong] = chat.frames(ANA)
    assert timedelta(seconds=90) <= datetime.fromisoformat(pong["expiresAt"]) - before <= timedelta(seconds=95)


def test_a_pong_omits_an_end_that_the_row_does_not_say(chat: Chat) -> None:
    row = {"connectionId": ANA, "groupId": "red", "userId": "ana", "connectedAt": "yesterday"}
    put_row(dynamodb(), CONNECTIONS, row)
    chat.receive(ANA, '{"action":"ping"}', route="$default")
    [pong] = chat.frames(ANA)
    assert pong.keys() == {"action", "serverTime", "protocol"}


@pytest.mark.parametrize("action", ["dance", "", "Ping", "sendmessage", "$connect", "$disconnect", "$default"])
def test_an_unknown_action_is_refused(chat: Chat, action: str) -> None:
    before = chat.tables.connections()
    frame = {"action": action, "requestId": "r1", "userId": "dora", "groupId": "red"}
    assert chat.receive(ANA, json.dumps(frame), route="$default") == 405
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "UNKNOWN_ACTION", "retryable": False, "requestId": "r1"}
    assert chat.tables.connections() == before


@pytest.mark.parametrize("route", ["$default", "$connect", "$disconnect"])
@pytest.mark.parametrize("frame", NOT_AN_ACTION)
def test_an_action_that_is_missing_or_not_text_is_a_bad_request(chat: Chat, route: str, frame: Frame) -> None:
    before = chat.tables.connections()
    assert chat.receive(ANA, json.dumps(frame | {"requestId": "r1"}), route=route) == 400
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False, "requestId": "r1"}
    assert "action" in words
    assert chat.tables.connections() == before
