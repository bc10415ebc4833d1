"""What CloudWatch counts from the lines that the functions write: the patterns and the lines fit each other."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from components.metric_filters import FAILED, LogMetric
from handlers import broadcast
from handlers.requests.background import InvocationError
from tests.filter_patterns import counted

from .chat import ANA, BOB, Chat
from .conftest import Log
from .management_api_server import GONE, Answer
from .program import Call

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
