"""Every resource of the component is an attribute with documentation that an editor shows."""

import ast
import inspect
import textwrap
from typing import Any

import pulumi
import pytest
from pulumi.provider.experimental.analyzer import Analyzer

from components import WebSocketChat, WebSocketChatArgs

from .argument_cases import CERTIFICATE, TOPIC
from .stack import WITH_TOKENS, ZONE, Graph, chat, run

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
ROUTES = {"$connect", "$disconnect", "sendMessage", "$default"}


def attributes(args: WebSocketChatArgs) -> dict[str, Any]:
    """Names of the resources in the attributes that ``__init__`` documents."""
    found: dict[str, Any] = {}

    def names(value: object) -> Any:
        match value:
            case pulumi.Resource():
                return value.pulumi_resource_name
            case dict():
                return {key: names(part) for key, part in value.items()}
        return value

    def look() -> None:
        component = WebSocketChat("chat", args)
        found.update({name: names(getattr(component, name)) for name in documented()})

    run(look)
    return found


def documented() -> dict[str, str]:
    """The documentation of each public attribute that ``__init__`` sets, by name."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(WebSocketChat.__init__))).body
    assert isinstance(function, ast.FunctionDef)
    found = {}
    for statement, after in zip(function.body, [*function.body[1:], ast.Pass()], strict=True):
        match statement, after:
            case ast.AnnAssign(target=ast.Attribute(attr=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
            case ((ast.AnnAssign(target=ast.Attribute(attr=name)) | ast.Assign(targets=[ast.Attribute(attr=name)])), _):
                pytest.fail(f"{name} has no text, or no type")
    return found


def test_every_resource_is_an_attribute() -> None:
    found = attributes(EVERYTHING).values()
    names = [name for value in found for name in (value.values() if isinstance(value, dict) else [value])]
    assert sorted(names) == sorted(chat(EVERYTHING).resources.keys() - {"chat"})


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("functions", ROUTES | {"broadcast", "presence", "authorizer", "publish"}),
        ("log_groups", ROUTES | {"broadcast", "presence", "authorizer", "publish"}),
        ("integrations", ROUTES),
        ("routes", ROUTES),
        ("permissions", ROUTES | {"authorizer"}),
    ],
)
def test_an_attribute_with_several_resources_has_their_keys(name: str, keys: set[str]) -> None:
    found = attributes(EVERYTHING)
    assert found[name].keys() == keys
    assert found[name]["$connect"].startswith("chat-connect-")


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("messages_table", WITH_TOKENS),
        ("read_markers_table", WITH_TOKENS),
        ("presence_stream", EVERYTHING | {"presence": False}),
        ("publish_role", WITH_TOKENS),
        ("authorizer", {}),
        ("authorizer_layer", {}),
        ("dashboard", {"alarms": TOPIC}),
        ("access_log_group", {}),
        ("gateway_role", {"access_logs": "existing"}),
        ("gateway_policy_attachment", {"access_logs": "existing"}),
        ("gateway_account", {"access_logs": "existing"}),
        ("custom_domain", {}),
        ("domain_mapping", {}),
        ("domain_record", {"domain_name": "chat.example.com", "certificate_arn": CERTIFICATE}),
    ],
)
def test_the_attribute_of_a_missing_resource_is_none(name: str, without: WebSocketChatArgs) -> None:
    assert attributes(EVERYTHING)[name]
    assert attributes(without)[name] is None


def test_other_languages_get_only_the_outputs() -> None:
    (schema,) = Analyzer("websocket-chat").analyze([WebSocketChat])["component_definitions"].values()
    assert set(schema.outputs_mapping.values()) == {
        *("web_socket_url", "callback_url", "api_id", "connections_table_name", "messages_table_name"),
        *("failures_queue_url", "function_names", "log_group_names", "publish_function_name"),
        "target_domain_name",
    }
    assert set(schema.inputs_mapping.values()) == WebSocketChatArgs.__annotations__.keys()


def test_pulumis_own_transforms_reach_the_engine() -> None:
    def transform(_: pulumi.ResourceTransformArgs) -> None: ...

    def with_transform() -> None:
        WebSocketChat("chat", EVERYTHING, pulumi.ResourceOptions(transforms=[transform]))

    graph: Graph = run(with_transform)
    assert graph.transforms.pop("chat") == [transform]
    # The engine hands a parent's down. The mocks do not, so a child has none of its own here.
    children = graph.resources.keys() - {"chat"}
    assert [name for name in children if graph.transforms[name]] == []
    assert {graph.resources[name].parent for name in children} == {graph.resources["chat"].urn}
