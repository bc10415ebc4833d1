"""The border to API Gateway: what reaches a function, and what its client hears when time is up."""

import json

import pytest

from .chat import ANA, Chat, Context
from .tables import aws_error


@pytest.mark.parametrize("route", ["$connect", "$disconnect"])
def test_frame_that_names_a_function_of_the_connection_is_an_unknown_action_and_changes_nothing(
    chat: Chat, route: str
) -> None:
    """API Gateway hands a frame with this action to that function."""
    before = chat.tables.connections()
    frame = {"action": route, "requestId": "r1", "userId": "dora", "groupId": "red"}
    assert chat.receive(ANA, json.dumps(frame), route=route) == 404
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "UNKNOWN_ACTION", "retryable": False, "requestId": "r1"}
    assert chat.tables.connections() == before


def test_a_client_whose_frame_took_all_the_time_is_told_so(chat: Chat) -> None:
    chat.context = Context(milliseconds=1_500)  # Less than the time that is kept back.
    with chat.tables.failing("UpdateItem", aws_error("UpdateItem")):
        assert chat.send(ANA, requestId="r1") == 503
    assert chat.refusal(ANA)[0] == {"code": "UNAVAILABLE", "retryable": True, "requestId": "r1"}
