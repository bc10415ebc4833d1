"""The component for programs in other languages: Pulumi infers its schema from the code."""

from dataclasses import asdict

import pytest
from pulumi.provider.experimental.analyzer import Analyzer, ComponentDefinition, PropertyType
from pulumi.provider.experimental.component import ComponentProvider

from components import WebSocketChat
from components.args import Settings

from .stack import run


@pytest.fixture(scope="module")
def schema() -> ComponentDefinition:
    return Analyzer("websocket-chat").analyze([WebSocketChat])["component_definitions"]["WebSocketChat"]


def test_every_argument_is_optional_and_documented_with_its_default(schema: ComponentDefinition) -> None:
    texts = {True: "true", False: "false"}
    defaults = asdict(Settings()) | {"tags": "none"}
    for key, name in schema.inputs_mapping.items():
        argument = schema.inputs[key]
        assert argument.optional
        default = texts.get(defaults[name], f"{defaults[name]}")
        default = f"``{default}``" if argument.type is PropertyType.STRING else default
        assert f"Default: {default}" in (argument.description or "")
    assert set(schema.inputs_mapping.values()) == defaults.keys()


def test_every_output_is_documented(schema: ComponentDefinition) -> None:
    assert schema.outputs
    assert [name for name, output in schema.outputs.items() if not output.description] == []


def test_takes_numbers_as_pulumi_hands_them_over() -> None:
    def from_another_language() -> None:
        provider = ComponentProvider([WebSocketChat], "websocket-chat")
        inputs = {"memorySize": 1024.0, "connectionTtl": 7200.0}  # Its wire format has no integers.
        provider.construct("chat", "websocket-chat:index:WebSocketChat", inputs)

    function = run(from_another_language).resources["chat-connect-function"].inputs
    assert function["memorySize"] == 1024
    assert function["environment"]["variables"]["CONNECTION_TTL_SECONDS"] == "7200"
