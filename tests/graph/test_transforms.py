"""A transform changes each kind of resource before it is created, and nothing else."""

from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import TransformError, Transforms, WebSocketChat, WebSocketChatArgs

from .argument_cases import CERTIFICATE, TOPIC
from .stack import WITH_TOKENS, ZONE, Graph, chat, known_chat, run

EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {
    "create_messages_table": True,
    "unread": True,
    "changes": True,
    "publish": True,
    "alarms": TOPIC,
    "dashboard": True,
    "domain_name": "chat.example.com",
    "certificate_arn": CERTIFICATE,
    "hosted_zone_id": ZONE,
    "access_logs": "managed",
}
ROUTES = ["connect", "disconnect", "send-message", "default"]
FUNCTIONS = [*ROUTES, "broadcast", "presence-events", "authorizer", "publish"]

TALLY = ["recipients", "delivered", "stale", "failed"]
POLICIES = [f"{feature}-policy" for feature in ("serving", "unread", "changes", "presence", "background")]

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "connections_table": (
        {"table_class": "STANDARD_INFREQUENT_ACCESS"},
        {"tableClass": "STANDARD_INFREQUENT_ACCESS"},
        ["connections"],
    ),
    "messages_table": ({"billing_mode": "PROVISIONED"}, {"billingMode": "PROVISIONED"}, ["messages"]),
    "read_markers_table": ({"billing_mode": "PROVISIONED"}, {"billingMode": "PROVISIONED"}, ["read-markers"]),
    "changes_table": ({"billing_mode": "PROVISIONED"}, {"billingMode": "PROVISIONED"}, ["changes"]),
    "failures_queue": ({"message_retention_seconds": 60}, {"messageRetentionSeconds": 60}, ["failures"]),
    "api": ({"description": "Our API"}, {"description": "Our API"}, ["api"]),
    "log_group": (
        {"log_group_class": "INFREQUENT_ACCESS"},
        {"logGroupClass": "INFREQUENT_ACCESS"},
        [f"{child}-logs" for child in FUNCTIONS],
    ),
    "role": ({"permissions_boundary": "arn:ours"}, {"permissionsBoundary": "arn:ours"}, ["role"]),
    "policy": ({"policy": "{}"}, {"policy": "{}"}, POLICIES),
    "publish_role": ({"permissions_boundary": "arn:ours"}, {"permissionsBoundary": "arn:ours"}, ["publish-role"]),
    "publish_policy": (
        {"policy": "{}"},
        {"policy": "{}"},
        [f"publish-{feature}-policy" for feature in ("serving", "logs", "large-groups", "user-data", "changes")],
    ),
    "logs_policy": ({"path": "/ours/"}, {"path": "/ours/"}, ["logs-policy"]),
    "logs_policy_attachment": ({"policy_arn": "arn:ours"}, {"policyArn": "arn:ours"}, ["logs-policy-attachment"]),
    "authorizer_layer": ({"license_info": "MIT"}, {"licenseInfo": "MIT"}, ["authorizer-layer"]),
    "function": (
        {"ephemeral_storage": {"size": 1024}},
        {"ephemeralStorage": {"size": 1024}},
        [f"{child}-function" for child in FUNCTIONS],
    ),
    "authorizer": (
        {"identity_sources": ["route.request.header.Auth"]},
        {"identitySources": ["route.request.header.Auth"]},
        ["authorizer"],
    ),
    "integration": (
        {"timeout_milliseconds": 5000},
        {"timeoutMilliseconds": 5000},
        [f"{child}-integration" for child in ROUTES],
    ),
    "route": (
        {"operation_name": "Ours"},
        {"operationName": "Ours"},
        [f"{child}-route" for child in ROUTES],
    ),
    "permission": (
        {"statement_id": "Ours"},
        {"statementId": "Ours"},
        [f"{child}-permission" for child in [*ROUTES, "authorizer"]],
    ),
    "deployment": ({"description": "Ours"}, {"description": "Ours"}, ["deployment"]),
    "slice_retries": ({"maximum_retry_attempts": 0}, {"maximumRetryAttempts": 0}, ["slice-retries"]),
    "presence_stream": ({"batch_size": 7}, {"batchSize": 7}, ["presence-stream"]),
    "stage": ({"description": "Our stage"}, {"description": "Our stage"}, ["stage"]),
    "access_log_group": (
        {"log_group_class": "INFREQUENT_ACCESS"},
        {"logGroupClass": "INFREQUENT_ACCESS"},
        ["access-logs"],
    ),
    "gateway_role": ({"path": "/ours/"}, {"path": "/ours/"}, ["gateway-role"]),
    "gateway_policy_attachment": ({"policy_arn": "arn:ours"}, {"policyArn": "arn:ours"}, ["gateway-policy-attachment"]),
    "gateway_account": ({"region": "eu-west-1"}, {"region": "eu-west-1"}, ["gateway-account"]),
    "custom_domain": ({"routing_mode": "API_MAPPING_ONLY"}, {"routingMode": "API_MAPPING_ONLY"}, ["domain"]),
    "domain_mapping": ({"region": "eu-west-1"}, {"region": "eu-west-1"}, ["domain-mapping"]),
    "domain_record": ({"health_check_id": "ours"}, {"healthCheckId": "ours"}, ["domain-record"]),
    "metric_filter": (
        {"pattern": "{ $.failed > 9 }"},
        {"pattern": "{ $.failed > 9 }"},
        [
            *(f"{child}-{name}-filter" for child in ("send-message", "broadcast", "publish") for name in TALLY),
            *("send-message-messages-filter", "publish-messages-filter"),
            *(f"{child}-refused-filter" for child in [*ROUTES, "authorizer", "publish"]),
        ],
    ),
    "dashboard": ({"dashboard_name": "Ours"}, {"dashboardName": "Ours"}, ["dashboard"]),
    "alarm": (
        {"datapoints_to_alarm": 7},
        {"datapointsToAlarm": 7},
        [
            *(f"{child}-{what}-alarm" for child in FUNCTIONS for what in ("errors", "throttles")),
            *("send-message-duration-alarm", "presence-events-age-alarm", "failures-alarm"),
            *("failed-deliveries-alarm", "integration-errors-alarm", "requests-alarm"),
        ],
    ),
}
"""For each kind: the arguments to change, the inputs that they become, and the resources that change."""
DEPLOYED = ["authorizer", "integration", "route"]
TOGETHER = [[kind for kind in CHANGES if kind not in DEPLOYED], *([kind] for kind in DEPLOYED)]
"""Kinds that are changed at once: a graph takes a quarter of a second."""


def transformed(transforms: Any, args: WebSocketChatArgs = EVERYTHING, graph: Graph | None = None) -> Graph:
    return run(lambda: WebSocketChat("chat", args, transforms=transforms), graph=graph)


def changed(graph: Graph) -> dict[str, dict[str, Any]]:
    """The inputs that a transform has changed, by resource."""
    before = known_chat(EVERYTHING).resources
    assert graph.resources.keys() == before.keys()
    differences = {
        name: {key: value for key, value in resource.inputs.items() if key != "code" and value != old.get(key)}
        for name, resource in graph.resources.items()
        for old in [before[name].inputs]
    }
    return {name: inputs for name, inputs in differences.items() if inputs}


def test_every_kind_is_tested() -> None:
    assert CHANGES.keys() == Transforms.__annotations__.keys()


@pytest.mark.parametrize("kinds", TOGETHER, ids=" ".join)
def test_a_mapping_is_merged_over_the_arguments(kinds: list[str]) -> None:
    found = changed(transformed({kind: CHANGES[kind][0] for kind in kinds}))
    # A deployment counts the arguments of what it deploys.
    deploys = kinds[0] in DEPLOYED
    assert ("triggers" in found["chat-deployment"]) is deploys
    found = {name: change for name, change in found.items() if change.keys() != {"triggers"}}
    assert found == {f"chat-{child}": CHANGES[kind][1] for kind in kinds for child in CHANGES[kind][2]}


def test_a_function_changes_arguments_and_options_of_each_resource() -> None:
    names: dict[str, list[str]] = {kind: [] for kind in CHANGES}

    def changing(kind: str) -> Any:
        def change(args: dict[str, Any], opts: pulumi.ResourceOptions, name: str) -> None:
            names[kind].append(name)
            if len(names[kind]) == 1:
                args.update(CHANGES[kind][0])
                opts.protect = True

        return change

    graph = transformed({kind: changing(kind) for kind in CHANGES})
    assert {kind: sorted(of_kind) for kind, of_kind in names.items()} == {
        kind: sorted(f"chat-{child}" for child in children) for kind, (_, _, children) in CHANGES.items()
    }
    first = {of_kind[0]: kind for kind, of_kind in names.items()}
    assert {name for name, resource in graph.resources.items() if resource.protect} == first.keys()
    found = changed(graph)
    del found["chat-deployment"]["triggers"]
    assert found == {name: CHANGES[kind][1] for name, kind in first.items()}


@pytest.mark.parametrize("kind", ["lambda", "functions", "connectionsTable"])
def test_an_unknown_kind_is_refused_with_the_known_kinds(kind: str) -> None:
    graph = Graph()
    with pytest.raises(TransformError, match=f"unknown kind of resource: '{kind}'") as refused:
        transformed({kind: {}}, graph=graph)
    assert [known for known in Transforms.__annotations__ if known not in str(refused.value)] == []
    assert graph.resources == {}


def test_anything_but_a_mapping_or_a_function_is_refused() -> None:
    graph = Graph()
    with pytest.raises(
        TransformError, match=r"transforms\['api'\] is 'name', which is neither a mapping nor a function"
    ):
        transformed({"api": "name"}, graph=graph)
    assert graph.resources == {}


def test_a_function_that_returns_something_is_refused() -> None:
    with pytest.raises(TransformError, match="The transform of chat-api returned dict, which would be lost"):
        transformed({"api": lambda args, *_: {**args, "description": "Ours"}})


def test_a_transform_of_a_missing_resource_changes_nothing() -> None:
    graph = transformed({"authorizer": {"name": "Ours"}}, args={})
    assert {name: part.inputs for name, part in graph.resources.items() if "code" not in part.inputs} == {
        name: part.inputs for name, part in chat().resources.items() if "code" not in part.inputs
    }


def test_arguments_as_objects_of_the_provider_redeploy_once() -> None:
    def triggers(server: str) -> Any:
        def change(args: dict[str, Any], *_: object) -> None:
            name = pulumi.Output.from_input(server)
            args["tls_config"] = aws.apigatewayv2.IntegrationTlsConfigArgs(server_name_to_verify=name)

        return transformed({"integration": change}).resources["chat-deployment"].inputs["triggers"]

    assert triggers("one.example") == triggers("one.example") != triggers("two.example")


def test_the_outputs_come_from_the_changed_resources() -> None:
    def change(args: dict[str, Any], *_: object) -> None:
        args["name"] = f"/ours{args['name']}"

    def program() -> None:
        component = WebSocketChat("chat", {}, transforms={"log_group": change})
        pulumi.export("names", component.log_group_names)

    names = run(program).outputs["names"].values()
    assert [name for name in names if not name.startswith("/ours/aws/lambda/WebSocket")] == []


def test_a_change_of_nested_arguments_affects_only_one_resource() -> None:
    tags = {"Team": "Chat"}

    def change(args: dict[str, Any], _: pulumi.ResourceOptions, name: str) -> None:
        if name == "chat-connect-function":
            args["environment"]["variables"]["OURS"] = "1"
            args["tags"]["Ours"] = "1"

    graph = transformed({"function": change}, args={"tags": tags})
    with_variable = {name for name, part in graph.resources.items() if "OURS" in str(part.inputs.get("environment"))}
    with_tag = {name for name, part in graph.resources.items() if "Ours" in part.inputs.get("tags", {})}
    assert with_variable == with_tag == {"chat-connect-function"}
    assert tags == {"Team": "Chat"}


def test_a_function_can_change_one_of_several_resources() -> None:
    def longer(args: dict[str, Any], _: pulumi.ResourceOptions, name: str) -> None:
        if name == "chat-presence-events-function":
            args["timeout"] = 29

    assert changed(transformed({"function": longer})) == {"chat-presence-events-function": {"timeout": 29}}


def prefixed(args: dict[str, Any], _: pulumi.ResourceOptions, __: str) -> None:
    args["name"] = f"dev-{args['name']}"


def test_a_transform_can_rename_functions_and_tables() -> None:
    resources = transformed(
        dict.fromkeys(["function", "connections_table", "messages_table", "role"], prefixed)
    ).resources
    for child in FUNCTIONS:
        variables = resources[f"chat-{child}-function"].inputs["environment"]["variables"]
        names = [variables.get(f"{name}_TABLE") for name in ("CONNECTIONS", "MESSAGES")]
        assert names == ([None, None] if child == "authorizer" else ["dev-WebSocketConnections", "dev-ChatMessages"])
        # Lambda tells the broadcast function its own name.
        broadcast = None if child in {"authorizer", "broadcast"} else "dev-WebSocketBroadcast"
        assert variables.get("BROADCAST_FUNCTION") == broadcast
    policies = "".join(resources[f"chat-{name}"].inputs["policy"] for name in POLICIES)
    for name in ("function:dev-WebSocketBroadcast", "table/dev-WebSocketConnections", "table/dev-ChatMessages"):
        assert f":{name}" in policies


@pytest.mark.parametrize(
    ("kind", "changes", "fault"),
    [
        ("stage", {"name": "dev"}, "chat-stage changed name.* Leave name = 'production'"),
        (
            "connections_table",
            {"hash_key": "id"},
            "chat-connections changed hash_key.* Leave hash_key = 'connectionId'",
        ),
        ("messages_table", {"hash_key": "id"}, "chat-messages changed hash_key.* Leave hash_key = 'messageId'"),
        ("messages_table", {"range_key": "timestamp"}, "chat-messages changed range_key.* Leave range_key = None"),
        ("connections_table", {"tags": {"Team": "Chat"}}, "chat-connections changed tags.*websocket-chat:stack"),
    ],
)
def test_a_transform_cannot_change_what_others_rely_on(kind: str, changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(TransformError, match=f"The transform of {fault}"):
        transformed({kind: changes})


def test_a_transform_may_add_tags_to_a_table() -> None:
    def tagged(args: dict[str, Any], *_: object) -> None:
        args["tags"]["Team"] = "Chat"

    tags = transformed({"messages_table": tagged}).resources["chat-messages"].inputs["tags"]
    assert tags == {"websocket-chat:stack": "websocket-chat/test", "Team": "Chat"}


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_a_stage_that_pulumis_own_transform_renames_is_refused(*, preview: bool) -> None:
    # The mocks do not run such a transform. The program sees only the result.
    with pytest.raises(TransformError, match="changed name, which the functions or other resources rely on"):
        chat(outputs={"chat-stage": {"name": "dev-production"}}, preview=preview)
