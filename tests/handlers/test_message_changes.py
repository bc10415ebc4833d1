"""``editMessage``, ``deleteMessage`` and ``react``: who may change which message, what is stored, and who is told."""

import json
import time
from typing import Any

import pytest

from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, EVE, Chat, event
from .conftest import Log
from .management_api_server import GONE, Frame
from .tables import MEMBERS, MESSAGES, ProcessKilledError, aws_error

pytestmark = pytest.mark.usefixtures("with_changes")

OTHERS = "BobsTablet="
"""A connection of bob's in the group red, of protocol 1."""
ACTIONS: dict[str, Frame] = {
    "editMessage": {"message": "Hello"},
    "deleteMessage": {},
    "react": {"reaction": "👍", "on": True},
}


@pytest.fixture
def sent(modern_chat: Chat) -> str:
    """Id of a message of ana's."""
    modern_chat.tables.add_connection(OTHERS, "bob", "red", protocol=1)
    modern_chat.send(ANA, clientMessageId="c1", message="Hi")
    message_id: str = modern_chat.acks(ANA)[0]["messageId"]
    modern_chat.gateway.delivered.clear()
    return message_id


def ask(chat: Chat, action: str, message_id: str, connection_id: str = ANA, **fields: object) -> Frame:
    """Send one of the actions. Returns the answer."""
    frame = ACTIONS[action] | {"messageId": message_id, "requestId": "r1"} | fields
    answers = chat.ask(connection_id, action, **frame)
    return next(answer for answer in answers if "requestId" in answer)


def changed(chat: Chat, connection_id: str) -> list[Frame]:
    return [frame for frame in chat.frames(connection_id) if frame["action"] == "messageChanged"]


def row(chat: Chat, message_id: str) -> dict[str, Any]:
    """A message's row: texts, and sets as lists."""
    return {
        name: sorted(value["SS"]) if "SS" in value else value["S"]
        for name, value in chat.tables.message(message_id).items()
    }


def test_an_edit_is_stored_and_told(modern_chat: Chat, sent: str) -> None:
    before = row(modern_chat, sent)
    answer = ask(modern_chat, "editMessage", sent)
    after = row(modern_chat, sent)
    at = after["changedAt"]
    assert answer == {"action": "changed", "groupId": "red", "messageId": sent, "changedAt": at, "requestId": "r1"}
    assert after == before | {
        "message": "Hello",
        "changedAt": at,
        "editedAt": at,
        "firstDigest": after["firstDigest"],
    }
    assert at > before["timestamp"]
    shown = {name: after[name] for name in after if name not in ("firstDigest", "pushedAt")}
    told = {"action": "messageChanged", "groupId": "red", "message": shown}
    assert [changed(modern_chat, one) for one in (ANA, BOB)] == [[told], [told]]
    assert modern_chat.tables.changes() == [f"{at}#{sent}"]


def test_clients_of_protocol_1_and_other_groups_are_not_told(modern_chat: Chat, sent: str) -> None:
    for action in ("editMessage", "react", "deleteMessage"):
        ask(modern_chat, action, sent)
    assert len(changed(modern_chat, BOB)) == 3
    assert modern_chat.gateway.recipients() == {ANA, BOB}


def test_a_deletion_empties_the_message_and_keeps_its_row(modern_chat: Chat, sent: str) -> None:
    modern_chat.send(ANA, clientMessageId="c2", type="image", replyTo=sent, data={"url": "https://example.com/1"})
    message_id = modern_chat.acks(ANA)[-1]["messageId"]
    ask(modern_chat, "react", message_id, BOB)
    modern_chat.gateway.delivered.clear()
    ask(modern_chat, "deleteMessage", message_id)
    left = row(modern_chat, message_id)
    assert left["message"] == ""
    assert left["deletedAt"] == left["changedAt"]
    assert (left["type"], left["replyTo"]) == ("image", sent)
    assert not left.keys() & {"data", "reaction:👍"}
    [told] = changed(modern_chat, BOB)
    assert told["message"]["deletedAt"] == left["deletedAt"]
    assert not told["message"].keys() & {"data", "reactions"}


def test_reactions_are_told_in_full(modern_chat: Chat, sent: str) -> None:
    for who, reaction, on in ((ANA, "👍", True), (BOB, "👍", True), (BOB, "🎉", True), (ANA, "👍", False)):
        ask(modern_chat, "react", sent, who, reaction=reaction, on=on)
    told = [frame["message"].get("reactions") for frame in changed(modern_chat, BOB)]
    assert told == [
        {"👍": ["ana"]},
        {"👍": ["ana", "bob"]},
        {"🎉": ["bob"], "👍": ["ana", "bob"]},
        {"🎉": ["bob"], "👍": ["bob"]},
    ]
    ask(modern_chat, "react", sent, BOB, on=False)
    ask(modern_chat, "react", sent, BOB, reaction="🎉", on=False)
    assert "reactions" not in changed(modern_chat, BOB)[-1]["message"]
    assert not [name for name in row(modern_chat, sent) if name.startswith("reaction")]


@pytest.mark.parametrize("action", ACTIONS)
def test_what_is_so_already_succeeds_without_a_write_or_a_push(modern_chat: Chat, sent: str, action: str) -> None:
    first = ask(modern_chat, action, sent)
    modern_chat.gateway.delivered.clear()
    with modern_chat.tables.counting("PutItem") as written:
        assert ask(modern_chat, action, sent) == first
    assert not written
    assert modern_chat.gateway.recipients() == {ANA}


def test_a_reaction_that_is_not_there_can_be_taken_away(modern_chat: Chat, sent: str) -> None:
    answer = ask(modern_chat, "react", sent, on=False)
    assert answer == {"action": "changed", "groupId": "red", "messageId": sent, "requestId": "r1"}


def test_without_a_request_id_there_is_no_answer(modern_chat: Chat, sent: str) -> None:
    assert not [
        f
        for f in modern_chat.ask(BOB, "react", messageId=sent, reaction="👍", on=True)
        if f["action"] != "messageChanged"
    ]


@pytest.mark.parametrize(
    ("action", "connection_id", "message_id", "code"),
    [
        ("editMessage", BOB, "", "FORBIDDEN"),
        ("deleteMessage", BOB, "", "FORBIDDEN"),
        *[(action, ANA, "missing", "NOT_FOUND") for action in ACTIONS],
        # Eve is in another group. She learns nothing of this one.
        *[(action, EVE, "", "NOT_FOUND") for action in ACTIONS],
    ],
)
def test_who_may_not_is_refused(
    modern_chat: Chat, sent: str, action: str, connection_id: str, message_id: str, code: str
) -> None:
    before = row(modern_chat, sent)
    answer = ask(modern_chat, action, message_id or sent, connection_id)
    assert (answer["code"], answer["retryable"]) == (code, False)
    assert row(modern_chat, sent) == before
    assert modern_chat.gateway.recipients() == {connection_id}
    assert modern_chat.tables.changes() == []


@pytest.mark.parametrize("action", ["editMessage", "react"])
def test_a_deleted_message_cannot_be_changed(modern_chat: Chat, sent: str, action: str) -> None:
    ask(modern_chat, "deleteMessage", sent)
    before = row(modern_chat, sent)
    assert ask(modern_chat, action, sent)["code"] == "NOT_FOUND"
    assert row(modern_chat, sent) == before


@pytest.mark.parametrize(
    ("action", "fields", "named"),
    [
        *[(action, {"messageId": bad}, "messageId") for action in ACTIONS for bad in (None, "", 7, "x" * 257)],
        *[("editMessage", {"message": bad}, "message") for bad in (None, "", 7, ["Hi"])],
        *[("react", {"reaction": bad}, "reaction") for bad in (None, "", 7, "x" * 65)],
        *[("react", {"on": bad}, "on ") for bad in (None, "true", 1)],
        ("react", {"groupId": 7}, "groupId"),
    ],
)
def test_an_invalid_frame_is_refused(
    modern_chat: Chat, sent: str, action: str, fields: dict[str, Any], named: str
) -> None:
    answer = ask(modern_chat, action, sent, **fields)
    assert answer["code"] == "BAD_REQUEST"
    assert named in answer["message"]


def test_an_edit_that_is_too_large_is_refused(modern_chat: Chat, sent: str) -> None:
    answer = ask(modern_chat, "editMessage", sent, message="x" * 28_672)
    assert answer["code"] == "TOO_LARGE"
    assert row(modern_chat, sent)["message"] == "Hi"


def test_a_message_has_room_for_20_kinds_of_reactions(
    modern_chat: Chat, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MESSAGE_BURST", "100")
    settings.settings.cache_clear()
    answers = [ask(modern_chat, "react", sent, reaction=f"r{number}") for number in range(21)]
    assert [answer.get("code") for answer in answers] == [None] * 20 + ["TOO_LARGE"]
    # Another user can join one of them.
    assert "code" not in ask(modern_chat, "react", sent, BOB, reaction="r7")


@pytest.mark.parametrize(("others", "code"), [(30, "TOO_LARGE"), (29, None)])
def test_a_message_has_room_for_3_kb_of_reactions(modern_chat: Chat, sent: str, others: int, code: str | None) -> None:
    users = {f"user {number:095}" for number in range(others)}
    dynamodb().update_item(
        TableName=MESSAGES,
        Key={"messageId": {"S": sent}},
        UpdateExpression="ADD #name :users",
        ExpressionAttributeNames={"#name": "reaction:👍"},
        ExpressionAttributeValues={":users": {"SS": sorted(users)}},
    )
    assert ask(modern_chat, "react", sent).get("code") == code


def test_a_reaction_must_not_make_a_message_too_large_to_be_shown(modern_chat: Chat) -> None:
    modern_chat.send(ANA, clientMessageId="c1", message="x" * 28_400)
    message_id = modern_chat.acks(ANA)[0]["messageId"]
    assert ask(modern_chat, "react", message_id, reaction="x" * 64)["code"] == "TOO_LARGE"


def test_above_event_member_limit_reactions_are_stored_and_not_told(
    modern_chat: Chat, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "1")
    settings.settings.cache_clear()
    ask(modern_chat, "react", sent)
    assert row(modern_chat, sent)["reaction:👍"] == ["ana"]
    assert not changed(modern_chat, BOB)
    ask(modern_chat, "editMessage", sent)
    assert changed(modern_chat, BOB)


@pytest.mark.parametrize("action", ACTIONS)
def test_without_the_table_the_actions_do_not_exist(
    modern_chat: Chat, sent: str, action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANGES_TABLE", "")
    settings.settings.cache_clear()
    assert ask(modern_chat, action, sent)["code"] == "UNKNOWN_ACTION"


@pytest.mark.parametrize("role", ["admin", "member"])
def test_a_member_with_the_role_can_delete_what_others_wrote(
    modern_chat: Chat, sent: str, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    modern_chat.tables.create_members(red=["ana"])
    modern_chat.tables.add_member("bob", "red", role)
    # A role in another group does not count.
    modern_chat.tables.add_member("bob", "blue", "admin")
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    monkeypatch.setenv("MODERATOR_ROLE", "admin")
    settings.settings.cache_clear()
    assert ask(modern_chat, "editMessage", sent, BOB)["code"] == "FORBIDDEN"
    answer = ask(modern_chat, "deleteMessage", sent, BOB)
    assert ("deletedAt" in row(modern_chat, sent)) == (role == "admin") == ("code" not in answer)


@pytest.mark.parametrize(
    ("claim", "moderated", "count"), [("mods", ["red"], 1), ("mods", ["blue"], 0), ("", ["red"], 0)]
)
def test_a_token_can_name_the_groups_that_its_user_moderates(
    modern_chat: Chat, sent: str, claim: str, moderated: list[str], count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODERATOR_CLAIM", claim)
    settings.settings.cache_clear()
    modern_chat.authorizer["moderated"] = json.dumps(moderated)
    ask(modern_chat, "deleteMessage", sent, BOB)
    assert [*row(modern_chat, sent)].count("deletedAt") == count


def test_a_retry_of_a_message_that_was_edited_is_a_duplicate(modern_chat: Chat, sent: str) -> None:
    ask(modern_chat, "editMessage", sent)
    ask(modern_chat, "editMessage", sent, message="Hello again")
    assert modern_chat.send(ANA, clientMessageId="c1", message="Hi") == 200
    assert modern_chat.acks(ANA)[-1]["duplicate"]
    assert row(modern_chat, sent)["message"] == "Hello again"
    assert modern_chat.send(ANA, clientMessageId="c1", message="Hello again") == 409


@pytest.mark.parametrize("action", ["editMessage", "deleteMessage"])
def test_a_retry_in_another_process_brings_nothing_back(modern_chat: Chat, action: str) -> None:
    modern_chat.gateway.answers[BOB] = GONE
    with modern_chat.tables.failing("Query", aws_error("Query")):
        assert modern_chat.send(ANA, clientMessageId="c1", message="Hi") == 503
    [message_id] = [one["messageId"] for one in modern_chat.tables.messages()]
    ask(modern_chat, action, message_id)
    modern_chat.gateway.delivered.clear()
    assert modern_chat.send(ANA, clientMessageId="c1", message="Hi") == 200
    assert [push["message"] for push in modern_chat.pushes(ANA)] == (["Hello"] if action == "editMessage" else [])
    assert modern_chat.acks(ANA)


def test_a_row_of_another_program_can_be_changed(modern_chat: Chat) -> None:
    put_row(
        dynamodb(),
        MESSAGES,
        {"messageId": "theirs", "groupId": "red", "senderId": "ana", "timestamp": "2026-01-01", "text": "Hi"},
    )
    ask(modern_chat, "react", "theirs", BOB)
    ask(modern_chat, "editMessage", "theirs")
    assert row(modern_chat, "theirs")["text"] == "Hi"
    assert changed(modern_chat, BOB)[-1]["message"]["message"] == "Hello"
    ask(modern_chat, "deleteMessage", "theirs")
    assert row(modern_chat, "theirs")["message"] == ""


@pytest.mark.parametrize("their", ["2999-01-01T00:00:00.000000Z", "yesterday", "", "1763115330123"])
def test_what_another_program_wrote_into_changed_at_does_not_stop_changes(
    modern_chat: Chat, sent: str, their: str
) -> None:
    _set(sent, "changedAt", {"S": their})
    now = times.timestamp()
    answer = ask(modern_chat, "editMessage", sent)
    assert now <= answer["changedAt"] <= times.timestamp()


def test_a_number_in_changed_at_does_not_stop_changes(modern_chat: Chat, sent: str) -> None:
    _set(sent, "changedAt", {"N": "1763115330123"})
    assert ask(modern_chat, "editMessage", sent)["action"] == "changed"


def test_changed_at_grows_although_a_clock_is_fast(modern_chat: Chat, sent: str) -> None:
    ahead = times.of(time.time() + 30)
    _set(sent, "changedAt", {"S": ahead})
    assert ask(modern_chat, "editMessage", sent)["changedAt"] > ahead


def _set(message_id: str, name: str, value: Any) -> None:
    dynamodb().update_item(
        TableName=MESSAGES,
        Key={"messageId": {"S": message_id}},
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": name},
        ExpressionAttributeValues={":value": value},
    )


def test_two_changes_at_the_same_moment_are_both_done(modern_chat: Chat, sent: str) -> None:
    react = lambda: ask(modern_chat, "react", sent, BOB)  # noqa: E731
    # Before the second update of ana's frame, which is the one of the message. The first one counts the frame.
    with modern_chat.tables.before("UpdateItem", [lambda: None, react]):
        ask(modern_chat, "editMessage", sent)
    stored = row(modern_chat, sent)
    assert (stored["message"], stored["reaction:👍"]) == ("Hello", ["bob"])
    first, second = [frame["message"]["changedAt"] for frame in changed(modern_chat, BOB)]
    assert first < second == stored["changedAt"]


def test_two_changes_with_the_same_time_are_both_done(modern_chat: Chat, sent: str) -> None:
    """The row is from a function whose clock is ahead. So both take the microsecond after it."""
    _set(sent, "changedAt", {"S": times.of(time.time() + 30)})
    react = lambda: ask(modern_chat, "react", sent, BOB)  # noqa: E731
    with modern_chat.tables.before("UpdateItem", [lambda: None, react]):
        ask(modern_chat, "react", sent)
    assert row(modern_chat, sent)["reaction:👍"] == ["ana", "bob"]


def test_an_edit_does_not_bring_a_deleted_message_back(modern_chat: Chat, sent: str) -> None:
    delete = lambda: ask(modern_chat, "deleteMessage", sent)  # noqa: E731
    with modern_chat.tables.before("UpdateItem", [lambda: None, delete]):
        answer = ask(modern_chat, "editMessage", sent, requestId="r2")
    assert row(modern_chat, sent)["message"] == ""
    assert [frame["code"] for frame in modern_chat.frames(ANA) if frame["action"] == "error"] == ["NOT_FOUND"]
    assert answer


def test_an_edit_by_a_fast_clock_does_not_bring_a_deleted_message_back(
    modern_chat: Chat, sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def delete() -> None:
        monkeypatch.setattr(times, "after", after)
        ask(modern_chat, "deleteMessage", sent)

    after = times.after
    monkeypatch.setattr(times, "after", lambda _: times.of(time.time() + 30))
    with modern_chat.tables.before("UpdateItem", [lambda: None, delete]):
        ask(modern_chat, "editMessage", sent, requestId="r2")
    assert row(modern_chat, sent)["message"] == ""


def test_a_message_that_another_program_deletes_is_not_made_again(modern_chat: Chat, sent: str) -> None:
    with modern_chat.tables.before("UpdateItem", [lambda: None, modern_chat.tables.forget_messages]):
        assert ask(modern_chat, "editMessage", sent)["code"] == "NOT_FOUND"
    assert modern_chat.tables.messages() == []


def test_a_message_that_changes_all_the_time_is_told_to_be_tried_later(modern_chat: Chat, sent: str) -> None:
    def change() -> None:
        _set(sent, "changedAt", {"S": times.of(time.time() + 5)})

    with modern_chat.tables.hook("before-call.dynamodb.PutItem", lambda **_: change()):
        answer = ask(modern_chat, "editMessage", sent)
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)


def test_an_answer_that_is_lost_is_not_taken_for_another_change(modern_chat: Chat, sent: str) -> None:
    lost = iter([None, 0])

    with modern_chat.tables.hook("needs-retry.dynamodb.UpdateItem", lambda **_: next(lost, None)):
        assert ask(modern_chat, "editMessage", sent)["action"] == "changed"
    assert len(changed(modern_chat, BOB)) == 1
    assert len(modern_chat.tables.changes()) == 1


@pytest.mark.parametrize("operation", ["BatchGetItem", "PutItem"])
def test_a_table_that_fails_leaves_the_message_as_it_was(modern_chat: Chat, sent: str, operation: str) -> None:
    with modern_chat.tables.failing(operation, aws_error(operation)):
        answer = ask(modern_chat, "editMessage", sent)
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)
    assert row(modern_chat, sent)["message"] == "Hi"


def test_a_change_is_listed_before_it_is_stored(modern_chat: Chat, sent: str) -> None:
    frame = {"action": "editMessage", "messageId": sent, "message": "Hello"}
    with modern_chat.tables.failing("UpdateItem", ProcessKilledError(), after=1), pytest.raises(ProcessKilledError):
        modern_chat.call("$default", event("$default", "MESSAGE", ANA, body=json.dumps(frame)))
    assert row(modern_chat, sent)["message"] == "Hi"
    assert len(modern_chat.tables.changes()) == 1


def test_a_group_that_cannot_be_told_has_the_change_all_the_same(modern_chat: Chat, sent: str, log: Log) -> None:
    with modern_chat.tables.failing("Query", aws_error("Query")):
        assert ask(modern_chat, "editMessage", sent)["action"] == "changed"
    assert row(modern_chat, sent)["message"] == "Hello"
    assert log.warnings() == ["change not pushed"]


def test_the_log_has_no_text(modern_chat: Chat, sent: str, log: Log) -> None:
    ask(modern_chat, "editMessage", sent, message="A secret")
    ask(modern_chat, "react", sent, reaction="secret too")
    assert "secret" not in log.text()
