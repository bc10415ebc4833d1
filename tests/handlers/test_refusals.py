"""Refused frames: the sender gets one error frame, nothing is stored, and nobody else receives anything."""

import json
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from .chat import ANA, BOB, EVE, Chat, Context
from .management_api_server import Frame
from .tables import aws_error

ECHOED = {"requestId": "r1", "clientMessageId": "c1"}
MISSING = object()
NO_TEXT: list[Any] = [0, 1, 1.5, True, False, [], ["x"], {}, {"a": "x"}]
LARGEST_PUSH = 28 * 1024
NO_ID: list[Any] = [*NO_TEXT, "", "x" * 257, "é" * 128 + "x", "😀" * 65]


def _without_missing(fields: Frame) -> str:
    frame = {"action": "sendMessage", "groupId": "red", "senderId": "ana", "message": "Hi"} | fields
    return json.dumps({name: value for name, value in frame.items() if value is not MISSING})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("message", value) for value in [MISSING, None, "", *NO_TEXT]],
        *[("groupId", value) for value in [MISSING, None, *NO_ID]],
        *[("senderId", value) for value in [MISSING, None, *NO_ID]],
        *[("senderName", value) for value in NO_ID if value != ""],
        *[("clientMessageId", value) for value in NO_ID],
    ],
)
def test_bad_request_names_the_invalid_field(chat: Chat, field: str, value: object) -> None:
    assert chat.receive(ANA, _without_missing({"requestId": "r1", field: value})) == 400
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False, "requestId": "r1"}
    assert field in words
    assert chat.tables.messages() == []


@pytest.mark.parametrize("longest", ["x" * 256, "é" * 128, "😀" * 64])
def test_ids_and_names_of_256_bytes_are_served(chat: Chat, longest: str) -> None:
    chat.tables.add_connection(ANA, longest, longest)
    fields = dict.fromkeys(["groupId", "senderId", "senderName", "clientMessageId", "requestId"], longest)
    assert chat.send(ANA, **fields) == 200
    assert len(chat.acks(ANA)) == 1


@pytest.mark.parametrize("request_id", NO_ID)
def test_an_invalid_request_id_is_not_echoed(chat: Chat, request_id: object) -> None:
    chat.send(ANA, requestId=request_id, message="")
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False}


@pytest.mark.parametrize("route", ["sendMessage", "$default"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(None, id="no body"),
        pytest.param("", id="empty"),
        pytest.param(" \n", id="blank"),
        pytest.param("hello", id="text"),
        pytest.param('{"action":', id="cut off"),
        pytest.param('{"action":"ping"} {"action":"ping"}', id="two objects"),
        pytest.param("{'action':'ping'}", id="wrong quotes"),
        pytest.param('"ping"', id="a string"),
        pytest.param("7", id="a number"),
        pytest.param("null", id="null"),
        pytest.param("true", id="true"),
        pytest.param('[{"action":"ping"}]', id="a list"),
        pytest.param('{"action":"ping","a":NaN}', id="NaN"),
        pytest.param('{"action":"ping","a":-Infinity}', id="Infinity"),
        pytest.param('{"action":"ping","a":"\\ud800"}', id="lone surrogate in a value"),
        pytest.param('{"action":"ping","a":[{"\\udfff":1}]}', id="lone surrogate in a name"),
        pytest.param("[" * 50_000, id="deep list that never ends"),
        pytest.param('{"a":' * 50_000 + "1" + "}" * 50_000, id="deep object"),
        pytest.param('{"action":"ping","a":' + "9" * 5_000 + "}", id="huge integer"),
        pytest.param(b"", id="empty binary"),
        pytest.param(b"\xff\xfe{", id="binary that is not UTF-8"),
        pytest.param('{"action":"ping"}'.encode("utf-16"), id="binary in UTF-16"),
        pytest.param(b"\x00\x01\x02", id="binary that is not JSON"),
    ],
)
def test_bad_request_if_the_frame_is_not_a_json_object(chat: Chat, body: str | bytes | None, route: str) -> None:
    assert chat.receive(ANA, body, route=route) == 400
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False}
    assert chat.tables.messages() == []


def test_a_lone_surrogate_is_refused_with_the_ids_of_its_frame(chat: Chat) -> None:
    assert chat.send(ANA, message="half an emoji: \ud83d", **ECHOED) == 400
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False} | ECHOED


@pytest.mark.parametrize(
    ("sender", "field", "value"),
    [
        pytest.param(ANA, "senderId", "bob", id="as another member"),
        pytest.param(ANA, "senderId", "Ana", id="as a user with a similar name"),
        pytest.param(EVE, "senderId", "ana", id="as a member of another group"),
        pytest.param(EVE, "groupId", "red", id="into another group"),
        pytest.param(ANA, "groupId", "red ", id="into a group with a similar name"),
    ],
)
def test_forbidden_to_send_as_another_user_or_to_another_group(chat: Chat, sender: str, field: str, value: str) -> None:
    assert chat.send(sender, **{field: value}, **ECHOED) == 403
    refusal, words = chat.refusal(sender)
    assert refusal == {"code": "FORBIDDEN", "retryable": False} | ECHOED
    assert field.removesuffix("Id") in words
    assert chat.tables.messages() == []


def test_not_connected_without_a_row(chat: Chat) -> None:
    chat.disconnect(ANA)
    assert chat.send(ANA, **ECHOED) == 410
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "NOT_CONNECTED", "retryable": False} | ECHOED
    assert chat.tables.messages() == []


def test_not_connected_after_the_row_has_expired(chat: Chat) -> None:
    chat.tables.add_connection(ANA, "ana", "red", expires_in=-1)
    assert chat.send(ANA) == 410
    assert chat.refusal(ANA)[0]["code"] == "NOT_CONNECTED"
    assert chat.tables.messages() == []


@pytest.mark.parametrize(
    ("unit", "encoded"), [("x", 1), ("é", 2), ("語", 3), ("😀", 4), ('"', 2), ("\\", 2), ("\n", 2), ("\x01", 6)]
)
def test_too_large_counts_the_bytes_of_the_pushed_frame(chat: Chat, unit: str, encoded: int) -> None:
    chat.send(ANA, message="x")
    [(_, body)] = [post for post in chat.gateway.delivered if post[0] == BOB]
    room = LARGEST_PUSH - len(body) + 1
    longest = unit * (room // encoded) + "x" * (room % encoded)

    chat.gateway.delivered.clear()
    assert chat.send(ANA, message=longest) == 200
    assert {len(body) for _, body in chat.gateway.delivered} == {LARGEST_PUSH}

    chat.gateway.delivered.clear()
    assert chat.send(ANA, message=longest + "x", requestId="r1") == 413
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "TOO_LARGE", "retryable": False, "requestId": "r1"}
    assert str(LARGEST_PUSH) in words
    assert len(chat.tables.messages()) == 2


@pytest.mark.parametrize(("operation", "ids"), [("UpdateItem", {}), ("UpdateItem", ECHOED), ("PutItem", ECHOED)])
def test_unavailable_is_retryable_before_anything_is_stored(chat: Chat, operation: str, ids: Frame) -> None:
    with chat.tables.failing(operation, aws_error(operation)):
        assert chat.send(ANA, **ids) == 503
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "UNAVAILABLE", "retryable": True} | ids
    assert chat.tables.messages() == []


@pytest.mark.parametrize(("ids", "retryable"), [(ECHOED, True), ({}, False)])
def test_unavailable_while_storing_is_retryable_only_with_a_client_message_id(
    chat: Chat, ids: Frame, *, retryable: bool
) -> None:
    """The message may have been stored. Without an id, a retry would store it twice."""
    with chat.tables.failing("PutItem", ReadTimeoutError(endpoint_url="https://dynamodb")):
        assert chat.send(ANA, **ids) == 503
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "UNAVAILABLE", "retryable": retryable} | ids
    assert ("check whether it was stored" in words) is not retryable


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSAccessDeniedException"])
@pytest.mark.parametrize(
    ("operation", "ids", "retryable"),
    [
        ("UpdateItem", {}, True),
        ("PutItem", {}, True),
        ("PutItem", ECHOED, True),
        ("Query", {}, False),
        ("Query", ECHOED, True),
    ],
)
def test_a_denied_call_is_retryable_unless_the_message_is_stored_without_an_id(
    chat: Chat, operation: str, ids: Frame, code: str, *, retryable: bool
) -> None:
    """IAM denies calls for some seconds after a deployment has changed the permissions."""
    with chat.tables.failing(operation, aws_error(operation, code=code)):
        assert chat.send(ANA, **ids) == 503
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "UNAVAILABLE", "retryable": retryable} | ids
    assert len(chat.tables.messages()) == (operation == "Query")


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "ValidationException"])
@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem", "Query"])
def test_a_call_that_cannot_succeed_is_a_fault_of_the_server(chat: Chat, operation: str, code: str) -> None:
    with chat.tables.failing(operation, aws_error(operation, code=code)):
        assert chat.send(ANA, **ECHOED) == 500
    refusal, _ = chat.refusal(ANA)
    assert refusal == {"code": "INTERNAL", "retryable": False} | ECHOED


@pytest.mark.parametrize(("ids", "retryable"), [(ECHOED, True), ({}, False)])
def test_unavailable_after_storing_is_retryable_only_with_a_client_message_id(
    chat: Chat, ids: Frame, *, retryable: bool
) -> None:
    with chat.tables.failing("Query", aws_error("Query")):
        assert chat.send(ANA, **ids) == 503
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "UNAVAILABLE", "retryable": retryable} | ids
    assert ("check whether it was stored" in words) is not retryable
    assert len(chat.tables.messages()) == 1


@pytest.mark.parametrize(("ids", "retryable"), [(ECHOED, True), ({}, False)])
def test_unavailable_on_a_later_page_tells_the_sender_after_the_first_page_is_served(
    chat: Chat, ids: Frame, *, retryable: bool
) -> None:
    for number in range(20):
        chat.tables.add_connection(f"Device{number}=", "bob", "red", padding="x" * 100_000)
    with chat.tables.failing("Query", aws_error("Query"), after=1):
        assert chat.send(ANA, **ids) == 503

    *served, refusal = chat.frames(ANA)
    assert {frame["action"] for frame in served} == ({"message", "ack"} if ids else {"message"})
    refusal.pop("message")
    assert refusal == {"action": "error", "code": "UNAVAILABLE", "retryable": retryable} | ids
    assert 5 < len(chat.gateway.recipients()) < 20
    assert "pushedAt" not in chat.tables.messages()[0]


def test_unavailable_if_the_group_cannot_be_read_in_time(chat: Chat) -> None:
    for number in range(20):
        chat.tables.add_connection(f"Device{number}=", "bob", "red", padding="x" * 100_000)
    chat.context = Context(milliseconds=4000)
    with chat.tables.hanging("Query", after=1):
        assert chat.send(ANA, clientMessageId="c1") == 503
    assert "pushedAt" not in chat.tables.messages()[0]


def test_a_failed_mark_is_not_reported_to_the_client(chat: Chat) -> None:
    with chat.tables.failing("UpdateItem", aws_error("UpdateItem"), after=1):
        assert chat.send(ANA, clientMessageId="c1") == 200
    assert sorted(frame["action"] for frame in chat.frames(ANA)) == ["ack", "message"]


def test_internal_contains_nothing_about_the_bug(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_frame: object) -> None:
        raise RuntimeError("arn:aws:dynamodb:table/ChatMessages")

    monkeypatch.setattr("handlers.tables.messages.compose", fail)
    assert chat.send(ANA, **ECHOED) == 500
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "INTERNAL", "retryable": False} | ECHOED
    assert not any(part in words for part in ["arn", "ChatMessages", "RuntimeError", "compose"])
