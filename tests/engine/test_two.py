"""Two chats beside each other: in one stack, in two, and in two regions."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from local.prerequisites import create_messages_table

from .chatting import Chatting
from .world import PROJECT, PulumiError, Stack


def test_two_instances_in_one_stack(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(program=PROJECT / "examples" / "two_chats")
    first = stack.up()
    assert len(set(first.names("create"))) == first.counts["create"]
    addresses = [value for name, value in stack.outputs().items() if name.endswith("Url") or "URL" in name]
    assert len(set(addresses)) == 2
    for address in addresses:
        with Chatting(address):
            pass
    assert stack.up().operations == ()
    stack.destroy()


def test_two_instances_with_the_same_names_are_refused_in_the_preview(
    new_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    program = tmp_path / "program"
    shutil.copytree(PROJECT / "examples" / "two_chats", program)
    main = program / "__main__.py"
    main.write_text(main.read_text().replace('"name_prefix": "Staff"', '"name_prefix": "Customers"'))
    assert re.search(r"customers-(\S+) and staff-\1 would both be named", new_stack(program=program).refusal("preview"))


def test_two_stacks_in_one_account(new_stack: Callable[..., Stack]) -> None:
    one, two = new_stack("one"), new_stack("two")
    one.up()
    two.up(namePrefix="Two")
    with Chatting(one.outputs()["WebSocketURL"]):
        two.destroy()
        assert one.up().operations == ()


def test_two_regions_of_one_account(new_stack: Callable[..., Stack]) -> None:
    one, two = new_stack("one"), new_stack("two")
    create_messages_table(two.emulator.in_region("eu-west-1"))
    one.up()
    two.config(**{"aws:region": "eu-west-1"})
    with pytest.raises(PulumiError, match="Role with name WebSocketLambdaRole already exists"):
        two.up()
    with Chatting(one.outputs()["WebSocketURL"]):
        two.up(roleName="WebSocketLambdaRole-eu-west-1")
        assert two.outputs()["ConnectionsTable"] == one.outputs()["ConnectionsTable"]
        with Chatting(two.outputs()["WebSocketURL"]):
            assert one.up().operations == ()
            assert two.up().operations == ()
        two.destroy()
        assert one.up().operations == ()
