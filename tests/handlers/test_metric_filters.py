"""What CloudWatch counts from the lines that the functions write: the patterns and the lines fit each other."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from components.metric_filters import (
    DELIVERED,
    FAILED,
    MESSAGES,
    OF_DASHBOARD,
    PUBLISHED,
    RECIPIENTS,
    REFUSED,
    STALE,
    LogMetric,
)
from handlers import broadcast
from handlers.protocol.errors import Code
from handlers.requests.background import InvocationError
from tests.filter_patterns import counted, dimension

from .chat import ANA, BOB, Chat
from .conftest import Log
from .management_api_server import GONE, Answer
from .program import Call
from .tables import aws_error

_OF_LAMBDA = {*vars(logging.makeLogRecord({})), "message", "asctime"}


@dataclass(frozen=True)
class Counter:
    """Counts the lines that the functions have written, as the filters do."""

    log: Log

    def lines(self) -> list[str]:
        """The lines as the runtime of Lambda writes them: fields that a record has in addition are beside the others.

        https://github.com/aws/aws-lambda-python-runtime-interface-client has the formatter.
        """
        return [
            json.dumps(
                {"level": record.levelname, "message": record.getMessage(), "logger": record.name}
                | {name: value for name, value in vars(record).items() if name not in _OF_LAMBDA}
            )
            for record in self.log.records
        ]

    def __call__(self, metric: LogMetric) -> list[float]:
        """What each line that matches adds to the metric."""
        found = (counted(metric.pattern, metric.value, line) for line in self.lines())
        return [value for value in found if value is not None]

    def codes(self) -> list[str]:
        """The codes under which refusals count."""
        pattern, field = REFUSED.pattern, REFUSED.code or ""
        return [dimension(pattern, field, line) for line in self.lines() if counted(pattern, REFUSED.value, line)]


@pytest.fixture
def count(log: Log) -> Counter:
    return Counter(log)


@pytest.fixture
def large(chat: Chat) -> dict[str, Any]:
    """A slice of a large group."""
    members = [f"Member{number}=" for number in range(4)]
    for member in members:
        chat.tables.add_connection(member, member, "red")
    rows = chat.tables.connections()
    frame = '{"action":"message","messageId":"m1","message":"Hi"}'
    return {"frame": frame, "recipients": [[member, rows[member]["connectedAt"]["S"]] for member in members]}


def test_a_message_that_reaches_everybody_adds_no_failure(chat: Chat, count: Counter) -> None:
    chat.send(ANA)
    assert count(FAILED) == []


def test_failed_deliveries_of_a_message_count(chat: Chat, count: Counter) -> None:
    chat.gateway.answers = {ANA: Answer(403), BOB: Answer(403)}
    chat.send(ANA)
    assert count(FAILED) == [2]


def test_those_who_are_gone_have_not_failed(chat: Chat, count: Counter) -> None:
    chat.gateway.answers[BOB] = GONE
    chat.send(ANA)
    assert count(FAILED) == []


def test_failed_deliveries_of_a_slice_count(chat: Chat, count: Counter, large: dict[str, Any]) -> None:
    chat.gateway.answers["Member0="] = Answer(403)
    broadcast.handler(large, chat.context)
    assert count(FAILED) == [1]


def test_a_slice_that_lambda_repeats_does_not_count(chat: Chat, count: Counter, large: dict[str, Any]) -> None:
    chat.gateway.answers = {member: Answer(403) for member, _ in large["recipients"]}
    with pytest.raises(InvocationError):
        broadcast.handler(large, chat.context)
    assert count(FAILED) == []


@pytest.mark.usefixtures("publish_is_on")
def test_failed_deliveries_of_a_program_count(chat: Chat, call: Call, count: Counter) -> None:
    chat.gateway.answers[BOB] = Answer(403)
    call(groupIds=["red", "blue"], message="Hi", senderId="ana")
    assert count(FAILED) == [1]


def test_a_message_counts_once_with_its_recipients(chat: Chat, count: Counter) -> None:
    chat.gateway.answers[BOB] = GONE
    chat.send(ANA, clientMessageId="c1")
    assert {metric.name: count(metric) for metric in OF_DASHBOARD if metric is not PUBLISHED} == {
        "messages": [1],
        "recipients": [2],
        "delivered": [1],
        "stale": [1],
        "failed": [],
        "refused": [],
    }
    chat.send(ANA, clientMessageId="c1")
    assert count(MESSAGES) == [1]  # A retry is no other message.


def test_of_a_slice_only_recipients_count(chat: Chat, count: Counter, large: dict[str, Any]) -> None:
    broadcast.handler(large, chat.context)
    assert [count(metric) for metric in (MESSAGES, RECIPIENTS, DELIVERED, STALE)] == [[], [4], [4], []]


@pytest.mark.usefixtures("publish_is_on")
def test_a_message_of_a_program_counts_in_each_group(chat: Chat, call: Call, count: Counter) -> None:
    chat.gateway.answers[BOB] = GONE
    call(groupIds=["red", "blue"], message="Hi", senderId="ana")
    assert [count(metric) for metric in (PUBLISHED, RECIPIENTS, DELIVERED, STALE)] == [[2], [3], [2], [1]]
    call("getHistory", groupId="red")
    assert count(PUBLISHED) == [2]


@pytest.mark.usefixtures("publish_is_on")
def test_what_is_refused_counts_by_its_code(chat: Chat, call: Call, count: Counter) -> None:
    chat.send(ANA, senderId="bob")
    chat.connect("New=", "userId=ana")
    chat.ask(ANA, "fly")
    call("sendMessage", groupId="red")
    with chat.tables.failing("PutItem", aws_error("PutItem")):
        chat.send(ANA)
    assert count.codes() == ["FORBIDDEN", "BAD_REQUEST", "UNKNOWN_ACTION", "BAD_REQUEST", "UNAVAILABLE"]
    assert count(REFUSED) == [1] * 5
    assert set(count.codes()) <= {code.name for code in Code}


def test_what_is_served_is_not_refused(chat: Chat, count: Counter) -> None:
    chat.send(ANA)
    chat.ask(ANA, "ping")
    chat.connect("New=", "userId=ana&groupId=red")
    chat.disconnect(ANA)
    assert count.codes() == []
