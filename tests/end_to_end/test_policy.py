"""Every permission is needed: without any one of them, something that users rely on fails."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from local.deploy import deploy
from local.emulator import Emulator
from local.logs import read
from local.prerequisites import create_members_table
from tests import role
from tests.clients import ChatClient
from tests.end_to_end.conftest import Chat
from tests.lambdas import MODERATOR, create_function
from tests.rows import put_row

Eventually = Callable[[Callable[[], bool]], None]


@dataclass(frozen=True)
class Case(Chat):
    """A chat without one permission.

    Attributes:
        group: The group of this case. Functions keep what they know about groups and users, so each case has its own.
        began: When the permission was taken away, in milliseconds since the epoch.
    """

    group: str
    began: int

    def join(self, user_id: str, group_id: str | None = "", **query: object) -> ChatClient:
        return super().join(user_id, group_id or self.group, **query)

    def rows(self, table: str) -> list[dict[str, str]]:
        return [row for row in super().rows(table) if row["groupId"] == self.group]

    def log(self, route: str) -> list[dict[str, Any]]:
        return read(self.emulator, self.outputs["LogGroupNames"][route], since=self.began)


def logs_stay_empty(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.send("ping")
        alice.receive("pong")
        alice.receive_nothing(seconds=1)
    assert not any(chat.log(route) for route in chat.outputs["LogGroupNames"])


def nobody_can_connect(chat: Case, eventually: Eventually) -> None:
    with pytest.raises(InvalidStatus), chat.join("alice"):
        pass
    eventually(lambda: [line["outcome"] for line in chat.log("$connect")] == ["UNAVAILABLE"])


def history_is_refused(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        assert alice.ask("getHistory")["code"] == "UNAVAILABLE"


def large_groups_are_refused(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice, chat.join("bob"), chat.join("carol"):
        alice.say("hello", clientMessageId="c1")
        assert alice.receive("error")["code"] == "UNAVAILABLE"
    eventually(lambda: any(line.get("awsOperation") == "Invoke" for line in chat.log("sendMessage")))


def messages_are_refused(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.say("hello", clientMessageId="c1")
        answer = alice.receive()
        assert (answer["action"], answer["code"], answer["retryable"]) == ("error", "UNAVAILABLE", True)
    eventually(lambda: any(line.get("awsCode") == "AccessDeniedException" for line in chat.log("sendMessage")))


def group_rows_stay(chat: Case, eventually: Eventually) -> None:
    other = f"{chat.group}, other"
    row = {"memberId": f"{other}/alice", "userId": "alice", "groupId": other}
    put_row(chat.emulator.client("dynamodb"), members_table(chat), row)
    with chat.join("alice") as alice:
        assert alice.ask("joinGroup", groupId=other)["action"] == "joined"
    eventually(lambda: any("BatchWriteItem" in str(line) for line in chat.log("presence")))


def pings_are_refused(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        assert alice.ask("ping")["code"] == "UNAVAILABLE"


def rows_of_closed_connections_stay(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice"):
        (own,) = (row["connectionId"] for row in chat.rows("ConnectionsTable"))

    def outcomes() -> list[str]:
        # The last connection of the case before may end only now.
        return [line["outcome"] for line in chat.log("$disconnect") if line["connectionId"] == own]

    eventually(lambda: outcomes() == ["UNAVAILABLE"])
    assert [row["connectionId"] for row in chat.rows("ConnectionsTable")] == [own]


def pushes_are_not_marked(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.say("hello", clientMessageId="c1")
        assert alice.receive("ack")["duplicate"] is False
    eventually(lambda: any(line.get("awsOperation") == "UpdateItem" for line in chat.log("sendMessage")))
    assert ["pushedAt" in row for row in chat.rows("MessagesTable")] == [False]


def nothing_is_delivered(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.send("ping")
        alice.receive_nothing(seconds=1)
    eventually(lambda: any(line.get("reply") == "failed" for line in chat.log("$default")))
    assert any(line["level"] == "ERROR" and "403" in line["message"] for line in chat.log("$default"))


def nothing_is_marked_as_read(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        assert alice.ask("markRead", messageId="m1", timestamp="2026-01-01")["code"] == "UNAVAILABLE"


def groups_are_not_listed(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        assert alice.ask("getGroups")["code"] == alice.ask("getReads")["code"] == "UNAVAILABLE"


def events_wait_in_the_failures_queue(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.say("hello", clientMessageId="c1")
        assert alice.receive("ack")["duplicate"] is False
    kept = {"message": "event not taken by the bus: the failures queue gets it", "awsCode": "AccessDeniedException"}
    eventually(lambda: any(kept.items() <= line.items() for line in chat.log("sendMessage")))


def insults_are_stored(chat: Case, eventually: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.say("an insult", clientMessageId="c1")
        assert alice.receive("ack")["duplicate"] is False
    denied = {"message": "message stored without moderation", "awsCode": "AccessDeniedException"}
    eventually(lambda: any(denied.items() <= line.items() for line in chat.log("sendMessage")))


def messages_cannot_be_changed(chat: Case, _: Eventually) -> None:
    with chat.join("alice") as alice:
        alice.say("hello", clientMessageId="c1")
        message_id = alice.receive("ack")["messageId"]
        assert alice.ask("react", messageId=message_id, reaction="👍", on=True)["code"] == "UNAVAILABLE"


def changes_are_not_read(chat: Case, _: Eventually) -> None:
    with chat.join("alice", protocol=2) as alice:
        cursor = alice.ask("getHistory")["after"]
        assert alice.ask("getHistory", after=cursor)["code"] == "UNAVAILABLE"


CASES = {
    ("WriteOwnLogs", "logs:CreateLogStream"): logs_stay_empty,
    ("WriteOwnLogs", "logs:PutLogEvents"): logs_stay_empty,
    ("KeepConnections", "dynamodb:PutItem"): nobody_can_connect,
    ("KeepConnections", "dynamodb:GetItem"): pings_are_refused,
    ("KeepConnections", "dynamodb:UpdateItem"): messages_are_refused,
    ("KeepConnections", "dynamodb:DeleteItem"): rows_of_closed_connections_stay,
    ("KeepConnections", "dynamodb:BatchWriteItem"): group_rows_stay,
    ("ListConnections", "dynamodb:Query"): nobody_can_connect,
    ("StoreMessages", "dynamodb:PutItem"): messages_are_refused,
    ("StoreMessages", "dynamodb:UpdateItem"): pushes_are_not_marked,
    ("ReadHistory", "dynamodb:Query"): history_is_refused,
    ("HandOverSlices", "lambda:InvokeFunction"): large_groups_are_refused,
    ("ReachConnections", "execute-api:ManageConnections"): nothing_is_delivered,
    ("KeepReadMarkers", "dynamodb:PutItem"): nothing_is_marked_as_read,
    ("KeepReadMarkers", "dynamodb:Query"): groups_are_not_listed,
    ("KeepChanges", "dynamodb:PutItem"): messages_cannot_be_changed,
    ("KeepChanges", "dynamodb:Query"): changes_are_not_read,
    ("ReadMessages", "dynamodb:BatchGetItem"): messages_cannot_be_changed,
    ("ReadMembers", "dynamodb:Query"): nobody_can_connect,
    ("SendEvents", "events:PutEvents"): events_wait_in_the_failures_queue,
    ("CheckMessages", "lambda:InvokeFunction"): insults_are_stored,
}


def deploy_with_members(emulator: Emulator, prefix: str) -> Chat:
    """Deploy a chat whose policies have every statement, except those of tracing and of a KMS key."""
    create_members_table(emulator, f"{prefix}Members")
    config: dict[str, object] = {
        "namePrefix": prefix,
        "messagesTable": prefix,
        "createMessagesTable": True,
        "broadcastThreshold": 2,
        "groupMembersTable": f"{prefix}Members",
        "membershipRecheck": 1,
        "unread": True,
        "eventBus": "default",
        "moderationFunction": create_function(emulator, f"{prefix}Moderator", MODERATOR),
        "changes": True,
    }
    return Chat(emulator, deploy(emulator, config))


@pytest.fixture(scope="session")
def whole(emulator: Emulator) -> Chat:
    """A chat with all permissions."""
    return deploy_with_members(emulator, "Whole")


def prefix_of(chat: Chat) -> str:
    return str(chat.outputs["MessagesTable"])


def role_of(chat: Chat) -> str:
    return f"{prefix_of(chat)}LambdaRole"


def members_table(chat: Chat) -> str:
    return f"{prefix_of(chat)}Members"


@contextmanager
def without(chat: Chat, statement: str, action: str) -> Iterator[Case]:
    """Take a permission away while the context is open."""
    group = f"without {action} of {statement}"
    for user_id in ("alice", "bob", "carol"):
        row = {"memberId": f"{group}/{user_id}", "userId": user_id, "groupId": group}
        put_row(chat.emulator.client("dynamodb"), members_table(chat), row)
    with role.without(chat.emulator, role_of(chat), statement, action):
        yield Case(chat.emulator, chat.outputs, group, int(time.time() * 1000))


@pytest.mark.parametrize(("statement", "action"), CASES)
def test_something_fails_without_the_permission(
    whole: Chat, eventually: Eventually, statement: str, action: str
) -> None:
    # A function creates its log stream once. So without that permission, none of the functions may have logged yet.
    once = action == "logs:CreateLogStream"
    chat = deploy_with_members(whole.emulator, "Silent") if once else whole
    with without(chat, statement, action) as case:
        CASES[statement, action](case, eventually)


USED_BY_LAMBDA = {
    ("KeepFailures", "sqs:SendMessage"),
    ("ReadStream", "dynamodb:DescribeStream"),
    ("ReadStream", "dynamodb:GetRecords"),
    ("ReadStream", "dynamodb:GetShardIterator"),
    ("ReadStream", "dynamodb:ListStreams"),
}
"""Permissions that the Lambda service itself uses. On AWS, Lambda refuses a destination or a stream that the role may
not use. The emulator does not check this, so only a run on AWS could test it."""


def test_the_cases_cover_the_whole_policy(whole: Chat) -> None:
    documents = role.policies(whole.emulator, role_of(whole)).values()
    statements = [statement for document in documents for statement in document["Statement"]]
    allowed = {(statement["Sid"], action) for statement in statements for action in statement["Action"]}
    assert allowed == set(CASES) | USED_BY_LAMBDA


def test_joined_groups_are_not_listed_without_the_permission(emulator: Emulator) -> None:
    config: dict[str, object] = {"namePrefix": "Open", "messagesTable": "Open", "createMessagesTable": True}
    chat = Chat(emulator, deploy(emulator, config | {"unread": True}))
    with chat.join("alice", None, protocol=2) as alice:
        assert alice.ask("joinGroup", groupId="red")["action"] == "joined"
        assert [group["groupId"] for group in alice.ask("getGroups")["groups"]] == ["red"]
        with role.without(emulator, role_of(chat), "KeepConnections", "dynamodb:BatchGetItem"):
            assert alice.ask("getGroups")["code"] == "UNAVAILABLE"
