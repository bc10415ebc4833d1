"""The options of the children: how Pulumi replaces, protects and deletes them."""

import pulumi
import pytest

from components import WebSocketChat, WebSocketChatArgs

from .argument_cases import CERTIFICATE, TOPIC
from .stack import WITH_TOKENS, ZONE, chat, run

EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {
    "create_messages_table": True,
    "unread": True,
    "changes": True,
    "alarms": TOPIC,
    "dashboard": True,
    "domain_name": "chat.example.com",
    "certificate_arn": CERTIFICATE,
    "hosted_zone_id": ZONE,
    "access_logs": "managed",
}
OF_THE_ACCOUNT = {"chat-gateway-role", "chat-gateway-policy-attachment", "chat-gateway-account"}


def test_what_an_argument_names_is_created_before_the_old_one_is_deleted() -> None:
    found = {name: one.deleted_first for name, one in chat(EVERYTHING).resources.items()}
    created_first = {name for name, deleted_first in found.items() if deleted_first is False}
    functions = {name for name in found if name.endswith(("-function", "-logs"))}
    assert created_first == functions | {
        "chat-logs-policy-attachment",
        "chat-stage",
        "chat-role",
        "chat-connections",
        "chat-messages",
        "chat-read-markers",
        "chat-changes",
    }
    assert set(found.values()) == {False, None}


def test_a_protected_component_protects_only_what_updates_do_not_replace() -> None:
    resources = run(lambda: WebSocketChat("chat", EVERYTHING, pulumi.ResourceOptions(protect=True))).resources
    assert {one.type for one in resources.values() if not one.protect} == {
        "aws:apigateway/account:Account",
        "aws:apigatewayv2/apiMapping:ApiMapping",
        "aws:apigatewayv2/deployment:Deployment",
        "aws:apigatewayv2/integration:Integration",
        "aws:apigatewayv2/route:Route",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:iam/policy:Policy",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:lambda/layerVersion:LayerVersion",
        "aws:lambda/permission:Permission",
        "aws:route53/record:Record",
    }


@pytest.mark.parametrize(
    ("args", "protected"),
    [
        (EVERYTHING, set()),
        (
            EVERYTHING | {"deletion_protection": True},
            {"chat-api", "chat-domain", "chat-connections", "chat-messages", "chat-read-markers", "chat-changes"},
        ),
        ({"deletion_protection": True}, {"chat-api", "chat-connections"}),
    ],
    ids=["off", "on", "existing messages table"],
)
def test_deletion_protection_keeps_data_and_address(args: WebSocketChatArgs, protected: set[str]) -> None:
    assert {name for name, one in chat(args).resources.items() if one.protect} == protected


@pytest.mark.parametrize("table", ["chat-connections", "chat-messages", "chat-read-markers", "chat-changes"])
def test_the_api_is_deleted_after_the_tables(table: str) -> None:
    assert "chat-api" in chat(EVERYTHING).waits_for(table)


@pytest.mark.parametrize(
    ("args", "retained"),
    [
        (EVERYTHING, {"chat-messages", "chat-read-markers"} | OF_THE_ACCOUNT),
        (EVERYTHING | {"destroy_messages": True}, OF_THE_ACCOUNT),
        (WITH_TOKENS, set()),
    ],
    ids=["default", "destroy messages", "existing messages table"],
)
def test_only_messages_and_what_the_account_shares_outlive_the_stack(
    args: WebSocketChatArgs, retained: set[str]
) -> None:
    assert {name for name, one in chat(args).resources.items() if one.retained} == retained
