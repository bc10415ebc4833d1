"""The owner's programs invoke the back end's function, and clients hear of it. Each of its permissions is needed."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed

from local.deploy import PROJECT_DIRECTORY, deploy
from local.emulator import USUAL_PORT, Emulator
from local.prerequisites import create_members_table
from tests import role
from tests.end_to_end.conftest import Chat
from tests.end_to_end.program import call, role_of
from tests.rows import put_row

MEMBERS = "SpeakingMembers"


@pytest.fixture(scope="module")
def speaking(emulator: Emulator) -> Chat:
    """A chat whose groups have members, and are large with three connections. Without presence, no stream cleans up."""
    create_members_table(emulator, MEMBERS)
    config: dict[str, object] = {
        "namePrefix": "Speaking",
        "messagesTable": "SpeakingMessages",
        "createMessagesTable": True,
        "groupMembersTable": MEMBERS,
        "broadcastThreshold": 2,
        "presence": False,
        "publish": True,
        "unread": True,
        "changes": True,
    }
    return Chat(emulator, deploy(emulator, config))


def enroll(chat: Chat, group_id: str, *user_ids: str) -> None:
    for user_id in user_ids:
        row = {"memberId": f"{group_id}/{user_id}", "userId": user_id, "groupId": group_id}
        put_row(chat.emulator.client("dynamodb"), MEMBERS, row)


def test_the_system_writes_to_groups_of_any_size(speaking: Chat) -> None:
    enroll(speaking, "large", "alice", "bob", "carol")
    enroll(speaking, "small", "dora")
    with (
        speaking.join("alice", "large") as alice,
        speaking.join("bob", "large") as bob,
        speaking.join("carol", "large", protocol=2) as carol,
        speaking.join("dora", "small", protocol=2) as dora,
    ):
        sent = {"groupIds": ["large", "small"], "message": "Closing at 6", "clientMessageId": "closing"}
        large, small = call(speaking, "sendMessage", **sent)["groups"]
        for client in (alice, bob, carol):
            message = client.receive("message")
            assert (message["senderId"], message["senderName"], message["type"]) == ("system", "System", "system")
            assert message["messageId"] == large["messageId"]
        assert dora.receive("message")["messageId"] == small["messageId"]
        again = call(speaking, "sendMessage", **sent)["groups"]
        assert again == [outcome | {"duplicate": True} for outcome in (large, small)]
        for client in (alice, bob, carol, dora):
            client.receive_nothing("message")


def test_a_program_reads_what_clients_wrote(speaking: Chat) -> None:
    enroll(speaking, "read", "alice")
    with speaking.join("alice", "read", protocol=2) as alice:
        alice.say("hello")
        alice.receive("message")
        [message] = call(speaking, "getHistory", groupId="read")["messages"]
        assert (message["senderId"], message["message"]) == ("alice", "hello")
        assert [one["userId"] for one in call(speaking, "getPresence", groupId="read")["members"]] == ["alice"]


def test_a_user_is_added_removed_and_disconnected(speaking: Chat) -> None:
    enroll(speaking, "first", "erin")
    enroll(speaking, "second", "erin")
    with speaking.join("erin", "first", protocol=2) as erin:
        assert call(speaking, "addToGroup", userId="erin", groupId="second") == {"added": 1, "refused": 0}
        assert erin.receive("joined")["groupIds"] == ["second"]
        call(speaking, "sendMessage", groupId="second", message="Welcome", senderId="bob")
        assert erin.receive("message")["message"] == "Welcome"
        assert call(speaking, "removeFromGroup", userId="erin", groupId="second") == {"removed": 1}
        assert erin.receive("left")["reason"] == "REMOVED"
        call(speaking, "sendMessage", groupId="second", message="Who is here?", senderId="bob")
        erin.receive_nothing("message")
        assert call(speaking, "disconnectUser", userId="erin") == {"disconnected": 1}
        with pytest.raises(ConnectionClosed):
            erin.receive("pong")
    assert [row for row in speaking.rows("ConnectionsTable") if "erin" in row.values()] == []


def test_what_a_user_left_is_exported_and_erased(speaking: Chat) -> None:
    enroll(speaking, "left", "frank", "gina")
    with speaking.join("frank", "left", protocol=2) as frank, speaking.join("gina", "left", protocol=2) as gina:
        frank.say("mine")
        message_id = gina.receive("message")["messageId"]
        gina.say("hers", type="text")
        hers = frank.receive("message")
        while hers["senderId"] != "gina":
            hers = frank.receive("message")
        assert (
            frank.ask("react", groupId="left", messageId=hers["messageId"], reaction="👍", on=True)["action"]
            == "changed"
        )
        frank.ask("markRead", messageId=hers["messageId"], timestamp=hers["timestamp"])
        exported = call(speaking, "exportUser", userId="frank")
        assert [one["message"] for one in exported["messages"]] == ["mine"]
        assert [one["messageId"] for one in exported["reactions"] + exported["readMarkers"]] == [hers["messageId"]] * 2
        assert exported["after"] is None
        gina.receive("messageChanged")  # the reaction
        assert call(speaking, "eraseUser", userId="frank") == {"messages": 2, "readMarkers": 1, "after": None}
        told = {(one := gina.receive("messageChanged")["message"])["messageId"]: one for _ in range(2)}
        assert (told[message_id]["senderId"], told[message_id]["message"]) == ("erased", "")
        assert (told[hers["messageId"]]["message"], told[hers["messageId"]].get("reactions")) == ("hers", None)
        [history] = [call(speaking, "getHistory", groupId="left")]
        assert [one["message"] for one in history["messages"]] == ["", "hers"]
    left = call(speaking, "exportUser", userId="frank")
    assert left == {"messages": [], "reactions": [], "readMarkers": [], "after": None}


def test_bad_input_is_answered_and_no_failure(speaking: Chat) -> None:
    error = call(speaking, "sendMessage", groupId="red")["error"]
    assert (error["code"], error["retryable"]) == ("BAD_REQUEST", False)
    assert "message" in error["message"]


class Document:
    """Runs the programs of docs/backend.md, with the environment that the page says."""

    def __init__(self, chat: Chat) -> None:
        self._text = (PROJECT_DIRECTORY / "docs" / "backend.md").read_text()
        self._function = chat.outputs["PublishFunction"]
        exported = dict(re.findall(r"(AWS_\w+)=(\S+)", " ".join(re.findall("^export .*$", self._text, re.MULTILINE))))
        assert exported.pop("AWS_ENDPOINT_URL") == f"http://127.0.0.1:{USUAL_PORT}"
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = own | exported | {"AWS_ENDPOINT_URL": chat.emulator.endpoint, "AWS_CONFIG_FILE": os.devnull}

    def programs(self, language: str) -> list[str]:
        blocks = re.findall(rf"^```{language}\n(.*?)^```$", self._text, re.MULTILINE | re.DOTALL)
        return [block.replace("WebSocketPublish", self._function) for block in blocks]

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            env=self._environment,
            cwd=PROJECT_DIRECTORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> str:
        with self.start(*command) as program:
            output, errors = program.communicate()
        assert not program.returncode, errors
        return output


def test_the_first_message_of_the_document_comes_once(speaking: Chat) -> None:
    document = Document(speaking)
    enroll(speaking, "demo", "alice")
    in_python, in_node = document.programs("python")[0], document.programs("js")[0]
    with speaking.join("alice", "demo", protocol=2) as alice:
        for number, command in (
            (7, (sys.executable, "-c", in_python)),
            (8, ("node", "--input-type=module", "-e", in_node)),
        ):
            first = document.run(*command)
            assert re.search("duplicate'?: false", first, re.IGNORECASE)
            assert alice.receive("message")["message"] == f"Order {number} has shipped"
            assert re.search("duplicate'?: true", document.run(*command), re.IGNORECASE)
        alice.receive_nothing()


def test_the_bot_of_the_document_answers_once(speaking: Chat) -> None:
    document = Document(speaking)
    enroll(speaking, "demo", "alice")
    [bot] = [program for program in document.programs("python") if "!help" in program]
    with speaking.join("alice", "demo", protocol=2) as alice:
        for _ in range(2):  # The second bot also finds the question that the first one has answered.
            with document.start(sys.executable, "-c", bot) as running:
                try:
                    asked = alice.ask(
                        "sendMessage", groupId="demo", senderId="alice", message="!help", clientMessageId=str(uuid4())
                    )
                    while (said := alice.receive("message"))["senderId"] == "alice":
                        pass
                    assert (said["senderId"], said["replyTo"]) == ("bot", asked["messageId"])
                    alice.receive_nothing("message", seconds=1.5)
                finally:
                    running.kill()


def test_the_erasure_of_the_document_ends(speaking: Chat) -> None:
    document = Document(speaking)
    [erases] = [program for program in document.programs("python") if "eraseUser" in program]
    assert "'after': None" in document.run(sys.executable, "-c", erases)


def unavailable(answer: dict[str, Any]) -> None:
    assert [one.get("code") for one in answer.get("groups", [answer.get("error", {})])] == ["UNAVAILABLE"]


def nothing_is_sent(chat: Chat, group: str) -> None:
    with chat.join("alice", group):
        unavailable(call(chat, "sendMessage", groupId=group, message="Hi", clientMessageId="c1"))


def large_groups_are_not_served(chat: Chat, group: str) -> None:
    with chat.join("alice", group), chat.join("bob", group), chat.join("carol", group):
        unavailable(call(chat, "sendMessage", groupId=group, message="Hi"))


def messages_are_not_marked(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        call(chat, "sendMessage", groupId=group, message="Hi", clientMessageId="c1")
        alice.receive("message")
    [row] = [row for row in chat.rows("MessagesTable") if row["groupId"] == group]
    assert "pushedAt" not in row


def nobody_is_reached(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        call(chat, "sendMessage", groupId=group, message="Hi")
        alice.receive_nothing()
        unavailable(call(chat, "disconnectUser", userId="alice"))


def history_is_not_read(chat: Chat, group: str) -> None:
    unavailable(call(chat, "getHistory", groupId=group))


def nobody_is_added(chat: Chat, group: str) -> None:
    with chat.join("alice", group):
        unavailable(call(chat, "addToGroup", userId="alice", groupId=f"{group}, other"))


def rows_stay(chat: Chat, group: str) -> None:
    with chat.join("alice", group):
        unavailable(call(chat, "disconnectUser", userId="alice"))


def group_rows_stay(chat: Chat, group: str) -> None:
    # The row of a connection that has ended without $disconnect, which would delete its group rows, too.
    row: dict[str, Any] = {
        "connectionId": {"S": "Ended="},
        "userId": {"S": "ivan"},
        "connectedAt": {"S": "2026-01-01T00:00:00.000000Z"},
        "expiresAt": {"N": str(int(time.time()) + 3_600)},
        "apiId": {"S": chat.outputs["ApiId"]},
        "protocol": {"N": "2"},
        "joinsBusyUntil": {"N": "0"},
        "groups": {"BS": [group.encode()[:16]]},
    }
    chat.emulator.client("dynamodb").put_item(TableName=chat.outputs["ConnectionsTable"], Item=row)
    unavailable(call(chat, "disconnectUser", userId="ivan"))


def nothing_is_exported(chat: Chat, _group: str) -> None:
    unavailable(call(chat, "exportUser", userId="alice"))


def read_markers_stay(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        alice.ask("markRead", messageId="m1", timestamp="2026-01-01")
    unavailable(call(chat, "eraseUser", userId="alice"))


def changes_are_not_listed(chat: Chat, group: str) -> None:
    enroll(chat, group, "harry")
    with chat.join("harry", group, protocol=2) as harry:
        harry.say("hello")
        harry.receive("message")
    unavailable(call(chat, "eraseUser", userId="harry"))


def changed_messages_are_not_read(chat: Chat, group: str) -> None:
    after = call(chat, "getHistory", groupId=group)["after"]
    with chat.join("alice", group, protocol=2) as alice:
        alice.say("hello")
        message_id = alice.receive("message")["messageId"]
        alice.ask("deleteMessage", groupId=group, messageId=message_id)
    unavailable(call(chat, "getHistory", groupId=group, after=after))


def catching_up_is_refused(chat: Chat, group: str) -> None:
    after = call(chat, "getHistory", groupId=group)["after"]
    unavailable(call(chat, "getHistory", groupId=group, after=after))


CASES: dict[tuple[str, str], Callable[[Chat, str], None]] = {
    ("KeepConnections", "dynamodb:PutItem"): nobody_is_added,
    ("KeepConnections", "dynamodb:GetItem"): nobody_is_added,
    ("KeepConnections", "dynamodb:UpdateItem"): nobody_is_added,
    ("KeepConnections", "dynamodb:DeleteItem"): rows_stay,
    ("KeepConnections", "dynamodb:BatchWriteItem"): group_rows_stay,
    ("ListConnections", "dynamodb:Query"): nothing_is_sent,
    ("StoreMessages", "dynamodb:PutItem"): nothing_is_sent,
    ("StoreMessages", "dynamodb:UpdateItem"): messages_are_not_marked,
    ("ReadHistory", "dynamodb:Query"): history_is_not_read,
    ("HandOverSlices", "lambda:InvokeFunction"): large_groups_are_not_served,
    ("ReachConnections", "execute-api:ManageConnections"): nobody_is_reached,
    ("ReadMembers", "dynamodb:Query"): nothing_is_sent,
    ("FindMessagesOfUsers", "dynamodb:Scan"): nothing_is_exported,
    ("ForgetReadMarkers", "dynamodb:Query"): nothing_is_exported,
    ("ForgetReadMarkers", "dynamodb:DeleteItem"): read_markers_stay,
    ("KeepChanges", "dynamodb:PutItem"): changes_are_not_listed,
    ("KeepChanges", "dynamodb:Query"): catching_up_is_refused,
    ("ReadMessages", "dynamodb:BatchGetItem"): changed_messages_are_not_read,
}


def without(chat: Chat, statement: str, action: str) -> AbstractContextManager[None]:
    return role.without(chat.emulator, role_of(chat), statement, action)


@pytest.mark.parametrize(("statement", "action"), CASES)
def test_something_fails_without_the_permission(speaking: Chat, statement: str, action: str) -> None:
    group = f"without {action} of {statement}"
    enroll(speaking, group, "alice", "bob", "carol")
    with without(speaking, statement, action):
        CASES[statement, action](speaking, group)


@pytest.mark.parametrize("action", ["logs:CreateLogStream", "logs:PutLogEvents"])
def test_nothing_is_logged_without_the_permission(emulator: Emulator, action: str) -> None:
    # A function creates its log stream once, so it must not have logged yet.
    prefix = f"Silent{action[5:]}"
    config: dict[str, object] = {"namePrefix": prefix, "messagesTable": prefix, "createMessagesTable": True}
    chat = Chat(emulator, deploy(emulator, config | {"publish": True}))
    with without(chat, "WriteOwnLogs", action):
        call(chat, "getHistory", groupId="red")
        time.sleep(1)
        assert chat.log("publish") == []


def test_the_cases_cover_the_whole_policy(speaking: Chat) -> None:
    documents = role.policies(speaking.emulator, role_of(speaking)).values()
    statements = [statement for document in documents for statement in document["Statement"]]
    allowed = {(statement["Sid"], action) for statement in statements for action in statement["Action"]}
    assert allowed == set(CASES) | {("WriteOwnLogs", "logs:CreateLogStream"), ("WriteOwnLogs", "logs:PutLogEvents")}
