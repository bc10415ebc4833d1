"""The bus of events: it is looked up by its name, and never made or changed."""

from typing import cast

import pulumi
import pytest

from components import InvalidArgumentError, WebSocketChat, WebSocketChatArgs

from .argument_cases import BUS
from .stack import Graph, chat, known_chat, run

LOOK_UP = "aws:cloudwatch/getEventBus:getEventBus"


def buses(graph: Graph) -> set[str]:
    functions = graph.of_type("aws:lambda/function:Function").values()
    return {function.inputs["environment"]["variables"]["EVENT_BUS"] for function in functions}


def looked_up(graph: Graph) -> list[str]:
    return [args["name"] for token, args, _ in graph.calls if token == LOOK_UP]


def test_a_bus_is_looked_up_by_its_name() -> None:
    graph = known_chat({"event_bus": "chat"})
    assert (buses(graph), looked_up(graph)) == ({BUS}, ["chat"])


@pytest.mark.parametrize("bus", ["", BUS])
def test_an_arn_is_taken_as_it_is(bus: str) -> None:
    graph = known_chat({"event_bus": bus})
    assert (buses(graph), looked_up(graph)) == ({bus}, [])


@pytest.mark.parametrize("bus", ["chat", BUS])
def test_an_output_is_a_name_or_an_arn(bus: str) -> None:
    def program() -> None:
        WebSocketChat("chat", cast("WebSocketChatArgs", {"event_bus": pulumi.Output.from_input(bus)}))

    graph = run(program)
    assert buses(graph) == {BUS}


def test_a_missing_bus_is_refused_before_anything_is_registered() -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"event_bus .* = 'Missing' is not allowed: .*couldn't find resource"
    ):
        chat({"event_bus": "Missing"})
