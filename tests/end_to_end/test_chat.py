"""What existing clients do, against the deployed program: connect, send, receive, disconnect."""

import json
from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from local.deploy import deploy
from tests.end_to_end.conftest import Chat
from tests.rows import a_minute_ago, put_row

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def group() -> str:
    """A group that only this test uses."""
    return f"group-{uuid4()}"


@pytest.mark.parametrize("query", ["", "?userId=alice", "?groupId=g", "?userId=&groupId=g", "?userId=alice&groupId="])
def test_connect_without_user_or_group_is_refused(chat: Chat, query: str) -> None:
    # The emulator answers every refused handshake with 403. On AWS, the client gets the function's 400.
    with pytest.raises(InvalidStatus) as refused, connect(chat.url + query):
        pass
    assert refused.value.response.status_code == 403


def test_connect_stores_the_connection_row(chat: Chat, group: str) -> None:
    with chat.join("alice", group):
        (row,) = [row for row in chat.rows("ConnectionsTable") if row["groupId"] == group]
    written = {"connectionId", "userId", "groupId", "connectedAt", "expiresAt", "authentication", "apiId"}
    written |= {"protocol", "events"}
    assert row.keys() == written
    assert (row["userId"], row["apiId"]) == ("alice", chat.outputs["ApiId"])
    assert datetime.fromisoformat(row["connectedAt"]).tzinfo is not None


def test_a_message_is_pushed_to_everyone_including_the_sender(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice, chat.join("bob", group) as bob:
        alice.say("Hello, Bob 👋", timestamp="ignored")
        pushed = bob.receive()
        assert pushed == alice.receive()
        bob.say("Hello, Alice")
        assert alice.receive()["message"] == "Hello, Alice"
    assert pushed.keys() == {"action", "messageId", "groupId", "senderId", "senderName", "message", "timestamp"}
    assert (pushed["action"], pushed["senderId"], pushed["senderName"]) == ("message", "alice", "Alice")
    assert pushed["message"] == "Hello, Bob 👋"


def test_the_stored_row_equals_the_pushed_message(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        alice.say("kept")
        pushed = alice.receive()
    (row,) = [row for row in chat.rows("MessagesTable") if row["groupId"] == group]
    del pushed["action"]
    assert row == pushed


def test_the_index_lists_messages_in_order(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        for text in "abc":
            alice.say(text)
            alice.receive()
    found = chat.emulator.client("dynamodb").query(
        TableName="ChatMessages",
        IndexName="GroupIdIndex",
        KeyConditionExpression="groupId = :group",
        ExpressionAttributeValues={":group": {"S": group}},
    )["Items"]
    assert [row["message"]["S"] for row in found] == ["a", "b", "c"]


def test_the_row_of_a_stale_connection_is_deleted(chat: Chat, group: str, eventually: Eventually) -> None:
    stale = {"connectionId": "gone", "userId": "bob", "groupId": group, "connectedAt": a_minute_ago()}
    put_row(chat.emulator.client("dynamodb"), "WebSocketConnections", stale)
    with chat.join("alice", group) as alice:
        alice.say("anybody?")
        alice.receive()
        eventually(lambda: all(row["connectionId"] != "gone" for row in chat.rows("ConnectionsTable")))


def test_the_row_of_a_killed_socket_is_deleted_and_others_still_receive(
    chat: Chat, group: str, eventually: Eventually
) -> None:
    with chat.join("alice", group) as alice, chat.join("bob", group) as bob, chat.join("carol", group) as carol:
        bob.kill()
        alice.say("still here?")
        assert alice.receive() == carol.receive()
        eventually(lambda: {row["userId"] for row in chat.rows("ConnectionsTable")} >= {"alice", "carol"})
        eventually(lambda: all(row["userId"] != "bob" for row in _group_rows(chat, group)))


def test_disconnect_deletes_the_row(chat: Chat, group: str, eventually: Eventually) -> None:
    with chat.join("alice", group):
        assert _group_rows(chat, group)
    eventually(lambda: not _group_rows(chat, group))


def test_outputs_and_names(chat: Chat) -> None:
    assert chat.url.endswith("/production")
    assert chat.outputs["FunctionNames"] == {
        "$connect": "WebSocketConnect",
        "$disconnect": "WebSocketDisconnect",
        "sendMessage": "WebSocketSendMessage",
        "$default": "WebSocketDefault",
        "broadcast": "WebSocketBroadcast",
        "presence": "WebSocketPresence",
    }
    assert set(chat.outputs["LogGroupNames"].values()) == {
        f"/aws/lambda/{function}" for function in chat.outputs["FunctionNames"].values()
    }
    for function in chat.outputs["FunctionNames"].values():
        role = chat.emulator.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        assert role.endswith(":role/WebSocketLambdaRole")


def test_groups_cannot_read_or_write_each_other(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice, chat.join("mallory", f"{group}-other") as mallory:
        alice.say("only for us")
        alice.receive()
        mallory.receive_nothing()

        for spoof in ({"groupId": group}, {"senderId": "alice"}, {"groupId": group, "senderId": "alice"}):
            mallory.say("let me in", **spoof)
            assert mallory.receive()["code"] == "FORBIDDEN"
        alice.receive_nothing()
    assert [row["message"] for row in chat.rows("MessagesTable") if row["groupId"].startswith(group)] == ["only for us"]


def test_retry_is_stored_and_pushed_once(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice, chat.join("bob", group) as bob:
        alice.say("once", clientMessageId="c1")
        first = alice.receive("ack")
        alice.say("once", clientMessageId="c1")
        second = alice.receive("ack")
        assert (first["duplicate"], second["duplicate"]) == (False, True)
        assert (first["messageId"], first["timestamp"]) == (second["messageId"], second["timestamp"])
        assert bob.receive()["messageId"] == first["messageId"]
        bob.receive_nothing()
        alice.say("another text", clientMessageId="c1")
        assert alice.receive("error")["code"] == "CONFLICT"
    assert len([row for row in chat.rows("MessagesTable") if row["groupId"] == group]) == 1


@pytest.mark.parametrize("action", ["$connect", "$disconnect", "$default", "dance"])
def test_a_route_as_the_action_is_unknown(chat: Chat, group: str, action: str) -> None:
    with chat.join("alice", group) as alice:
        alice.send(action, userId="mallory", groupId=group, requestId="r")
        answer = alice.receive()
        assert (answer["code"], answer["requestId"]) == ("UNKNOWN_ACTION", "r")
        assert [row["userId"] for row in _group_rows(chat, group)] == ["alice"]
        alice.say("still connected")
        assert alice.receive()["message"] == "still connected"


def test_a_connection_that_has_expired_is_closed_with_the_next_message(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice, chat.join("bob", group) as bob:
        (his,) = [row for row in chat.rows("ConnectionsTable") if row["groupId"] == group and row["userId"] == "bob"]
        chat.emulator.client("dynamodb").update_item(
            TableName=chat.outputs["ConnectionsTable"],
            Key={"connectionId": {"S": his["connectionId"]}},
            UpdateExpression="SET expiresAt = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
        alice.say("Are you there?")
        assert alice.receive()["message"] == "Are you there?"
        with pytest.raises(ConnectionClosed):
            bob.receive("message")


def test_ping(chat: Chat, group: str) -> None:
    with chat.join("alice", group) as alice:
        alice.send("ping", requestId="r1")
        pong = alice.receive()
    assert pong.keys() == {"action", "requestId", "serverTime", "protocol", "expiresAt"}
    assert (pong["action"], pong["requestId"]) == ("pong", "r1")


def test_logs_contain_the_outcome_but_no_secrets(chat: Chat, group: str, eventually: Eventually) -> None:
    secrets = [f"secret-{uuid4()}" for _ in range(3)]
    text, token, name = secrets
    with connect(f"{chat.url}?userId=alice&groupId={group}&token={token}") as alice:
        alice.send(
            json.dumps(
                {"action": "sendMessage", "groupId": group, "senderId": "alice", "senderName": name, "message": text}
            )
        )
        alice.recv(timeout=10)
        alice.send(json.dumps({"action": "sendMessage", "groupId": text, "senderId": "alice", "message": text}))
        alice.recv(timeout=10)
        alice.send(text)
        alice.recv(timeout=10)
    eventually(lambda: any(line["outcome"] == "FORBIDDEN" for line in chat.log("sendMessage")))
    line = next(line for line in chat.log("sendMessage") if line["outcome"] == "OK")
    assert line.keys() >= {"connectionId", "route", "durationMs", "recipients", "delivered", "stale", "failed"}
    logged = json.dumps([chat.log(route) for route in chat.outputs["LogGroupNames"]])
    assert not any(secret in logged for secret in secrets)


def _group_rows(chat: Chat, group: str) -> list[dict[str, str]]:
    return [row for row in chat.rows("ConnectionsTable") if row["groupId"] == group]


def test_two_instances_run_side_by_side(chat: Chat, group: str) -> None:
    other = Chat(chat.emulator, deploy(chat.emulator, {"namePrefix": "Staging", "stageName": "staging"}))
    assert other.outputs["ConnectionsTable"] == "StagingConnections"
    with chat.join("alice", group) as alice, other.join("bob", group) as bob:
        bob.say("over here")
        assert bob.receive()["message"] == "over here"
        alice.receive_nothing()
        alice.say("over there")
        assert alice.receive()["message"] == "over there"
        bob.receive_nothing()
