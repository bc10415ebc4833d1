"""Each alarm goes off for the metric that AWS sends, and for no other. tests/alarms.py has these metrics."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.deploy import deploy
from local.prerequisites import create_messages_table
from tests.alarms import Watched, watched
from tests.graph.test_resources import FUNCTIONS
from tests.switches.emulator import SwitchedEmulator

from .conftest import Chat

CONFIG = {"publish": True, "authentication": "jwt", "jwtIssuer": "https://example.com", "jwtAudience": ["chat"]}
RATE = 2_500
NAMES = sorted(watched(FUNCTIONS, prefix="", queue="", api="", stage="", rate=RATE))
"""The alarms of a chat with everything that has some, by their names within the component."""


@pytest.fixture(scope="module")
def alarmed() -> Iterator[Chat]:
    """A chat whose alarms tell a topic, which hands everything to a queue named heard."""
    with SwitchedEmulator(port=0) as emulator:
        emulator.switch(exact_alarms=True)
        create_messages_table(emulator)
        topics, queues = emulator.client("sns"), emulator.client("sqs")
        topic = topics.create_topic(Name="alerts")["TopicArn"]
        queue = queues.create_queue(QueueName="heard")["QueueUrl"]
        queue_arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        queues.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
        topics.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
        config = CONFIG | {"alarms": topic, "accountRequestRate": RATE}
        yield Chat(emulator, deploy(emulator, config))


@pytest.fixture(scope="module")
def expected(alarmed: Chat) -> dict[str, Watched]:
    queue = alarmed.outputs["FailuresQueueURL"].rpartition("/")[2]
    functions = {child: f"WebSocket{name}" for child, name in FUNCTIONS.items()}
    return watched(
        functions, prefix="WebSocket", queue=queue, api=alarmed.outputs["ApiId"], stage="production", rate=RATE
    )


def alarm(chat: Chat, name: str) -> dict[str, Any]:
    """The alarm as CloudWatch has it. Pulumi has made up the end of its name."""
    found = chat.emulator.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"chat-{name}-alarm-")["MetricAlarms"]
    [one] = found
    return dict(one)


def send(chat: Chat, metric: Watched, value: float, *, periods: int, dimensions: dict[str, str] | None = None) -> None:
    """Send a value for each of the last periods. Beside it there are many zeros, which count in a percentile alone."""
    own = metric.dimensions if dimensions is None else dimensions
    chat.emulator.client("cloudwatch").put_metric_data(
        Namespace=metric.namespace,
        MetricData=[
            {
                "MetricName": metric.metric,
                "Dimensions": [{"Name": key, "Value": of} for key, of in own.items()],
                "Timestamp": time.time() - number * metric.period - 1,
                "Values": [value, 0],
                "Counts": [2, 98] if metric.statistic == "p99" else [1, 98],
            }
            for number in range(periods)
        ],
    )


def heard(chat: Chat) -> list[tuple[str, str]]:
    """What the topic was told since the last time: the alarms, and their new states."""
    queues = chat.emulator.client("sqs")
    url = queues.get_queue_url(QueueName="heard")["QueueUrl"]
    found = []
    while messages := queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            queues.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            about = json.loads(json.loads(message["Body"])["Message"])
            found.append((about["AlarmName"], about["NewStateValue"]))
    return found


def test_these_are_all_alarms(alarmed: Chat) -> None:
    found = alarmed.emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(found) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_alarm_goes_off_for_its_metric_alone(alarmed: Chat, expected: dict[str, Watched], name: str) -> None:
    metric, others = expected[name], {key: one for key, one in expected.items() if key != name}
    before = {other: alarm(alarmed, other)["StateValue"] for other in others}
    assert alarm(alarmed, name)["StateValue"] == "OK", "without data, nothing is wrong"
    heard(alarmed)

    send(alarmed, metric, metric.threshold * 2, periods=metric.periods, dimensions={"FunctionName": "Another"})
    assert alarm(alarmed, name)["StateValue"] == "OK", "that was another one's"
    if metric.too_high > 1:
        send(alarmed, metric, metric.threshold * 2, periods=metric.too_high - 1)
        assert alarm(alarmed, name)["StateValue"] == "OK", "it must last"
    else:
        send(alarmed, metric, metric.threshold - 1, periods=1)
        assert alarm(alarmed, name)["StateValue"] == "OK", "that was normal"

    send(alarmed, metric, metric.threshold, periods=metric.periods)
    assert alarm(alarmed, name)["StateValue"] == "ALARM"
    assert heard(alarmed) == [(alarm(alarmed, name)["AlarmName"], "ALARM")]
    assert {other: alarm(alarmed, other)["StateValue"] for other in others} == before
