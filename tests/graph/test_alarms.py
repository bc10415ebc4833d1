"""What the alarms say and cost. test_resources.py has what they watch."""

import re

import pulumi
import pytest

from components import WebSocketChat, WebSocketChatArgs
from components.arguments.table import ARGUMENTS

from .argument_cases import TOPIC
from .stack import PROJECT, WITH_TOKENS, Properties, chat, known_chat, run

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
WITH_ALARMS: WebSocketChatArgs = {"alarms": TOPIC}
EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {"alarms": TOPIC, "publish": True}


@pytest.mark.parametrize("args", [{}, {"alarms": ""}, {"account_request_rate": 5_000}])
def test_without_a_topic_there_is_nothing(args: WebSocketChatArgs) -> None:
    assert {type_: chat(args).of_type(type_) for type_ in (ALARM, FILTER)} == {ALARM: {}, FILTER: {}}
    assert chat(args).resources.keys() == known_chat().resources.keys()


def test_a_topic_that_the_program_declares_is_told() -> None:
    graph = run(lambda: WebSocketChat("chat", {"alarms": pulumi.Output.from_input(TOPIC)}))
    assert {tuple(alarm.inputs["alarmActions"]) for alarm in graph.of_type(ALARM).values()} == {(TOPIC,)}


def test_the_price_in_the_text_is_that_of_the_alarms() -> None:
    graph = known_chat(WITH_ALARMS)
    number = len(graph.of_type(ALARM))
    metrics = {one.inputs["metricTransformation"]["name"] for one in graph.of_type(FILTER).values()}
    price = 0.10 * number + 0.30 * len(metrics)
    assert f"${price:.2f} for the {number} alarms" in ARGUMENTS["alarms"].text


@pytest.mark.parametrize("name", sorted(known_chat(EVERYTHING).of_type(ALARM)))
def test_each_alarm_says_what_to_do_first(name: str) -> None:
    graph = known_chat(EVERYTHING)
    alarm = graph.resources[name].inputs
    text = alarm["alarmDescription"]
    assert ". First step: " in text
    assert text.endswith(" docs/operations.md says more under Alarms.")
    assert "{" not in text
    assert len(text) <= 1_024  # AWS's limit
    if function := alarm.get("dimensions", {}).get("FunctionName"):
        assert function in text


def test_figures_in_the_texts_are_those_of_the_alarms() -> None:
    for name, alarm in known_chat(EVERYTHING).of_type(ALARM).items():
        threshold, text = int(alarm.inputs["threshold"]), alarm.inputs["alarmDescription"]
        minutes = int(alarm.inputs["period"]) // 60
        if found := re.search(r"at least (\d+) .*in (\d+) minutes", text, re.IGNORECASE):
            assert [*map(int, found.groups())] == [threshold, minutes], name
        if alarm.inputs["metricName"] == "Duration":
            assert f"{threshold // 1_000} seconds or longer" in text
            assert threshold < 1_000 * 5  # the shortest timeout


def test_the_alarm_for_requests_says_what_it_does_not_see() -> None:
    text = known_chat(WITH_ALARMS).resources["chat-requests-alarm"].inputs["alarmDescription"]
    assert "Other APIs of the account share the limit in this region, and this alarm does not see them" in text


def test_without_presence_no_alarm_watches_a_stream() -> None:
    names = chat(WITH_ALARMS | {"presence": False}).of_type(ALARM).keys()
    assert names == {name for name in known_chat(WITH_ALARMS).of_type(ALARM) if "presence" not in name}


def test_alarms_and_filters_give_the_functions_no_right() -> None:
    def policies(args: WebSocketChatArgs) -> dict[str, object]:
        return {name: one.inputs["policy"] for name, one in chat(args).resources.items() if "policy" in one.inputs}

    assert policies(EVERYTHING) == policies(EVERYTHING | {"alarms": ""})


def test_the_table_in_the_documents_has_each_alarm_and_its_threshold() -> None:
    text = (PROJECT / "docs/operations.md").read_text()
    rows = dict(re.findall(r"^\| `([\w-]+)`[^|]*\| ([^|]+) \|[^|]+\|[^|]+\|$", text, re.MULTILINE))
    functions = "|".join(re.escape(name.removesuffix("-logs")) for name in known_chat(EVERYTHING).resources)
    stated: dict[str, Properties] = {}
    for name, alarm in known_chat(EVERYTHING).of_type(ALARM).items():
        kind = re.sub(f"^(?:{functions})-(errors|throttles)$", r"FUNCTION-\1", name.removesuffix("-alarm"))
        stated[kind.removeprefix("chat-")] = alarm.inputs
    assert rows.keys() == stated.keys()
    for kind, inputs in stated.items():
        if kind not in {"requests", "send-message-duration", "presence-events-age"}:
            assert rows[kind].startswith(f"{int(inputs['threshold'])} "), kind
        minutes = int(inputs["period"] * (inputs["evaluationPeriods"] if inputs["period"] == 60 else 1)) // 60
        assert kind == "failures" or f"{minutes} minutes" in rows[kind], kind
