"""The entry point for API Gateway: which frames reach a function, and the answer when time runs out."""

import json

import pytest

from .chat import ANA, Chat, Context
from .tables import aws_error


@pytest.mark.parametrize("route", ["$connect", "$disconnect"])
def test_a_frame_with_connect_or_disconnect_as_the_action_is_unknown(chat: Chat, route: str) -> None:
    """API Gateway sends a frame with this action to the function of that route."""
    before = chat.tables.connections()
    frame = {"action": route, "requestId": "r1", "userId": "dora", "groupId": "red"}
    assert chat.receive(ANA, json.dumps(frame), route=route) == 405
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "UNKNOWN_ACTION", "retryable": False, "requestId": "r1"}
    assert chat.tables.connections() == before


def test_a_client_gets_an_error_when_its_frame_runs_out_of_time(chat: Chat) -> None:
    chat.context = Context(milliseconds=1_500)  # Less than the time reserved for the answer.
    with chat.tables.failing("UpdateItem", aws_error("UpdateItem")):
        assert chat.send(ANA, requestId="r1") == 503
    assert chat.refusal(ANA)[0] == {"code": "UNAVAILABLE", "retryable": True, "requestId": "r1"}
