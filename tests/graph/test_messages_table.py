"""The messages table exists already, unless the component creates it."""

from typing import Any

import pytest

from components.existing_table import ExistingTableError

from .stack import CHAT_MESSAGES, Graph, Properties, chat


def _table(**changes: Any) -> Properties:
    return CHAT_MESSAGES | changes


def _index(**changes: Any) -> Properties:
    return _table(globalSecondaryIndexes=[CHAT_MESSAGES["globalSecondaryIndexes"][1] | changes])


def _typed(attribute: str, type_: str) -> Properties:
    others = [one for one in CHAT_MESSAGES["attributes"] if one["name"] != attribute]
    return _table(attributes=[*others, {"name": attribute, "type": type_}])


def test_an_existing_table_is_looked_up_and_not_managed() -> None:
    graph = chat({"messages_table": "Theirs"})
    assert [(function, args) for function, args, _ in graph.calls] == [
        ("aws:dynamodb/getTable:getTable", {"name": "WebSocketConnections"}),
        ("aws:dynamodb/getTable:getTable", {"name": "Theirs"}),
    ]
    assert "Theirs" not in [part.inputs.get("name") for part in graph.resources.values()]


def test_attributes_that_the_functions_do_not_write_may_have_any_type() -> None:
    assert chat({"messages_table": "Theirs"}, tables={"Theirs": _typed("likes", "N")}).resources


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(None, "there is no such table in this account and region", id="missing"),
        pytest.param(_table(hashKey="id"), "its key is id", id="other key"),
        pytest.param(_table(rangeKey="timestamp"), "its key is messageId and timestamp", id="more key"),
        pytest.param(_typed("messageId", "N"), "its attribute messageId has the type N", id="key of another type"),
        pytest.param(_typed("timestamp", "N"), "its attribute timestamp has the type N", id="sort key of another type"),
        pytest.param(_typed("senderId", "N"), "its attribute senderId has the type N", id="key of an index of theirs"),
        pytest.param(_table(globalSecondaryIndexes=[]), "it has no index GroupIdIndex", id="no index"),
        pytest.param(_index(name="ByGroup"), "it has no index GroupIdIndex", id="index of another name"),
        pytest.param(_index(hashKey="senderId"), "on groupId and timestamp", id="index on another key"),
        pytest.param(_index(rangeKey=""), "on groupId and timestamp", id="index without a sort key"),
        pytest.param(_index(projectionType="KEYS_ONLY"), "with all attributes", id="index with only the keys"),
        pytest.param(_index(projectionType="INCLUDE"), "with all attributes", id="index with some attributes"),
    ],
)
def test_an_unusable_table_fails_the_preview_with_advice(found: Properties | None, reason: str) -> None:
    graph = Graph()
    tables = {} if found is None else {"Theirs": found}
    with pytest.raises(ExistingTableError) as refused:
        chat({"messages_table": "Theirs"}, tables=tables, preview=True, graph=graph)

    what_to_do = ["with messages_table", "messagesTable", "setting create_messages_table", "createMessagesTable"]
    for part in ("'Theirs'", reason, *what_to_do):
        assert part in str(refused.value)
    assert graph.resources.keys() <= {"chat"}
