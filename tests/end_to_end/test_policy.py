"""Every permission is needed: without any one of them, something that users rely on fails."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from local.deploy import deploy
from local.prerequisites import create_members_table
from tests.end_to_end.conftest import Chat

Eventually = Callable[[Callable[[], bool]], None]


def logs_stay_empty(chat: Chat, _: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        alice.send("ping")
        alice.receive("pong")
        alice.receive_nothing(seconds=1)
    assert not any(chat.log(route) for route in chat.outputs["LogGroupNames"])


def nobody_can_connect(chat: Chat, eventually: Eventually) -> None:
    with pytest.raises(InvalidStatus), chat.join("alice", "g"):
        pass
    eventually(lambda: [line["outcome"] for line in chat.log("$connect")] == ["UNAVAILABLE"])


def history_is_refused(chat: Chat, _: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        assert alice.ask("getHistory")["code"] == "UNAVAILABLE"


def large_groups_are_refused(chat: Chat, eventually: Eventually) -> None:
    with chat.join("alice", "g") as alice, chat.join("bob", "g"), chat.join("carol", "g"):
        alice.say("hello", clientMessageId="c1")
        assert alice.receive("error")["code"] == "UNAVAILABLE"
    eventually(lambda: any(line.get("awsOperation") == "Invoke" for line in chat.log("sendMessage")))


def messages_are_refused(chat: Chat, eventually: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        alice.say("hello", clientMessageId="c1")
        answer = alice.receive()
        assert (answer["action"], answer["code"], answer["retryable"]) == ("error", "UNAVAILABLE", True)
    eventually(lambda: any(line.get("awsCode") == "AccessDeniedException" for line in chat.log("sendMessage")))


def pings_are_refused(chat: Chat, _: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        assert alice.ask("ping")["code"] == "UNAVAILABLE"


def rows_of_closed_connections_stay(chat: Chat, eventually: Eventually) -> None:
    with chat.join("alice", "g"):
        pass
    eventually(lambda: [line["outcome"] for line in chat.log("$disconnect")] == ["UNAVAILABLE"])
    assert len(chat.rows("ConnectionsTable")) == 1


def retries_are_pushed_again(chat: Chat, _: Eventually) -> None:
    with chat.join("alice", "g") as alice, chat.join("bob", "g") as bob:
        for duplicate in (False, True):
            alice.say("hello", clientMessageId="c1")
            assert alice.receive("ack")["duplicate"] is duplicate
            assert bob.receive()["message"] == "hello"


def nothing_is_delivered(chat: Chat, eventually: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        alice.send("ping")
        alice.receive_nothing(seconds=1)
    eventually(lambda: any(line.get("reply") == "failed" for line in chat.log("$default")))
    assert any(line["level"] == "ERROR" and "403" in line["message"] for line in chat.log("$default"))


def removed_members_stay_connected(chat: Chat, _: Eventually) -> None:
    with chat.join("alice", "g") as alice:
        dynamodb = chat.emulator.client("dynamodb")
        dynamodb.delete_item(TableName=members_table(chat), Key={"memberId": {"S": "g/alice"}})
        alice.say("hello")
        assert alice.receive("error")["code"] == "FORBIDDEN"
        alice.receive_nothing(seconds=1)


CASES = {
    ("WriteOwnLogs", "logs:CreateLogStream"): logs_stay_empty,
    ("WriteOwnLogs", "logs:PutLogEvents"): logs_stay_empty,
    ("KeepConnections", "dynamodb:PutItem"): nobody_can_connect,
    ("KeepConnections", "dynamodb:GetItem"): pings_are_refused,
    ("KeepConnections", "dynamodb:UpdateItem"): messages_are_refused,
    ("KeepConnections", "dynamodb:DeleteItem"): rows_of_closed_connections_stay,
    ("CountOwnConnections", "dynamodb:Query"): nobody_can_connect,
    ("ListGroup", "dynamodb:Query"): messages_are_refused,
    ("StoreMessages", "dynamodb:PutItem"): messages_are_refused,
    ("StoreMessages", "dynamodb:UpdateItem"): retries_are_pushed_again,
    ("ReadHistory", "dynamodb:Query"): history_is_refused,
    ("HandOverSlices", "lambda:InvokeFunction"): large_groups_are_refused,
    ("PostToConnections", "execute-api:ManageConnections"): nothing_is_delivered,
    ("ReadMembers", "dynamodb:Query"): nobody_can_connect,
    ("CloseConnections", "execute-api:ManageConnections"): removed_members_stay_connected,
}


def deploy_with_members(prefix: str, chat: Chat) -> Chat:
    """Deploy a chat whose policy has every statement, except those of tracing and of a KMS key."""
    emulator, members = chat.emulator, f"{prefix}Members"
    create_members_table(emulator, members)
    for user_id in ("alice", "bob", "carol"):
        row = {"memberId": f"g/{user_id}", "userId": user_id, "groupId": "g"}
        emulator.client("dynamodb").put_item(TableName=members, Item={name: {"S": text} for name, text in row.items()})
    config: dict[str, object] = {
        "namePrefix": prefix,
        "messagesTable": prefix,
        "createMessagesTable": True,
        "broadcastThreshold": 2,
        "groupMembersTable": members,
        "membershipRecheck": 1,
    }
    return Chat(emulator, deploy(emulator, config))


def members_table(chat: Chat) -> str:
    return f"{chat.outputs['MessagesTable']}Members"


@pytest.mark.parametrize(("statement", "action"), CASES)
def test_something_fails_without_the_permission(
    chat: Chat, eventually: Eventually, statement: str, action: str
) -> None:
    without = deploy_with_members("Without" + action.replace(":", "") + statement, chat)
    prefix = without.outputs["MessagesTable"]
    document = role_policy(without, prefix)
    for allowed in document["Statement"]:
        if allowed["Sid"] == statement:
            allowed["Action"].remove(action)
    document["Statement"] = [allowed for allowed in document["Statement"] if allowed["Action"]]
    without.emulator.client("iam").put_role_policy(
        RoleName=f"{prefix}LambdaRole", PolicyName=f"{prefix}Policy", PolicyDocument=json.dumps(document)
    )
    CASES[statement, action](without, eventually)


USED_BY_LAMBDA = {
    ("KeepFailures", "sqs:SendMessage"),
    ("ReadStream", "dynamodb:DescribeStream"),
    ("ReadStream", "dynamodb:GetRecords"),
    ("ReadStream", "dynamodb:GetShardIterator"),
    ("ReadStream", "dynamodb:ListStreams"),
}
"""Permissions that the Lambda service itself uses. On AWS, Lambda refuses a destination or a stream that the role may
not use. The emulator does not check this, so only a run on AWS could test it."""


def test_the_cases_cover_the_whole_policy(chat: Chat) -> None:
    document = role_policy(deploy_with_members("Whole", chat), "Whole")
    allowed = {(allowed["Sid"], action) for allowed in document["Statement"] for action in allowed["Action"]}
    assert allowed == set(CASES) | USED_BY_LAMBDA


def role_policy(chat: Chat, prefix: str) -> dict[str, Any]:
    """The deployed policy. Checks that the role has no other."""
    iam = chat.emulator.client("iam")
    assert iam.list_role_policies(RoleName=f"{prefix}LambdaRole")["PolicyNames"] == [f"{prefix}Policy"]
    assert not iam.list_attached_role_policies(RoleName=f"{prefix}LambdaRole")["AttachedPolicies"]
    answer = iam.get_role_policy(RoleName=f"{prefix}LambdaRole", PolicyName=f"{prefix}Policy")
    document: dict[str, Any] = answer["PolicyDocument"]
    return document
