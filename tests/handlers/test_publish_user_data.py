"""The owner's own programs export what a user has left in the chat, and erase it."""

import json
import time
from typing import Any

import pytest

from handlers.actions import user_data
from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables import user_messages
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, Chat
from .program import Call, error_of
from .tables import MESSAGES, READ_MARKERS, aws_error

pytestmark = pytest.mark.usefixtures("publish_is_on")

AT = "2026-01-01T00:00:00.000000Z"


@pytest.fixture
def with_markers(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ana and bob have read the group red up to m1."""
    chat.tables.create_read_markers()
    monkeypatch.setenv("READ_MARKERS_TABLE", READ_MARKERS)
    settings.settings.cache_clear()
    for connection_id in (ANA, BOB):
        chat.ask(connection_id, "markRead", messageId="m1", timestamp=AT)


@pytest.fixture
def messages(chat: Chat) -> None:
    """Six messages of ana and six of bob, in two groups. Each has reacted to the other's first ones."""
    for number in range(6):
        for user, other in (("ana", "bob"), ("bob", "ana")):
            message_id = f"{user}{number}"
            chat.tables.add_message(message_id, "red" if number % 2 else "blue", AT, f"text of {user}", sender_id=user)
            put(message_id, data='{"a":1}', clientMessageId=f"c{number}", ours="theirs")
            react(message_id, "👍", other, "eve")
            react(message_id, "🎉", other)


def put(message_id: str, **texts: str) -> None:
    update(message_id, f"SET {', '.join(f'#{name} = :{name}' for name in texts)}", {}, texts)


def react(message_id: str, reaction: str, *users: str) -> None:
    update(message_id, "ADD #set :users", {"#set": f"reaction:{reaction}"}, {}, {":users": {"SS": list(users)}})


def update(message_id: str, expression: str, names: dict[str, str], texts: dict[str, str], values: Any = None) -> None:
    dynamodb().update_item(
        TableName=MESSAGES,
        Key={"messageId": {"S": message_id}},
        UpdateExpression=expression,
        ExpressionAttributeNames=names | {f"#{name}": name for name in texts},
        ExpressionAttributeValues=(values or {}) | {f":{name}": {"S": text} for name, text in texts.items()},
    )


def all_of(call: Call, action: str, user_id: str, **more: Any) -> tuple[list[dict[str, Any]], int]:
    """The answers until there is no next call, and the number of calls."""
    answers: list[dict[str, Any]] = []
    after = None
    while not answers or after:
        answers.append(call(action, userId=user_id, after=after, **more))
        after = answers[-1]["after"]
    return answers, len(answers)


def rows(chat: Chat) -> dict[str, Any]:
    ids = [f"{user}{number}" for user in ("ana", "bob") for number in range(6)]
    return {message_id: chat.tables.message(message_id) for message_id in ids}


@pytest.mark.usefixtures("messages", "with_markers")
def test_everything_of_a_user_is_exported_and_nothing_of_others(call: Call) -> None:
    [answer], _ = all_of(call, "exportUser", "ana")
    assert sorted(one["messageId"] for one in answer["messages"]) == [f"ana{number}" for number in range(6)]
    [first] = [one for one in answer["messages"] if one["messageId"] == "ana1"]
    assert first == {
        "messageId": "ana1",
        "groupId": "red",
        "senderId": "ana",
        "senderName": "ana",
        "message": "text of ana",
        "timestamp": AT,
        "clientMessageId": "c1",
        "data": {"a": 1},
        "ours": "theirs",
        "reactions": {"👍": ["bob", "eve"], "🎉": ["bob"]},
    }
    assert len(answer["reactions"]) == 12
    assert {"messageId": "bob1", "groupId": "red", "reaction": "👍"} in answer["reactions"]
    assert {one["messageId"][:3] for one in answer["reactions"]} == {"bob"}
    assert answer["readMarkers"] == [{"groupId": "red", "messageId": "m1", "timestamp": AT}]


@pytest.mark.usefixtures("messages")
@pytest.mark.parametrize("action", ["exportUser", "eraseUser"])
def test_a_large_table_takes_several_calls(
    chat: Chat, call: Call, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_messages, "_PAGE_ROWS", 5)
    monkeypatch.setattr(user_data, "_PAGE_SECONDS", 1_000)  # There is never time for another page.
    answers, calls = all_of(call, action, "ana")
    assert calls == 3
    if action == "exportUser":
        found = [one["messageId"] for answer in answers for one in answer["messages"]]
        assert sorted(found) == [f"ana{number}" for number in range(6)]
    else:
        assert sum(answer["messages"] for answer in answers) == 12
        assert {row["senderId"]["S"] for row in rows(chat).values()} == {"erased", "bob"}


@pytest.mark.usefixtures("messages")
def test_an_answer_stays_below_what_lambda_can_return(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_data, "_MOST_BYTES", 700)
    answers, calls = all_of(call, "exportUser", "ana")
    assert calls > 4
    found = [one["messageId"] for answer in answers for one in answer["messages"]]
    assert sorted(found) == [f"ana{number}" for number in range(6)]
    assert sum(len(answer["reactions"]) for answer in answers) == 12


@pytest.mark.usefixtures("messages")
def test_the_time_of_a_call_ends_between_messages(chat: Chat, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_data, "_ERASED_TOGETHER", 4)
    monkeypatch.setattr(user_data, "_PAGE_SECONDS", 1_000)
    answers, calls = all_of(call, "eraseUser", "ana")
    assert [answer["messages"] for answer in answers] == [4, 4, 4]
    assert calls == 3
    assert all_of(call, "exportUser", "ana")[0][0]["messages"] == []
    assert all_of(call, "exportUser", "ana")[0][0]["reactions"] == []
    assert [row["senderId"]["S"] for row in rows(chat).values()] == ["erased"] * 6 + ["bob"] * 6


@pytest.mark.usefixtures("messages", "with_markers")
def test_everything_of_a_user_is_erased_and_nothing_of_others(chat: Chat, call: Call) -> None:
    before = rows(chat)
    assert call("eraseUser", userId="ana") == {"messages": 12, "readMarkers": 1, "after": None}
    for message_id, row in rows(chat).items():
        if message_id.startswith("ana"):
            at = row["deletedAt"]
            assert row == {
                "messageId": {"S": message_id},
                "groupId": before[message_id]["groupId"],
                "timestamp": {"S": AT},
                "senderId": {"S": "erased"},
                "senderName": {"S": ""},
                "message": {"S": ""},
                "ours": {"S": "theirs"},
                "changedAt": at,
                "deletedAt": at,
            }
        else:
            kept = {name: value for name, value in before[message_id].items() if name != "reaction:🎉"}
            assert row == kept | {"reaction:👍": {"SS": ["eve"]}, "changedAt": row["changedAt"]}
    assert chat.tables.markers() == {("bob", "red"): "m1"}


@pytest.mark.usefixtures("messages")
def test_erasing_again_changes_nothing(chat: Chat, call: Call) -> None:
    call("eraseUser", userId="ana")
    before = rows(chat)
    with chat.tables.counting("UpdateItem") as updates:
        assert call("eraseUser", userId="ana") == {"messages": 0, "readMarkers": 0, "after": None}
    assert updates == []
    assert rows(chat) == before


@pytest.mark.usefixtures("with_changes")
def test_the_group_is_told_and_the_history_has_it(modern_chat: Chat, call: Call) -> None:
    modern_chat.send(ANA, message="mine", clientMessageId="c1")
    modern_chat.send(BOB, message="his")
    [mine] = modern_chat.acks(ANA)
    modern_chat.tables.add_connection("Old=", "bob", "red", protocol=1)
    [frame] = modern_chat.ask(BOB, "getHistory")
    known = len(modern_chat.frames(BOB))
    assert call("eraseUser", userId="ana")["messages"] == 1
    [told] = modern_chat.frames(BOB)[known:]
    assert (told["action"], told["groupId"]) == ("messageChanged", "red")
    assert told["message"]["messageId"] == mine["messageId"]
    assert (told["message"]["senderId"], told["message"]["message"], told["message"]["senderName"]) == (
        "erased",
        "",
        "",
    )
    assert told["message"]["deletedAt"]
    assert modern_chat.frames("Old=") == []
    [caught_up] = modern_chat.ask(BOB, "getHistory", after=frame["after"])
    assert [change["senderId"] for change in caught_up["changes"]] == ["erased"]
    # A retry of the message brings nothing back.
    assert modern_chat.send(ANA, message="mine", clientMessageId="c1") == 409
    assert [row["message"]["S"] for row in [modern_chat.tables.message(mine["messageId"])]] == [""]


@pytest.mark.usefixtures("messages")
def test_without_changes_nobody_is_told(chat: Chat, call: Call) -> None:
    call("eraseUser", userId="ana")
    assert chat.gateway.delivered == []


@pytest.mark.usefixtures("messages")
def test_a_deleted_message_is_erased_too_and_stays_deleted_since_then(chat: Chat, call: Call) -> None:
    put("ana1", deletedAt="2026-01-02T00:00:00.000000Z", changedAt="2026-01-02T00:00:00.000000Z", message="")
    call("eraseUser", userId="ana")
    row = chat.tables.message("ana1")
    assert (row["senderId"]["S"], row["deletedAt"]["S"]) == ("erased", "2026-01-02T00:00:00.000000Z")
    assert row["changedAt"]["S"] > row["deletedAt"]["S"]


@pytest.mark.usefixtures("messages")
def test_what_others_change_meanwhile_is_erased_with_a_later_time(chat: Chat, call: Call) -> None:
    later = times.of(time.time() + 20)

    def react(**_: object) -> None:
        put("ana1", changedAt=later)

    with chat.tables.hook("after-call.dynamodb.Scan", react):
        assert call("eraseUser", userId="ana")["messages"] == 12
    row = chat.tables.message("ana1")
    assert (row["senderId"]["S"], row["message"]["S"]) == ("erased", "")
    assert row["changedAt"]["S"] > later


@pytest.mark.usefixtures("messages")
def test_a_message_that_changes_all_the_time_can_be_erased_later(chat: Chat, call: Call) -> None:
    def react(*, params: dict[str, Any], **_: object) -> None:
        body = json.loads(params["body"])
        if body["Key"]["messageId"]["S"] == "ana1" and ":user" in body["ExpressionAttributeValues"]:
            put("ana1", changedAt=times.of(time.time() + 20))

    with chat.tables.hook("before-call.dynamodb.UpdateItem", react):
        assert error_of(call("eraseUser", userId="ana"))[0] == "UNAVAILABLE"
    assert call("eraseUser", userId="ana")["messages"] >= 1
    assert chat.tables.message("ana1")["senderId"]["S"] == "erased"


@pytest.mark.usefixtures("messages")
def test_a_message_that_became_anothers_meanwhile_is_left(chat: Chat, call: Call) -> None:
    def change(**_: object) -> None:
        for number in range(6):
            put(f"ana{number}", senderId="dora")

    with chat.tables.hook("after-call.dynamodb.Scan", change):
        assert call("eraseUser", userId="ana")["messages"] == 6  # the reactions
    assert {row["message"]["S"] for row in rows(chat).values()} == {"text of ana", "text of bob"}


@pytest.mark.parametrize("action", ["exportUser", "eraseUser"])
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "userId"),
        ({"userId": ""}, "userId"),
        ({"userId": ["ana"]}, "userId"),
        ({"userId": "ana", "after": ""}, "after"),
        ({"userId": "ana", "after": "***"}, "after"),
        ({"userId": "ana", "after": 7.5}, "after"),
        ({"userId": "ana", "after": "A" * 4_000}, "after"),
    ],
)
def test_a_wrong_field_is_named(call: Call, action: str, given: dict[str, Any], named: str) -> None:
    code, message, retryable = error_of(call(action, **given))
    assert (code, named in message, retryable) == ("BAD_REQUEST", True, False)


def test_the_erased_user_cannot_be_erased(call: Call) -> None:
    code, message, _ = error_of(call("eraseUser", userId="erased"))
    assert (code, "userId" in message) == ("BAD_REQUEST", True)


@pytest.mark.usefixtures("messages", "with_markers")
@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("exportUser", "Scan"),
        ("exportUser", "Query"),
        ("eraseUser", "Scan"),
        ("eraseUser", "Query"),
        ("eraseUser", "UpdateItem"),
        ("eraseUser", "DeleteItem"),
    ],
)
def test_a_table_that_fails_makes_the_call_repeatable(chat: Chat, call: Call, action: str, operation: str) -> None:
    with chat.tables.failing(operation, aws_error(operation, "arn:secret")):
        code, message, retryable = error_of(call(action, userId="ana"))
    assert (code, retryable) == ("UNAVAILABLE", True)
    assert "secret" not in message
    assert "error" not in call(action, userId="ana")
    if action == "eraseUser":
        assert all_of(call, "exportUser", "ana")[0][0]["messages"] == []
