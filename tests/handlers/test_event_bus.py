"""Events for the operator's programs: what is in them, and what happens if the bus or the queue does not take them."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from handlers import presence_events
from handlers.posting import delivery, event_bus
from handlers.protocol import times
from handlers.runtime import settings

from .chat import ANA, BOB, EVE, Chat
from .conftest import Log
from .tables import aws_error

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/chat"
QUEUE = "https://sqs.eu-central-1.amazonaws.com/123456789012/failures"


class Service:
    """The bus or the queue.

    Attributes:
        taken: What it got.
        trouble: What each call raises. None: it takes everything.
        refused: The code with which the bus refuses an entry.
        hangs: Seconds for which each call hangs.
    """

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.trouble: Exception | None = None
        self.refused = ""
        self.hangs = 0.0

    def _serve(self) -> None:
        time.sleep(self.hangs)
        if self.trouble:
            raise self.trouble

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - of the API
        self._serve()
        if self.refused:
            return {
                "FailedEntryCount": 1,
                "Entries": [*[{"EventId": "1"}] * (len(Entries) - 1), {"ErrorCode": self.refused}],
            }
        assert 1 <= len(Entries) <= 10
        self.taken += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}] * len(Entries)}

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803 - of the API
        assert QueueUrl == QUEUE
        self._serve()
        self.taken.append(json.loads(MessageBody))

    def details(self, kind: str) -> list[dict[str, Any]]:
        for entry in self.taken:
            assert entry.keys() == {"EventBusName", "Source", "DetailType", "Detail"}
            assert (entry["EventBusName"], entry["Source"]) == (BUS, "websocket-chat.WebSocket")
        return [json.loads(entry["Detail"]) for entry in self.taken if entry["DetailType"] == kind]


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    monkeypatch.setattr(event_bus, "bus_client", lambda: service)
    for name, value in (("BUS", BUS), ("SOURCE", "websocket-chat.WebSocket")):
        monkeypatch.setenv(f"EVENT_{name}", value)
    monkeypatch.setenv("FAILURES_QUEUE", QUEUE)
    settings.settings.cache_clear()
    return service


@pytest.fixture
def queue(bus: Service, monkeypatch: pytest.MonkeyPatch) -> Service:  # noqa: ARG001 - it belongs to the bus
    service = Service()
    monkeypatch.setattr(event_bus, "_queue", lambda: service)
    return service


@pytest.fixture
def with_text(bus: Service, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - the same
    monkeypatch.setenv("EVENT_TEXT", "true")
    settings.settings.cache_clear()


OPTIONS = {"clientMessageId": "c1", "type": "image", "replyTo": "m1", "data": {"width": 7}, "senderName": "Ana"}


def test_a_stored_message_is_an_event_without_text(chat: Chat, bus: Service, log: Log) -> None:
    chat.send(ANA, **OPTIONS, message="hush")
    [row] = chat.tables.messages()
    [detail] = bus.details("messageStored")
    named = ("messageId", "timestamp", "clientMessageId", "type", "replyTo")
    assert detail == {"groupId": "red", "senderId": "ana"} | {name: row[name] for name in named}
    assert "hush" not in str(bus.taken) + log.text()
    assert log.warnings() == []


@pytest.mark.usefixtures("with_text")
def test_with_text_it_has_what_the_user_wrote(chat: Chat, bus: Service) -> None:
    chat.send(ANA, **OPTIONS, message="Grüße")
    [detail] = bus.details("messageStored")
    assert (detail["message"], detail["senderName"], detail["data"]) == ("Grüße", "Ana", {"width": 7})


@pytest.mark.usefixtures("with_members")
def test_with_a_members_table_it_says_who_is_offline(chat: Chat, bus: Service) -> None:
    chat.send(ANA)
    [detail] = bus.details("messageStored")
    assert (detail["offlineUserIds"], detail["truncated"]) == (["dora"], False)


@pytest.mark.usefixtures("with_members")
def test_the_list_of_those_offline_is_bounded(chat: Chat, bus: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    # Moto takes long for so many members.
    monkeypatch.setattr(event_bus, "_SECONDS", 10)
    for number in range(1_000):
        chat.tables.add_member(f"{number:0250}", "red")
    chat.send(ANA)
    [detail] = bus.details("messageStored")
    assert 300 < len(detail["offlineUserIds"]) < 500
    assert detail["truncated"] is True
    assert len(bus.taken[0]["Detail"]) < 110_000


@pytest.mark.usefixtures("with_members")
def test_a_group_that_is_too_large_to_know_says_so(chat: Chat, bus: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "1")
    settings.settings.cache_clear()
    chat.send(ANA)
    [detail] = bus.details("messageStored")
    assert (detail["offlineUserIds"], detail["truncated"]) == ([], True)


@pytest.mark.parametrize("trouble", ["raises", "refuses", "hangs"])
def test_what_the_bus_does_not_take_is_in_the_queue(
    chat: Chat, bus: Service, queue: Service, log: Log, trouble: str
) -> None:
    bus.trouble = aws_error("PutEvents", code="AccessDeniedException") if trouble == "raises" else None
    bus.refused = "ThrottlingException" if trouble == "refuses" else ""
    bus.hangs = 5.0 if trouble == "hangs" else 0
    pushed: list[float] = []
    began = time.monotonic()
    chat.gateway.on_delivery = lambda _, frame: (
        pushed.append(time.monotonic() - began) if frame["action"] == "message" else None
    )
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert time.monotonic() - began < 4
    assert len(pushed) == 2
    assert max(pushed) < 0.9  # The push has not waited for the bus.
    assert [detail["messageId"] for detail in queue.details("messageStored")] == [chat.acks(ANA)[0]["messageId"]]
    assert log.warnings() == ["event not taken by the bus: the failures queue gets it"]


def test_the_ack_comes_after_the_event_is_handed_over(chat: Chat, bus: Service) -> None:
    bus.hangs = 0.5
    order: list[str] = []
    chat.gateway.on_delivery = lambda _, frame: order.append(f"{frame['action']} {len(bus.taken)}")
    chat.send(ANA, clientMessageId="c1")
    assert order == ["message 0", "message 0", "ack 1"]


@pytest.mark.parametrize("protocol", [1, 2])
def test_without_bus_and_queue_a_retry_hands_the_event_over(
    chat: Chat, bus: Service, queue: Service, protocol: int
) -> None:
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=protocol)
    bus.trouble = queue.trouble = aws_error("PutEvents")
    assert chat.send(ANA, clientMessageId="c1") == 503
    assert [frame["retryable"] for frame in chat.frames(ANA) if frame["action"] == "error"] == [True]
    assert len(chat.pushes(BOB)) == 1
    assert chat.acks(ANA) == []
    delivery._pushed.clear()  # noqa: SLF001 - another process
    bus.trouble = None
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert len(bus.details("messageStored")) == 1
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [True]
    assert len(chat.pushes(BOB)) == 1  # It is marked as pushed.


def test_a_message_that_cannot_be_repeated_is_not_retryable(chat: Chat, bus: Service, queue: Service) -> None:
    bus.trouble = queue.trouble = aws_error("PutEvents")
    assert chat.send(ANA) == 503
    assert [frame["retryable"] for frame in chat.frames(ANA) if frame["action"] == "error"] == [False]


def test_a_retry_of_a_message_that_everybody_has_is_an_event_again(chat: Chat, bus: Service) -> None:
    chat.send(ANA, clientMessageId="c1")
    chat.send(ANA, clientMessageId="c1")
    first, second = bus.details("messageStored")
    assert first == second


@pytest.mark.usefixtures("with_changes", "with_text")
def test_a_changed_message_is_an_event(modern_chat: Chat, bus: Service, queue: Service) -> None:
    modern_chat.send(ANA, clientMessageId="c1")
    message_id = modern_chat.acks(ANA)[0]["messageId"]
    modern_chat.ask(ANA, "editMessage", messageId=message_id, message="Hello")
    modern_chat.ask(ANA, "editMessage", messageId=message_id, message="Hello")
    [detail] = bus.details("messageChanged")
    [row] = modern_chat.tables.messages()
    assert detail["message"] == "Hello"
    assert detail["editedAt"] == detail["changedAt"] == row["changedAt"]
    bus.trouble = aws_error("PutEvents")
    modern_chat.ask(ANA, "deleteMessage", messageId=message_id)
    assert [detail["message"] for detail in queue.details("messageChanged")] == [""]


def record(number: int, event: str, user_id: str, group_id: str = "red") -> dict[str, Any]:
    at = {"connectedAt": {"S": times.timestamp()}, "joinedAt": {"S": times.timestamp()}}
    image = {"connectionId": {"S": f"New{number}="}, "apiId": {"S": settings.settings().api_id}} | at
    image |= {"userId": {"S": user_id}, "groupId": {"S": group_id}}
    stored = {"SequenceNumber": str(number), "NewImage" if event == "INSERT" else "OldImage": image}
    return {"eventName": event, "dynamodb": stored}


def people(bus: Service, kind: str) -> list[tuple[str, str]]:
    return [(detail["groupId"], detail["userId"]) for detail in bus.details(kind)]


def test_who_joins_and_leaves_is_an_event(modern_chat: Chat, bus: Service) -> None:
    records = [record(1, "INSERT", "dora"), record(2, "REMOVE", "fay"), record(3, "REMOVE", "gil", "empty")]
    presence_events.handler({"Records": records}, modern_chat.context)
    assert people(bus, "joined") == [("red", "dora")]
    assert sorted(people(bus, "left")) == [("empty", "gil"), ("red", "fay")]
    assert bus.details("joined")[0].keys() == {"groupId", "userId", "timestamp"}


def test_more_people_than_a_call_takes_are_several_calls(modern_chat: Chat, bus: Service) -> None:
    records = [record(number, "INSERT", f"user{number}") for number in range(25)]
    presence_events.handler({"Records": records}, modern_chat.context)
    assert len(people(bus, "joined")) == 25


def test_a_record_whose_event_is_not_taken_is_repeated_by_the_stream(modern_chat: Chat, bus: Service) -> None:
    bus.refused = "ThrottlingException"
    batch = {"Records": [record(1, "INSERT", "dora")]}
    answer = presence_events.handler(batch, modern_chat.context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert [frame["joined"] for frame in modern_chat.frames(BOB)] == [[{"userId": "dora"}]]  # They were told.
    bus.refused = ""
    assert presence_events.handler(batch, modern_chat.context) is None
    assert people(bus, "joined") == [("red", "dora")]


def test_a_large_group_has_no_such_events(modern_chat: Chat, bus: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "1")
    settings.settings.cache_clear()
    presence_events.handler({"Records": [record(1, "INSERT", "dora"), record(2, "REMOVE", "fay")]}, modern_chat.context)
    assert bus.taken == []


@pytest.fixture
def clear() -> Iterator[None]:
    event_bus.bus_client.cache_clear()
    yield
    event_bus.bus_client.cache_clear()


@pytest.mark.usefixtures("clear")
def test_without_a_bus_there_is_no_client(chat: Chat) -> None:
    chat.send(EVE)
    assert event_bus.bus_client() is None


@pytest.mark.parametrize("frame", [{"groupId": "blue"}, {"senderId": "bob"}, {"message": ""}])
def test_what_is_refused_is_no_event(chat: Chat, bus: Service, frame: dict[str, str]) -> None:
    chat.tables.add_connection(ANA, "ana", "red", protocol=2)
    assert chat.send(ANA, **frame) != 200
    assert bus.taken == []


@pytest.mark.usefixtures("with_members")
def test_in_a_group_without_connections_everybody_is_offline(chat: Chat, bus: Service) -> None:
    chat.tables.add_member("fay", "green")
    message = {"messageId": "m", "groupId": "green", "senderId": "system", "timestamp": times.timestamp()}
    event_bus.message_stored(message, time.monotonic() + 5)()
    [detail] = bus.details("messageStored")
    assert (detail["offlineUserIds"], detail["truncated"]) == (["fay"], False)


@pytest.mark.usefixtures("with_members")
def test_the_sender_is_not_offline_although_the_index_lags(bus: Service) -> None:
    message = {"messageId": "m", "groupId": "red", "senderId": "dora"}
    event_bus.message_stored(message, time.monotonic() + 5)()
    assert bus.details("messageStored") == [message | {"offlineUserIds": [], "truncated": False}]


@pytest.mark.usefixtures("with_members")
def test_an_event_does_not_wait_for_the_list_of_those_offline(chat: Chat, bus: Service, log: Log) -> None:
    began = time.monotonic()
    message = {"messageId": "m", "groupId": "red", "senderId": "ana"}
    with chat.tables.hanging("Query"):
        event_bus.message_stored(message, began + 20)()
    assert time.monotonic() - began < 4
    assert bus.details("messageStored") == [message | {"offlineUserIds": [], "truncated": True}]
    assert log.warnings() == ["event does not say who is offline"]
