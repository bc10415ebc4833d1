"""The component in other languages. Pulumi infers its schema from the code."""

import re
from dataclasses import asdict
from typing import Any

import pytest
from pulumi.provider.experimental.analyzer import Analyzer, ComponentDefinition, PropertyType
from pulumi.provider.experimental.component import ComponentProvider

from components import Authentication, WebSocketChat
from components.arguments import Settings

from .stack import Graph, run

WITHOUT_DEFAULT = {
    "role_name": "Default: the prefix, then ``LambdaRole``.",
    "jwt_issuer": "Needed for ``jwt``, unless",
    "jwt_audience": "Needed for ``jwt``.",
    "jwt_jwks_url": "Default: the issuer's ``/.well-known/jwks.json``.",
    "cognito_user_pool_id": "in place of ``jwt_issuer``.",
}
"""Texts of arguments that are required, or whose default follows from other arguments."""


@pytest.fixture(scope="module")
def analyzed() -> Any:
    return Analyzer("websocket-chat").analyze([WebSocketChat])


@pytest.fixture(scope="module")
def schema(analyzed: Any) -> ComponentDefinition:
    found: ComponentDefinition = analyzed["component_definitions"]["WebSocketChat"]
    return found


def _in_words(default: object, *, plain: bool) -> str:
    match default:
        case bool():
            return str(default).lower()
        case "" | [] | {}:
            return "none"
        case list():
            return ", ".join(default)
        case Authentication():
            return f"``{default.value}``"
    return f"{default}" if plain else f"``{default}``"


def test_every_argument_is_optional_and_documented_with_its_default(schema: ComponentDefinition) -> None:
    defaults = asdict(Settings())
    for key, name in schema.inputs_mapping.items():
        argument = schema.inputs[key]
        assert argument.optional
        default = _in_words(defaults[name], plain=argument.type is not PropertyType.STRING)
        description = " ".join((argument.description or "").split())
        if name in WITHOUT_DEFAULT:
            assert not defaults[name]
            assert WITHOUT_DEFAULT[name] in description
        else:
            assert re.search(rf"Default: {re.escape(default)}[.,\s]", description), description
    assert set(schema.inputs_mapping.values()) == defaults.keys()


def test_every_choice_of_authentication_is_documented(analyzed: Any, schema: ComponentDefinition) -> None:
    assert schema.inputs["authentication"].ref == "#/types/websocket-chat:index:Authentication"
    choices = analyzed["type_definitions"]["Authentication"]
    assert {choice.name: choice.value for choice in choices.enum} == {"NONE": "none", "JWT": "jwt", "IAM": "iam"}
    assert [choice.name for choice in choices.enum if not choice.description] == []
    assert choices.description


@pytest.mark.parametrize("name", ["jwt_audience", "jwt_algorithms", "allowed_origins"])
def test_a_list_contains_texts(name: str, schema: ComponentDefinition) -> None:
    (argument,) = [schema.inputs[key] for key, argument in schema.inputs_mapping.items() if argument == name]
    assert argument.type is PropertyType.ARRAY
    assert argument.items
    assert argument.items.type is PropertyType.STRING


def test_every_output_is_documented(schema: ComponentDefinition) -> None:
    assert schema.outputs
    assert [name for name, output in schema.outputs.items() if not output.description] == []


def _from_another_language(**inputs: object) -> Graph:
    def construct() -> None:
        provider = ComponentProvider([WebSocketChat], "websocket-chat")
        provider.construct("chat", "websocket-chat:index:WebSocketChat", inputs)

    return run(construct)


def test_numbers_from_another_language_are_accepted() -> None:
    # Pulumi's wire format has no integers.
    graph = _from_another_language(memorySize=1024.0, connectionTtl=7200.0, messageRate=5.0)
    function = graph.resources["chat-connect-function"].inputs
    variables = function["environment"]["variables"]
    assert function["memorySize"] == 1024
    assert (variables["CONNECTION_TTL_SECONDS"], variables["MESSAGE_RATE"]) == ("7200", "5")


def test_choices_and_lists_from_another_language_are_accepted() -> None:
    graph = _from_another_language(
        authentication="jwt", jwtIssuer="https://issuer.example", jwtAudience=["app"], allowedOrigins=["https://app"]
    )
    resources = graph.resources
    assert resources["chat-connect-route"].inputs["authorizationType"] == "CUSTOM"
    assert resources["chat-connect-function"].inputs["environment"]["variables"]["AUTHENTICATION"] == "jwt"
    assert resources["chat-connect-function"].inputs["environment"]["variables"]["ALLOWED_ORIGINS"] == '["https://app"]'
    assert resources["chat-authorizer-function"].inputs["environment"]["variables"]["JWT_AUDIENCE"] == '["app"]'
