"""The examples that speak with the chat, each deployed into an emulator of its own."""

import json
from collections.abc import Callable, Iterator

import pytest

from local.deploy import PROJECT_DIRECTORY, deploy
from local.emulator import Emulator
from tests.clients import ChatClient
from tests.rows import put_row

from .conftest import Chat

Eventually = Callable[..., None]


@pytest.fixture
def example(request: pytest.FixtureRequest) -> Iterator[Chat]:
    """The chat of an example. All examples use the same names, so each has its own account."""
    with Emulator(port=0) as emulator:
        yield Chat(emulator, deploy(emulator, program=PROJECT_DIRECTORY / "examples" / request.param))


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [name], indirect=True, ids=[name])


def log(chat: Chat, function: str) -> list[str]:
    """The lines of a function's log, which may not exist yet. Of the function's name, the beginning is enough."""
    logs = chat.emulator.client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{function}")["logGroups"]
    pages = [
        page
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
    ]
    return [event["message"] for page in pages for event in page["events"]]


def published(chat: Chat) -> list[str]:
    """The outcomes of the calls of the chat's function."""
    lines = [line for line in log(chat, "WebSocketPublish") if line.startswith("{")]
    return [line["outcome"] for line in map(json.loads, lines) if line["message"] == "served"]


def says_once(client: ChatClient, text: str) -> None:
    """Wait for a message of the system, and see that no other follows. Several functions may start for it."""
    message = client.receive("message", seconds=30)
    assert (message["senderId"], message["message"]) == ("system", text)
    client.receive_nothing("message")


@of("offline_push")
def test_members_who_are_offline_are_notified(example: Chat, eventually: Eventually) -> None:
    for user in ("alice", "bob", "carol"):
        row = {"memberId": user, "userId": user, "groupId": "demo"}
        put_row(example.emulator.client("dynamodb"), "GroupMembers", row)

    def notified() -> list[str]:
        return [line for line in log(example, "offline-push") if line.startswith("notify")]

    with example.join("alice", "demo", protocol=2) as alice:
        with example.join("carol", "demo", protocol=2):
            alice.say("Hello", clientMessageId="c1")
            first = f"notify bob of {alice.receive('ack')['messageId']} in demo"
            eventually(lambda: notified() == [first], seconds=30)
        eventually(lambda: [one["userId"] for one in alice.ask("getPresence", groupId="demo")["members"]] == ["alice"])
        alice.say("Still there?", clientMessageId="c2")
        message_id = alice.receive("ack")["messageId"]
        more = [f"notify {user} of {message_id} in demo" for user in ("bob", "carol")]
        eventually(lambda: notified() == [first, *more], seconds=30)


@of("order_queue")
def test_an_order_is_said_once_and_one_that_fails_is_repeated_alone(example: Chat, eventually: Eventually) -> None:
    queues = example.emulator.client("sqs")
    orders = example.outputs["OrdersURL"]
    order = json.dumps({"orderId": "7", "groupId": "demo"})

    def failures() -> int:
        return len([line for line in log(example, "shipped-") if "is not published" in line])

    with example.join("ann", "demo") as ann:
        queues.send_message(QueueUrl=orders, MessageBody=order)
        says_once(ann, "Your order 7 has shipped")
        queues.send_message(QueueUrl=orders, MessageBody=order)
        eventually(lambda: published(example) == ["OK", "OK"], seconds=30)
        ann.receive_nothing("message")

        # Three minutes are too long for a test.
        queues.set_queue_attributes(QueueUrl=orders, Attributes={"VisibilityTimeout": "8"})
        bodies = ["no order", json.dumps({"orderId": "8", "groupId": "demo"})]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        queues.send_message_batch(QueueUrl=orders, Entries=entries)
        says_once(ann, "Your order 8 has shipped")
        eventually(lambda: failures() == 2, seconds=30)
        assert published(example) == ["OK", "OK", "OK"]

    # The chat refuses this one for good.
    refused = json.dumps({"orderId": "9", "groupId": ""})
    queues.send_message(QueueUrl=orders, MessageBody=refused)
    queues.set_queue_attributes(QueueUrl=orders, Attributes={"VisibilityTimeout": "0"})
    waiting: set[str] = set()

    def waits_for_a_person() -> bool:
        answer = queues.receive_message(QueueUrl=example.outputs["FailedOrdersURL"])
        waiting.update(message["Body"] for message in answer.get("Messages", []))
        return waiting == {"no order", refused}

    eventually(waits_for_a_person, seconds=30)


@of("event_rule")
def test_an_event_becomes_a_message_that_no_id_can_change(example: Chat) -> None:
    def ship(order_id: str, group_id: str = "demo") -> None:
        detail = json.dumps({"orderId": order_id, "groupId": group_id})
        entry = {"Source": "shop", "DetailType": "OrderShipped", "Detail": detail}
        answer = example.emulator.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0

    with example.join("ann", "demo") as ann:
        ship("7")
        says_once(ann, "Order 7 has shipped")
        ship('7","senderId":"boss","x":"')
        ship("7", 'demo","senderId":"boss","x":"')
        ship("7\\n")
        ship("7\n")
        ann.receive_nothing("message", seconds=2)
        ship("Größe 漢字 😀 <b> '7' / {8}")
        says_once(ann, "Order Größe 漢字 😀 <b> '7' / {8} has shipped")


@of("reminder_schedule")
def test_a_schedule_calls_the_chat_with_what_it_serves(example: Chat) -> None:
    schedules, functions = example.emulator.client("scheduler"), example.emulator.client("lambda")
    [found] = schedules.list_schedules()["Schedules"]
    schedule = schedules.get_schedule(Name=found["Name"])
    assert (schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"], schedule["State"]) == (
        "cron(55 8 ? * MON-FRI *)",
        "Europe/Berlin",
        "ENABLED",
    )
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    target = schedule["Target"]
    assert target["RoleArn"].rpartition("/")[2].startswith("reminders-")
    with example.join("ann", "team") as ann:
        # The emulator does not fill in the id. It is the same for each attempt of one run.
        for run, duplicate in (("run 1", False), ("run 1", True), ("run 2", False)):
            event = target["Input"].replace("<aws.scheduler.execution-id>", run)
            answer = functions.invoke(FunctionName=target["Arn"], Payload=event)
            assert json.load(answer["Payload"])["groups"][0]["duplicate"] is duplicate
            if not duplicate:
                says_once(ann, "Stand-up in 5 minutes")
        ann.receive_nothing("message")
