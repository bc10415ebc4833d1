"""Events in the deployed program: a rule gets them, and the failures queue keeps what the bus refuses."""

import json
import time
from typing import Any

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_members_table
from tests import role
from tests.rows import put_row

from .conftest import Chat
from .program import call, role_of


@pytest.fixture(scope="session")
def watched(emulator: Emulator) -> Chat:
    """A chat whose events a rule sends to the queue ``Watcher``. The members of its groups are alice, bob and carol."""
    bus = emulator.client("events")
    bus.create_event_bus(Name="Watched")
    queue = emulator.client("sqs").create_queue(QueueName="Watcher")["QueueUrl"]
    arn = emulator.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = json.dumps({"source": ["websocket-chat.Watched"]})
    bus.put_rule(Name="Watcher", EventBusName="Watched", EventPattern=pattern)
    bus.put_targets(Rule="Watcher", EventBusName="Watched", Targets=[{"Id": "queue", "Arn": arn}])
    create_members_table(emulator, "WatchedMembers")
    for group in ("red", "green"):
        for user in ("alice", "bob", "carol"):
            row = {"memberId": f"{group}/{user}", "userId": user, "groupId": group}
            put_row(emulator.client("dynamodb"), "WatchedMembers", row)
    config: dict[str, object] = {
        "namePrefix": "Watched",
        "messagesTable": "Watched",
        "createMessagesTable": True,
        "groupMembersTable": "WatchedMembers",
        "changes": True,
        "publish": True,
        "eventBus": "Watched",
        "eventText": True,
    }
    return Chat(emulator, deploy(emulator, config))


def received(chat: Chat, queue: str, most: int) -> list[Any]:
    """Take a number of messages from a queue."""
    sqs = chat.emulator.client("sqs")
    found: list[Any] = []
    deadline = time.monotonic() + 15
    while len(found) < most:
        assert time.monotonic() < deadline, f"only {found}"
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found.append(json.loads(message["Body"]))
        time.sleep(0.05)
    return found


def watcher(chat: Chat) -> str:
    return str(chat.emulator.client("sqs").get_queue_url(QueueName="Watcher")["QueueUrl"])


def test_a_rule_gets_messages_changes_and_who_is_there(watched: Chat) -> None:
    with watched.join("alice", "red", protocol=2) as alice:
        with watched.join("bob", "red", protocol=2) as bob:
            alice.say("Hello", clientMessageId="c1")
            ack = alice.receive("ack")
            bob.receive("message")
            assert alice.ask("editMessage", messageId=ack["messageId"], message="Hi")["action"] == "changed"
        events = received(watched, watcher(watched), 5)
    details = {(event["detail-type"], event["detail"].get("userId")): event["detail"] for event in events}
    assert details.keys() == {
        ("joined", "alice"),
        ("joined", "bob"),
        ("messageStored", None),
        ("messageChanged", None),
        ("left", "bob"),
    }
    stored, changed = details["messageStored", None], details["messageChanged", None]
    assert (stored["messageId"], stored["message"], stored["groupId"]) == (ack["messageId"], "Hello", "red")
    assert (stored["offlineUserIds"], stored["truncated"]) == (["carol"], False)
    assert (changed["messageId"], changed["message"]) == (ack["messageId"], "Hi")


def test_what_the_bus_refuses_is_in_the_failures_queue_and_can_be_sent_again(watched: Chat) -> None:
    failures = str(watched.outputs["FailuresQueueURL"])
    with watched.join("alice", "green", protocol=2) as alice:
        with role.without(watched.emulator, "WatchedLambdaRole", "SendEvents"):
            began = time.monotonic()
            alice.say("Hello", clientMessageId="c1")
            assert alice.receive("message")["message"] == "Hello"
            assert time.monotonic() - began < 5  # The function may start for it.
            ack = alice.receive("ack")
        (entry,) = (one for one in received(watched, failures, 1) if one["DetailType"] == "messageStored")
    assert json.loads(entry["Detail"])["messageId"] == ack["messageId"]
    watched.emulator.client("events").put_events(Entries=[entry])
    found: list[Any] = []
    while not found:
        found = [
            event["detail"]
            for event in received(watched, watcher(watched), 1)
            if event["detail-type"] == "messageStored" and event["detail"]["groupId"] == "green"
        ]
    assert found[0]["messageId"] == ack["messageId"]


def test_a_message_of_the_back_end_is_an_event_too(watched: Chat) -> None:
    failures = str(watched.outputs["FailuresQueueURL"])
    sent = call(watched, "sendMessage", groupId="blue", message="Shipped", clientMessageId="c1")["groups"][0]
    events: list[Any] = []
    while not events:
        events = [one for one in received(watched, watcher(watched), 1) if one["detail"]["groupId"] == "blue"]
    assert [(one["detail-type"], one["detail"]["messageId"]) for one in events] == [
        ("messageStored", sent["messageId"])
    ]
    with role.without(watched.emulator, role_of(watched), "SendEvents"):
        kept = call(watched, "sendMessage", groupId="blue", message="Shipped", clientMessageId="c2")["groups"][0]
    waiting = [json.loads(one["Detail"]) for one in received(watched, failures, 1)]
    assert kept["messageId"] in [one.get("messageId") for one in waiting]
    # Without the queue, too, the program is told to repeat the message.
    with (
        role.without(watched.emulator, role_of(watched), "SendEvents"),
        role.without(watched.emulator, role_of(watched), "KeepFailures"),
    ):
        refused = call(watched, "sendMessage", groupId="blue", message="Shipped", clientMessageId="c3")["groups"][0]
    assert (refused["code"], refused["retryable"]) == ("UNAVAILABLE", True)
