"""``python -m local.migration``: what it reads of a stack, what it refuses, and what it writes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import migration
from local.emulator import REGION, ROOT, Emulator
from tests.graph.stack import PROJECT, chat

TEMPLATE = (PROJECT / "tests" / "nursify-websocket-api.yaml").read_text()
BESIDE = 'docs/migration.md, "Beside the old stack"'
PREFIXES = (f"Old{number}" for number in count())


def _retained(template: str, policy: str = "Retain") -> str:
    return re.sub(r"(?m)^( +)Type: AWS::.*$", rf"\g<0>\n\1DeletionPolicy: {policy}", template)


RETAINED = _retained(TEMPLATE)
READY = RETAINED.replace("Function.Arn}/", "Function.Arn}:7/")
"""As after both preparations: the API runs versions."""


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as emulator:
        yield emulator


@pytest.fixture
def create(emulator: Emulator) -> Callable[..., str]:
    """Create a stack. Its name is the prefix of its names too, so that all the stacks have room in one account."""
    stacks, apis = emulator.client("cloudformation"), emulator.client("apigatewayv2")

    def make(template: str = READY, prefix: str = "") -> str:
        name = prefix or next(PREFIXES)
        stacks.create_stack(
            StackName=name, TemplateBody=template.replace("WebSocket", name), Capabilities=["CAPABILITY_NAMED_IAM"]
        )
        stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 0.1})
        for resource in stacks.list_stack_resources(StackName=name)["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::ApiGatewayV2::Stage":
                api = _api(emulator, name)
                deployment = apis.create_deployment(ApiId=api)["DeploymentId"]
                apis.update_stage(ApiId=api, StageName=resource["PhysicalResourceId"], DeploymentId=deployment)
        return name

    return make


def _api(emulator: Emulator, stack: str) -> str:
    found = emulator.client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=f"{stack}Api")
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


@pytest.fixture
def run(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], str]:
    """Run the command for a stack. Returns what it printed, or the error that it ended with."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint)
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT)
    monkeypatch.chdir(tmp_path)

    def command(stack: str) -> str:
        monkeypatch.setattr(sys, "argv", ["migration", stack])
        try:
            migration.main()
        except SystemExit as ended:
            assert not Path("import.json").exists()
            return str(ended)
        return capsys.readouterr().out

    return command


def _imported() -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = json.loads(Path("import.json").read_text())["resources"]
    return resources


def test_it_imports_what_the_program_creates(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    stack = create()
    run(stack)
    component, *children = _imported()
    assert component == {"type": "websocket-chat:index:WebSocketChat", "name": "chat", "component": True}
    assert {child["parent"] for child in children} == {"chat"}
    resources = chat({"name_prefix": stack}).resources
    assert {child["name"]: child["type"] for child in children} == {
        child["name"]: resources[child["name"]].type for child in children
    }
    api = _api(emulator, stack)
    ids = {"chat-api": api, "chat-stage": f"{api}/production", "chat-role": resources["chat-role"].inputs["name"]}
    for route in emulator.client("apigatewayv2").get_routes(ApiId=api)["Items"]:
        name = {"$connect": "chat-connect", "$disconnect": "chat-disconnect"}.get(
            route["RouteKey"], "chat-send-message"
        )
        ids[f"{name}-route"] = f"{api}/{route['RouteId']}"
        ids[f"{name}-integration"] = f"{api}/{route['Target'].removeprefix('integrations/')}"
        ids[f"{name}-function"] = resources[f"{name}-function"].inputs["name"]
    assert {child["name"]: child["id"] for child in children} == ids


def test_it_imports_log_groups_that_exist(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    stack = create()
    for name in ("Connect", "DisconnectOther"):
        emulator.client("logs").create_log_group(logGroupName=f"/aws/lambda/{stack}{name}")
    run(stack)
    found = [one for one in _imported() if one["type"] == "aws:cloudwatch/logGroup:LogGroup"]
    assert [(one["name"], one["id"]) for one in found] == [("chat-connect-logs", f"/aws/lambda/{stack}Connect")]


def test_it_prints_the_config_that_differs(run: Callable[..., str], create: Callable[..., str]) -> None:
    template = READY.replace("Default: production", "Default: live").replace(
        "RoleName: WebSocketLambdaRole", "RoleName: TheirRole"
    )
    stack = create(template)
    printed = run(stack)
    assert re.findall(r"pulumi config set (.*)", printed) == [
        f"aws:region {REGION}",
        f"namePrefix {stack}",
        "stageName live",
        "roleName TheirRole",
        f"connectionsTable {stack}Connections",
        "presence false",
        "connectionsPerUser 0",
    ]


def test_a_table_of_another_stack_is_found_and_used_in_full(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    own_table = re.search(r"(?ms)^  ConnectionsTable:.*?(?=^  \w)", READY)
    assert own_table
    prefix = next(PREFIXES)
    emulator.client("dynamodb").create_table(
        TableName=f"{prefix}Connections",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "connectionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("connectionId", "userId")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "UserIdIndex",
                "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    printed = run(create(READY.replace(own_table[0], ""), prefix))
    assert f"connectionsTable {prefix}Connections" in printed
    assert "presence" not in printed
    assert "connectionsPerUser" not in printed


def test_routes_that_the_program_lacks_are_deleted_before_the_switch(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    stack = create()
    apis, api = emulator.client("apigatewayv2"), _api(emulator, stack)
    other = apis.create_integration(ApiId=api, IntegrationType="MOCK")["IntegrationId"]
    route = apis.create_route(ApiId=api, RouteKey="joinGroup", Target=f"integrations/{other}")["RouteId"]
    printed = run(stack)
    lines = [f"delete-route --api-id {api} --route-id {route}", "pulumi import", "pulumi up"]
    lines.append(f"delete-integration --api-id {api} --integration-id {other}")
    places = [printed.index(line) for line in lines]
    assert places == sorted(places)
    assert not {route, other} & {one.get("id", "").rpartition("/")[2] for one in _imported()}


@pytest.mark.parametrize(
    ("template", "deleted"),
    [
        (TEMPLATE, 13),
        (_retained(TEMPLATE, "Delete"), 13),
        (RETAINED.replace("DeletionPolicy:", "Metadata:\n      DeletionPolicy:"), 13),
        (RETAINED.replace("DynamoDB::Table\n    DeletionPolicy: Retain", "DynamoDB::Table"), 1),
        (RETAINED.replace("IAM::Role\n    DeletionPolicy: Retain", "IAM::Role"), 1),
        (RETAINED.replace("Permission\n    DeletionPolicy: Retain", "Permission"), 0),
        (_retained(TEMPLATE, "'RetainExceptOnCreate' # for now"), 0),
        (RETAINED.replace("  LambdaRole:", '  "LambdaRole":  # for all functions'), 0),
        (READY.replace("FunctionName: WebSocketConnect\n", "FunctionName: WebSocketHello\n"), 0),
    ],
)
def test_what_the_stack_would_delete_is_refused(
    run: Callable[..., str], create: Callable[..., str], template: str, deleted: int
) -> None:
    stack = create(template)
    printed = run(stack)
    assert len(re.findall(r"(?m)^  \w+ \(AWS::", printed)) == deleted
    assert ("DeletionPolicy: Retain" in printed) == bool(deleted)


def _in_json(template: str) -> str:
    class Loader(yaml.SafeLoader):
        """Reads the short forms of CloudFormation's functions."""

    def function(loader: yaml.SafeLoader, name: str, node: yaml.ScalarNode) -> dict[str, Any]:
        value = loader.construct_scalar(node)
        return {"Ref" if name == "Ref" else f"Fn::{name}": value.split(".") if name == "GetAtt" else value}

    Loader.add_multi_constructor("!", function)
    return json.dumps(yaml.load(template, Loader))  # noqa: S506 - it is a safe loader


@pytest.mark.parametrize(("template", "deleted"), [(RETAINED, False), (TEMPLATE, True)])
def test_a_template_in_json_is_read(
    run: Callable[..., str], create: Callable[..., str], template: str, *, deleted: bool
) -> None:
    assert ("ConnectFunction (AWS::Lambda::Function)" in run(create(_in_json(template)))) == deleted


def test_functions_that_would_change_in_use_are_held_first(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    template = RETAINED.replace("SendMessageFunction.Arn}/", "SendMessageFunction.Arn}:live/")
    stack = create(template.replace("DisconnectFunction.Arn}/", "DisconnectFunction.Arn}:$LATEST/"))
    printed = run(stack)
    assert re.findall(r"publish-version --function-name (\w+)", printed) == [f"{stack}Connect", f"{stack}Disconnect"]
    assert len(re.findall(rf":function:{stack}(?:Connect|Disconnect):\${{version:\?}}/invocations\"\n", printed)) == 2
    assert f"create-deployment --api-id {_api(emulator, stack)} --stage-name production" in printed


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ProtocolType: WEBSOCKET", "ProtocolType: HTTP", "has 0 WebSocket APIs"),
        ("IntegrationType: AWS_PROXY", "IntegrationType: AWS", "$connect has no AWS_PROXY integration"),
        ("RoleName: WebSocketLambdaRole", "RoleName: WebSocketLambdaRole\n      Path: /chat/", "has the path /chat/"),
        ("AuthorizationType: NONE", "AuthorizationType: AWS_IAM", "has the authorization AWS_IAM"),
        ("DisconnectIntegration}", "ConnectIntegration}", "have the same integration"),
    ],
)
def test_a_stack_that_does_not_fit_is_refused(
    run: Callable[..., str], create: Callable[..., str], old: str, new: str, reason: str
) -> None:
    assert old in READY
    printed = run(create(READY.replace(old, new)))
    assert reason in printed
    assert BESIDE in printed


def test_two_stages_are_refused(run: Callable[..., str], create: Callable[..., str], emulator: Emulator) -> None:
    stack = create()
    emulator.client("apigatewayv2").create_stage(ApiId=_api(emulator, stack), StageName="test")
    assert "must have one stage. It has: production, test" in run(stack)


def test_it_prints_what_is_left_of_the_old_stack(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    stack = create()
    emulator.client("lambda").publish_version(FunctionName=f"{stack}Connect")  # The API does not run it.
    api = _api(emulator, stack)
    [deployment] = emulator.client("apigatewayv2").get_deployments(ApiId=api)["Items"]
    *lines, last = run(stack).partition("# Remove what is left of the old stack\n")[2].partition("\n\n")[0].splitlines()
    role, policies = f"--role-name {stack}LambdaRole", "arn:aws:iam::aws:policy/service-role"
    left = {
        *(
            f"aws lambda delete-function --function-name {stack}{name} --qualifier 7"
            for name in ("Connect", "Disconnect", "SendMessage")
        ),
        f"aws apigatewayv2 delete-deployment --api-id {api} --deployment-id {deployment['DeploymentId']}",
        f"aws iam delete-role-policy {role} --policy-name DynamoDBAccess",
        f"aws iam delete-role-policy {role} --policy-name ApiGatewayManageConnections",
        f"aws iam detach-role-policy {role} --policy-arn {policies}/AWSLambdaBasicExecutionRole",
    }
    permissions = [line for line in lines if line not in left]
    assert left < set(lines)
    assert [re.sub("--statement-id .*", "", line) for line in permissions] == [
        f"aws lambda remove-permission --function-name {stack}{name} "
        for name in ("Connect", "Disconnect", "SendMessage")
    ]
    assert last == f"aws cloudformation delete-stack --stack-name {stack}"


def test_what_the_stack_deletes_is_not_deleted_twice(run: Callable[..., str], create: Callable[..., str]) -> None:
    deleted = "ConnectPermission:\n    Type: AWS::Lambda::Permission"
    stack = create(READY.replace(f"{deleted}\n    DeletionPolicy: Retain", deleted))
    printed = run(stack)
    assert re.findall(r"remove-permission --function-name (\w+)", printed) == [
        f"{stack}Disconnect",
        f"{stack}SendMessage",
    ]


def test_a_chat_that_has_moved_already_is_refused(
    run: Callable[..., str], create: Callable[..., str], emulator: Emulator
) -> None:
    stack = create()
    emulator.client("lambda").update_function_configuration(
        FunctionName=f"{stack}Connect", Handler="handlers.connect.handler"
    )
    assert f"{stack}Connect runs this program already" in run(stack)


def test_a_stack_that_does_not_exist_is_named(run: Callable[..., str]) -> None:
    assert run("nursify") == f"There is no stack nursify in {REGION}. Check its name, AWS_REGION and AWS_PROFILE"


def test_a_region_and_credentials_are_needed(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert "You must specify a region. Set AWS_REGION and AWS_PROFILE" in run("nursify")
    monkeypatch.setenv("AWS_REGION", REGION)
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    assert "(unknown) could not be found. Set AWS_REGION and AWS_PROFILE" in run("nursify")


def test_it_needs_boto3_alone() -> None:
    loaded = "import sys, local.migration; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"pulumi", "yaml", "websockets", "ministack", "components"} & set(done.stdout.split())
    without = "import sys; sys.modules['boto3'] = None; import local.migration"
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "This needs boto3, the AWS SDK for Python. Run: python3 -m pip install boto3"
