"""Actions without their own route, and frames with a route as the action."""

import json

import pytest

from .chat import ANA, Chat
from .management_api_server import Frame
from .test_send_message import TIMESTAMP

NOT_AN_ACTION = [{}, *[{"action": value} for value in (None, 1, True, ["ping"], {"ping": 1})]]


@pytest.mark.parametrize("request_id", [{}, {"requestId": "r1"}])
def test_ping_is_answered_with_a_pong_and_the_servers_time(chat: Chat, request_id: Frame) -> None:
    assert chat.receive(ANA, json.dumps({"action": "ping"} | request_id), route="$default") == 200
    [pong] = chat.frames(ANA)
    assert TIMESTAMP.fullmatch(pong.pop("serverTime"))
    assert pong == {"action": "pong"} | request_id
    assert len(chat.gateway.delivered) == 1


@pytest.mark.parametrize("action", ["dance", "", "Ping", "sendmessage", "$connect", "$disconnect", "$default"])
def test_an_unknown_action_is_refused(chat: Chat, action: str) -> None:
    before = chat.tables.connections()
    frame = {"action": action, "requestId": "r1", "userId": "dora", "groupId": "red"}
    assert chat.receive(ANA, json.dumps(frame), route="$default") == 404
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
