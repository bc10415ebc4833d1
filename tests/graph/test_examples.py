"""The programs in ``examples/``. Each is previewed like in ``pulumi preview``: values that AWS decides are unknown."""

import json
import runpy
import tomllib
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement  # installed by pytest
from pulumi.output import Unknown

from components import InvalidArgumentError
from handlers.protocol.program_frames import published_messages

from .stack import ACCOUNT, PROJECT, REGION, SURROUNDINGS, Graph, arn, run

EXAMPLES = {folder.name: folder for folder in sorted((PROJECT / "examples").iterdir()) if folder.is_dir()}
COUNTS = {
    "minimal": 39,
    "cognito_kms": 49,
    "offline_push": 59,
    "two_chats": 78,
    "order_queue": 53,
    "reminder_schedule": 49,
    "event_rule": 49,
}
"""Number of resources of each example, including the components."""

POOL = f"{REGION}_AbCdEfGhI"
KEY = arn("kms", "key/01234567-89ab-cdef-0123-456789abcdef")
MADE: dict[str, dict[str, Any]] = {
    "users": {"id": POOL},
    "app": {"id": "the-app"},
    "key": {"arn": KEY},
    "chat-events": {"arn": arn("events", "event-bus/chat-events")},
}
"""Outputs of the resources that examples create for their chats."""


def example(name: str, **options: Any) -> Graph:
    return run(lambda: runpy.run_path(str(EXAMPLES[name] / "__main__.py")), **options)


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_an_example_registers_its_resources(name: str, *, preview: bool) -> None:
    graph = example(name, preview=preview, outputs=MADE)
    assert len(graph.resources) == COUNTS[name]


def test_the_readme_lists_every_example() -> None:
    text = (PROJECT / "examples" / "README.md").read_text()
    assert [name for name in EXAMPLES if f"]({name}/)" not in text] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_pulumi_installs_the_component_for_an_example(name: str) -> None:
    runtime = yaml.safe_load((EXAMPLES[name] / "Pulumi.yaml").read_text())["runtime"]
    assert runtime == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "venv"}}
    [path] = (EXAMPLES[name] / "requirements.txt").read_text().split()
    assert (EXAMPLES[name] / path).resolve() == PROJECT


def test_the_requirements_of_an_example_allow_the_tested_versions() -> None:
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    allowed = {one.name: one.specifier for one in map(Requirement, declared)}
    lines = (PROJECT / "requirements.in").read_text().splitlines()
    pinned = [Requirement(line) for line in lines if not line.startswith("#")]
    assert {one.name for one in pinned} == allowed.keys()
    for one in pinned:
        (pin,) = one.specifier
        assert allowed[one.name].contains(pin.version)


def test_the_users_of_the_pool_can_connect() -> None:
    resources = example("cognito_kms", outputs=MADE).resources
    variables = resources["chat-authorizer-function"].inputs["environment"]["variables"]
    assert variables["JWT_ISSUER"] == f"https://cognito-idp.{REGION}.amazonaws.com/{POOL}"
    assert json.loads(variables["JWT_AUDIENCE"]) == ["the-app"]
    assert resources["chat-connect-route"].inputs["authorizationType"] == "CUSTOM"


def test_the_existing_members_table_is_used() -> None:
    graph = example("cognito_kms", preview=True)
    function = graph.resources["chat-connect-function"].inputs
    assert function["environment"]["variables"]["MEMBERS_TABLE"] == "GroupMembers"
    asked = [args["name"] for function, args, _ in graph.calls if function not in SURROUNDINGS]
    assert asked == ["SupportConnections", "ChatMessages", "GroupMembers"]
    tables = graph.of_type("aws:dynamodb/table:Table")
    assert tables.keys() == {"chat-connections", "chat-messages"}


def test_the_key_encrypts_tables_logs_and_queue() -> None:
    graph = example("cognito_kms", outputs=MADE)
    of_tables = [table.inputs["serverSideEncryption"] for table in graph.of_type("aws:dynamodb/table:Table").values()]
    assert of_tables == [{"enabled": True, "kmsKeyArn": KEY}] * 2
    assert {log.inputs["kmsKeyId"] for log in graph.of_type("aws:cloudwatch/logGroup:LogGroup").values()} == {KEY}
    assert graph.resources["chat-failures"].inputs["kmsMasterKeyId"] == KEY
    assert KEY in graph.resources["chat-key-policy"].inputs["policy"]


def test_cloudwatch_logs_may_use_the_key_for_every_log_group() -> None:
    graph = example("cognito_kms", outputs=MADE)
    statements = {one["Sid"]: one for one in json.loads(graph.resources["key"].inputs["policy"])["Statement"]}
    assert statements["AllowAccount"]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert statements["AllowLogs"]["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    (pattern,) = statements["AllowLogs"]["Condition"]["ArnLike"].values()
    logs = [log.inputs["name"] for log in graph.of_type("aws:cloudwatch/logGroup:LogGroup").values()]
    assert logs
    assert [name for name in logs if not fnmatchcase(arn("logs", f"log-group:{name}"), pattern)] == []


def test_outputs_are_unknown_in_the_preview_and_checked_later() -> None:
    authorizer = example("cognito_kms", preview=True).resources["chat-authorizer-function"].inputs
    assert isinstance(authorizer["environment"]["variables"]["JWT_ISSUER"], Unknown)
    with pytest.raises(InvalidArgumentError, match="cognito_user_pool_id"):
        example("cognito_kms", outputs=MADE | {"users": {"id": "no-pool"}})


def test_two_chats_share_no_name() -> None:
    resources = example("two_chats", preview=True).resources.values()
    # A stage's name need only be unique in its API.
    named = [one for one in resources if "name" in one.inputs and not one.type.endswith(":Stage")]
    assert len({(one.type, one.inputs["name"]) for one in named}) == len(named)
    own = ("Customers", "Staff", "/aws/lambda/Customers", "/aws/lambda/Staff")
    assert [one.inputs["name"] for one in named if not one.inputs["name"].startswith(own)] == []


@pytest.mark.parametrize(("name", "role"), [("order_queue", "shipped-role"), ("reminder_schedule", "reminders")])
def test_a_program_that_speaks_may_call_the_chat(name: str, role: str) -> None:
    graph = example(name)
    policy = graph.resources[f"chat-{role}-may-publish-policy"].inputs
    assert policy["role"] == f"{role}-id"
    assert json.loads(policy["policy"])["Statement"][0]["Resource"].endswith(":function:WebSocketPublish")


def test_the_schedule_and_the_rule_ask_for_what_the_function_serves() -> None:
    graph = example("reminder_schedule")
    target = graph.resources["stand-up"].inputs["target"]
    assert target["arn"].endswith(":function:WebSocketPublish")
    assert published_messages(json.loads(target["input"]), "System")
    template = example("event_rule").resources["shipped-to-chat"].inputs["inputTransformer"]
    text = template["inputTemplate"]
    for name in template["inputPaths"]:
        assert f"<{name}>" in text
    for name in ("group", "event"):
        text = text.replace(f"<{name}>", json.dumps(name))
    assert published_messages(json.loads(text), "System")[0].group_id == "group"
    permission = example("event_rule").resources["shipped-may-publish"].inputs
    assert (permission["function"], permission["principal"]) == ("WebSocketPublish", "events.amazonaws.com")


def test_the_rule_matches_the_events_of_the_chat() -> None:
    resources = example("offline_push", outputs=MADE).resources
    variables = resources["chat-send-message-function"].inputs["environment"]["variables"]
    pattern = json.loads(resources["push-rule"].inputs["eventPattern"])
    assert pattern == {"source": [variables["EVENT_SOURCE"]], "detail-type": ["messageStored"]}
    assert variables["EVENT_BUS"] == MADE["chat-events"]["arn"]
