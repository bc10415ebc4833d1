"""The list of a user's groups, with the last message and the unread messages: the action ``getGroups``."""

import threading
import time
from typing import Any

import pytest

from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables import connections
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat, Context
from .management_api_server import Frame
from .tables import READ_MARKERS, aws_error

DORA = "DoraConnection="


@pytest.fixture
def chat(modern_chat: Chat, monkeypatch: pytest.MonkeyPatch) -> Chat:
    """Ana and bob in the group red, and dora without a group."""
    monkeypatch.setenv("READ_MARKERS_TABLE", READ_MARKERS)
    settings.settings.cache_clear()
    modern_chat.tables.create_read_markers()
    connections.delete_row(EVE)
    assert modern_chat.connect(DORA, "userId=dora&protocol=2") == 200
    return modern_chat


def at(number: int) -> str:
    return f"2026-01-01T00:00:00.{number:06}Z"


def write(chat: Chat, group_id: str, *numbers: int, sender_id: str = "ana", text: str = "Hi") -> None:
    for number in numbers:
        chat.tables.add_message(f"{group_id}{number}", group_id, at(number), text, sender_id=sender_id)


def mark(chat: Chat, connection_id: str, group_id: str, number: int) -> None:
    chat.ask(connection_id, "markRead", groupId=group_id, messageId=f"{group_id}{number}", timestamp=at(number))


def listed(chat: Chat, connection_id: str = DORA, **fields: Any) -> dict[str, Frame]:
    (answer,) = chat.ask(connection_id, "getGroups", **fields)
    assert answer["action"] == "groups", answer
    return {group["groupId"]: group for group in answer["groups"]}


def unread(chat: Chat, connection_id: str = DORA, group_id: str = "red") -> tuple[int, bool]:
    group = listed(chat, connection_id)[group_id]
    return group["unread"], group["unreadMore"]


def test_joined_groups_are_listed_with_their_last_message(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupIds=["red", "empty"])
    write(chat, "red", 1, 2, sender_id="bob")
    (answer,) = chat.ask(DORA, "getGroups", requestId="r1")
    last = {"messageId": "red2", "senderId": "bob", "senderName": "bob", "message": "Hi", "timestamp": at(2)}
    nothing = {"joined": True, "unread": 0, "unreadMore": False, "readUpTo": None}
    assert answer.pop("after")
    assert answer == {
        "action": "groups",
        "requestId": "r1",
        "more": False,
        "groups": [
            {"groupId": "empty", "lastMessage": None} | nothing,
            {"groupId": "red", "lastMessage": last} | nothing | {"unread": 2},
        ],
    }


def test_the_group_of_the_handshake_is_joined(chat: Chat) -> None:
    assert {group_id: group["joined"] for group_id, group in listed(chat, ANA).items()} == {"red": True}


def test_a_group_with_a_marker_is_listed_without_being_joined(chat: Chat) -> None:
    mark(chat, DORA, "blue", 1)
    group = listed(chat)["blue"]
    assert (group["joined"], group["readUpTo"]) == (False, {"messageId": "blue1", "timestamp": at(1)})


@pytest.mark.usefixtures("with_members")
def test_with_a_members_table_all_groups_of_the_user_are_listed_and_no_others(chat: Chat) -> None:
    mark(chat, DORA, "red", 1)
    chat.ask(DORA, "joinGroup", groupId="blue")
    chat.tables.remove_member("dora", "red")
    chat.tables.add_member("dora", "new")
    assert {group_id: group["joined"] for group_id, group in listed(chat).items()} == {"blue": True, "new": False}


def test_with_a_claim_no_other_groups_are_listed(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    mark(chat, DORA, "blue", 1)
    mark(chat, DORA, "red", 1)
    monkeypatch.setenv("GROUP_CLAIM", "groups")
    settings.settings.cache_clear()
    chat.authorizer = {"groups": '["red"]'}
    assert listed(chat).keys() == {"red"}


def test_messages_after_the_marker_are_unread_but_not_ones_own(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupId="red")
    write(chat, "red", 1, 2, 3, 4)
    write(chat, "red", 5, sender_id="dora")
    assert unread(chat) == (4, False)
    mark(chat, DORA, "red", 2)
    assert unread(chat) == (2, False)
    mark(chat, DORA, "red", 5)
    with chat.tables.reading() as rows:
        assert unread(chat) == (0, False)
    assert rows == [1, 1]  # The marker and the last message. Nothing has to be counted.


def test_messages_of_the_same_microsecond_are_told_apart_by_their_ids(chat: Chat) -> None:
    for message_id in ("a", "b", "c"):
        chat.tables.add_message(message_id, "red", at(1), "Hi")
    chat.ask(BOB, "markRead", messageId="b", timestamp=at(1))
    assert unread(chat, BOB) == (1, False)


@pytest.mark.parametrize(("number", "expected"), [(100, (100, False)), (101, (100, True)), (130, (100, True))])
def test_at_most_a_hundred_are_counted(chat: Chat, number: int, expected: tuple[int, bool]) -> None:
    write(chat, "red", *range(1, number + 1))
    assert unread(chat, BOB) == expected


def test_a_page_that_ends_early_says_that_there_may_be_more(chat: Chat) -> None:
    write(chat, "red", *range(1, 50), text="x" * 25_000)
    count, more = unread(chat, BOB)
    assert 30 < count < 49
    assert more


def test_a_message_dated_ahead_is_not_unread_for_ever(chat: Chat) -> None:
    write(chat, "red", 1)
    ahead = "2999-01-01T00:00:00Z"
    chat.tables.add_message("later", "red", ahead, "Hi")
    assert unread(chat, BOB) == (1, False)
    chat.ask(BOB, "markRead", messageId="later", timestamp=ahead)
    assert unread(chat, BOB) == (0, False)
    chat.send(ANA)
    assert unread(chat, BOB) == (1, False)


def test_a_message_of_a_clock_that_is_a_bit_fast_stays_read(chat: Chat) -> None:
    soon = times.of(time.time() + 5)
    chat.tables.add_message("soon", "red", soon, "Hi")
    assert unread(chat, BOB) == (1, False)
    chat.ask(BOB, "markRead", messageId="soon", timestamp=soon)
    assert unread(chat, BOB) == (0, False)


@pytest.mark.parametrize("second", [5, -5])
def test_all_messages_up_to_the_mark_are_read(chat: Chat, second: int) -> None:
    """Also those of a clock that is a bit fast, and of programs that write whole seconds."""
    moment = times.of(int(time.time()) + second)
    for number in (1, 2):
        chat.tables.add_message(f"m{number}", "red", moment, "Hi")
    assert unread(chat, BOB) == (2, False)
    chat.ask(BOB, "markRead", messageId="m2", timestamp=moment)
    assert unread(chat, BOB) == (0, False)


def test_a_marker_that_is_ahead_of_this_clock_counts(chat: Chat) -> None:
    """It came from a function whose clock is fast."""
    write(chat, "red", 1)
    row = {"userId": "bob", "groupId": "red", "messageId": "m", "timestamp": times.of(time.time() + 300)}
    dynamodb().put_item(TableName=READ_MARKERS, Item={name: {"S": value} for name, value in row.items()})
    chat.tables.add_message("later", "red", "2999-01-01T00:00:00Z", "Hi")
    assert unread(chat, BOB) == (0, False)


def test_a_last_message_whose_names_do_not_fit_is_named(chat: Chat) -> None:
    chat.tables.add_message("m1", "red", at(1), "Hi", sender_id="x" * 40_000)
    assert listed(chat, BOB)["red"]["lastMessage"] == {"messageId": "m1", "timestamp": at(1), "omitted": True}


def test_no_more_markers_are_read_than_a_page_needs(chat: Chat) -> None:
    for number in range(250):
        row = {"userId": "dora", "groupId": f"g{number:03}", "messageId": "m", "timestamp": at(1)}
        dynamodb().put_item(TableName=READ_MARKERS, Item={name: {"S": value} for name, value in row.items()})
    with chat.tables.reading() as rows:
        (page,) = chat.ask(DORA, "getGroups")
    assert max(rows) == 100
    found = [group["groupId"] for group in page["groups"]]
    while page["more"]:
        (page,) = chat.ask(DORA, "getGroups", after=page["after"])
        found += [group["groupId"] for group in page["groups"]]
    assert found == [f"g{number:03}" for number in range(250)]


def test_a_last_message_is_cut_and_may_have_any_shape(chat: Chat) -> None:
    write(chat, "red", 1, text="😀" * 300)
    assert listed(chat, ANA)["red"]["lastMessage"]["message"] == "😀" * 200
    dynamodb().put_item(
        TableName="ChatMessages",
        Item={"messageId": {"S": "odd"}, "groupId": {"S": "red"}, "timestamp": {"S": at(9)}, "message": {"BOOL": True}},
    )
    odd = {"messageId": "odd", "timestamp": at(9), "message": "(not text)"}
    assert listed(chat, ANA)["red"]["lastMessage"] == odd
    assert unread(chat, ANA) == (1, False)


def test_the_list_comes_page_by_page(chat: Chat) -> None:
    groups = [f"g{number:02}" for number in range(49)]
    for start in (0, 25):
        chat.ask(DORA, "joinGroup", groupIds=groups[start : start + 25])
    (first,) = chat.ask(DORA, "getGroups")
    (second,) = chat.ask(DORA, "getGroups", after=first["after"])
    assert [len(page["groups"]) for page in (first, second)] == [25, 24]
    assert [page["more"] for page in (first, second)] == [True, False]
    assert [group["groupId"] for page in (first, second) for group in page["groups"]] == groups
    (end,) = chat.ask(DORA, "getGroups", after=second["after"])
    assert (end["groups"], end["more"], end["after"]) == ([], False, second["after"])


def test_a_page_fits_into_a_frame(chat: Chat) -> None:
    groups = [f"{number:02}{'g' * 254}" for number in range(25)]
    chat.ask(DORA, "joinGroup", groupIds=groups)
    for group_id in groups:
        write(chat, group_id, 1, text="\x00" * 300)
    found: list[str] = []
    page: Frame = {"after": None, "more": True}
    while page["more"]:
        (page,) = chat.ask(DORA, "getGroups", after=page["after"])
        found += [group["groupId"] for group in page["groups"]]
        assert page["groups"]
    assert found == groups
    largest = max(len(body) for _, body in chat.gateway.delivered)
    assert largest < 32 * 1024


@pytest.mark.parametrize("cursor", [1, "é", "%", ["a"], "_w", "YQ" * 400])
def test_a_bad_cursor_is_refused(chat: Chat, cursor: object) -> None:
    (answer,) = chat.ask(DORA, "getGroups", after=cursor)
    assert (answer["code"], "cursor" in answer["message"]) == ("BAD_REQUEST", True)


def test_the_rows_of_joined_groups_are_asked_for_until_they_come(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupIds=["blue", "red"])
    answers = iter([0])

    def leave_out(parsed: dict[str, Any], **_: object) -> None:
        if next(answers, None) is not None:
            left = parsed["Responses"]["WebSocketConnections"].pop()
            key = f"{DORA}#" + connections_key(left["groupId"]["S"])
            parsed["UnprocessedKeys"] = {"WebSocketConnections": {"Keys": [{"connectionId": {"S": key}}]}}

    def connections_key(group_id: str) -> str:
        (key,) = (
            row for row, one in chat.tables.connections().items() if "#" in row and one["groupId"]["S"] == group_id
        )
        return key.partition("#")[2]

    with chat.tables.hook("after-call.dynamodb.BatchGetItem", leave_out):
        assert listed(chat).keys() == {"blue", "red"}


def test_rows_that_are_left_unread_again_and_again_are_unavailable(chat: Chat) -> None:
    chat.ask(DORA, "joinGroup", groupId="red")

    def leave_out(parsed: dict[str, Any], **_: object) -> None:
        keys = [{"connectionId": {"S": "x"}}]
        parsed |= {"Responses": {}, "UnprocessedKeys": {"WebSocketConnections": {"Keys": keys}}}

    with chat.tables.hook("after-call.dynamodb.BatchGetItem", leave_out):
        (answer,) = chat.ask(DORA, "getGroups")
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)


def test_a_list_that_takes_too_long_is_unavailable(chat: Chat) -> None:
    chat.context = Context(milliseconds=1)
    (answer,) = chat.ask(ANA, "getGroups")
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem"])
def test_a_table_that_fails_is_unavailable(chat: Chat, operation: str) -> None:
    chat.ask(DORA, "joinGroup", groupId="red")
    with chat.tables.failing(operation, aws_error(operation)):
        (answer,) = chat.ask(DORA, "getGroups")
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)


def test_eight_groups_are_read_at_the_same_time(chat: Chat) -> None:
    groups = [f"g{number:02}" for number in range(25)]
    chat.ask(DORA, "joinGroup", groupIds=groups)
    for group_id in groups:
        write(chat, group_id, 1)
    running: list[int] = []
    lock = threading.Lock()

    def wait(**_: object) -> None:
        with lock:
            running.append(sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()))
        time.sleep(0.01)

    with chat.tables.hook("before-call.dynamodb.Query", wait):
        assert len(listed(chat)) == 25
    assert len(running) == 1 + 2 * 25
    assert max(running) == 8
