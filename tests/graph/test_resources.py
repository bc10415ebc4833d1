"""The registered resources: their number, parents, inputs and dependencies."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

import pulumi
import pulumi_aws as aws
import pytest

from components import Authentication, WebSocketChat, WebSocketChatArgs
from components.access_logs import FORMAT
from tests.alarms import watched

from .argument_cases import CASES, INSTEAD
from .indexes import CONNECTIONS_INDEXES, MARKERS_INDEXES, MESSAGES_INDEXES
from .stack import ACCOUNT, REGION, WITH_TOKENS, Graph, Properties, chat, known_chat, run

COUNTS = {
    "websocket-chat:index:WebSocketChat": 1,
    "aws:apigatewayv2/api:Api": 1,
    "aws:apigatewayv2/deployment:Deployment": 1,
    "aws:apigatewayv2/integration:Integration": 4,
    "aws:apigatewayv2/route:Route": 4,
    "aws:apigatewayv2/stage:Stage": 1,
    "aws:cloudwatch/logGroup:LogGroup": 6,
    "aws:dynamodb/table:Table": 1,
    "aws:iam/policy:Policy": 1,
    "aws:iam/role:Role": 1,
    "aws:iam/rolePolicy:RolePolicy": 3,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 1,
    "aws:lambda/eventSourceMapping:EventSourceMapping": 1,
    "aws:lambda/function:Function": 6,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": 1,
    "aws:lambda/permission:Permission": 4,
    "aws:sqs/queue:Queue": 1,
}
COUNTS_OF_TOKENS = {
    "aws:apigatewayv2/authorizer:Authorizer": 1,
    "aws:cloudwatch/logGroup:LogGroup": 7,
    "aws:lambda/function:Function": 7,
    "aws:lambda/layerVersion:LayerVersion": 1,
    "aws:lambda/permission:Permission": 5,
}
COUNTS_OF_OTHERS = COUNTS_OF_TOKENS | {
    "aws:apigatewayv2/apiMapping:ApiMapping": 1,
    "aws:apigatewayv2/domainName:DomainName": 1,
    "aws:route53/record:Record": 1,
    "aws:apigateway/account:Account": 1,
    "aws:cloudwatch/logGroup:LogGroup": 9,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": 2,
    "aws:cloudwatch/dashboard:Dashboard": 1,
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": 20,
    "aws:cloudwatch/metricAlarm:MetricAlarm": 22,
    "aws:dynamodb/table:Table": 4,
    "aws:iam/role:Role": 3,
    "aws:iam/rolePolicy:RolePolicy": 18,
    "aws:lambda/function:Function": 8,
}
"""With ``publish``."""
TAGGABLE = {
    "aws:apigatewayv2/api:Api",
    "aws:apigatewayv2/domainName:DomainName",
    "aws:apigatewayv2/stage:Stage",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:dynamodb/table:Table",
    "aws:iam/policy:Policy",
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
    "authorizer": "Authorize",
    "publish": "Publish",
}
"""The end of each function's physical name, by its part of the logical names."""
ELSEWHERE = {"code", "policy", "assumeRolePolicy", "triggers", "alarmDescription", "dashboardBody"}
"""Inputs with separate tests."""

DEFAULTS = cast("WebSocketChatArgs", {key: case.default for key, case in CASES.items()})
# presence stays on, so that its resources are tested too. Without it, there is a separate case.
OTHERS = cast("WebSocketChatArgs", {key: case.other for key, case in CASES.items()} | {"presence": True})
COGNITO = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI"


def table(args: WebSocketChatArgs, name: str, key: str, attributes: list[str], *indexes: Properties) -> Properties:
    own_key = {"kmsKeyArn": args["kms_key_arn"]} if args["kms_key_arn"] else {}
    return {
        "name": name,
        "billingMode": "PAY_PER_REQUEST",
        "hashKey": key,
        "attributes": [{"name": attribute, "type": "S"} for attribute in attributes],
        "globalSecondaryIndexes": list(indexes),
        "serverSideEncryption": {"enabled": bool(own_key)} | own_key,
        "pointInTimeRecovery": {"enabled": args["point_in_time_recovery"]},
        "deletionProtectionEnabled": args["deletion_protection"],
        "tags": args["tags"] | {"websocket-chat:stack": "websocket-chat/test"},
    }


def expected_connections(args: WebSocketChatArgs) -> Properties:
    attributes = ["connectionId", "groupId", "userId"]
    stream = {"streamEnabled": True, "streamViewType": "NEW_AND_OLD_IMAGES"} if args["presence"] else {}
    return (
        table(args, f"{args['name_prefix']}Connections", "connectionId", attributes, *CONNECTIONS_INDEXES)
        | {"ttl": {"attributeName": "expiresAt", "enabled": True}}
        | stream
    )


def expected_environment(args: WebSocketChatArgs, child: str) -> dict[str, str]:
    prefix = args["name_prefix"]
    broadcast = {} if child == "broadcast" else {"BROADCAST_FUNCTION": f"{prefix}Broadcast"}
    system = {"SYSTEM_NAME": args["system_name"]} if args["publish"] else {}
    return (
        broadcast
        | system
        | {
            "CONNECTIONS_TABLE": str(args["connections_table"] or f"{prefix}Connections"),
            "CONNECTIONS_TABLE_ADOPTED": "true" if args["connections_table"] else "false",
            "API_ID": "chat-api-id",
            "MESSAGES_TABLE": str(args["messages_table"]),
            "READ_MARKERS_TABLE": f"{prefix}ReadMarkers" if args["unread"] else "",
            "CHANGES_TABLE": f"{prefix}Changes" if args["changes"] else "",
            "CALLBACK_URL": f"https://chat-api-id.execute-api.{REGION}.amazonaws.com/{args['stage_name']}",
            "CONNECTION_TTL_SECONDS": str(args["connection_ttl"]),
            "BROADCAST_THRESHOLD": str(args["broadcast_threshold"]),
            "FAN_OUT_RATE": str(args["fan_out_rate"]),
            "EVENT_MEMBER_LIMIT": str(args["event_member_limit"]),
            "READ_RECEIPT_LIMIT": str(args["read_receipt_limit"]),
            "AUTHENTICATION": args["authentication"].value,
            "PRESENCE": "true" if args["presence"] else "false",
            "GROUP_CLAIM": args["group_claim"],
            "NAME_CLAIM": args["name_claim"],
            "MODERATOR_CLAIM": args["moderator_claim"],
            "MODERATOR_ROLE": str(args["moderator_role"]),
            "GROUPS_PER_CONNECTION": str(args["groups_per_connection"]),
            "MEMBERS_TABLE": str(args["group_members_table"]),
            "MEMBERSHIP_RECHECK_SECONDS": str(args["membership_recheck"]),
            "MODERATION_FUNCTION": str(args["moderation_function"]),
            "ON_MODERATION_FAILURE": args["on_moderation_failure"],
            "EVENT_BUS": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{args['event_bus']}"
            if args["event_bus"]
            else "",
            "EVENT_SOURCE": f"websocket-chat.{prefix}" if args["event_bus"] else "",
            "EVENT_TEXT": "true" if args["event_text"] else "false",
            "FAILURES_QUEUE": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/chat-failures-1a2b3c4"
            if args["event_bus"]
            else "",
            "ALLOWED_ORIGINS": json.dumps(args["allowed_origins"]),
            "REQUIRE_ORIGIN": "true" if args["require_origin"] else "false",
            "MESSAGE_RATE": str(args["message_rate"]),
            "MESSAGE_BURST": str(args["message_burst"]),
            "CONNECTIONS_PER_USER": str(args["connections_per_user"]),
        }
    )


def expected_authorizer(args: WebSocketChatArgs) -> dict[str, Properties]:
    prefix = args["name_prefix"]
    execution = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id"
    return {
        "chat-authorizer-layer": {
            "layerName": f"{prefix}Authorizer",
            "description": "The library that verifies tokens",
            "compatibleRuntimes": ["python3.13"],
            "compatibleArchitectures": ["arm64"],
        },
        "chat-authorizer": {
            "apiId": "chat-api-id",
            "name": f"{prefix}Authorizer",
            "authorizerType": "REQUEST",
            "authorizerUri": f"invoke:{prefix}Authorize",
            "identitySources": [],
        },
        "chat-authorizer-permission": {
            "action": "lambda:InvokeFunction",
            "function": f"{prefix}Authorize",
            "principal": "apigateway.amazonaws.com",
            "sourceArn": f"{execution}/authorizers/chat-authorizer-id",
        },
    }


def expected_authorizer_function(args: WebSocketChatArgs) -> Properties:
    """The inputs that differ from the other functions."""
    variables = {
        "JWT_ISSUER": args["jwt_issuer"] or COGNITO,
        "JWT_AUDIENCE": json.dumps(args["jwt_audience"]),
        "JWT_JWKS_URL": args["jwt_jwks_url"] or f"{COGNITO}/.well-known/jwks.json",
        "JWT_ALGORITHMS": json.dumps(args["jwt_algorithms"]),
        "USER_CLAIM": args["user_claim"],
        "GROUP_CLAIM": args["group_claim"],
        "NAME_CLAIM": args["name_claim"],
        "MODERATOR_CLAIM": args["moderator_claim"],
        "CLOCK_SKEW_SECONDS": str(args["clock_skew"]),
    }
    layer = f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{args['name_prefix']}Authorizer:1"
    return {"environment": {"variables": variables}, "layers": [layer]}


def expected_publish_role(args: WebSocketChatArgs) -> dict[str, Properties]:
    if not args["publish"]:
        return {}
    on_demand = {
        "members": args["group_members_table"],
        "changes": args["changes"],
        "events": args["event_bus"],
        "failures": args["event_bus"],
        "key": args["kms_key_arn"],
        "tracing": args["tracing"],
    }
    features = ["serving", "logs", "large-groups", "user-data", *(feature for feature, on in on_demand.items() if on)]
    policies = {f"chat-publish-{feature}-policy": {"role": "chat-publish-role-id"} for feature in features}
    return {"chat-publish-role": {"tags": args["tags"]}} | policies


def expected_domain(args: WebSocketChatArgs) -> dict[str, Properties]:
    domain = args["domain_name"]
    if not domain:
        return {}
    record = {
        "zoneId": args["hosted_zone_id"],
        "name": domain,
        "type": "A",
        "aliases": [
            {
                "name": f"d-1a2b3c.execute-api.{REGION}.amazonaws.com",
                "zoneId": "ZAPIGATEWAY",
                "evaluateTargetHealth": False,
            }
        ],
    }
    return {
        "chat-domain": {
            "domainName": domain,
            "domainNameConfiguration": {
                "certificateArn": args["certificate_arn"],
                "endpointType": "REGIONAL",
                "securityPolicy": "TLS_1_2",
            },
            "tags": args["tags"],
        },
        "chat-domain-mapping": {"apiId": "chat-api-id", "domainName": domain, "stage": args["stage_name"]},
        "chat-domain-record": record,
    }


def expected_log_settings(args: WebSocketChatArgs) -> Properties:
    """The inputs of the stage that say where access logs go."""
    if args["access_logs"] == "off":
        return {}
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/apigateway/{args['name_prefix']}Access"
    return {"accessLogSettings": {"destinationArn": group, "format": FORMAT}}


def expected_access_logs(args: WebSocketChatArgs) -> dict[str, Properties]:
    if args["access_logs"] == "off":
        return {}
    group: Properties = {
        "name": f"/aws/apigateway/{args['name_prefix']}Access",
        "retentionInDays": args["log_retention_days"],
        "tags": args["tags"],
    }
    key = {"kmsKeyId": args["kms_key_arn"]} if args["kms_key_arn"] else {}
    return {
        "chat-access-logs": group | key,
        "chat-gateway-role": {"tags": args["tags"]},
        "chat-gateway-policy-attachment": {
            "role": "chat-gateway-role-id",
            "policyArn": "arn:aws:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
        },
        "chat-gateway-account": {
            "cloudwatchRoleArn": f"arn:aws:iam::{ACCOUNT}:role/chat-gateway-role-1a2b3c4",
        },
    }


def expected_alarms(args: WebSocketChatArgs, functions: dict[str, str]) -> dict[str, Properties]:
    if not args["alarms"]:
        return {}
    alarms = watched(
        functions,
        prefix=args["name_prefix"],
        queue="chat-failures-1a2b3c4",
        api="chat-api-id",
        stage=args["stage_name"],
        rate=cast("int", args["account_request_rate"]),
    )
    actions = {"alarmActions": [args["alarms"]], "okActions": [args["alarms"]], "tags": args["tags"]}
    expected: dict[str, Properties] = {
        f"chat-{name}-alarm": {
            "namespace": one.namespace,
            "metricName": one.metric,
            ("extendedStatistic" if one.statistic == "p99" else "statistic"): one.statistic,
            "threshold": one.threshold,
            "comparisonOperator": "GreaterThanOrEqualToThreshold",
            "period": one.period,
            "evaluationPeriods": one.periods,
            "datapointsToAlarm": one.too_high,
            "treatMissingData": "notBreaching",
        }
        | ({"dimensions": one.dimensions} if one.dimensions else {})
        | actions
        for name, one in alarms.items()
    }
    return expected


def expected_metrics(args: WebSocketChatArgs, functions: dict[str, str]) -> dict[str, Properties]:
    """The metric filters, and the dashboard. tests/handlers/test_metric_filters.py shows what they count."""
    found: dict[str, Properties] = {}

    def add(name: str, children: Iterable[str], more: str, value: str, **rest: object) -> None:
        for child in functions.keys() & children:
            found[f"chat-{child}-{name}-filter"] = {
                "logGroupName": f"/aws/lambda/{functions[child]}",
                "pattern": f'{{ $.message = "served" && {more} }}',
                "metricTransformation": {
                    "name": name,
                    "namespace": f"websocket-chat/{args['name_prefix']}",
                    "value": value,
                }
                | rest,
            }

    shown = ["recipients", "delivered", "stale"] if args["dashboard"] else []
    for field in [*shown, "failed"] if args["dashboard"] or args["alarms"] else []:
        add(field, ["send-message", "broadcast", "publish"], f"$.{field} > 0", f"$.{field}")
    if args["dashboard"]:
        found["chat-dashboard"] = {"dashboardName": f"{args['name_prefix']}-{REGION}"}
        add("messages", ["send-message"], "$.duplicate IS FALSE", "1")
        add("messages", ["publish"], '$.action = "sendMessage" && $.groups > 0', "$.groups")
        by_code = {"dimensions": {"code": "$.outcome"}}
        add("refused", [*ROUTES, "authorizer", "publish"], '$.outcome != "OK"', "1", **by_code)
    return found


def expected_inputs(args: WebSocketChatArgs) -> dict[str, Properties]:
    """Inputs by logical name, for a component named ``chat``."""
    prefix, stage, tags = args["name_prefix"], args["stage_name"], args["tags"]
    failures = f"arn:aws:sqs:{REGION}:{ACCOUNT}:chat-failures-1a2b3c4"
    role = args["role_name"] or f"{prefix}LambdaRole"
    key = args["kms_key_arn"]
    expected: dict[str, Properties] = {
        "chat": {},
        "chat-failures": {
            "messageRetentionSeconds": 1_209_600,
            "tags": tags,
        }
        | ({"kmsMasterKeyId": key} if key else {"sqsManagedSseEnabled": True}),
        "chat-slice-retries": {
            "functionName": f"{prefix}Broadcast",
            "maximumRetryAttempts": 2,
            "maximumEventAgeInSeconds": 900,
            "destinationConfig": {"onFailure": {"destination": failures}},
        },
        "chat-role": {"name": role, "tags": tags},
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
        }
        | expected_log_settings(args),
    }
    if not args["connections_table"]:
        expected["chat-connections"] = expected_connections(args)
    if args["create_messages_table"]:
        attributes = ["groupId", "messageId", "timestamp"]
        expected["chat-messages"] = table(args, str(args["messages_table"]), "messageId", attributes, *MESSAGES_INDEXES)
    if args["unread"]:
        markers = table(args, f"{prefix}ReadMarkers", "userId", ["groupId", "userId"], *MARKERS_INDEXES)
        expected["chat-read-markers"] = markers | {"rangeKey": "groupId"}
    if args["changes"]:
        expected["chat-changes"] = table(args, f"{prefix}Changes", "groupId", ["change", "groupId"]) | {
            "rangeKey": "change",
            "ttl": {"attributeName": "expiresAt", "enabled": True},
        }
    on_demand = {
        "unread": args["unread"],
        "changes": args["changes"],
        "members": args["group_members_table"],
        "presence": args["presence"],
        "key": key,
        "tracing": args["tracing"],
        "moderation": args["moderation_function"],
        "events": args["event_bus"],
    }
    for feature in ["serving", "background", *(feature for feature, on in on_demand.items() if on)]:
        expected[f"chat-{feature}-policy"] = {"role": "chat-role-id"}
    expected |= expected_publish_role(args) | expected_domain(args) | expected_access_logs(args)
    expected["chat-logs-policy"] = {"tags": args["tags"]}
    expected["chat-logs-policy-attachment"] = {
        "role": "chat-role-id",
        "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/chat-logs-policy-1a2b3c4",
    }
    if args["presence"]:
        expected["chat-presence-stream"] = {
            "eventSourceArn": "arn:of:their:stream"
            if args["connections_table"]
            else f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{prefix}Connections/stream/1",
            "functionName": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{prefix}Presence",
            "startingPosition": "LATEST",
            "batchSize": 1000,
            "maximumBatchingWindowInSeconds": 5,
            "maximumRecordAgeInSeconds": 300,
            "maximumRetryAttempts": 3,
            "functionResponseTypes": ["ReportBatchItemFailures"],
            "bisectBatchOnFunctionError": True,
            "filterCriteria": {
                "filters": [
                    {"pattern": '{"eventName": ["INSERT", "REMOVE"]}'},
                    {
                        "pattern": '{"eventName": ["MODIFY"], "dynamodb": {"OldImage": {"groupId": {"S": [{"exists": '
                        'true}]}}, "NewImage": {"groupId": {"S": [{"exists": false}]}}}}'
                    },
                ]
            },
            "destinationConfig": {"onFailure": {"destinationArn": failures}},
            "tags": tags,
        }
    with_tokens = args["authentication"] == Authentication.JWT
    if with_tokens:
        expected |= expected_authorizer(args)
    left_out = {"presence-events": not args["presence"], "authorizer": not with_tokens, "publish": not args["publish"]}
    functions = {child: f"{prefix}{FUNCTIONS[child]}" for child in FUNCTIONS if not left_out.get(child)}
    expected |= expected_alarms(args, functions) | expected_metrics(args, functions)
    for child in functions:
        function = f"{prefix}{FUNCTIONS[child]}"
        expected[f"chat-{child}-logs"] = {
            "name": f"/aws/lambda/{function}",
            "retentionInDays": args["log_retention_days"],
            "tags": tags,
        } | ({"kmsKeyId": key} if key else {})
        expected[f"chat-{child}-function"] = {
            "name": function,
            "role": f"arn:aws:iam::{ACCOUNT}:role/{'chat-publish-role-1a2b3c4' if child == 'publish' else role}",
            "runtime": "python3.13",
            "architectures": ["arm64"],
            "handler": f"handlers.{child.replace('-', '_')}.handler",
            "memorySize": args["memory_size"],
            "timeout": args["timeout"],
            "reservedConcurrentExecutions": args["reserved_concurrency"],
            "environment": {"variables": expected_environment(args, child)},
            "loggingConfig": {"logFormat": "JSON", "logGroup": f"/aws/lambda/{function}"},
            "tracingConfig": {"mode": "Active" if args["tracing"] else "PassThrough"},
            "tags": tags,
        } | (expected_authorizer_function(args) if child == "authorizer" else {})
    for child, route_key in ROUTES.items():
        function = f"{prefix}{FUNCTIONS[child]}"
        expected[f"chat-{child}-permission"] = {
            "action": "lambda:InvokeFunction",
            "function": function,
            "principal": "apigateway.amazonaws.com",
            "sourceArn": f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id/{stage}/{route_key}",
        }
        expected[f"chat-{child}-integration"] = {
            "apiId": "chat-api-id",
            "integrationType": "AWS_PROXY",
            "integrationMethod": "POST",
            "integrationUri": f"invoke:{function}",
        }
        expected[f"chat-{child}-route"] = {
            "apiId": "chat-api-id",
            "routeKey": route_key,
            "target": f"integrations/chat-{child}-integration-id",
            "authorizationType": "NONE",
        }
    expected["chat-connect-route"] |= {
        Authentication.NONE: {},
        Authentication.JWT: {"authorizationType": "CUSTOM", "authorizerId": "chat-authorizer-id"},
        Authentication.IAM: {"authorizationType": "AWS_IAM"},
    }[args["authentication"]]
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
        pytest.param(OTHERS, OTHERS, COUNTS_OF_OTHERS, id="every argument"),
        pytest.param(
            OTHERS | INSTEAD,
            OTHERS | INSTEAD,
            COUNTS_OF_OTHERS | {"aws:dynamodb/table:Table": 3, "aws:iam/rolePolicy:RolePolicy": 20},
            id="arguments that others exclude",
        ),
        pytest.param(
            {"authentication": Authentication.IAM}, DEFAULTS | {"authentication": Authentication.IAM}, {}, id="iam"
        ),
        pytest.param(
            {"authentication": "iam"}, DEFAULTS | {"authentication": Authentication.IAM}, {}, id="iam as text"
        ),
        pytest.param(
            {"group_members_table": "GroupMembers"},
            DEFAULTS | {"group_members_table": "GroupMembers"},
            {"aws:iam/rolePolicy:RolePolicy": 4},
            id="members table",
        ),
        pytest.param(
            {"publish": True},
            DEFAULTS | {"publish": True},
            {
                "aws:cloudwatch/logGroup:LogGroup": 7,
                "aws:iam/role:Role": 2,
                "aws:iam/rolePolicy:RolePolicy": 7,
                "aws:lambda/function:Function": 7,
            },
            id="publish",
        ),
        pytest.param(
            {"presence": False},
            DEFAULTS | {"presence": False},
            {
                "aws:cloudwatch/logGroup:LogGroup": 5,
                "aws:iam/rolePolicy:RolePolicy": 2,
                "aws:lambda/eventSourceMapping:EventSourceMapping": 0,
                "aws:lambda/function:Function": 5,
            },
            id="no presence",
        ),
    ],
)
@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_exactly_these_resources_are_registered(
    args: WebSocketChatArgs | None, expected: WebSocketChatArgs, counts: dict[str, int], *, preview: bool
) -> None:
    graph = chat(args, preview=preview)

    assert Counter(part.type for part in graph.resources.values()) == Counter(COUNTS | counts)
    if preview:  # In a preview, the inputs that AWS decides are unknown.
        assert graph.resources.keys() == expected_inputs(expected).keys()
    else:
        assert inputs(graph) == expected_inputs(expected)


UNPROVEN = "authentication is none: anyone with the URL can connect as any user, and read and write every group"
STRANGERS_NOT_KEPT_OUT = "groupMembersTable does not keep strangers out while authentication is none"


@pytest.mark.parametrize(
    ("args", "warnings"),
    [
        pytest.param({}, [UNPROVEN], id="none"),
        pytest.param(
            {"group_members_table": "GroupMembers"}, [UNPROVEN, STRANGERS_NOT_KEPT_OUT], id="none, members table"
        ),
        pytest.param({"allowed_origins": ["https://app.example"]}, [UNPROVEN], id="none, origins"),
        pytest.param({"authentication": Authentication.IAM}, [], id="iam"),
        pytest.param(
            {"authentication": Authentication.IAM, "group_members_table": "GroupMembers"}, [], id="iam, table"
        ),
        pytest.param(WITH_TOKENS, [], id="jwt"),
        pytest.param(WITH_TOKENS | {"group_members_table": "GroupMembers"}, [], id="jwt, members table"),
        pytest.param(OTHERS, [], id="every argument"),
    ],
)
@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
def test_a_chat_without_authentication_warns(args: WebSocketChatArgs, warnings: list[str], *, preview: bool) -> None:
    seen = chat(args, preview=preview).warnings
    assert [warning[: len(start)] for warning, start in zip(seen, warnings, strict=True)] == warnings


def test_the_warning_says_how_to_require_a_token() -> None:
    (warning,) = chat().warnings
    for part in ("authentication jwt", "jwtIssuer", "cognitoUserPoolId", "jwtAudience", "README.md"):
        assert part in warning


def test_every_argument_has_another_value() -> None:
    assert WebSocketChatArgs.__annotations__.keys() == DEFAULTS.keys() == OTHERS.keys()
    same = {key for key, value in OTHERS.items() if DEFAULTS.get(key) == value}
    assert same - INSTEAD.keys() == {"presence"}  # It has a separate case.


def test_every_part_is_a_child_of_the_component() -> None:
    resources = chat(OTHERS).resources
    component = resources.pop("chat")
    assert component.parent.endswith("pulumi:pulumi:Stack::websocket-chat-test")
    assert {resource.parent for resource in resources.values()} == {component.urn}


def test_another_prefix_replaces_the_default_everywhere() -> None:
    graph = known_chat(OTHERS)
    everything = {
        name: {key: value for key, value in resource.inputs.items() if key != "code"}
        for name, resource in graph.resources.items()
    }
    assert "WebSocket" not in str(everything)


def _can_be_tagged(type_: str) -> bool:
    package, module, name = type_.split(":")
    classes = getattr(aws, {"lambda": "lambda_"}.get(folder := module.partition("/")[0], folder))
    return package == "aws" and hasattr(getattr(classes, name), "tags")


def test_every_taggable_resource_is_tagged() -> None:
    parts = {name: part for name, part in known_chat(OTHERS).resources.items() if part.type.startswith("aws:")}
    taggable = {name for name, part in parts.items() if _can_be_tagged(part.type)}
    assert {parts[name].type for name in taggable} == TAGGABLE
    assert {
        name for name, part in parts.items() if OTHERS["tags"].items() <= part.inputs.get("tags", {}).items()
    } == taggable


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("chat-deployment", {f"chat-{child}-route" for child in ROUTES}),
        ("chat-slice-retries", {"chat-background-policy"}),
        ("chat-presence-stream", {"chat-background-policy", "chat-presence-policy"}),
        ("chat-background-policy", {"chat-broadcast-function"}),
        ("chat-connect-function", {"chat-broadcast-function"}),
        ("chat-connect-route", {"chat-authorizer"}),
        ("chat-authorizer-function", {"chat-authorizer-layer"}),
        # Without its log group, Lambda would create one that never expires. Without a policy, it could not trace.
        *(
            (f"chat-{child}-function", {f"chat-{child}-logs", "chat-tracing-policy"})
            for child in FUNCTIONS
            if child != "publish"
        ),
        ("chat-publish-function", {"chat-publish-logs", "chat-publish-tracing-policy", "chat-broadcast-function"}),
    ],
)
def test_a_resource_waits_for_what_it_needs(name: str, first: set[str]) -> None:
    assert first <= known_chat(OTHERS).waits_for(name)


@pytest.mark.parametrize(
    "args", [{}, {"presence": False}, WITH_TOKENS, OTHERS | INSTEAD], ids=["none", "no presence", "jwt", "everything"]
)
def test_functions_wait_for_their_policies(args: WebSocketChatArgs) -> None:
    graph = chat(args)
    functions = graph.of_type("aws:lambda/function:Function")
    # The background policy names the broadcast function.
    policies = graph.of_type("aws:iam/rolePolicy:RolePolicy").keys() - {"chat-background-policy"}
    policies |= {"chat-logs-policy-attachment"}
    of_publish = {name for name in policies if name.startswith("chat-publish-")}
    needed = {name: of_publish if name == "chat-publish-function" else policies - of_publish for name in functions}
    assert [name for name in functions if not needed[name] <= graph.waits_for(name)] == []


def test_the_stage_waits_for_every_resource_that_serves_clients() -> None:
    graph = known_chat(OTHERS)
    others = {name for name in graph.resources if name.endswith(("-alarm", "-filter", "-dashboard"))}
    others |= {"chat-domain", "chat-domain-mapping", "chat-domain-record"}
    assert graph.waits_for("chat-stage") == graph.resources.keys() - {"chat-stage", "chat"} - others


@pytest.mark.parametrize("address", ["web_socket_url", "callback_url"])
def test_an_address_waits_for_the_stage(address: str) -> None:
    def uses_address() -> None:
        aws.ssm.Parameter("address", type="String", value=getattr(WebSocketChat("chat", {}), address))

    assert "chat-stage" in run(uses_address).waits_for("address")


@pytest.mark.parametrize(
    ("args", "counts"), [({}, COUNTS), (WITH_TOKENS, COUNTS | COUNTS_OF_TOKENS)], ids=["none", "jwt"]
)
def test_two_instances_share_no_name(args: WebSocketChatArgs, counts: dict[str, int]) -> None:
    def two() -> None:
        WebSocketChat("chat", args)
        WebSocketChat("other", args | {"name_prefix": "Other"})

    resources = run(two).resources.values()  # Fails if a logical name is registered twice.
    # Names of stages and authorizers need only be unique in their API, those of policies in their role.
    names = Counter(
        (
            part.type,
            part.inputs.get("name", part.inputs.get("layerName")),
            part.inputs.get("apiId"),
            part.inputs.get("role"),
        )
        for part in resources
        if part.inputs.keys() & {"name", "layerName"}
    )
    assert len(resources) == 2 * sum(counts.values())
    assert max(names.values()) == 1


def test_every_part_uses_the_components_provider() -> None:
    def elsewhere() -> None:
        provider = aws.Provider("elsewhere", region="eu-north-1")
        args = WITH_TOKENS | {"group_members_table": "GroupMembers"}
        WebSocketChat("chat", args, opts=pulumi.ResourceOptions(providers={"aws": provider}))

    graph = run(elsewhere)
    providers: set[Any] = {part.provider for part in graph.resources.values() if part.parent.endswith("::chat")}
    providers |= {provider for _, _, provider in graph.calls}
    assert [args["name"] for _, args, _ in graph.calls] == ["WebSocketConnections", "ChatMessages", "GroupMembers"]
    (provider,) = providers
    assert "::elsewhere::" in provider
