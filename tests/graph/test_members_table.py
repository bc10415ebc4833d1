"""The members table always exists already. The component looks it up if you name one, and never manages it."""

from typing import Any

import pytest

from components.existing_table import ExistingTableError

from .stack import CHAT_MESSAGES, GROUP_MEMBERS, Graph, Properties, chat

LOOK_UP = "aws:dynamodb/getTable:getTable"


def _indexes(*, without: str = "", **changes: Any) -> Properties:
    """The table with a changed ``GroupIdIndex``, or without an index."""
    indexes = [index for index in GROUP_MEMBERS["globalSecondaryIndexes"] if index["name"] != without]
    return GROUP_MEMBERS | {"globalSecondaryIndexes": [*indexes[:-1], indexes[-1] | changes]}


def _typed(attribute: str, type_: str) -> Properties:
    others = [one for one in GROUP_MEMBERS["attributes"] if one["name"] != attribute]
    return GROUP_MEMBERS | {"attributes": [*others, {"name": attribute, "type": type_}]}


def test_the_table_is_looked_up_and_not_managed() -> None:
    graph = chat({"group_members_table": "Theirs"})
    assert [(function, args) for function, args, _ in graph.calls if args["name"] == "Theirs"] == [
        (LOOK_UP, {"name": "Theirs"})
    ]
    assert "Theirs" not in [part.inputs.get("name") for part in graph.resources.values()]


def test_without_a_name_nothing_is_looked_up() -> None:
    names = [args["name"] for _, args, _ in chat(tables={"ChatMessages": CHAT_MESSAGES}).calls]
    assert names == ["WebSocketConnections", "ChatMessages"]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(GROUP_MEMBERS | {"hashKey": "id", "rangeKey": "since"}, id="other key"),
        pytest.param(_typed("memberId", "N"), id="key of another type"),
        pytest.param(_indexes(rangeKey="userId"), id="index with a sort key"),
    ],
)
def test_only_the_indexes_are_checked(found: Properties) -> None:
    tables = {"ChatMessages": CHAT_MESSAGES, "Theirs": found}
    assert chat({"group_members_table": "Theirs"}, tables=tables).resources


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(None, "there is no such table in this account and region", id="missing"),
        pytest.param(GROUP_MEMBERS | {"globalSecondaryIndexes": []}, "no index UserIdIndex on userId", id="no index"),
        pytest.param(_indexes(without="UserIdIndex"), "it has no index UserIdIndex on userId", id="no index of users"),
        pytest.param(_indexes(without="GroupIdIndex"), "it has no index GroupIdIndex", id="no index of groups"),
        pytest.param(_indexes(name="ByGroup"), "it has no index GroupIdIndex", id="index of another name"),
        pytest.param(_indexes(hashKey="role"), "no index GroupIdIndex on groupId", id="index on another key"),
        pytest.param(_typed("groupId", "N"), "its attribute groupId has the type N", id="groups that are numbers"),
        pytest.param(_typed("userId", "B"), "its attribute userId has the type B", id="users that are bytes"),
        pytest.param(_indexes(projectionType="KEYS_ONLY"), "with all attributes", id="index with only the keys"),
        pytest.param(_indexes(projectionType="INCLUDE"), "with all attributes", id="index with some attributes"),
    ],
)
def test_an_unusable_table_fails_the_preview_with_advice(found: Properties | None, reason: str) -> None:
    graph = Graph()
    tables = {} if found is None else {"Theirs": found}
    with pytest.raises(ExistingTableError) as refused:
        chat({"group_members_table": "Theirs", "create_messages_table": True}, tables=tables, preview=True, graph=graph)

    what_to_do = ["with group_members_table", "groupMembersTable", "leave that out"]
    indexes = ["UserIdIndex on userId", "GroupIdIndex on groupId", "all attributes projected"]
    for part in ("'Theirs'", reason, *what_to_do, *indexes):
        assert part in str(refused.value)
    assert graph.resources.keys() <= {"chat"}
