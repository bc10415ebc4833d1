"""A table that the same program declares: its name is an Output, and it is looked up when it exists."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import InvalidArgumentError, WebSocketChat
from components.existing_table import ExistingTableError

from .stack import CHAT_MESSAGES, GROUP_MEMBERS, TABLES, WEB_SOCKET_CONNECTIONS, Graph, arn, run

ARGUMENTS = {
    "messages_table": CHAT_MESSAGES,
    "group_members_table": GROUP_MEMBERS,
    "connections_table": WEB_SOCKET_CONNECTIONS,
}
"""The arguments that may be an Output, each with a table that fits."""
BOTH = TABLES | {"Declared": CHAT_MESSAGES}


def _declaring(argument: str) -> Callable[[], None]:
    """A program that declares a table and passes its name."""

    def program() -> None:
        table = aws.dynamodb.Table("declared", name="Declared", hash_key="key")
        args: Any = {argument: table.name}
        WebSocketChat("chat", args)

    return program


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_declared_table_is_looked_up_after_it_is_created(argument: str) -> None:
    graph = run(_declaring(argument), tables=TABLES | {"Declared": ARGUMENTS[argument]})
    assert "Declared" in [args["name"] for _, args, _ in graph.calls]
    policies = graph.of_type("aws:iam/rolePolicy:RolePolicy")
    (name,) = [name for name in policies if arn("dynamodb", "table/Declared") in policies[name].inputs["policy"]]
    assert "declared" in graph.waits_for(name)


@pytest.mark.parametrize("argument", ARGUMENTS)
def test_a_preview_that_would_create_the_table_asks_for_nothing(argument: str) -> None:
    graph = run(_declaring(argument), tables=TABLES, preview=True)
    assert "Declared" not in [args["name"] for _, args, _ in graph.calls]
    assert "chat-stage" in graph.resources


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("reason", ["there is no such table in this account and region", "no index"])
def test_a_declared_table_that_does_not_fit_fails_the_update(argument: str, reason: str) -> None:
    graph = Graph()
    found = {"Declared": ARGUMENTS[argument] | {"globalSecondaryIndexes": []}}
    tables = TABLES | (found if reason == "no index" else {})
    with pytest.raises(ExistingTableError) as refused:
        run(_declaring(argument), tables=tables, graph=graph)
    for part in ("'Declared' cannot be used", reason, argument):
        assert part in str(refused.value)
    assert "chat-stage" not in graph.resources


def test_a_preview_only_warns_because_the_update_may_change_the_table() -> None:
    def program() -> None:
        WebSocketChat("chat", {"messages_table": pulumi.Output.from_input("Declared")})

    wrong = CHAT_MESSAGES | {"globalSecondaryIndexes": []}
    graph = run(program, tables={"Declared": wrong}, preview=True)
    (warning,) = [text for text in graph.warnings if "cannot be used" in text]
    assert "it has no index GroupIdIndex" in warning
    assert "If this update does not change the table, it will fail." in warning


def test_the_functions_get_the_name() -> None:
    graph = run(_declaring("messages_table"), tables=BOTH)
    assert graph.resources["chat-connect-function"].inputs["environment"]["variables"]["MESSAGES_TABLE"] == "Declared"


def test_the_name_of_the_table_to_create_is_plain() -> None:
    graph = Graph()

    def program() -> None:
        args: Any = {"create_messages_table": True, "messages_table": pulumi.Output.from_input("Mine")}
        WebSocketChat("chat", args)

    with pytest.raises(InvalidArgumentError, match=r"messages_table.*a plain value if create_messages_table is true"):
        run(program, graph=graph)
    assert graph.resources == {}
