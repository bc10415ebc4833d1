"""An update that ends half way. docs/operations.md says what to do then."""

import signal
import time
from typing import Any

import pytest

from local.aws.resources import resource
from local.emulator import Emulator

from .chatting import Chatting
from .interrupting import half_way
from .world import PulumiError, Stack

RENAMED = ("-permission", "-policy", "-policy-attachment", "failures")


def test_an_interrupted_up_is_continued_by_the_next(stack: Stack) -> None:
    first = half_way(stack, signal.SIGINT, at="role")
    second = stack.up()
    created = [*first.names("create"), *second.names("create")]
    assert first.names("create")
    assert second.counts.keys() == {"create"}
    assert len(set(created)) == len(created)
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up().operations == ()


def test_an_interrupted_change_is_continued_by_the_next(stack: Stack) -> None:
    stack.up()
    url = stack.outputs()["WebSocketURL"]
    with Chatting(url):
        stack.config(memorySize=256)
        running = stack.start("up", "--yes", "--skip-preview")
        stack.provider.before = lambda _: running.send_signal(signal.SIGINT)
        running.communicate(timeout=100)
        stack.provider.before = lambda _: None
        assert running.returncode
        stack.up()
        assert stack.up().operations == ()
    assert stack.outputs()["WebSocketURL"] == url


@pytest.mark.parametrize(
    "at",
    [
        *("api", "failures", "logs-policy", "logs-policy-attachment"),
        *("connect-function", "connect-route", "connect-permission", "stage"),
    ],
)
def test_a_killed_up_takes_back_what_it_had_begun(stack: Stack, at: str) -> None:
    first = half_way(stack, signal.SIGKILL, at=at)
    with pytest.raises(PulumiError, match="the stack is currently locked"):
        stack.up()
    stack.pulumi("cancel", "--yes")
    begun = stack.pending()
    assert f"chat-{at}" in {_name(one) for one in begun}
    # The CLI's --import-pending-creates drops them without a word: seen with 3.274.1 and a state in a file.
    stack.refresh("--clear-pending-creates")
    time.sleep(1)  # What the CLI had asked for when it was killed may still be under way.
    stack.import_(
        {"type": one["type"], "name": _name(one), "id": found, "parent": "chat"}
        for one in begun
        if (found := _import_id(stack.emulator, one)) and _exists(stack.emulator, one, found)
    )
    second = stack.up()
    # What Pulumi has named gets another name: an imported name counts as one that the program had given.
    named = [name for name in (*first.names("create"), *second.names("create")) if not name.endswith(RENAMED)]
    assert len(set(named)) == len(named), "something was created twice"
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up().operations == ()


def _name(begun: dict[str, Any]) -> str:
    return str(begun["urn"]).rpartition("::")[2]


def _exists(emulator: Emulator, begun: dict[str, Any], import_id: str) -> bool:
    return resource(begun["type"], _name(begun)).read(emulator, import_id, {}) is not None


def _import_id(emulator: Emulator, begun: dict[str, Any]) -> str | None:  # noqa: C901, PLR0911, PLR0912 - one for each form
    """Find the id, as docs/operations.md says for each type."""
    inputs = begun["inputs"]
    apis, functions = emulator.client("apigatewayv2"), emulator.client("lambda")
    match begun["type"].rpartition(":")[2]:
        case "Api":
            return next((api["ApiId"] for api in apis.get_apis()["Items"] if api["Name"] == inputs["name"]), None)
        case "Queue":
            queues = emulator.client("sqs").list_queues(QueueNamePrefix=inputs["name"])
            return next(iter(queues.get("QueueUrls", [])), None)
        case "Route":
            routes = apis.get_routes(ApiId=inputs["apiId"])["Items"]
            found = (f"{inputs['apiId']}/{one['RouteId']}" for one in routes if one["RouteKey"] == inputs["routeKey"])
            return next(found, None)
        case "Integration":
            integrations = apis.get_integrations(ApiId=inputs["apiId"])["Items"]
            mine = (one for one in integrations if one["IntegrationUri"] == inputs["integrationUri"])
            return next((f"{inputs['apiId']}/{one['IntegrationId']}" for one in mine), None)
        case "Stage":
            return f"{inputs['apiId']}/{inputs['name']}"
        case "Permission":
            return f"{inputs['function']}/{inputs['statementId']}"
        case "Dashboard":
            return str(inputs["dashboardName"])
        case "LogMetricFilter":
            return f"{inputs['logGroupName']}:{inputs['name']}"
        case "RolePolicy":
            return f"{inputs['role']}:{inputs['name']}"
        case "Policy":
            policies = emulator.client("iam").list_policies(Scope="Local")["Policies"]
            return next((one["Arn"] for one in policies if one["PolicyName"] == inputs["name"]), None)
        case "RolePolicyAttachment":
            return f"{inputs['role']}/{inputs['policyArn']}"
        case "FunctionEventInvokeConfig":
            return str(inputs["functionName"])
        case "EventSourceMapping":
            mappings = functions.list_event_source_mappings(EventSourceArn=inputs["eventSourceArn"])
            return next((mapping["UUID"] for mapping in mappings["EventSourceMappings"]), None)
        case _:
            return str(inputs["name"])
