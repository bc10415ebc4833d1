"""Pulumi redeploys the API only when a route, an integration or the authorizer changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from components import Authentication, WebSocketChatArgs, api, functions

from .stack import WITH_TOKENS, Graph, Properties, chat, known_chat

WITH_IAM: WebSocketChatArgs = {"authentication": Authentication.IAM}
CHILDREN = ["connect", "disconnect", "send-message", "default"]


def trigger(graph: Graph) -> Any:
    (value,) = graph.resources["chat-deployment"].inputs["triggers"].values()
    return value


def _own(inputs: Properties) -> Properties:
    """The inputs without the part's name and API."""
    return {key: value for key, value in inputs.items() if key not in {"apiId", "name"}}


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)


@pytest.mark.parametrize(
    ("args", "authorizers"),
    [({}, []), (WITH_IAM, []), (WITH_TOKENS, ["chat-authorizer"])],
    ids=["none", "iam", "jwt"],
)
def test_exactly_the_inputs_of_the_deployed_parts_count(
    args: WebSocketChatArgs, authorizers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_digest", str)
    graph = chat(args)
    counted = [{_camel(key): value for key, value in inputs.items()} for inputs in json.loads(trigger(graph))]
    deployed = [*authorizers, *(f"chat-{child}-{part}" for child in CHILDREN for part in ("integration", "route"))]
    assert counted == [_own(graph.resources[name].inputs) for name in deployed]


@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("made", [("integration", "id"), ("function", "invokeArn")], ids="-".join)
def test_a_replaced_part_redeploys(child: str, made: tuple[str, str]) -> None:
    part, output = made
    replaced = {f"chat-{child}-{part}": {output: "another"}}
    assert trigger(chat(outputs=replaced)) != trigger(known_chat())


@pytest.mark.parametrize("made", [("chat-authorizer", "id"), ("chat-authorizer-function", "invokeArn")], ids="-".join)
def test_a_replaced_authorizer_redeploys(made: tuple[str, str]) -> None:
    name, output = made
    assert trigger(chat(WITH_TOKENS, outputs={name: {output: "another"}})) != trigger(known_chat(WITH_TOKENS))


def test_another_authentication_redeploys() -> None:
    modes: list[WebSocketChatArgs] = [{}, WITH_IAM, WITH_TOKENS]
    assert len({trigger(chat(args)) for args in modes}) == len(modes)


@pytest.mark.parametrize(
    "args",
    [
        {"stage_name": "test"},
        {"messages_table": "Other", "create_messages_table": True},
        {"memory_size": 1024},
        {"timeout": 10},
        {"reserved_concurrency": 5},
        {"log_retention_days": 1},
        {"throttling_rate": 1, "throttling_burst": 1},
        {"tags": {"Team": "Chat"}},
        {"point_in_time_recovery": True, "deletion_protection": True},
        {"connection_ttl": 7200},
        {"presence": False},
        {"event_member_limit": 1, "broadcast_threshold": 2},
        {"tracing": True},
        {"group_members_table": "GroupMembers", "membership_recheck": 1},
        {"allowed_origins": ["https://app.example"], "require_origin": True},
        {"message_rate": 1, "message_burst": 1, "connections_per_user": 1},
        {"kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/1"},
    ],
    ids=" ".join,
)
def test_another_argument_does_not_redeploy(args: WebSocketChatArgs) -> None:
    assert trigger(chat(args)) == trigger(known_chat())


@pytest.mark.parametrize(
    "args",
    [
        {"jwt_issuer": "https://other.example"},
        {"jwt_issuer": "", "cognito_user_pool_id": "us-east-1_AbCdEfGhI"},
        {"jwt_audience": ["other"], "jwt_algorithms": ["ES256"], "jwt_jwks_url": "https://other.example/keys"},
        {"user_claim": "email", "group_claim": "groups", "clock_skew": 0},
    ],
    ids=" ".join,
)
def test_a_change_of_what_the_authorizer_checks_does_not_redeploy(args: WebSocketChatArgs) -> None:
    assert trigger(chat(WITH_TOKENS | args)) == trigger(known_chat(WITH_TOKENS))


def test_a_change_of_the_code_does_not_redeploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trigger(chat())
    (tmp_path / "connect.py").write_text("changed = True")
    monkeypatch.setattr(functions, "HANDLERS", tmp_path)
    assert trigger(chat()) == before
