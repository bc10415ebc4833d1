"""With rows of any shape in all tables, a group chats as without them."""

import json
import time
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from handlers.protocol import times
from handlers.runtime.settings import settings as functions_settings
from handlers.tables import members
from handlers.tables.aws import dynamodb

from . import protocol
from .chat import ANA, BOB, EVE, Chat
from .tables import CONNECTIONS, MEMBERS, MESSAGES
from .test_any_input import repeatable
from .test_presence_events import joined, left, serve

DORA = "DoraConnection="
NOW = int(time.time())

numbers = st.sampled_from(["0", "-1", "42", "1E+2", "1.5", "9.9E+125", "1E-130", "-9.9E+125"]) | st.integers(
    NOW - 20_000, NOW + 2_000_000
).flatmap(lambda second: st.sampled_from([str(second), f"{second}.25", f"{second}000", f"{second}000000"]))
plain_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
moments = st.sampled_from(
    [
        *[times.timestamp(), "1999-12-31", "2999-01-01T00:00:00Z", "2026-01-01 10:00", "0001-01-01T00:00:00+23:59"],
        *["9999-12-31T23:59:59-12:00", "yesterday", "xxxx-xx-xxTZ", "none", "jwt", "ana", "dora", "red", "nan", "inf"],
    ]
)
texts = plain_texts | moments | numbers
values = st.one_of(
    st.builds(dict, S=texts | st.just("")),
    st.builds(dict, N=numbers),
    st.builds(dict, B=st.binary(max_size=3)),
    st.builds(dict, BOOL=st.booleans()),
    st.just({"NULL": True}),
    st.just({"SS": ["a", "b"]}),
    st.just({"NS": ["1"]}),
    st.just({"BS": [b"x"]}),
    st.just({"L": [{"S": "ana"}]}),
    st.just({"M": {"S": {"S": "ana"}}}),
)
# DynamoDB refuses a key of an index that is not a text, or empty. These are such keys.
keys: st.SearchStrategy[dict[str, Any]] = st.builds(dict, S=texts)
ATTRIBUTES = ["member", "connectedAt", "joinedAt", "expiresAt", "authentication", "apiId"]
in_red = st.just({"S": "red"})

connections = st.fixed_dictionaries(
    {
        "connectionId": st.builds(
            lambda start, end: {"S": start + end},
            st.sampled_from(["", ANA, "Their="]) | plain_texts,
            st.sampled_from(["#", "#aGFzaA", "#a#b"]) | plain_texts,
        ),
        "groupId": in_red | keys,
    },
    optional={"userId": keys} | dict.fromkeys([*ATTRIBUTES, "protocol", "events", "name"], values),
)
likely_connections = st.builds(
    # Almost as it should be: one or two attributes are not.
    lambda row_id, changes: (
        {"connectionId": {"S": row_id}, "groupId": {"S": "red"}, "userId": {"S": "fred"}, "member": {"S": "fred"}}
        | {"connectedAt": {"S": times.timestamp()}, "joinedAt": {"S": times.timestamp()}}
        | changes
    ),
    st.sampled_from(["Their=", "Other=", "Their=#aGFzaA", "Their=#b3RoZXI", f"{ANA}#aGFzaA"]),
    st.dictionaries(st.sampled_from(ATTRIBUTES), values, min_size=1, max_size=2),
)
memberships = st.fixed_dictionaries(
    {"memberId": keys, "groupId": in_red | keys}, optional={"userId": keys, "role": values, "addedAt": values}
)
messages = st.fixed_dictionaries(
    {"messageId": keys, "groupId": in_red, "timestamp": keys},
    optional=dict.fromkeys(["senderId", "senderName", "message", "clientMessageId", "pushedAt", "action"], values),
)


@pytest.fixture(autouse=True)
def many_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGE_BURST", "1000")
    monkeypatch.setenv("CONNECTIONS_PER_USER", "1")


@settings(repeatable, max_examples=25, phases=[Phase.generate])  # Shrinking takes minutes.
@given(
    odd_connections=st.lists(connections | likely_connections, min_size=3, max_size=6),
    odd_members=st.lists(memberships, min_size=1, max_size=2),
    odd_messages=st.lists(messages, min_size=1, max_size=3),
    busy_until=values,
    checked=st.booleans(),
)
def test_nobody_notices_rows_of_other_programs(
    chat: Chat,
    monkeypatch: pytest.MonkeyPatch,
    odd_connections: list[dict[str, Any]],
    odd_members: list[dict[str, Any]],
    odd_messages: list[dict[str, Any]],
    busy_until: dict[str, Any],
    *,
    checked: bool,
) -> None:
    prepare(chat, monkeypatch, checked=checked)
    for table, rows in ((CONNECTIONS, odd_connections), (MEMBERS, odd_members), (MESSAGES, odd_messages)):
        for row in rows:
            dynamodb().put_item(TableName=table, Item=row)
    own_row = dynamodb().get_item(TableName=CONNECTIONS, Key={"connectionId": {"S": ANA}})["Item"]
    dynamodb().put_item(TableName=CONNECTIONS, Item=own_row | {"busyUntil": busy_until})
    images = [*odd_connections, chat.tables.connections()[BOB]]

    assert chat.connect(DORA, "userId=dora&groupId=red") == 200
    for _ in range(2):
        assert chat.send(ANA, clientMessageId="c1", message="Hello") == 200
    acks = chat.acks(ANA)
    assert [ack["duplicate"] for ack in acks] == [False, True]
    recipients = [recipient for recipient, body in chat.gateway.delivered if json.loads(body)["action"] == "message"]
    assert {ANA, BOB, DORA} <= set(recipients)
    assert EVE not in recipients
    assert len(recipients) == len(set(recipients))

    history = ask(chat, BOB, "getHistory", limit=100)
    assert acks[0]["messageId"] in [message["messageId"] for message in history["messages"]]
    assert len(history["messages"]) == len({row["messageId"]["S"] for row in odd_messages}) + 1
    assert not ask(chat, BOB, "getHistory", after=history["after"])["more"]
    members_now = {member["userId"]: member["devices"] for member in ask(chat, BOB, "getPresence")["members"]}
    assert members_now.keys() >= {"ana", "bob", "dora"}
    assert ask(chat, BOB, "ping")["action"] == "pong"
    assert chat.receive(BOB, '{"action":"typing","isTyping":true}', route="$default") == 200
    assert serve(chat, joined(*images) + left(*images)) == []

    for _, body in chat.gateway.delivered:
        protocol.check(body)
    assert not any("error" in json.loads(body)["action"] for _, body in chat.gateway.delivered)
    assert chat.frames(EVE) == []


def prepare(chat: Chat, monkeypatch: pytest.MonkeyPatch, *, checked: bool) -> None:
    """Start with the usual rows only."""
    chat.gateway.delivered.clear()
    names = dynamodb().list_tables()["TableNames"]
    if MEMBERS not in names:
        chat.tables.create_members(red=["ana", "bob", "dora"])
    for table, key in ((CONNECTIONS, "connectionId"), (MESSAGES, "messageId"), (MEMBERS, "memberId")):
        for row in dynamodb().scan(TableName=table)["Items"]:
            if row[key]["S"] not in (ANA, BOB, EVE, "red/ana", "red/bob", "red/dora"):
                dynamodb().delete_item(TableName=table, Key={key: row[key]})
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS if checked else "")
    functions_settings.cache_clear()
    members._read.clear()  # noqa: SLF001 - of a process that has ended
    members._checked.clear()  # noqa: SLF001 - the same


def ask(chat: Chat, connection_id: str, action: str, **fields: object) -> dict[str, Any]:
    assert chat.receive(connection_id, json.dumps({"action": action} | fields), route="$default") == 200
    frame: dict[str, Any] = chat.frames(connection_id)[-1]
    return frame
