"""The API is deployed anew when what it deploys changes, and only then."""

import json
from pathlib import Path
from typing import Any

import pytest

from components import WebSocketChatArgs, websocket_chat

from .stack import Graph, Properties, chat

CHILDREN = ["connect", "disconnect", "send-message", "default"]


def trigger(graph: Graph) -> Any:
    (value,) = graph.resources["chat-deployment"].inputs["triggers"].values()
    return value


def _without_api(inputs: Properties) -> Properties:
    return {key: value for key, value in inputs.items() if key != "apiId"}


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)


def test_every_input_of_every_route_and_integration_counts_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket_chat, "_digest", str)
    graph = chat()
    counted = [{_camel(key): value for key, value in inputs.items()} for inputs in json.loads(trigger(graph))]
    registered = [
        _without_api(graph.resources[f"chat-{child}-{part}"].inputs)
        for child in CHILDREN
        for part in ("integration", "route")
    ]
    assert counted == registered


@pytest.mark.parametrize("child", CHILDREN)
@pytest.mark.parametrize("made", [("integration", "id"), ("function", "invokeArn")], ids="-".join)
def test_redeploys_when_a_part_is_made_anew(child: str, made: tuple[str, str]) -> None:
    part, output = made
    anew = {f"chat-{child}-{part}": {output: "another"}}
    assert trigger(chat(outputs=anew)) != trigger(chat())


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
    ],
    ids=" ".join,
)
def test_does_not_redeploy_for_an_argument(args: WebSocketChatArgs) -> None:
    assert trigger(chat(args)) == trigger(chat())


def test_does_not_redeploy_for_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = trigger(chat())
    (tmp_path / "connect.py").write_text("changed = True")
    monkeypatch.setattr(websocket_chat, "_HANDLERS", tmp_path)
    assert trigger(chat()) == before
