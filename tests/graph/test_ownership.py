"""A table that the component would make, and that another stack has made, is refused in the preview."""

import re

import pytest

from components import WebSocketChatArgs
from components.ownership import ForeignTableError

from .stack import CHAT_MESSAGES, TABLES, Graph, Properties, arn, chat

OWN = {"websocket-chat:stack": "websocket-chat/test"}
CREATES: WebSocketChatArgs = {"create_messages_table": True, "messages_table": "Mine", "unread": True, "changes": True}
TO_DO = {
    "WebSocketConnections": ["name_prefix", "namePrefix", "connections_table", "connectionsTable"],
    "Mine": ["messages_table", "messagesTable", "create_messages_table", "createMessagesTable"],
    "WebSocketReadMarkers": ["name_prefix", "namePrefix", "unread to false"],
    "WebSocketChanges": ["name_prefix", "namePrefix", "changes to false"],
}


def with_table(name: str, tags: dict[str, str] | None, *, preview: bool = True, graph: Graph | None = None) -> Graph:
    existing: Properties = CHAT_MESSAGES | {"tags": tags}
    return chat(CREATES, tables=TABLES | {name: existing}, preview=preview, graph=graph)


@pytest.mark.parametrize("name", TO_DO)
@pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])
def test_a_table_of_this_stack_is_accepted(name: str, *, preview: bool) -> None:
    assert with_table(name, {"Team": "Chat"} | OWN, preview=preview).resources


@pytest.mark.parametrize("name", TO_DO)
@pytest.mark.parametrize(
    ("tags", "maker"),
    [
        ({"websocket-chat:stack": "websocket-chat/production"}, "The stack websocket-chat/production made it"),
        ({"websocket-chat:stack": "shop/test"}, "The stack shop/test made it"),
        ({"Team": "Chat"}, "It has no tag websocket-chat:stack"),
        (None, "It has no tag websocket-chat:stack"),
    ],
    ids=["another stack", "another project", "other tags", "no tags"],
)
def test_another_table_is_refused_with_the_ways_out(name: str, tags: dict[str, str] | None, maker: str) -> None:
    graph = Graph()
    with pytest.raises(ForeignTableError) as refused:
        with_table(name, tags, graph=graph)
    for part in (f"'{name}'", maker, *TO_DO[name]):
        assert part in str(refused.value)
    assert graph.resources.keys() <= {"chat"}


def test_the_refusal_prints_the_command_that_makes_the_table_this_stacks() -> None:
    with pytest.raises(ForeignTableError) as refused:
        with_table("Mine", None)
    (command,) = re.findall("aws dynamodb .*$", str(refused.value))
    assert command.endswith("--tags Key=websocket-chat:stack,Value=websocket-chat/test")
    assert f"--region eu-central-1 --resource-arn {arn('dynamodb', 'table/Mine')} " in command


def test_a_table_that_cannot_be_looked_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.existing_table._MISSING", "nothing says so")
    with pytest.raises(ForeignTableError, match="could not look up whether there is a table 'WebSocketConnections'"):
        chat()


def test_every_table_made_here_has_the_tag() -> None:
    tables = chat(CREATES).of_type("aws:dynamodb/table:Table")
    assert [table.inputs["tags"] for table in tables.values()] == [OWN, OWN, OWN, OWN]
