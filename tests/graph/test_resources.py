"""What is registered: every resource, its parent, its inputs, what it waits for."""

from collections import Counter
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import WebSocketChat, WebSocketChatArgs

from .stack import ACCOUNT, REGION, Graph, Properties, chat, run

COUNTS = {
    "websocket-chat:index:WebSocketChat": 1,
    "aws:apigatewayv2/api:Api": 1,
    "aws:apigatewayv2/deployment:Deployment": 1,
    "aws:apigatewayv2/integration:Integration": 4,
    "aws:apigatewayv2/route:Route": 4,
    "aws:apigatewayv2/stage:Stage": 1,
    "aws:cloudwatch/logGroup:LogGroup": 6,
    "aws:dynamodb/table:Table": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 1,
    "aws:lambda/eventSourceMapping:EventSourceMapping": 1,
    "aws:lambda/function:Function": 6,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": 1,
    "aws:lambda/permission:Permission": 4,
    "aws:sqs/queue:Queue": 1,
}
TAGGABLE = {
    "aws:apigatewayv2/api:Api",
    "aws:apigatewayv2/stage:Stage",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:dynamodb/table:Table",
    "aws:iam/role:Role",
    "aws:lambda/eventSourceMapping:EventSourceMapping",
    "aws:lambda/function:Function",
    "aws:sqs/queue:Queue",
}
ROUTES = {"connect": "$connect", "disconnect": "$disconnect", "send-message": "sendMessage", "default": "$default"}
FUNCTIONS = {
    "connect": "Connect",
    "disconnect": "Disconnect",
    "send-message": "SendMessage",
    "default": "Default",
    "broadcast": "Broadcast",
    "presence-events": "Presence",
}
"""End of the physical name, by what the function's resources are called."""
ELSEWHERE = {"code", "policy", "assumeRolePolicy", "triggers"}
"""Inputs that have tests of their own."""

DEFAULTS: WebSocketChatArgs = {
    "stage_name": "production",
    "name_prefix": "WebSocket",
    "messages_table": "ChatMessages",
    "create_messages_table": False,
    "memory_size": 512,
    "timeout": 25,
    "reserved_concurrency": -1,
    "log_retention_days": 30,
    "throttling_rate": 1000,
    "throttling_burst": 500,
    "tags": {},
    "point_in_time_recovery": False,
    "deletion_protection": False,
    "connection_ttl": 10800,
    "presence": True,
    "event_member_limit": 200,
    "broadcast_threshold": 1000,
    "tracing": False,
}
OTHERS: WebSocketChatArgs = {
    "stage_name": "test",
    "name_prefix": "Other-",
    "messages_table": "OtherMessages",
    "create_messages_table": True,
    "memory_size": 1024,
    "timeout": 10,
    "reserved_concurrency": 7,
    "log_retention_days": 90,
    "throttling_rate": 20,
    "throttling_burst": 10,
    "tags": {"Team": "Chat", "Stage": "Test"},
    "point_in_time_recovery": True,
    "deletion_protection": True,
    "connection_ttl": 7200,
    "presence": True,
    "event_member_limit": 50,
    "broadcast_threshold": 100,
    "tracing": True,
}


def table(args: WebSocketChatArgs, name: str, key: str, **index: str) -> Properties:
    return {
        "name": name,
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": key,
        "attributes": [{"name": attribute, "type": "S"} for attribute in (key, *index)],
        "globalSecondaryIndexes": [
            {
                "name": "GroupIdIndex",
                "keySchemas": [{"attributeName": name, "keyType": type_} for name, type_ in index.items()],
                "projectionType": "ALL",
            }
        ],
        "serverSideEncryption": {"enabled": True},
        "pointInTimeRecovery": {"enabled": args["point_in_time_recovery"]},
        "deletionProtectionEnabled": args["deletion_protection"],
        "tags": args["tags"],
    }


def expected_inputs(args: WebSocketChatArgs) -> dict[str, Properties]:
    """Inputs by logical name of a component that is called ``chat``."""
    prefix, stage, tags = args["name_prefix"], args["stage_name"], args["tags"]
    failures = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{prefix}Failures"
    expected: dict[str, Properties] = {
        "chat": {},
        "chat-connections": table(args, f"{prefix}Connections", "connectionId", groupId="HASH")
        | {"ttl": {"attributeName": "expiresAt", "enabled": True}}
        | ({"streamEnabled": True, "streamViewType": "NEW_AND_OLD_IMAGES"} if args["presence"] else {}),
        "chat-failures": {
            "name": f"{prefix}Failures",
            "messageRetentionSeconds": 1_209_600,
            "sqsManagedSseEnabled": True,
            "tags": tags,
        },
        "chat-slice-retries": {
            "functionName": f"{prefix}Broadcast",
            "maximumRetryAttempts": 2,
            "maximumEventAgeInSeconds": 900,
            "destinationConfig": {"onFailure": {"destination": failures}},
        },
        "chat-role": {"name": f"{prefix}LambdaRole", "tags": tags},
        "chat-policy": {"name": f"{prefix}Policy", "role": "chat-role-id"},
        "chat-api": {
            "name": f"{prefix}Api",
            "protocolType": "WEBSOCKET",
            "routeSelectionExpression": "$request.body.action",
            "tags": tags,
        },
        "chat-deployment": {"apiId": "chat-api-id"},
        "chat-stage": {
            "apiId": "chat-api-id",
            "name": stage,
            "deploymentId": "chat-deployment-id",
            "defaultRouteSettings": {
                "throttlingRateLimit": args["throttling_rate"],
                "throttlingBurstLimit": args["throttling_burst"],
            },
            "tags": tags,
        },
    }
    if args["create_messages_table"]:
        expected["chat-messages"] = table(args, args["messages_table"], "messageId", groupId="HASH", timestamp="RANGE")
    if args["presence"]:
        expected["chat-presence-stream"] = {
            "eventSourceArn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{prefix}Connections/stream/1",
            "functionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{prefix}Presence",
            "startingPosition": "LATEST",
            "batchSize": 100,
            "maximumBatchingWindowInSeconds": 2,
            "maximumRecordAgeInSeconds": 300,
            "maximumRetryAttempts": 3,
            "bisectBatchOnFunctionError": True,
            "filterCriteria": {"filters": [{"pattern": '{"eventName": ["INSERT", "REMOVE"]}'}]},
            "destinationConfig": {"onFailure": {"destinationArn": failures}},
            "tags": tags,
        }
    for child, end in FUNCTIONS.items():
        if child == "presence-events" and not args["presence"]:
            continue
        function = f"{prefix}{end}"
        expected[f"chat-{child}-logs"] = {
            "name": f"/aws/lambda/{function}",
            "retentionInDays": args["log_retention_days"],
            "tags": tags,
        }
        expected[f"chat-{child}-function"] = {
            "name": function,
            "role": f"arn:aws:iam::{ACCOUNT}:role/{prefix}LambdaRole",
            "runtime": "python3.13",
            "architectures": ["arm64"],
            "handler": f"handlers.{child.replace('-', '_')}.handler",
            "memorySize": args["memory_size"],
            "timeout": args["timeout"],
            "reservedConcurrentExecutions": args["reserved_concurrency"],
            "environment": {
                "variables": {
                    "CONNECTIONS_TABLE": f"{prefix}Connections",
                    "MESSAGES_TABLE": args["messages_table"],
                    "CALLBACK_URL": f"https://chat-api-id.execute-api.{REGION}.amazonaws.com/{stage}",
                    "CONNECTION_TTL_SECONDS": str(args["connection_ttl"]),
                    "BROADCAST_FUNCTION": f"{prefix}Broadcast",
                    "BROADCAST_THRESHOLD": str(args["broadcast_threshold"]),
                    "EVENT_MEMBER_LIMIT": str(args["event_member_limit"]),
                }
            },
            "loggingConfig": {"logFormat": "JSON", "logGroup": f"/aws/lambda/{function}"},
            "tracingConfig": {"mode": "Active" if args["tracing"] else "PassThrough"},
            "tags": tags,
        }
    for child, key in ROUTES.items():
        function = f"{prefix}{FUNCTIONS[child]}"
        expected[f"chat-{child}-permission"] = {
            "action": "lambda:InvokeFunction",
            "function": function,
            "principal": "apigateway.amazonaws.com",
            "sourceArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id/{stage}/{key}",
        }
        expected[f"chat-{child}-integration"] = {
            "apiId": "chat-api-id",
            "integrationType": "AWS_PROXY",
            "integrationMethod": "POST",
            "integrationUri": f"invoke:{function}",
        }
        expected[f"chat-{child}-route"] = {
            "apiId": "chat-api-id",
            "routeKey": key,
            "target": f"integrations/chat-{child}-integration-id",
            "authorizationType": "NONE",
        }
    return expected


def inputs(graph: Graph) -> dict[str, Properties]:
    return {
        name: {key: value for key, value in resource.inputs.items() if key not in ELSEWHERE}
        for name, resource in graph.resources.items()
    }


@pytest.mark.parametrize(
    ("args", "expected", "counts"),
    [
        pytest.param(None, DEFAULTS, {}, id="defaults"),
        pytest.param(dict.fromkeys(DEFAULTS), DEFAULTS, {}, id="None is the default"),
        pytest.param(OTHERS, OTHERS, {"aws:dynamodb/table:Table": 2}, id="every argument"),
        pytest.param(
            {"presence": False},
            DEFAULTS | {"presence": False},
            {
                "aws:cloudwatch/logGroup:LogGroup": 5,
                "aws:lambda/eventSourceMapping:EventSourceMapping": 0,
                "aws:lambda/function:Function": 5,
            },
            id="no presence",
        ),
    ],
)
@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_registers_exactly_these(
    args: WebSocketChatArgs | None, expected: WebSocketChatArgs, counts: dict[str, int], *, preview: bool
) -> None:
    graph = chat(args, preview=preview)

    assert Counter(part.type for part in graph.resources.values()) == Counter(COUNTS | counts)
    if preview:  # Inputs that AWS decides are unknown.
        assert graph.resources.keys() == expected_inputs(expected).keys()
    else:
        assert inputs(graph) == expected_inputs(expected)
    assert graph.warnings == []


def test_every_part_is_a_child_of_the_component() -> None:
    resources = chat().resources
    component = resources.pop("chat")
    assert component.parent.endswith("pulumi:pulumi:Stack::websocket-chat-test")
    assert {resource.parent for resource in resources.values()} == {component.urn}


def test_another_prefix_leaves_nothing_of_the_first() -> None:
    graph = chat(OTHERS)
    everything = {
        name: {key: value for key, value in resource.inputs.items() if key != "code"}
        for name, resource in graph.resources.items()
    }
    assert "WebSocket" not in str(everything)


def _can_be_tagged(type_: str) -> bool:
    package, module, name = type_.split(":")
    classes = getattr(aws, {"lambda": "lambda_"}.get(folder := module.partition("/")[0], folder))
    return package == "aws" and hasattr(getattr(classes, name), "tags")


def test_whatever_can_be_tagged_is() -> None:
    parts = {name: part for name, part in chat(OTHERS).resources.items() if part.type.startswith("aws:")}
    taggable = {name for name, part in parts.items() if _can_be_tagged(part.type)}
    assert {parts[name].type for name in taggable} == TAGGABLE
    assert {name for name, part in parts.items() if part.inputs.get("tags") == OTHERS["tags"]} == taggable


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("chat-deployment", {f"chat-{child}-route" for child in ROUTES}),
        ("chat-slice-retries", {"chat-policy"}),
        ("chat-presence-stream", {"chat-policy"}),
        # Its own log group, or Lambda would make one that is kept for ever; the policy, or it may not trace.
        *((f"chat-{child}-function", {f"chat-{child}-logs", "chat-policy"}) for child in FUNCTIONS),
    ],
)
def test_waits_for(name: str, first: set[str]) -> None:
    assert first <= chat().waits_for(name)


def test_the_stage_waits_for_everything() -> None:
    graph = chat(OTHERS)
    assert graph.waits_for("chat-stage") == graph.resources.keys() - {"chat-stage", "chat"}


@pytest.mark.parametrize("address", ["web_socket_url", "callback_url"])
def test_an_address_waits_for_the_stage(address: str) -> None:
    def uses_address() -> None:
        aws.ssm.Parameter("address", type="String", value=getattr(WebSocketChat("chat", {}), address))

    assert "chat-stage" in run(uses_address).waits_for("address")


def test_two_instances_coexist() -> None:
    def two() -> None:
        WebSocketChat("chat", {})
        WebSocketChat("other", {"name_prefix": "Other"})

    resources = run(two).resources.values()  # Fails where a name is registered twice.
    # A stage's name is its API's, a policy's its role's.
    names = Counter(
        (part.type, part.inputs["name"], part.inputs.get("apiId"), part.inputs.get("role"))
        for part in resources
        if "name" in part.inputs
    )
    assert len(resources) == 2 * sum(COUNTS.values())
    assert max(names.values()) == 1


def test_the_components_provider_is_that_of_every_part() -> None:
    def elsewhere() -> None:
        provider = aws.Provider("elsewhere", region="eu-north-1")
        WebSocketChat("chat", {}, opts=pulumi.ResourceOptions(providers={"aws": provider}))

    graph = run(elsewhere)
    providers: set[Any] = {part.provider for part in graph.resources.values() if part.parent.endswith("::chat")}
    providers |= {provider for _, _, provider in graph.calls}
    (provider,) = providers
    assert "::elsewhere::" in provider
