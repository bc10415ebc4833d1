"""The component in other languages. Pulumi infers its schema from the code."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer, ComponentDefinition, PropertyType
from pulumi.provider.server import ComponentInitError

from components import Authentication, WebSocketChat
from components.arguments import Settings
from package.provider import Package

from .stack import PROJECT, Graph, run

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
        Package().construct("chat", "websocket-chat:index:WebSocketChat", inputs)

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


def test_an_integer_may_be_an_output() -> None:
    def construct() -> None:
        inputs = {"memorySize": pulumi.Output.from_input(1024.0), "timeout": pulumi.Output.from_input(pulumi.UNKNOWN)}
        Package().construct("chat", "websocket-chat:index:WebSocketChat", inputs)

    function = run(construct, preview=True).resources["chat-connect-function"].inputs
    assert function["memorySize"] == 1024
    assert pulumi.contains_unknowns(function["timeout"])


def test_an_input_that_the_component_does_not_have_is_refused() -> None:
    with pytest.raises(ComponentInitError, match=r"memory = 512.0 is not allowed: .* no argument has this name"):
        _from_another_language(memory=512.0)


def _camel(name: str) -> str:
    return name


def _pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def _snake(name: str) -> str:
    return re.sub("(?=[A-Z])", "_", name).lower()


SAMPLES: list[tuple[str, str, Callable[[str], str]]] = [
    ("typescript", r"(\w+): ", _camel),
    ("go", r"^\t+(\w+): +pulumi\.", _pascal),
    ("csharp", r"^ +(\w+) = [^(\n]*,$", _pascal),
    ("java", r"^ +\.(\w+)\(.+\)$", _camel),
    ("yaml", r"^      (\w+): ", _camel),
    ("python", r"(\w+)=", _snake),
]
"""The samples in README.md: the language, what sets a property there, and how it spells one."""


@pytest.mark.parametrize(("language", "setting", "spelled"), SAMPLES, ids=[language for language, *_ in SAMPLES])
def test_a_sample_in_the_readme_uses_properties_that_exist(
    language: str, setting: str, spelled: Callable[[str], str]
) -> None:
    resource = json.loads(Package().schema or "")["resources"]["websocket-chat:index:WebSocketChat"]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    [sample] = [block for block in blocks if "WebSocketChat" in block and "url" in block]
    found = set(re.findall(setting, sample, re.MULTILINE))
    assert len(found) == 3
    assert found <= set(map(spelled, resource["inputProperties"]))
    assert re.search(rf"\bchat\.({'|'.join(map(spelled, resource['properties']))})\b", sample)
