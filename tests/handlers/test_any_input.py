"""With any input, no function raises, and clients receive only frames of the protocol and of their own group."""

import base64
import json
from operator import mul
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import protocol
from .chat import ANA, EVE, FUNCTIONS, Chat, event

MEMBERS = {ANA: ("red", "ana"), EVE: ("blue", "eve")}
ACTIONS = ["sendMessage", "ping", "getHistory", "getPresence", "typing", "$connect", "$disconnect", "$default"]

any_text = st.text() | st.just("half an emoji: \ud83d")
long_text = st.builds(
    mul, st.sampled_from(["x", "é", "😀", "\x00", '"']), st.sampled_from([257, 5_000, 28_000, 33_000])
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)


frames = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(ACTIONS) | any_json,
        "groupId": st.sampled_from(["red", "blue"]) | any_json,
        "senderId": st.sampled_from(["ana", "eve"]) | any_json,
        "senderName": any_json,
        "message": any_json | any_text | long_text,
        "clientMessageId": st.just("c1") | any_text | any_json,
        "requestId": st.just("r1") | long_text | any_json,
    },
)
messages = st.fixed_dictionaries(
    {
        "action": st.just("sendMessage"),
        "groupId": st.sampled_from(["red", "blue"]),
        "senderId": st.sampled_from(["ana", "eve"]),
        "message": any_text | long_text,
    },
    optional={"clientMessageId": any_text, "senderName": any_text},
)
questions = st.fixed_dictionaries(
    {"action": st.sampled_from(["getHistory", "getPresence", "typing", "ping"])},
    optional=dict.fromkeys(["before", "after", "limit", "isTyping"], any_json | st.integers(-1, 101)),
)
texts = st.one_of(
    messages.map(json.dumps),
    questions.map(json.dumps),
    st.builds(json.dumps, frames, ensure_ascii=st.booleans()),
    st.builds(json.dumps, any_json, ensure_ascii=st.booleans()),
    any_text,
)
binaries = st.binary() | texts.map(lambda text: text.encode(errors="surrogatepass"))
bodies = st.one_of(
    st.fixed_dictionaries({"body": texts}),
    st.fixed_dictionaries({"body": binaries.map(lambda some: base64.b64encode(some).decode()) | any_text}).map(
        lambda body: body | {"isBase64Encoded": True}
    ),
    st.sampled_from([{}, {"body": None}]),
)
queries = st.dictionaries(
    st.sampled_from(["userId", "groupId", "token"]), st.lists(any_text | st.just("x" * 257), max_size=3)
)


repeatable = settings(
    max_examples=200,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@repeatable
@given(
    event_type=st.sampled_from(["CONNECT", "DISCONNECT", *["MESSAGE"] * 4]),
    connection_id=st.sampled_from([ANA, ANA, EVE, "UnknownConnection="]),
    query=st.none() | queries,
    body=bodies,
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_with_any_event_a_function_returns_a_status_and_posts_valid_frames(
    chat: Chat, function: str, event_type: str, connection_id: str, query: Any, body: dict[str, Any]
) -> None:
    if event_type != "MESSAGE":
        connection_id = "OpeningOrClosedConnection="
    made = event(function, event_type, connection_id, multiValueQueryStringParameters=query, **body)
    call_and_check(chat, function, made, connection_id)


@repeatable
@given(connection_id=st.sampled_from([ANA, EVE]), frame=messages | questions)
def test_with_any_plausible_frame_posts_are_valid_and_stay_in_the_group(
    chat: Chat, connection_id: str, frame: dict[str, Any]
) -> None:
    route = "sendMessage" if frame["action"] == "sendMessage" else "$default"
    made = event(route, "MESSAGE", connection_id, body=json.dumps(frame))
    call_and_check(chat, route, made, connection_id)


def call_and_check(chat: Chat, function: str, made: dict[str, Any], connection_id: str) -> None:
    """Call a function, check what it stored and posted against the protocol, and clear both."""
    assert chat.call(function, made) in {200, *range(400, 500)}

    rows, groups = chat.tables.connections(), {each: group for each, (group, _) in MEMBERS.items()}
    assert all(rows[each]["groupId"]["S"] == group for each, group in groups.items())
    for recipient, posted in chat.gateway.delivered:
        frame = protocol.check(posted)
        assert frame["action"] != "message" or frame["groupId"] == groups.get(connection_id)
        assert recipient == connection_id or rows[recipient]["groupId"]["S"] == groups[connection_id]
    assert made["requestContext"]["eventType"] == "MESSAGE" or not chat.gateway.delivered
    stored = chat.tables.messages()
    for message in stored:
        assert (message["groupId"], message["senderId"]) == MEMBERS[connection_id]
    chat.gateway.delivered.clear()
    if stored:
        chat.tables.forget_messages()
