"""Tables that the component does not make: declared in the same program, or there before."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.prerequisites import create_connections_table

from .chatting import Chatting, asking
from .world import PulumiError, Stack

PROGRAM = '''"""A chat, and its messages table."""

import pulumi
import pulumi_aws as aws

from components import WebSocketChat

config = pulumi.Config()
table = aws.dynamodb.Table(
    "messages",
    billing_mode="PAY_PER_REQUEST",
    hash_key="messageId",
    attributes=[{"name": name, "type": "S"} for name in ("groupId", "messageId", "timestamp")],
    global_secondary_indexes=[
        {
            "name": config.require("index"),
            "key_schemas": [
                {"attribute_name": "groupId", "key_type": "HASH"},
                {"attribute_name": "timestamp", "key_type": "RANGE"},
            ],
            "projection_type": "ALL",
        }
    ],
    server_side_encryption={"enabled": False},
    deletion_protection_enabled=False,
    point_in_time_recovery={"enabled": False},
)
pulumi.export("WebSocketURL", WebSocketChat("chat", {"messages_table": table.name}).web_socket_url)
'''


@pytest.fixture
def declaring(new_stack: Callable[..., Stack], tmp_path: Path) -> Stack:
    """A program that declares the messages table itself. Its index has the name in the config."""
    program = tmp_path / "program"
    program.mkdir()
    (program / "Pulumi.yaml").write_text("name: declaring\nruntime: python\n")
    (program / "__main__.py").write_text(PROGRAM)
    return new_stack(program=program)


def test_a_table_of_the_same_program_is_checked_when_it_exists(declaring: Stack) -> None:
    declaring.config(index="GroupIdIndex")
    assert "chat-stage" in declaring.preview()
    declaring.up()
    with Chatting(declaring.outputs()["WebSocketURL"]):
        pass
    assert declaring.up("--expect-no-changes").operations == ()


def test_a_table_of_the_same_program_that_does_not_fit_is_refused_until_it_is_changed(declaring: Stack) -> None:
    declaring.config(index="ByGroup")
    with pytest.raises(PulumiError, match="cannot be used: it has no index GroupIdIndex") as refused:
        declaring.up()
    assert "Traceback" not in str(refused.value)
    assert "If this update does not change the table, it will fail" in declaring.preview()
    declaring.config(index="GroupIdIndex")
    declaring.pulumi("up", "--yes")
    with Chatting(declaring.outputs()["WebSocketURL"]):
        pass


def test_an_existing_connections_table_is_used_and_left_as_it_is(stack: Stack) -> None:
    tables = stack.emulator.client("dynamodb")
    create_connections_table(stack.emulator, "Theirs")
    before = tables.describe_table(TableName="Theirs")["Table"]
    adopting = {"connectionsTable": "Theirs", "presence": False, "connectionsPerUser": 0}
    with pytest.raises(PulumiError, match="'Theirs' cannot be used: it has no index UserIdIndex") as refused:
        stack.up(connectionsTable="Theirs", presence=False)
    assert "Traceback" not in str(refused.value)
    assert "connections" not in stack.state()

    assert "connections" not in stack.up(**adopting).names("create")
    assert stack.outputs()["ConnectionsTable"] == "Theirs"
    with Chatting(stack.outputs()["WebSocketURL"]):
        pass
    assert stack.up("--expect-no-changes").operations == ()
    stack.destroy()
    assert tables.describe_table(TableName="Theirs")["Table"] == before


def test_a_stack_moves_to_an_existing_connections_table_and_back(stack: Stack) -> None:
    create_connections_table(stack.emulator, "Theirs")
    stack.up(presence=False, connectionsPerUser=0)
    before = stack.outputs()
    with Chatting(before["WebSocketURL"], asking) as chatting:
        there = stack.up(connectionsTable="Theirs")
        assert set(there.names("delete")) == {"connections", "serving-policy"}
        chatting.catch_up()
        back = stack.up(connectionsTable=None)
        assert set(back.names("create")) == {"connections", "serving-policy"}
        chatting.catch_up()
    assert stack.outputs() == before
