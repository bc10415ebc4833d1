"""What somebody changed by hand is found by a refresh, and put right by the next up."""

import json
from collections.abc import Callable

from local.emulator import Emulator

from .chatting import Chatting
from .world import Stack


def _memory(emulator: Emulator) -> None:
    emulator.client("lambda").update_function_configuration(FunctionName="WebSocketConnect", MemorySize=1024)


def _retention(emulator: Emulator) -> None:
    emulator.client("logs").delete_retention_policy(logGroupName="/aws/lambda/WebSocketConnect")


def _concurrency(emulator: Emulator) -> None:
    emulator.client("lambda").put_function_concurrency(FunctionName="WebSocketConnect", ReservedConcurrentExecutions=1)


def _table_tags(emulator: Emulator) -> None:
    tables = emulator.client("dynamodb")
    arn = tables.describe_table(TableName="WebSocketConnections")["Table"]["TableArn"]
    tables.tag_resource(ResourceArn=arn, Tags=[{"Key": "Team", "Value": "other"}])


def _throttling(emulator: Emulator) -> None:
    apis = emulator.client("apigatewayv2")
    (api,) = apis.get_apis()["Items"]
    settings = {"ThrottlingRateLimit": 1, "ThrottlingBurstLimit": 1}
    apis.update_stage(ApiId=api["ApiId"], StageName="production", DefaultRouteSettings=settings)


def _environment(emulator: Emulator) -> None:
    emulator.client("lambda").update_function_configuration(FunctionName="WebSocketDefault", Environment={})


def _time_to_live(emulator: Emulator) -> None:
    off = {"Enabled": False, "AttributeName": "expiresAt"}
    emulator.client("dynamodb").update_time_to_live(TableName="WebSocketConnections", TimeToLiveSpecification=off)


def _policy(emulator: Emulator) -> None:
    policies, role = emulator.client("iam"), "WebSocketLambdaRole"
    [name] = (name for name in policies.list_role_policies(RoleName=role)["PolicyNames"] if "serving" in name)
    allowed = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    policies.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)


CHANGED: dict[str, tuple[Callable[[Emulator], None], tuple[str, str]]] = {
    "a function's memory": (_memory, ("connect-function", "memorySize")),
    "a function's concurrency": (_concurrency, ("connect-function", "reservedConcurrentExecutions")),
    "a function's environment": (_environment, ("default-function", "environment")),
    "a log group's retention": (_retention, ("connect-logs", "retentionInDays")),
    "a stage's throttling": (_throttling, ("stage", "defaultRouteSettings")),
    "a table's tags": (_table_tags, ("connections", "tags")),
    "a table's time to live": (_time_to_live, ("connections", "ttl")),
}


def test_what_was_changed_by_hand_is_changed_back(stack: Stack) -> None:
    stack.up()
    before = stack.inputs()
    for change in (*(change for change, _ in CHANGED.values()), _policy):
        change(stack.emulator)
    assert stack.up().operations == ()  # The state does not know yet.
    stack.refresh()
    run = stack.up()
    assert run.inputs() == {changed for _, changed in CHANGED.values()}
    assert run.names("create") == run.names("delete") == ["serving-policy"]
    assert stack.inputs() == before
    assert stack.refresh("--expect-no-changes").operations == ()


def test_a_policy_that_was_detached_by_hand_is_attached_again(stack: Stack) -> None:
    stack.up()
    policies, role = stack.emulator.client("iam"), {"RoleName": "WebSocketLambdaRole"}
    [before] = policies.list_attached_role_policies(**role)["AttachedPolicies"]
    policies.detach_role_policy(**role, PolicyArn=before["PolicyArn"])
    stack.refresh()
    assert stack.up().names("create") == ["logs-policy-attachment"]
    assert policies.list_attached_role_policies(**role)["AttachedPolicies"] == [before]


def test_what_was_deleted_by_hand_is_made_again(stack: Stack) -> None:
    stack.up()
    apis = stack.emulator.client("apigatewayv2")
    api = stack.outputs()["ApiId"]
    [route] = (one for one in apis.get_routes(ApiId=api)["Items"] if one["RouteKey"] == "sendMessage")
    apis.delete_route(ApiId=api, RouteId=route["RouteId"])
    stack.emulator.client("lambda").delete_function(FunctionName="WebSocketDefault")
    stack.emulator.client("logs").delete_log_group(logGroupName="/aws/lambda/WebSocketConnect")
    stack.refresh()
    run = stack.up()
    assert set(run.names("create")) >= {"default-function", "connect-logs", "send-message-route"}
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up().operations == ()
