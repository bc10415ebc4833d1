"""The chat of a CloudFormation stack moves to Pulumi, as docs/migration.md says. Every line of that page runs."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.emulator import REGION, ROOT, Emulator, websocket_urls

from .aws_cli import aws_cli
from .chatting import Chatting, OldClient
from .world import PROJECT, PulumiError, Stack

NAME = "nursify-websocket-api"
DOCUMENT = (PROJECT / "docs" / "migration.md").read_text()


def blocks(heading: str = "") -> list[str]:
    """The blocks of commands below a heading, or all of them."""
    [section] = re.findall(rf"(?ms)^##+ {heading}\n(.*?)(?=^##|\Z)", DOCUMENT) if heading else [DOCUMENT]
    return re.findall(r"(?ms)^```\n(.*?)^```", section)


LINES = {line for block in blocks() for line in block.splitlines()}


@pytest.fixture
def url(emulator: Emulator) -> str:
    """URL of the old stack, with what only AWS makes."""
    stacks, apis, logs = (emulator.client(service) for service in ("cloudformation", "apigatewayv2", "logs"))
    stacks.create_stack(
        StackName=NAME,
        TemplateBody=(PROJECT / "tests" / f"{NAME}.yaml").read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    stacks.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 0.1})
    api = _api(emulator)
    deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
    apis.update_stage(ApiId=api, StageName="production", DeploymentId=deployment)
    for function in ("WebSocketConnect", "WebSocketDisconnect", "WebSocketSendMessage"):
        logs.create_log_group(logGroupName=f"/aws/lambda/{function}")  # Lambda does this when a function first runs.
    [url] = websocket_urls(emulator.port)
    return url


def _api(emulator: Emulator) -> str:
    [api] = emulator.client("apigatewayv2").get_apis()["Items"]
    return str(api["ApiId"])


@pytest.fixture
def checkout(new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A checkout without a stack, and a shell with an account and the AWS CLI."""
    checkout = new_stack(None)
    shutil.copy(PROJECT / "Pulumi.production.yaml", checkout.directory)
    checkout.environment |= {
        "PATH": os.pathsep.join((checkout.environment["PATH"], str(Path(sys.executable).parent))),
        "AWS_ACCESS_KEY_ID": ROOT,
        "AWS_SECRET_ACCESS_KEY": ROOT,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": checkout.emulator.endpoint,
    }
    with aws_cli(checkout.directory.parent / "bin", checkout.emulator):
        yield checkout


def refusal(checkout: Stack, line: str) -> str:
    """Run a line that fails. Returns what it printed."""
    with pytest.raises(PulumiError) as error:
        checkout.shell(line)
    return str(error.value)


def commands(printed: str) -> list[str]:
    """The commands that ``python -m local.migration`` printed, section by section."""
    lines = [line for line in printed.splitlines() if re.match(r"(#|aws |pulumi |version=)", line)]
    return [section.strip() for section in re.split(r"(?m)^#.*\n", "\n".join(lines)) if section.strip()]


def account(emulator: Emulator) -> set[str]:
    """Everything in the account that the old stack has made, or that belongs to it."""
    functions, roles, apis = (emulator.client(service) for service in ("lambda", "iam", "apigatewayv2"))
    found = {f"table {name}" for name in emulator.client("dynamodb").list_tables()["TableNames"]}
    found |= {f"log group {one['logGroupName']}" for one in emulator.client("logs").describe_log_groups()["logGroups"]}
    for function in functions.list_functions()["Functions"]:
        name = function["FunctionName"]
        versions = functions.list_versions_by_function(FunctionName=name)["Versions"]
        found |= {f"function {name} {one['Version']}" for one in versions}
        found |= {f"permission {name} {one['Sid']}" for one in _statements(functions, name)}
    for role in roles.list_roles()["Roles"]:
        name = role["RoleName"]
        found.add(f"role {name}")
        found |= {f"policy {name} {one}" for one in roles.list_role_policies(RoleName=name)["PolicyNames"]}
        attached = roles.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        found |= {f"policy {name} {one['PolicyArn']}" for one in attached}
    for api in (one["ApiId"] for one in apis.get_apis()["Items"]):
        found.add(f"api {api}")
        found |= {f"stage {api} {one['StageName']}" for one in apis.get_stages(ApiId=api)["Items"]}
        found |= {f"deployment {api} {one['DeploymentId']}" for one in apis.get_deployments(ApiId=api)["Items"]}
        found |= {f"route {api} {one['RouteId']}" for one in apis.get_routes(ApiId=api)["Items"]}
        found |= {f"integration {api} {one['IntegrationId']}" for one in apis.get_integrations(ApiId=api)["Items"]}
    return found


def _statements(functions: Any, name: str) -> list[dict[str, Any]]:
    try:
        statements: list[dict[str, Any]] = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    except functions.exceptions.ResourceNotFoundException:
        return []
    return statements


def managed(stack: Stack) -> set[str]:
    """What Pulumi has of that."""
    resources = [
        (one["type"].rpartition(":")[2], one["id"], one["inputs"]) for one in stack.state().values() if "id" in one
    ]
    found: set[str] = set()
    for type_, id_, inputs in resources:
        match type_:
            case "Function":
                found.add(f"function {id_} $LATEST")
            case "LogGroup":
                found.add(f"log group {id_}")
            case "Permission":
                found.add(f"permission {inputs['function']} {id_}")
            case "RolePolicy":
                found.add(f"policy {id_.replace(':', ' ')}")
            case "RolePolicyAttachment":
                found.add(f"policy {inputs['role']} {inputs['policyArn']}")
            case "Role" | "Api":
                found.add(f"{type_.lower()} {id_}")
            case "Stage" | "Deployment" | "Route" | "Integration":
                found.add(f"{type_.lower()} {inputs['apiId']} {id_}")
    return found


def test_the_old_stack_moves_in_under_its_url(checkout: Stack, emulator: Emulator, url: str) -> None:
    api, apis = _api(emulator), emulator.client("apigatewayv2")
    [keep] = blocks("1. Keep the resources")
    [read] = blocks("2. Let the old code run on")
    prepare, config, import_, forget = blocks("3. Let Pulumi take over")
    switch, output, again = blocks("4. Switch")

    def deployed() -> str:
        return str(apis.get_stage(ApiId=api, StageName="production")["DeploymentId"])

    with Chatting(url, OldClient):
        checkout.shell(keep)
        [hold] = commands(refusal(checkout, read))
        checkout.shell(hold)

        printed_config, take_over, clean_up, back = commands(checkout.shell(prepare).text)
        assert (printed_config, take_over) == (config.strip(), (import_ + switch).strip())
        checkout.shell(config)
        before = account(emulator)
        checkout.shell(import_ + forget + prepare + import_)
        assert account(emulator) == before
        imported = checkout.state().keys()

        switched = checkout.shell(switch)
        assert switched.counts.keys() == {"create", "update"}
        assert imported.isdisjoint(switched.names("create"))
        same = {"role", "connect-route", "disconnect-route", "send-message-route"}
        assert same.isdisjoint(switched.names("update"))
        assert checkout.shell(output).text.strip() == url

        new = deployed()
        checkout.shell(back)
        assert deployed() != new
        assert checkout.shell(again).names("update") == ["stage"]
        assert deployed() == new

        checkout.shell(clean_up)
        stack_is_gone = emulator.client("cloudformation").get_waiter("stack_delete_complete")
        stack_is_gone.wait(StackName=NAME, WaiterConfig={"Delay": 0.1})
        assert checkout.up("--expect-no-changes").operations == ()
        with Chatting(url, group_id="new clients"):
            pass
    assert account(emulator) == managed(checkout) | {"table ChatMessages", "table WebSocketConnections"}


def test_the_chat_runs_beside_the_old_stack(checkout: Stack, url: str) -> None:
    beside, delete = blocks("Beside the old stack")
    with Chatting(url, OldClient):
        new_url = checkout.shell(beside).text.splitlines()[-1]
    with Chatting(new_url, group_id="new clients"):
        checkout.shell(delete)
    assert checkout.up("--expect-no-changes").operations == ()
