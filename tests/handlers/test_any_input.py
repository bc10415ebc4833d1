"""Whatever comes, no function raises, and nobody gets what the protocol does not know or another group's words."""

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

any_text = st.text(st.characters(exclude_categories=()))  # with lone surrogates
long_text = st.builds(mul, st.sampled_from(["x", "é", "😀", "\x00", '"']), st.integers(0, 40_000))
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
        **dict.fromkeys(["before", "after", "limit", "isTyping"], any_json),
    },
)
proper_frames = st.fixed_dictionaries(
    {"action": st.just("sendMessage"), "groupId": st.just("red"), "senderId": st.just("ana")},
    optional={"message": any_text | long_text, "clientMessageId": any_text, "senderName": any_text},
)
texts = st.one_of(
    proper_frames.map(json.dumps),
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


@settings(
    max_examples=250,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    event_type=st.sampled_from(["CONNECT", "DISCONNECT", "MESSAGE", "MESSAGE", "MESSAGE"]),
    connection_id=st.sampled_from([ANA, EVE, "UnknownConnection="]),
    query=st.none() | queries,
    body=bodies,
)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_event_makes_a_function_raise_or_speak_out_of_turn(
    chat: Chat, function: str, event_type: str, connection_id: str, query: Any, body: dict[str, Any]
) -> None:
    if event_type != "MESSAGE":
        connection_id = "OpeningOrClosedConnection="
    made = event(function, event_type, connection_id, multiValueQueryStringParameters=query, **body)
    assert chat.call(function, made) in {200, *range(400, 500)}

    rows, groups = chat.tables.connections(), {each: group for each, (group, _) in MEMBERS.items()}
    assert all(rows[each]["groupId"]["S"] == group for each, group in groups.items())
    for recipient, posted in chat.gateway.delivered:
        frame = protocol.check(posted)
        assert frame["action"] != "message" or frame["groupId"] == groups.get(connection_id)
        assert recipient == connection_id or rows[recipient]["groupId"]["S"] == groups[connection_id]
    assert event_type == "MESSAGE" or not chat.gateway.delivered
    for message in chat.tables.messages():
        assert (message["groupId"], message["senderId"]) == MEMBERS[connection_id]
    chat.gateway.delivered.clear()
    chat.tables.forget_messages()
