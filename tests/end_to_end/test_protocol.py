"""The rest of the protocol against the deployed program: history, presence, typing, large groups."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from tests.clients import ChatClient, Frame
from tests.end_to_end.conftest import Chat
from tests.rows import a_minute_ago, put_row

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def group() -> str:
    return f"group-{uuid4()}"


def put_messages(chat: Chat, group: str, texts: list[str], minute: int = 0) -> None:
    """Store messages one second apart, as another program would."""
    for second, text in enumerate(texts):
        row = {
            "messageId": f"{group}-{minute:02}-{second:03}",
            "groupId": group,
            "senderId": "import",
            "senderName": "Import",
            "message": text,
            "timestamp": f"2026-01-01T00:{minute + second // 60:02}:{second % 60:02}.000000Z",
        }
        put_row(chat.emulator.client("dynamodb"), "ChatMessages", row)


def texts(history: Frame) -> list[str]:
    return [message["message"] for message in history["messages"]]


def read_to_the_end(client: ChatClient, cursor: str, **fields: Any) -> tuple[list[str], str]:
    """Ask for history after a cursor until there is no more. Returns the texts and the last cursor."""
    found: list[str] = []
    while True:
        page = client.ask("getHistory", after=cursor, **fields)
        found += texts(page)
        cursor = page["after"]
        if not page["more"]:
            return found, cursor


class TestHistory:
    def test_pages_back_to_the_start(self, chat: Chat, group: str) -> None:
        put_messages(chat, group, [f"m{n}" for n in range(7)])
        with chat.join("alice", group) as alice:
            newest = alice.ask("getHistory", limit=3)
            assert (texts(newest), newest["more"]) == (["m4", "m5", "m6"], True)
            middle = alice.ask("getHistory", limit=3, before=newest["before"])
            assert (texts(middle), middle["more"]) == (["m1", "m2", "m3"], True)
            oldest = alice.ask("getHistory", limit=3, before=middle["before"])
            assert (texts(oldest), oldest["more"], oldest["before"]) == (["m0"], False, None)
            assert newest["messages"][-1].keys() == {
                "messageId", "groupId", "senderId", "senderName", "message", "timestamp",
            }  # fmt: skip

    def test_pages_forward_from_a_cursor_to_the_end(self, chat: Chat, group: str) -> None:
        put_messages(chat, group, ["old"])
        with chat.join("alice", group) as alice:
            cursor = alice.ask("getHistory")["after"]
            put_messages(chat, group, [f"m{n}" for n in range(7)], minute=1)
            found, cursor = read_to_the_end(alice, cursor, limit=2)
            # Reading starts some seconds before a settled cursor. The client skips known messageIds.
            assert found == ["old"] + [f"m{n}" for n in range(7)]
            put_messages(chat, group, ["new"], minute=2)
            assert read_to_the_end(alice, cursor, limit=2)[0] == [f"m{n}" for n in range(7)] + ["new"]

    def test_a_message_that_reaches_the_index_late_is_found(self, chat: Chat, group: str) -> None:
        with chat.join("alice", group) as alice:
            alice.say("first")
            cursor = alice.ask("getHistory")["after"]
            (first,) = [row for row in chat.rows("MessagesTable") if row["groupId"] == group]
            late = first | {
                "messageId": f"late-{group}",
                "message": "late",
                "timestamp": first["timestamp"][:-4] + "000Z",
            }
            put_row(chat.emulator.client("dynamodb"), "ChatMessages", late)
            assert "late" in read_to_the_end(alice, cursor)[0]

    def test_an_empty_group_has_a_cursor_for_later_messages(self, chat: Chat, group: str) -> None:
        with chat.join("alice", group) as alice:
            empty = alice.ask("getHistory")
            assert (empty["messages"], empty["before"], empty["more"]) == ([], None, False)
            put_messages(chat, group, ["a", "b"])
            assert read_to_the_end(alice, empty["after"], limit=1)[0] == ["a", "b"]

    def test_messages_with_the_same_timestamp_are_all_returned(self, chat: Chat, group: str) -> None:
        for n in range(5):
            put_messages(chat, group, [f"m{n}"], minute=10)
            row = {
                "messageId": f"{group}-{n}",
                "groupId": group,
                "message": f"m{n}",
                "timestamp": "2026-01-01T00:00:00.000000Z",
            }
            put_row(chat.emulator.client("dynamodb"), "ChatMessages", row)
        with chat.join("alice", group) as alice:
            seen, page = [], alice.ask("getHistory", limit=2)
            while True:
                seen += [message["messageId"] for message in page["messages"]]
                if not page["more"]:
                    break
                page = alice.ask("getHistory", limit=2, before=page["before"])
            assert sorted(seen) == sorted([f"{group}-{n}" for n in range(5)] + [f"{group}-10-000"])

    def test_pages_are_limited_by_bytes(self, chat: Chat, group: str) -> None:
        put_messages(chat, group, ["é" * 5_000 for _ in range(9)] + ["x" * 100_000])
        with chat.join("alice", group) as alice:
            pages, page = [], alice.ask("getHistory", limit=100)
            while True:
                assert len(json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode()) <= 32 * 1024
                pages.append(page["messages"])
                if not page["more"]:
                    break
                page = alice.ask("getHistory", limit=100, before=page["before"])
        messages = [message for page in reversed(pages) for message in page]
        assert [len(message.get("message", "")) for message in messages] == [5_000] * 9 + [0]
        assert messages[-1]["omitted"] is True

    @pytest.mark.parametrize("cursor", ["", "x", "W10", 5, True, [], "bnVsbA"])
    @pytest.mark.parametrize("direction", ["before", "after"])
    def test_an_invalid_cursor_is_refused(self, chat: Chat, group: str, direction: str, cursor: object) -> None:
        with chat.join("alice", group) as alice:
            assert alice.ask("getHistory", **{direction: cursor})["code"] == "BAD_REQUEST"

    def test_cursor_of_another_group_is_refused(self, chat: Chat, group: str) -> None:
        with chat.join("alice", group) as alice, chat.join("mallory", f"{group}-other") as mallory:
            alice.say("secret")
            alice.receive()
            cursor = alice.ask("getHistory")["after"]
            assert mallory.ask("getHistory", after=cursor)["code"] == "BAD_REQUEST"
            assert mallory.ask("getHistory", groupId=group)["code"] == "FORBIDDEN"

    @pytest.mark.parametrize("limit", [0, 101, -1, 1.5, "5", True])
    def test_limit_out_of_range_is_refused(self, chat: Chat, group: str, limit: object) -> None:
        with chat.join("alice", group) as alice:
            assert alice.ask("getHistory", limit=limit)["code"] == "BAD_REQUEST"


class TestPresence:
    def test_counts_users_and_their_devices(self, chat: Chat, group: str) -> None:
        with (
            chat.join("alice", group, protocol=2) as alice,
            chat.join("bob", group, protocol=2),
            chat.join("bob", group, protocol=2),
        ):
            presence = alice.ask("getPresence")
        assert presence["members"] == [{"userId": "alice", "devices": 1}, {"userId": "bob", "devices": 2}]
        assert presence["truncated"] is False

    def test_first_device_joins_and_last_one_leaves(self, chat: Chat, group: str) -> None:
        with chat.join("alice", group, protocol=2) as alice:
            with chat.join("bob", group, protocol=2):
                bob = [{"userId": "bob"}]
                joined = alice.receive("presenceChanged")
                assert joined == {"action": "presenceChanged", "groupId": group, "joined": bob, "left": []}
                with chat.join("bob", group, protocol=2):
                    alice.receive_nothing("presenceChanged", seconds=2)
                alice.receive_nothing("presenceChanged", seconds=2)
            assert alice.receive("presenceChanged") == joined | {"joined": [], "left": bob}

    def test_killed_connection_leaves(self, chat: Chat, group: str) -> None:
        with chat.join("alice", group, protocol=2) as alice, chat.join("bob", group, protocol=2) as bob:
            assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]
            bob.kill()
            assert alice.receive("presenceChanged")["left"] == [{"userId": "bob"}]

    @pytest.mark.parametrize("end", ["410 clean-up", "time to live"])
    def test_a_user_whose_disconnect_was_lost_leaves_later(self, chat: Chat, group: str, end: str) -> None:
        row = {
            "connectionId": f"lost-{group}",
            "userId": "bob",
            "groupId": group,
            "connectedAt": a_minute_ago(),
        }
        dynamodb = chat.emulator.client("dynamodb")
        with chat.join("alice", group, protocol=2) as alice, chat.join("carol", group, protocol=2):
            # Bob's row ends with the first frame that is pushed to it. That must be the news of bob himself: with
            # earlier news, his join and his end could come in one batch, and nothing would be told.
            assert alice.receive("presenceChanged")["joined"] == [{"userId": "carol"}]
            put_row(dynamodb, "WebSocketConnections", row)
            assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]
            if end == "time to live":  # DynamoDB deletes expired rows later.
                dynamodb.delete_item(TableName="WebSocketConnections", Key={"connectionId": {"S": row["connectionId"]}})
            else:
                alice.say("anybody?")
            assert alice.receive("presenceChanged")["left"] == [{"userId": "bob"}]

    def test_no_events_above_the_member_limit(self, emulator: Emulator, group: str) -> None:
        small = Chat(emulator, deploy(emulator, {"namePrefix": "Small", "eventMemberLimit": 2}))
        with small.join("alice", group, protocol=2) as alice, small.join("bob", group, protocol=2) as bob:
            assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]
            with small.join("carol", group, protocol=2):
                alice.receive_nothing("presenceChanged", seconds=2)
                bob.send("typing", isTyping=True)
                alice.receive_nothing("typing", seconds=1)

    def test_without_presence_its_resources_do_not_exist(self, emulator: Emulator, group: str) -> None:
        off = Chat(emulator, deploy(emulator, {"namePrefix": "Off", "presence": False}))
        assert "presence" not in off.outputs["FunctionNames"]
        table = emulator.client("dynamodb").describe_table(TableName="OffConnections")["Table"]
        assert not table.get("LatestStreamArn")
        with off.join("alice", group, protocol=2) as alice, off.join("bob", group, protocol=2):
            alice.receive_nothing("presenceChanged", seconds=2)
            assert len(alice.ask("getPresence")["members"]) == 2


class TestTyping:
    def test_typing_goes_to_the_other_users_and_is_not_stored(self, chat: Chat, group: str) -> None:
        with (
            chat.join("alice", group, protocol=2) as alice,
            chat.join("bob", group, protocol=2) as bob,
            chat.join("alice", group, protocol=2) as tablet,
        ):
            alice.send("typing", isTyping=True)
            assert bob.receive() == {
                "action": "typing", "groupId": group, "userId": "alice", "isTyping": True, "expiresInMs": 6000,
            }  # fmt: skip
            alice.receive_nothing()
            tablet.receive_nothing()
        assert not [row for row in chat.rows("MessagesTable") if row["groupId"] == group]

    @pytest.mark.parametrize("value", [None, "true", 1])
    def test_is_typing_must_be_a_boolean(self, chat: Chat, group: str, value: object) -> None:
        with chat.join("alice", group, protocol=2) as alice:
            assert alice.ask("typing", isTyping=value)["code"] == "BAD_REQUEST"


@pytest.fixture(scope="module")
def split(chat: Chat) -> Chat:
    """A chat where one invocation serves only three connections."""
    return Chat(chat.emulator, deploy(chat.emulator, {"namePrefix": "Split", "broadcastThreshold": 3}))


class TestLargeGroups:
    def test_every_member_receives_a_message_once(self, split: Chat, group: str, eventually: Eventually) -> None:
        with split.join("alice", group) as alice:
            others = [split.join(f"user{n}", group) for n in range(9)]
            for other in others:
                other.__enter__()
            alice.say("to all of you", clientMessageId="c1")
            assert alice.receive("ack")["duplicate"] is False
            for member in (alice, *others):
                assert member.receive("message")["message"] == "to all of you"
            for other in others:
                other.receive_nothing("message", seconds=0.1)
                other.__exit__(None, None, None)
        eventually(lambda: sorted(line["recipients"] for line in split.log("broadcast")) == [1, 3, 3])

    def test_a_slice_that_fails_after_all_retries_goes_to_the_queue(self, split: Chat, emulator: Emulator) -> None:
        emulator.client("lambda").put_function_event_invoke_config(
            FunctionName="SplitBroadcast",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": _queue_arn(emulator, split.outputs["FailuresQueueURL"])}},
        )
        emulator.client("lambda").invoke(
            FunctionName="SplitBroadcast", InvocationType="Event", Payload=b'{"frame": "x"}'
        )
        kept = emulator.client("sqs").receive_message(QueueUrl=split.outputs["FailuresQueueURL"], WaitTimeSeconds=10)
        (message,) = kept["Messages"]
        assert json.loads(message["Body"])["requestPayload"] == {"frame": "x"}


def _queue_arn(emulator: Emulator, url: str) -> str:
    answer = emulator.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn: str = answer["Attributes"]["QueueArn"]
    return arn
