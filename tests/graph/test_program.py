"""The program: its config, its outputs, and the files that Pulumi reads."""

import inspect
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
import yaml
from pulumi.config import ConfigTypeError

from components import InvalidArgumentError
from components.arguments import Settings

from .argument_cases import CASES, INSTEAD
from .stack import ACCOUNT, PROJECT, REGION, Graph, Properties, chat, declared_config, program

CONFIG = declared_config()
STACK_FILES = sorted(PROJECT.glob("Pulumi.*.yaml"))
PYTHON_TYPES: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "array": list}
OTHER_VALUES: dict[str, object] = {case.config_key: case.other for case in CASES.values()} | {
    "tags": ["Team=Chat", "Empty=", "Formula=a=b"]
}
OTHERS_INSTEAD = {CASES[name].config_key: value for name, value in INSTEAD.items()}


def _snake(key: str) -> str:
    return re.sub(r"([A-Z])", lambda upper: f"_{upper[1].lower()}", key)


def _stack_config(file: Path) -> Properties:
    config: Properties = yaml.safe_load(file.read_text())["config"]
    return config


def _of_type(*types: str) -> list[str]:
    return [key for key, declared in CONFIG.items() if declared["type"] in types]


def _inputs(graph: Graph) -> dict[str, Properties]:
    return {
        name: {key: value for key, value in part.inputs.items() if key != "code"}
        for name, part in graph.resources.items()
    }


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({}, {}),
        ({"authentication": "iam"}, {}),
        (
            {"authentication": "jwt", "jwtIssuer": "https://issuer.example", "jwtAudience": ["app"]},
            {"authorizer": "WebSocketAuthorize"},
        ),
        ({"publish": True}, {"publish": "WebSocketPublish"}),
    ],
    ids=["none", "iam", "jwt", "publish"],
)
def test_the_program_exports_exactly_these_outputs(config: dict[str, object], more: dict[str, str]) -> None:
    host = f"chat-api-id.execute-api.{REGION}.amazonaws.com"
    functions = {
        "$connect": "WebSocketConnect",
        "$disconnect": "WebSocketDisconnect",
        "sendMessage": "WebSocketSendMessage",
        "$default": "WebSocketDefault",
        "broadcast": "WebSocketBroadcast",
        "presence": "WebSocketPresence",
        **more,
    }
    assert program(config).outputs == {
        "WebSocketURL": f"wss://{host}/production",
        "CallbackURL": f"https://{host}/production",
        "ApiId": "chat-api-id",
        "ConnectionsTable": "WebSocketConnections",
        "MessagesTable": "ChatMessages",
        "FailuresQueueURL": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/chat-failures-1a2b3c4",
        "FunctionNames": functions,
        "LogGroupNames": {key: f"/aws/lambda/{function}" for key, function in functions.items()},
    } | ({"PublishFunction": more["publish"]} if "publish" in more else {})


@pytest.mark.parametrize("values", [OTHER_VALUES, OTHER_VALUES | OTHERS_INSTEAD], ids=["one", "the other"])
def test_every_config_value_reaches_the_argument_with_its_name(values: dict[str, object]) -> None:
    args: Any = {_snake(key): value for key, value in values.items()}
    args["tags"] = {"Team": "Chat", "Empty": "", "Formula": "a=b"}
    assert _inputs(program(values)) == _inputs(chat(args))


def test_every_key_has_another_value() -> None:
    assert OTHER_VALUES.keys() == CONFIG.keys()
    same = {key for key, declared in CONFIG.items() if OTHER_VALUES[key] == declared["default"]}
    assert {key for key in same if OTHERS_INSTEAD.get(key) in (None, CONFIG[key]["default"])} == set()


def test_an_unknown_authentication_is_refused() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="authentication = 'JWT' is not allowed: it must be none, jwt, iam"):
        program({"authentication": "JWT"}, graph=graph)
    assert graph.resources == {}


def test_without_any_config_the_program_has_the_declared_defaults() -> None:
    assert _inputs(program(dict.fromkeys(CONFIG))) == _inputs(program())


@pytest.mark.parametrize("key", _of_type("integer", "boolean", "array"))
def test_config_of_another_type_is_refused(key: str) -> None:
    graph = Graph()
    with pytest.raises(ConfigTypeError, match=f"'websocket-chat:{key}'"):
        program({key: "some text"}, graph=graph)
    assert graph.resources == {}


@pytest.mark.parametrize("tag", ["Team", ""])
def test_a_tag_that_is_not_a_pair_is_refused(tag: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match=f"tags = '{tag}' is not allowed: it must be written Key=Value"):
        program({"tags": ["Fine=tag", tag]}, graph=graph)
    assert graph.resources == {}


def test_tags_that_are_an_object_in_the_config_are_refused() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match=r"because of 'Team=b': it must be without a second tag Team"):
        program({"tags": ["Team=a", "Team=b"]})
    with pytest.raises(InvalidArgumentError, match="it must be a list of texts, each written Key=Value"):
        program({"tags": {"Team": "chat"}}, graph=graph)
    assert graph.resources == {}


def test_pulumi_up_installs_the_environment() -> None:
    runtime = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["runtime"]
    assert runtime == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "venv"}}

    text = re.sub(r"#.*", "", (PROJECT / "requirements.txt").read_text()).replace("\\\n", "")
    pins = [line for line in text.splitlines() if line.strip()]
    assert {"pulumi", "pulumi-aws"} <= {pin.partition("==")[0] for pin in pins}
    assert [pin for pin in pins if not re.match(r"[\w.\[\]-]+==\S+.*\s--hash=sha256:[0-9a-f]{64}", pin)] == []


@pytest.mark.parametrize("key", CONFIG)
def test_every_config_key_is_declared_in_full(key: str) -> None:
    declared = CONFIG[key]
    items = {"items"} if declared["type"] == "array" else set()
    assert declared.keys() == {"type", "description", "default"} | items
    assert declared["description"]
    assert type(declared["default"]) is PYTHON_TYPES[declared["type"]]


def test_the_declared_defaults_equal_those_of_the_component() -> None:
    defaults = asdict(Settings()) | {"tags": []}  # In the config, tags are a list.
    assert {_snake(key): declared["default"] for key, declared in CONFIG.items()} == defaults


@pytest.mark.parametrize("file", STACK_FILES, ids=lambda file: file.name)
def test_stack_files_name_only_known_keys(file: Path) -> None:
    for name, value in _stack_config(file).items():
        namespace, _, key = name.rpartition(":")
        if namespace:
            assert namespace == "aws"
            assert _snake(key) in inspect.signature(aws.Provider._internal_init).parameters  # noqa: SLF001
        else:  # Belongs to the project, whatever its name is.
            assert type(value) is PYTHON_TYPES[CONFIG[key]["type"]]


@pytest.mark.parametrize("project", ["websocket-chat", "my-chat"])
def test_production_protects_its_data_in_a_project_of_any_name(project: str) -> None:
    config = _stack_config(PROJECT / "Pulumi.production.yaml")
    assert config["aws:region"] == "us-east-1"
    table = program(config, project=project, preview=True).resources["chat-connections"].inputs
    assert (table["pointInTimeRecovery"], table["deletionProtectionEnabled"]) == ({"enabled": True}, True)


def test_a_new_project_asks_for_values_that_the_program_accepts() -> None:
    prompts = yaml.safe_load((PROJECT / "Pulumi.yaml").read_text())["template"]["config"]
    assert prompts.keys() == {"aws:region", "createMessagesTable"}
    assert all(prompt.keys() == {"description", "default"} for prompt in prompts.values())
    answers = {key: prompt["default"] for key, prompt in prompts.items()}
    assert "chat-messages" in program(answers, project="my-chat", preview=True, tables={}).resources
