"""Many groups over one connection: joining, leaving, the rows of both, and what happens when they are interrupted."""

import base64
import json
import random
import time
from collections import defaultdict
from typing import Any

import pytest

from handlers import presence_events
from handlers.protocol.times import timestamp
from handlers.runtime import settings
from handlers.tables import connections, group_rows, join_rate, members, turns
from handlers.tables.aws import dynamodb
from handlers.tables.connections import find

from .chat import ANA, BOB, EVE, NOW, Chat, Context
from .management_api_server import Answer, Frame
from .tables import CONNECTIONS, ProcessKilledError, Row, aws_error

DORA = "DoraConnection="
LOOK_ALIKES = ["red", "Red", "red ", "rеd", "red#", "#red", "red/", 'r"e"d', "😀", "x" * 256, "é" * 128, "red\\u0000"]


@pytest.fixture
def chat(modern_chat: Chat) -> Chat:
    """Ana and bob in the group red, and dora without a group."""
    connections.delete_row(EVE)
    assert modern_chat.connect(DORA, "userId=dora&protocol=2&name=Dora%20D.") == 200
    return modern_chat


class Once(dict[str, Answer]):
    """Answers that are each given once."""

    def get(self, key: str, default: Any = None) -> Any:
        return self.pop(key, default)


@pytest.fixture
def few_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUPS_PER_CONNECTION", "3")
    settings.settings.cache_clear()


def rows_of(chat: Chat, connection_id: str = DORA) -> dict[str, Row]:
    """The group rows of a connection, by their groups."""
    rows = [row for key, row in chat.tables.connections().items() if key.startswith(f"{connection_id}#")]
    return {row["groupId"]["S"]: row for row in rows}


def joined_groups(connection_id: str = DORA) -> int:
    found = find(connection_id)
    return len(found.groups) if found else 0


def say(chat: Chat, connection_id: str, user_id: str, group_id: str, **fields: object) -> int:
    frame = {"action": "sendMessage", "groupId": group_id, "senderId": user_id, "message": "Hi"}
    return chat.receive(connection_id, json.dumps(frame | fields))


def removal(chat: Chat, connection_id: str) -> None:
    """Delete a connection's own row as its time to live does, and serve the record of the stream."""
    [record] = [{"eventName": "REMOVE", "dynamodb": {"SequenceNumber": connection_id + str(time.time_ns())}}]
    record["dynamodb"] |= {"OldImage": _as_json(chat.tables.connections()[connection_id])}  # type: ignore[operator]
    chat.disconnect(connection_id)
    presence_events.handler({"Records": [record]}, chat.context)


def _as_json(row: Row) -> dict[str, Any]:
    """A row as a stream hands it to a function: bytes in Base64."""
    return {name: {kind: _encoded(value) for kind, value in each.items()} for name, each in row.items()}


def _encoded(value: object) -> object:
    return [base64.b64encode(each).decode() for each in value] if isinstance(value, list | set) else value


def test_a_joined_group_has_a_row_of_exactly_these_fields(chat: Chat) -> None:
    assert chat.ask(DORA, "joinGroup", groupId="red", requestId="r1") == [
        {"action": "joined", "groupIds": ["red"], "refused": [], "requestId": "r1"}
    ]
    own = chat.tables.connections()[DORA]
    row = rows_of(chat)["red"]
    assert row.pop("connectionId")["S"].startswith(f"{DORA}#")
    assert row.pop("joinedAt")["S"] >= own["connectedAt"]["S"]
    assert row == {
        "groupId": {"S": "red"},
        "member": {"S": "dora"},
        "connectedAt": own["connectedAt"],
        "joinedMs": {"N": str(NOW)},
        "expiresAt": own["expiresAt"],
        "authentication": {"S": "none"},
        "apiId": {"S": "chat-api-id"},
        "protocol": {"N": "2"},
        "events": {"BOOL": False},
        "name": {"S": "Dora D."},
    }
    assert own["groups"] == {"BS": [group_rows.digest("red")]}
    assert "groupId" not in own


def test_messages_of_all_joined_groups_come_over_one_socket(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
    assert say(chat, BOB, "bob", "red") == 200
    assert say(chat, DORA, "dora", "blue", clientMessageId="c1") == 200
    assert [frame["groupId"] for frame in chat.pushes(DORA)] == ["red", "blue"]
    assert [frame["groupId"] for frame in chat.acks(DORA)] == ["blue"]
    assert [frame["groupId"] for frame in chat.pushes(ANA)] == ["red"]
    chat.ask(DORA, "leaveGroup", groupId="red")
    assert say(chat, BOB, "bob", "red") == 200
    assert len(chat.pushes(DORA)) == 2


def test_a_group_that_was_joined_again_is_pushed_once(chat: Chat) -> None:
    for _ in range(3):
        assert chat.ask(DORA, "joinGroup", groupId="red")[0]["groupIds"] == ["red"]
    say(chat, BOB, "bob", "red")
    assert len(chat.pushes(DORA)) == 1
    assert joined_groups() == len(rows_of(chat)) == 1


def test_joining_the_group_of_the_handshake_writes_no_row(chat: Chat) -> None:
    assert chat.ask(ANA, "joinGroup", groupId="red")[0]["groupIds"] == ["red"]
    assert rows_of(chat, ANA) == {}
    assert joined_groups(ANA) == 0


def test_a_message_that_overtakes_its_join_is_stored_and_pushed(chat: Chat) -> None:
    assert say(chat, DORA, "dora", "red") == 200
    assert [len(chat.pushes(each)) for each in (ANA, BOB, DORA)] == [1, 1, 1]


def test_a_connection_with_a_group_must_join_another_one_first(chat: Chat) -> None:
    assert say(chat, ANA, "ana", "blue") == 403
    assert chat.ask(ANA, "getHistory", groupId="blue")[0]["code"] == "FORBIDDEN"
    chat.ask(ANA, "joinGroup", groupId="blue")
    assert say(chat, ANA, "ana", "blue") == 200
    assert chat.ask(ANA, "getHistory", groupId="blue")[0]["groupId"] == "blue"


@pytest.mark.usefixtures("with_members")
def test_a_batch_joins_what_it_may_and_names_the_rest(chat: Chat) -> None:
    [answer] = chat.ask(DORA, "joinGroup", groupIds=["green", "red", "blue", "Red"])
    assert answer["groupIds"] == ["red", "blue"]
    assert answer["refused"] == [{"groupId": each, "code": "FORBIDDEN"} for each in ("green", "Red")]
    [refusal] = chat.ask(DORA, "joinGroup", groupId="green")
    assert (refusal["code"], refusal["groupId"]) == ("FORBIDDEN", "green")
    assert set(rows_of(chat)) == {"red", "blue"}
    assert say(chat, DORA, "dora", "green") == 403


@pytest.mark.usefixtures("with_members")
def test_members_are_asked_once_for_a_whole_batch(chat: Chat) -> None:
    with chat.tables.counting("Query") as queries:
        chat.ask(DORA, "joinGroup", groupIds=[f"group {number}" for number in range(24)] + ["red"])
    assert len(queries) == 1


@pytest.mark.usefixtures("few_groups")
def test_above_the_limit_groups_are_joined_in_their_order(chat: Chat) -> None:
    [answer] = chat.ask(DORA, "joinGroup", groupIds=["a", "b", "a", "c", "d"])
    assert answer["groupIds"] == ["a", "b", "c"]
    assert answer["refused"] == [{"groupId": "d", "code": "TOO_MANY_GROUPS"}]
    [again] = chat.ask(DORA, "joinGroup", groupIds=["c"])
    assert again["groupIds"] == ["c"]
    assert joined_groups() == 3


@pytest.mark.usefixtures("few_groups")
def test_joins_and_leaves_have_a_rate_of_their_own(chat: Chat) -> None:
    assert chat.ask(DORA, "joinGroup", groupIds=["a", "b", "c"])[0]["action"] == "joined"
    assert chat.ask(DORA, "leaveGroup", groupIds=["a", "b", "c"])[0] == {"action": "left", "groupIds": ["a", "b", "c"]}
    [refusal] = chat.ask(DORA, "joinGroup", groupIds=["a", "b"])
    assert refusal["code"] == "RATE_LIMITED"
    assert refusal["retryable"]
    assert 1000 < refusal["retryAfterMs"] <= 2001
    assert rows_of(chat) == {}
    assert say(chat, DORA, "dora", "a") == 200  # Messages have another one.


@pytest.mark.usefixtures("with_members", "few_groups")
def test_a_flood_of_joins_asks_nothing_of_the_members_table(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupIds=[str(number) for number in range(6)])
    with chat.tables.counting("Query") as queries:
        assert chat.ask(DORA, "joinGroup", groupId="red")[0]["code"] == "RATE_LIMITED"
    assert len(queries) == 0


@pytest.mark.usefixtures("few_groups")
def test_a_batch_that_is_larger_than_the_rate_is_answered(chat: Chat) -> None:
    [answer] = chat.ask(DORA, "joinGroup", groupIds=[str(number) for number in range(25)])
    assert len(answer["groupIds"]) == 3
    assert len(answer["refused"]) == 22


@pytest.mark.parametrize("busy_until", [{"N": "9" * 17}, {"S": "soon"}, {"NULL": True}])
def test_a_rate_that_another_program_wrote_counts_as_idle(chat: Chat, busy_until: dict[str, Any]) -> None:
    row = chat.tables.connections()[DORA] | {"joinsBusyUntil": busy_until}
    dynamodb().put_item(TableName=CONNECTIONS, Item=row)
    assert chat.ask(DORA, "joinGroup", groupId="red")[0]["action"] == "joined"


@pytest.mark.parametrize(
    "frame",
    [
        {},
        {"groupId": ""},
        {"groupId": 1},
        {"groupId": "x" * 257},
        {"groupIds": []},
        {"groupIds": "red"},
        {"groupIds": ["red", ""]},
        {"groupIds": [str(number) for number in range(26)]},
        {"groupIds": ["red"], "groupId": "red"},
        {"groupId": "red", "events": "yes"},
        {"groupId": "red", "name": 7},
        {"groupId": "red", "senderId": ""},
    ],
)
@pytest.mark.parametrize("action", ["joinGroup", "leaveGroup"])
def test_bad_frames_are_refused(chat: Chat, action: str, frame: Frame) -> None:
    [refusal] = chat.ask(DORA, action, **frame)
    assert (refusal["code"], refusal["retryable"]) == ("BAD_REQUEST", False)
    assert rows_of(chat) == {}


@pytest.mark.parametrize("action", ["joinGroup", "leaveGroup"])
def test_only_for_the_user_of_the_connection(chat: Chat, action: str) -> None:
    [refusal] = chat.ask(DORA, action, groupId="red", senderId="ana")
    assert refusal["code"] == "FORBIDDEN"


class TestProtocol1:
    """What old front ends get: messages, errors, and answers that they asked for."""

    @pytest.fixture
    def old(self, chat: Chat) -> Chat:
        """Dora's client says nothing of protocols. Only a token lets such a client connect without a group."""
        chat.tables.add_connection(DORA, "dora", "green", protocol=1)
        return chat

    def test_success_is_answered_only_if_asked(self, old: Chat) -> None:
        as_they_do: dict[str, Any] = {"groupId": "red", "senderId": "dora", "senderName": "Dora"}
        assert old.ask(DORA, "joinGroup", **as_they_do) == []
        assert hears_from_bob(old)
        assert old.ask(DORA, "joinGroup", groupId="red", requestId="r1")[0]["action"] == "joined"
        assert old.ask(DORA, "leaveGroup", **as_they_do) == []
        assert not hears_from_bob(old)

    @pytest.mark.usefixtures("with_members")
    def test_a_refusal_is_always_answered_and_names_no_group(self, old: Chat) -> None:
        old.tables.add_member("dora", "green")
        [refusal] = old.ask(DORA, "joinGroup", groupId="pink")
        assert refusal["code"] == "FORBIDDEN"
        assert "groupId" not in refusal
        [answer] = old.ask(DORA, "joinGroup", groupIds=["pink", "blue"])
        assert (answer["groupIds"], "groupId" in answer) == (["blue"], False)

    def test_no_frame_but_messages_names_a_group(self, old: Chat) -> None:
        old.ask(DORA, "joinGroup", groupId="red", events=True)
        for action in ("getHistory", "getPresence", "ping", "typing", "joinGroup"):
            old.ask(DORA, action, groupId="red", isTyping=True, requestId="r")
        old.ask(ANA, "typing", isTyping=True)
        say(old, DORA, "dora", "red", clientMessageId="c1")
        frames = old.frames(DORA)
        assert {frame["action"] for frame in frames} == {
            "history", "presence", "pong", "joined", "message", "ack",
        }  # fmt: skip
        assert all(("groupId" in frame) == (frame["action"] == "message") for frame in frames)


def hears_from_bob(chat: Chat) -> bool:
    before = len(chat.pushes(DORA))
    assert say(chat, BOB, "bob", "red") == 200
    return len(chat.pushes(DORA)) > before


def test_events_come_for_groups_that_were_joined_with_events(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupId="red")
    chat.ask(ANA, "typing", isTyping=True)
    assert [frame["action"] for frame in chat.frames(BOB)] == ["typing"]
    assert not any(frame["action"] == "typing" for frame in chat.frames(DORA))
    chat.ask(DORA, "joinGroup", groupId="red", events=True)
    chat.ask(ANA, "typing", isTyping=True)
    assert chat.frames(DORA)[-1]["action"] == "typing"


def test_names_are_shown_in_presence_and_typing(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupId="red", senderName="Dora in red", events=True)
    [presence] = chat.ask(ANA, "getPresence")
    assert presence["members"] == [
        {"userId": "ana", "devices": 1},
        {"userId": "bob", "devices": 1},
        {"userId": "dora", "name": "Dora in red", "devices": 1},
    ]
    chat.ask(DORA, "typing", groupId="red", isTyping=True)
    assert chat.frames(ANA)[-1]["name"] == "Dora in red"
    record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": rows_of(chat)["red"]}}
    presence_events.handler({"Records": [record]}, chat.context)
    assert chat.frames(ANA)[-1]["joined"] == [{"userId": "dora", "name": "Dora in red"}]


def test_a_name_of_the_token_wins(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME_CLAIM", "name")
    settings.settings.cache_clear()
    chat.authorizer["name"] = "Dora D."
    say(chat, DORA, "dora", "red", senderName="Ana")
    assert chat.pushes(ANA)[-1]["senderName"] == "Dora D."
    del chat.authorizer["name"]
    say(chat, BOB, "bob", "red", senderName="Ana")
    assert chat.pushes(ANA)[-1]["senderName"] == "bob"
    chat.authorizer["name"] = "Dora Q."
    chat.ask(DORA, "joinGroup", groupId="red", name="Ana")
    assert rows_of(chat)["red"]["name"] == {"S": "Dora Q."}


class TestClaims:
    """Groups by a claim of the token. The authorizer hands them to every frame."""

    @pytest.fixture(autouse=True)
    def claims(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GROUP_CLAIM", "groups")
        settings.settings.cache_clear()
        chat.authorizer["groups"] = json.dumps(["red", "r\u00e9d"])

    def test_only_groups_of_the_claim_can_be_joined(self, chat: Chat) -> None:
        [answer] = chat.ask(DORA, "joinGroup", groupIds=["red", "blue", "Red", "r\u00e9d"])
        assert answer["groupIds"] == ["red", "r\u00e9d"]
        assert chat.ask(DORA, "getHistory", groupId="blue")[0]["code"] == "FORBIDDEN"
        assert chat.ask(DORA, "getPresence", groupId="red")[0]["action"] == "presence"

    def test_without_a_claim_no_group_can_be_joined(self, chat: Chat) -> None:
        chat.authorizer.clear()
        assert chat.ask(DORA, "joinGroup", groupId="red")[0]["code"] == "FORBIDDEN"


class TestLeaving:
    """Leaves, and what comes at the same time."""

    @pytest.mark.parametrize(("left_at", "stays"), [(NOW - 1, True), (NOW, True), (NOW + 1, False)])
    @pytest.mark.parametrize("connection_id", [DORA, ANA])
    def test_a_leave_ends_only_earlier_joins(
        self, chat: Chat, connection_id: str, left_at: int, *, stays: bool
    ) -> None:
        """Functions may serve two frames in another order. The clock of API Gateway tells which came first."""
        chat.ask(connection_id, "joinGroup", groupId="red", at_ms=NOW)
        [answer] = chat.ask(connection_id, "leaveGroup", groupId="red", at_ms=left_at)
        assert answer == {"action": "left", "groupIds": ["red"]}
        before = len(chat.pushes(connection_id))
        say(chat, BOB, "bob", "red")
        assert (len(chat.pushes(connection_id)) > before) == stays
        assert joined_groups(connection_id) == (stays and connection_id == DORA)

    @pytest.mark.parametrize("connection_id", [DORA, ANA])
    def test_a_join_that_is_served_late_does_not_take_back_a_later_one(self, chat: Chat, connection_id: str) -> None:
        for action, at_ms in (("joinGroup", NOW + 2), ("joinGroup", NOW), ("leaveGroup", NOW + 1)):
            chat.ask(connection_id, action, groupId="red", at_ms=at_ms)
        say(chat, BOB, "bob", "red")
        assert len(chat.pushes(connection_id)) == 1

    def test_a_leave_in_the_middle_of_a_join_does_not_end_it(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        put, leaves = group_rows.put, iter([NOW - 1])

        def leave_before(*row: Any) -> None:
            for at_ms in leaves:
                chat.ask(DORA, "leaveGroup", groupId="red", at_ms=at_ms)
            put(*row)

        monkeypatch.setattr(group_rows, "put", leave_before)
        assert chat.ask(DORA, "joinGroup", groupId="red", at_ms=NOW)[-1]["groupIds"] == ["red"]
        assert (joined_groups(), set(rows_of(chat))) == (1, {"red"})

    def test_a_leave_of_the_handshakes_group_in_the_middle_of_a_join(
        self, chat: Chat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turn_of, leaves = join_rate.turn_of, iter([NOW - 1])

        def leave_before(*of: Any) -> turns.Turn:
            for at_ms in leaves:
                chat.ask(ANA, "leaveGroup", groupId="red", at_ms=at_ms)
            return turn_of(*of)

        monkeypatch.setattr(join_rate, "turn_of", leave_before)
        chat.ask(ANA, "joinGroup", groupId="red", at_ms=NOW)
        assert set(rows_of(chat, ANA)) == {"red"}

    def test_after_leaving_the_group_of_the_handshake_it_can_be_joined_again(self, chat: Chat) -> None:
        chat.ask(ANA, "leaveGroup", groupId="red", at_ms=NOW)
        assert "groupId" not in chat.tables.connections()[ANA]
        chat.ask(ANA, "joinGroup", groupId="red", at_ms=NOW + 1)
        assert set(rows_of(chat, ANA)) == {"red"}
        chat.ask(ANA, "leaveGroup", groupId="red", at_ms=NOW + 2)
        assert rows_of(chat, ANA) == {}

    def test_leaving_a_group_that_was_not_joined_is_no_error(self, chat: Chat) -> None:
        assert chat.ask(DORA, "leaveGroup", groupIds=["red", "blue"])[0]["groupIds"] == ["red", "blue"]

    def test_the_group_is_told_that_the_user_left_the_group_of_the_handshake(self, chat: Chat) -> None:
        before = chat.tables.connections()[BOB]
        chat.ask(BOB, "leaveGroup", groupId="red")
        images = {"OldImage": before, "NewImage": chat.tables.connections()[BOB]}
        record = {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": "1"} | images}
        presence_events.handler({"Records": [record]}, chat.context)
        assert chat.frames(ANA)[-1]["left"] == [{"userId": "bob"}]


CALLS_OF_A_JOIN = [("GetItem", 0), ("UpdateItem", 0), ("PutItem", 0), ("PutItem", 1), ("GetItem", 1)]
"""Calls of a join of two groups: the operation, and how often it was called before."""


def kill_a_join(chat: Chat, operation: str, after: int) -> None:
    with (
        chat.tables.failing(operation, ProcessKilledError(), after=after),
        pytest.raises(ProcessKilledError),
    ):
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])


class TestEnds:
    """Every row of a connection goes, whatever ends it."""

    def test_the_stream_ends_the_group_rows(self, chat: Chat) -> None:
        chat.ask(DORA, "joinGroup", groupIds=[f"group {number}" for number in range(25)])
        chat.ask(DORA, "joinGroup", groupIds=[f"group {number}" for number in range(25, 50)])
        assert len(rows_of(chat)) == 50
        removal(chat, DORA)
        assert chat.tables.connections().keys() == {ANA, BOB}

    def test_without_a_stream_the_disconnect_ends_them(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PRESENCE", "false")
        settings.settings.cache_clear()
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        assert chat.disconnect(DORA) == 200
        assert chat.tables.connections().keys() == {ANA, BOB}

    def test_a_410_ends_the_row_that_it_hit_and_the_own_row(self, chat: Chat) -> None:
        chat.tables.add_connection(DORA, "dora", "green")
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        chat.gateway.answers[DORA] = Answer(410)
        say(chat, BOB, "bob", "red")
        assert DORA not in chat.tables.connections()
        assert set(rows_of(chat)) == {"blue"}

    def test_an_end_in_the_middle_of_a_join_leaves_no_row(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        put = group_rows.put

        def end_before(*row: Any) -> None:
            if DORA in chat.tables.connections():
                removal(chat, DORA)
            put(*row)

        monkeypatch.setattr(group_rows, "put", end_before)
        [refusal] = chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        assert refusal["code"] == "NOT_CONNECTED"
        assert chat.tables.connections().keys() == {ANA, BOB}

    @pytest.mark.parametrize(("operation", "after"), CALLS_OF_A_JOIN)
    def test_a_join_that_is_killed_is_repaired_by_the_next_one(self, chat: Chat, operation: str, after: int) -> None:
        kill_a_join(chat, operation, after)
        assert chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])[0]["groupIds"] == ["red", "blue"]
        assert set(rows_of(chat)) == {"red", "blue"}
        assert joined_groups() == 2
        removal(chat, DORA)
        assert chat.tables.connections().keys() == {ANA, BOB}

    @pytest.mark.parametrize(("operation", "after"), CALLS_OF_A_JOIN)
    def test_the_rows_of_a_join_that_was_killed_go_with_the_connection(
        self, chat: Chat, operation: str, after: int
    ) -> None:
        kill_a_join(chat, operation, after)
        removal(chat, DORA)
        assert chat.tables.connections().keys() == {ANA, BOB}

    def test_an_end_in_the_middle_of_a_leave_leaves_no_row(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        """A later join has kept its row. The leave has taken it out of the set, so the end does not find it."""
        chat.ask(DORA, "joinGroup", groupId="red", at_ms=NOW + 2)
        delete = group_rows.delete

        def end_before(*row: Any, before_ms: int) -> bool:
            removal(chat, DORA)
            return delete(*row, before_ms=before_ms)

        monkeypatch.setattr(group_rows, "delete", end_before)
        chat.ask(DORA, "leaveGroup", groupId="red", at_ms=NOW)
        assert chat.tables.connections().keys() == {ANA, BOB}

    def test_many_ends_at_once_are_finished_by_repeats(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        records = []
        for number in range(12):
            connection_id = f"{number}="
            chat.connect(connection_id, f"userId=user{number}&groupId=red&protocol=2")
            chat.ask(connection_id, "joinGroup", groupIds=["blue", "green"])
            row = _as_json(chat.tables.connections()[connection_id])
            records.append({"eventName": "REMOVE", "dynamodb": {"SequenceNumber": str(number), "OldImage": row}})
            chat.disconnect(connection_id)
        monkeypatch.setattr(presence_events, "_ENDS_AT_ONCE", 1)
        with chat.tables.failing("BatchWriteItem", aws_error("BatchWriteItem"), after=5):
            answer = presence_events.handler({"Records": records}, chat.context)
        assert answer == {"batchItemFailures": [{"itemIdentifier": str(number)} for number in range(5, 12)]}
        assert len(chat.frames(ANA)[-1]["left"]) == 12  # Nobody waits for that.
        with chat.tables.counting("BatchWriteItem") as calls:
            assert presence_events.handler({"Records": records}, chat.context) is None
        assert len(calls) == 7
        assert chat.tables.connections().keys() == {ANA, BOB, DORA}

    def test_without_a_stream_a_410_ends_them_all(self, chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PRESENCE", "false")
        settings.settings.cache_clear()
        chat.tables.add_connection(DORA, "dora", "green")
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        chat.gateway.answers[DORA] = Answer(410)
        say(chat, BOB, "bob", "red")
        assert chat.tables.connections().keys() == {ANA, BOB}


@pytest.mark.usefixtures("with_members")
class TestRemovedMembers:
    """A user who is removed from the members table is out of that group, and of that group alone."""

    def test_a_frame_finds_out(self, chat: Chat) -> None:
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        chat.tables.remove_member("dora", "red")
        _forget()
        removed, refusal = chat.ask(DORA, "getHistory", groupId="red")
        assert removed == {"action": "left", "groupIds": ["red"], "reason": "REMOVED"}
        assert (refusal["code"], refusal["groupId"]) == ("FORBIDDEN", "red")
        assert set(rows_of(chat)) == {"blue"}
        assert say(chat, DORA, "dora", "blue") == 200

    def test_a_ping_finds_out_with_one_query(self, chat: Chat) -> None:
        for number in range(20):
            chat.tables.add_member("dora", str(number))
        chat.ask(DORA, "joinGroup", groupIds=[*map(str, range(20)), "blue", "red"])
        for group_id in ("3", "red"):
            chat.tables.remove_member("dora", group_id)
        _forget()
        with chat.tables.counting("Query") as queries:
            removed, pong = chat.ask(DORA, "ping")
        assert (removed["groupIds"], removed["reason"], pong["action"]) == (["3", "red"], "REMOVED", "pong")
        assert len(queries) == 1
        assert len(rows_of(chat)) == joined_groups() == 20
        with chat.tables.counting("Query") as queries:
            chat.ask(DORA, "ping")
        assert len(queries) == 0

    def test_the_group_of_the_handshake(self, chat: Chat) -> None:
        chat.tables.remove_member("ana", "red")
        removed, pong = chat.ask(ANA, "ping")
        assert (removed["groupIds"], pong["action"]) == (["red"], "pong")
        assert "groupId" not in chat.tables.connections()[ANA]
        assert say(chat, ANA, "ana", "red") == 403

    def test_a_group_whose_row_is_missing_is_not_named(self, chat: Chat) -> None:
        chat.ask(DORA, "joinGroup", groupIds=["red", "blue"])
        connections.delete_row(rows_of(chat)["red"]["connectionId"]["S"])
        chat.tables.remove_member("dora", "red")
        _forget()
        assert [frame["action"] for frame in chat.ask(DORA, "ping")] == ["pong"]
        assert joined_groups() == 1

    def test_a_client_of_protocol_1_without_another_group_is_closed(self, chat: Chat) -> None:
        chat.tables.add_connection(ANA, "ana", "red", protocol=1)
        chat.tables.add_member("ana", "blue")
        chat.ask(ANA, "joinGroup", groupId="blue")
        chat.tables.remove_member("ana", "red")
        _forget()
        assert chat.ask(ANA, "getHistory", groupId="red")[0]["code"] == "FORBIDDEN"
        assert ANA in chat.tables.connections()
        chat.tables.remove_member("ana", "blue")
        _forget()
        assert chat.ask(ANA, "ping")[0]["code"] == "FORBIDDEN"
        assert ANA not in chat.tables.connections()


def _forget() -> None:
    members._checked.clear()  # noqa: SLF001 - the time until it is asked again has passed


class TestCatchUp:
    """Many groups in one frame of ``getHistory``."""

    def test_one_history_for_each_group_with_news_and_then_the_cursors(self, chat: Chat) -> None:
        for number in range(3):
            chat.tables.add_message(str(number), "red", timestamp(), "Hi")
        asked = [{"groupId": each} for each in ("red", "blue", "green")]
        history, end = chat.ask(DORA, "getHistory", groups=asked, requestId="r1")
        assert (history["groupId"], len(history["messages"]), history["requestId"]) == ("red", 3, "r1")
        assert (end["action"], end["refused"], end["requestId"]) == ("upToDate", [], "r1")
        cursors = {each["groupId"]: each["after"] for each in end["groups"]}
        assert cursors.keys() == {"red", "blue", "green"}
        assert cursors["red"] == history["after"]
        chat.tables.add_message("new", "blue", timestamp(), "Hi")
        asked = [{"groupId": group_id, "after": after} for group_id, after in cursors.items()]
        pages = chat.ask(DORA, "getHistory", groups=asked)
        news = {page["groupId"]: [each["messageId"] for each in page["messages"]] for page in pages[:-1]}
        assert news == {"red": ["0", "1", "2"], "blue": ["new"]}

    def test_a_group_with_more_is_not_up_to_date(self, chat: Chat) -> None:
        asked = [{"groupId": each, "after": chat.ask(DORA, "getHistory", groupId=each)[0]["after"]} for each in "ab"]
        for number in range(3):
            chat.tables.add_message(str(number), "a", timestamp(), "Hi")
        seen = []
        for _ in range(3):
            page, end = chat.ask(DORA, "getHistory", groups=asked, limit=1)
            seen += [each["messageId"] for each in page["messages"]]
            assert {each["groupId"] for each in end["groups"]} == ({"b"} if page["more"] else {"a", "b"})
            asked[0]["after"] = page["after"]
        assert seen == ["0", "1", "2"]

    @pytest.mark.usefixtures("with_members")
    def test_refused_groups_are_named(self, chat: Chat) -> None:
        asked = [{"groupId": "red", "after": "nonsense"}, {"groupId": "green"}, {"groupId": "blue"}]
        [end] = chat.ask(DORA, "getHistory", groups=asked)
        assert [each["groupId"] for each in end["groups"]] == ["blue"]
        assert end["refused"] == [
            {"groupId": "red", "code": "BAD_REQUEST"},
            {"groupId": "green", "code": "FORBIDDEN"},
        ]

    @pytest.mark.parametrize(
        "groups_",
        [
            [],
            "red",
            [{}],
            ["red"],
            [{"groupId": ""}],
            [{"groupId": str(number)} for number in range(26)],
        ],
    )
    def test_bad_frames_are_refused(self, chat: Chat, groups_: object) -> None:
        assert chat.ask(DORA, "getHistory", groups=groups_)[0]["code"] == "BAD_REQUEST"

    def test_groups_and_a_group_are_refused(self, chat: Chat) -> None:
        assert chat.ask(DORA, "getHistory", groups=[{"groupId": "red"}], groupId="red")[0]["code"] == "BAD_REQUEST"

    def test_a_page_that_did_not_arrive_does_not_count_as_read(self, chat: Chat) -> None:
        chat.tables.add_message("1", "red", timestamp(), "Hi")
        chat.gateway.answers = Once({DORA: Answer(400)})
        [end] = chat.ask(DORA, "getHistory", groups=[{"groupId": "red"}, {"groupId": "blue"}])
        assert [each["groupId"] for each in end["groups"]] == ["blue"]

    def test_an_error_names_the_group_that_it_is_about(self, chat: Chat) -> None:
        with chat.tables.failing("Query", aws_error("Query"), after=1):
            [refusal] = chat.ask(DORA, "getHistory", groups=[{"groupId": "red"}, {"groupId": "blue"}])
        assert (refusal["code"], refusal["groupId"]) == ("UNAVAILABLE", "blue")

    def test_at_least_one_group_is_served_when_time_is_short(self, chat: Chat) -> None:
        chat.context = Context(milliseconds=3_500)
        [end] = chat.ask(DORA, "getHistory", groups=[{"groupId": "red"}, {"groupId": "blue"}])
        assert [each["groupId"] for each in end["groups"]] == ["red"]


@pytest.mark.parametrize("seed", range(3))
def test_clients_get_exactly_the_messages_of_their_groups(chat: Chat, seed: int) -> None:
    """Random joins, leaves, sends and reconnects of clients in groups with similar names, against a model."""
    choose = random.Random(seed)
    in_group: defaultdict[str, set[str]] = defaultdict(set)
    expected: defaultdict[str, list[str]] = defaultdict(list)
    sockets = {user_id: f"{user_id}0=" for user_id in ("dora", "eve", "fay", "Dora")}
    for user_id, connection_id in sockets.items():
        chat.connect(connection_id, f"userId={user_id}&protocol=2")
    for step in range(150):
        user_id = choose.choice([*sockets])
        connection_id, group_id = sockets[user_id], choose.choice(LOOK_ALIKES)
        match choose.choice(["join", "leave", "send", "send", "reconnect"]):
            case "join":
                several = choose.sample(LOOK_ALIKES, choose.randint(1, 3))
                [answer] = chat.ask(connection_id, "joinGroup", groupIds=several, at_ms=NOW + step)
                for joined in answer.get("groupIds", []):
                    in_group[joined].add(connection_id)
            case "leave":
                [answer] = chat.ask(connection_id, "leaveGroup", groupId=group_id, at_ms=NOW + step)
                if answer["action"] == "left":
                    in_group[group_id].discard(connection_id)
            case "send":
                assert say(chat, connection_id, user_id, group_id, message=str(step)) == 200
                for recipient in in_group[group_id] | {connection_id}:
                    expected[recipient].append(str(step))
            case "reconnect":
                removal(chat, connection_id)
                in_group = defaultdict(set, {name: ids - {connection_id} for name, ids in in_group.items()})
                sockets[user_id] = f"{user_id}{step}="
                chat.connect(sockets[user_id], f"userId={user_id}&protocol=2")
    got = {each: [frame["message"] for frame in chat.pushes(each)] for each in expected}
    assert got == expected
    open_sockets = {*sockets.values(), ANA, BOB, DORA}
    assert {key.partition("#")[0] for key in chat.tables.connections()} == open_sockets
