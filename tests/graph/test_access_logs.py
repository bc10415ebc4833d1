"""The access logs of the stage: what they tell, and what stays in the account. test_resources.py has the inputs."""

import json
import re

import pulumi
import pytest

from components import WebSocketChat, WebSocketChatArgs
from components.access_logs import FIELDS, FORMAT
from components.arguments.table import ARGUMENTS

from .stack import PROJECT, chat, known_chat, run

GATEWAY = {"chat-gateway-role", "chat-gateway-policy-attachment", "chat-gateway-account"}
MANAGED: WebSocketChatArgs = {"access_logs": "managed"}
SAFE = {
    *("requestId", "requestTimeEpoch", "eventType", "routeKey", "connectionId", "identity.sourceIp", "domainName"),
    *("status", "error.responseType", "authorizer.status", "integrationLatency"),
}
"""Variables that have only what API Gateway or the program decides, and the client's IP address.

Some of the others have what a client sends, or what the authorizer says of its token: ``error.message``,
``error.messageString``, ``error.validationErrorString``, ``authorizer.error``, ``authorizer.principalId``, each
property of ``authorizer``, ``identity.apiKey``, ``identity.userAgent``.
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
"""
SAMPLE = {
    "requestId": "UV-qLHGqliAEJuA=",
    "time": "1764226456789",
    "eventType": "MESSAGE",
    "routeKey": "sendMessage",
    "connectionId": "UV-pBfK0liACJBg=",
    "sourceIp": "203.0.113.178",
    "domainName": "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
    "status": "200",
    "errorType": "-",
    "authorizerStatus": "-",
    "integrationLatency": "41",
}
"""A line of a frame."""


@pytest.mark.parametrize("args", [{}, {"access_logs": "off"}])
def test_off_is_the_default_and_creates_nothing(args: WebSocketChatArgs) -> None:
    graph = chat(args)
    assert graph.resources.keys() == known_chat().resources.keys()
    assert not [name for name in graph.resources if "access" in name or "gateway" in name]
    assert "accessLogSettings" not in graph.resources["chat-stage"].inputs


@pytest.mark.parametrize("preview", [False, True], ids=["update", "preview"])
@pytest.mark.parametrize(("value", "more"), [("existing", set()), ("managed", GATEWAY)])
def test_only_managed_touches_the_account(value: str, more: set[str], *, preview: bool) -> None:
    graph = chat({"access_logs": value}, preview=preview)
    assert graph.resources.keys() - known_chat().resources.keys() == {"chat-access-logs"} | more
    destination = graph.resources["chat-stage"].inputs["accessLogSettings"]["destinationArn"]
    assert pulumi.contains_unknowns(destination) == preview


def test_no_variable_can_carry_a_token() -> None:
    used = set(re.findall(r"\$[\w.]+", FORMAT))
    assert used == {f"$context.{name}" for name in SAFE}
    # The whole line is JSON, so no other text is in it.
    assert set(json.loads(FORMAT).values()) == used
    assert "\n" not in FORMAT
    assert "$context.requestId" in used  # AWS refuses a format without it.
    settings = known_chat(MANAGED).resources["chat-stage"].inputs["accessLogSettings"]
    assert settings["format"] == FORMAT


def test_the_line_in_the_documents_has_each_field() -> None:
    text = (PROJECT / "docs/operations.md").read_text()
    (line,) = re.findall(r'^```\n(\{"requestId".+?)^```$', text, re.MULTILINE | re.DOTALL)
    assert [*json.loads(line)] == [*FIELDS]


def test_api_gateway_writes_no_other_logs() -> None:
    """Execution logs with data tracing would have query strings."""
    stage = known_chat(MANAGED).resources["chat-stage"].inputs
    assert stage["defaultRouteSettings"].keys() == {"throttlingRateLimit", "throttlingBurstLimit"}


def test_the_price_in_the_text_is_that_of_the_lines() -> None:
    assert SAMPLE.keys() == FIELDS.keys()
    # CloudWatch counts 26 bytes more for each line:
    # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
    size = len(json.dumps(SAMPLE, separators=(",", ":"))) + 26
    price = size * 1_000_000 / 10**9 * 0.50
    assert f"a million lines cost about ${price:.2f}." in ARGUMENTS["access_logs"].text


def test_what_the_account_shares_stays() -> None:
    graph = known_chat(MANAGED)
    assert {name for name, one in graph.resources.items() if one.retained} == GATEWAY
    role = graph.resources["chat-gateway-role"].inputs
    assert "name" not in role  # Pulumi makes one up: roles have no region.
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}


def test_the_stage_logs_when_the_role_may_write() -> None:
    graph = known_chat(MANAGED)
    assert GATEWAY | {"chat-access-logs"} <= graph.waits_for("chat-stage")
    assert {"chat-gateway-role", "chat-gateway-policy-attachment"} <= graph.waits_for("chat-gateway-account")


def test_the_functions_get_no_right() -> None:
    def policies(args: WebSocketChatArgs) -> dict[str, object]:
        return {name: one.inputs["policy"] for name, one in chat(args).resources.items() if "policy" in one.inputs}

    assert policies(MANAGED) == policies({})


def test_the_policy_is_that_of_the_partition() -> None:
    group = {"chat-access-logs": {"arn": "arn:aws-cn:logs:cn-north-1:123456789012:log-group:a"}}
    attachment = run(lambda: WebSocketChat("chat", MANAGED), outputs=group).resources["chat-gateway-policy-attachment"]
    assert attachment.inputs["policyArn"].startswith("arn:aws-cn:iam::aws:policy/service-role/")
