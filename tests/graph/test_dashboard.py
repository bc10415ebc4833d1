"""What the dashboard shows, and whether it calculates with the right prices."""

import json
import re
from typing import Any

import pytest

from components import WebSocketChatArgs
from components.arguments.table import ARGUMENTS

from .argument_cases import TOPIC
from .stack import PROJECT, REGION, WITH_TOKENS, Properties, chat, known_chat

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
ON: WebSocketChatArgs = {"dashboard": True}
EVERYTHING: WebSocketChatArgs = WITH_TOKENS | ON | {"publish": True, "unread": True, "changes": True, "alarms": TOPIC}


def graphs(args: WebSocketChatArgs) -> dict[str, Properties]:
    """The graphs of the dashboard, by the first word of their titles."""
    body = json.loads(known_chat(args).resources["chat-dashboard"].inputs["dashboardBody"])
    assert {widget["type"] for widget in body["widgets"]} == {"metric"}
    return {widget["properties"]["title"].split()[0]: widget["properties"] for widget in body["widgets"]}


def metrics(args: WebSocketChatArgs) -> list[list[Any]]:
    """The metrics of all graphs, without expressions and options."""
    shown = [metric for graph in graphs(args).values() for metric in graph["metrics"]]
    return [[part for part in metric if isinstance(part, str)] for metric in shown if isinstance(metric[0], str)]


@pytest.mark.parametrize("args", [{}, {"dashboard": False}])
def test_without_it_there_is_nothing(args: WebSocketChatArgs) -> None:
    graph = chat(args)
    assert (graph.of_type(DASHBOARD), graph.of_type(FILTER)) == ({}, {})


def test_filters_are_shared_with_the_alarms() -> None:
    of_alarms = chat({"alarms": TOPIC}).of_type(FILTER)
    of_both = chat(ON | {"alarms": TOPIC}).of_type(FILTER)
    assert of_alarms.keys() < of_both.keys()
    assert of_both.keys() == known_chat(ON).of_type(FILTER).keys()
    assert {name: of_both[name].inputs for name in of_alarms} == {name: one.inputs for name, one in of_alarms.items()}


def test_it_shows_these_graphs() -> None:
    assert list(graphs(ON)) == ["Connections", "Messages", "Recipients", "Not", "Time", "Cost"]
    assert {graph["region"] for graph in graphs(ON).values()} == {REGION}
    names = [metric["metrics"][0][1] for metric in graphs(ON).values() if isinstance(metric["metrics"][0][0], str)]
    assert names == ["ConnectCount", "messages", "recipients", "Duration"]


def test_widgets_do_not_overlap() -> None:
    body = json.loads(known_chat(ON).resources["chat-dashboard"].inputs["dashboardBody"])
    places = {(widget["x"], widget["y"]) for widget in body["widgets"]}
    assert places == {(x, y) for x in (0, 8, 16) for y in (0, 6)}


@pytest.mark.parametrize("args", [ON, EVERYTHING, ON | {"presence": False}], ids=["defaults", "all", "no presence"])
def test_every_metric_of_the_logs_is_shown_and_counted(args: WebSocketChatArgs) -> None:
    found = known_chat(args).of_type(FILTER).values()
    counted = {(one["namespace"], one["name"]) for one in (each.inputs["metricTransformation"] for each in found)}
    own = {(metric[0], metric[1]) for metric in metrics(args) if metric[0].startswith("websocket-chat/")}
    [[search]] = graphs(args)["Not"]["metrics"]
    namespace, name = re.findall(r'^SEARCH\(\'\{"(.+)",code\} MetricName="(\w+)"', search["expression"])[0]
    assert own | {(namespace, name)} == counted


def test_few_enough_metrics_that_three_dashboards_are_free() -> None:
    assert len({tuple(metric) for metric in metrics(EVERYTHING)}) <= 50  # https://aws.amazon.com/cloudwatch/pricing/


def test_the_prices_in_the_text() -> None:
    found = known_chat(ON).of_type(FILTER).values()
    names = {one.inputs["metricTransformation"]["name"] for one in found}
    assert f"$0.30 for each of its {len(names - {'refused'})} metrics" in ARGUMENTS["dashboard"].text


def cost(args: WebSocketChatArgs, label: str, **sums: float) -> float:
    """Calculate a cost as CloudWatch does, from the sums of metrics by the start of their ids."""
    graph = graphs(args)["Cost"]
    [expression] = [
        one[0]["expression"] for one in graph["metrics"] if one[0].__class__ is dict and one[0]["label"] == label
    ]
    ids = {re.sub(r"[\d_]+$", "", one[-1]["id"]) for one in graph["metrics"] if isinstance(one[0], str)}

    def value(found: re.Match[str]) -> str:
        assert found[1] in ids, "no metric has this id"
        return str(sums.get(found[1], 0))

    numbers = re.sub(r'SUM\(FILL\(METRICS\("(\w+)"\), 0\)\)', value, expression)
    assert re.fullmatch(r"[\d.*/+ ]+", numbers)
    return float(eval(numbers))  # noqa: S307 - digits and signs


def test_costs_are_those_of_the_readme() -> None:
    rows = dict(re.findall(r"^\| (API Gateway|DynamoDB \w+|Lambda) \|.+\| (.+) \|$", README, re.MULTILINE))
    per_million = {name: float(re.findall(r"\$([\d.]+) per million", text)[0]) for name, text in rows.items()}
    assert cost(ON, "API Gateway", frames=1e6) == pytest.approx(per_million["API Gateway"])
    assert cost(ON, "DynamoDB", reads=1e6) == pytest.approx(per_million["DynamoDB reads"])
    assert cost(ON, "DynamoDB", writes=1e6) == pytest.approx(per_million["DynamoDB writes"])
    assert cost(ON, "Lambda", invocations=1e6) == pytest.approx(per_million["Lambda"])
    [second] = re.findall(r"\$([\d.]+) per GB-second", rows["Lambda"])
    for memory in (512, 2_048):
        found = cost(ON | {"memory_size": memory}, "Lambda", durations=1e6)
        assert found == pytest.approx(float(second) * 1_000 * memory / 1_024, rel=0.01)


README = (PROJECT / "README.md").read_text()


def test_costs_cover_every_function_and_table() -> None:
    graph = known_chat(EVERYTHING)
    names = {one.inputs["name"] for one in graph.of_type("aws:lambda/function:Function").values()}
    of_cost = [one for one in graphs(EVERYTHING)["Cost"]["metrics"] if isinstance(one[0], str)]
    for metric in ("Invocations", "Duration"):
        assert {one[3] for one in of_cost if one[1] == metric} == names
    tables = {one[3] for one in of_cost if one[0] == "AWS/DynamoDB"}
    assert tables == {"ChatMessages", "WebSocketConnections", "WebSocketReadMarkers", "WebSocketChanges"}
    ids = [one[-1]["id"] for one in of_cost]
    assert len(set(ids)) == len(ids)
    assert {one[-1]["visible"] for one in of_cost} == {False}
