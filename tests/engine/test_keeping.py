"""What stays: the messages, the address, and what belongs to another stack."""

from collections.abc import Callable

import pytest

from .chatting import Chatting
from .world import PulumiError, Stack

FIXED = {"api", "connections", "messages"}


def test_a_protected_stack_keeps_its_data_and_its_address(stack: Stack) -> None:
    stack.emulator.client("dynamodb").delete_table(TableName="ChatMessages")
    stack.up(createMessagesTable=True, deletionProtection=True)
    url = stack.outputs()["WebSocketURL"]
    with pytest.raises(PulumiError, match="protected"):
        stack.destroy()
    assert stack.up().operations == ()
    with pytest.raises(PulumiError, match="protected"):
        stack.destroy("--skip-preview")
    assert stack.state().keys() >= FIXED
    assert not FIXED & set(stack.up().names("create"))
    assert stack.outputs()["WebSocketURL"] == url
    with Chatting(url):
        pass
    # The two commands of README.md.
    stack.up(deletionProtection=False)
    stack.destroy()


def test_without_pulumis_protection_a_table_still_keeps_the_api(stack: Stack) -> None:
    stack.up(deletionProtection=True)
    url = stack.outputs()["WebSocketURL"]
    stack.pulumi("state", "unprotect", "--all", "--yes")
    with pytest.raises(PulumiError):
        stack.destroy()
    assert stack.state().keys() >= {"api", "connections"}
    stack.up()
    assert stack.outputs()["WebSocketURL"] == url


def test_a_second_stack_with_the_same_names_is_refused_and_takes_nothing_away(
    new_stack: Callable[..., Stack],
) -> None:
    one, two = new_stack("one"), new_stack("two")
    one.up()
    for command in ("preview", "up"):
        with pytest.raises(PulumiError, match="The stack websocket-chat/one made it"):
            two.pulumi(command, *(["--yes", "--skip-preview"] if command == "up" else []))
    two.destroy()
    with Chatting(one.outputs()["WebSocketURL"]):
        assert one.up().operations == ()


def test_a_renamed_stack_gets_its_tables_back_with_the_printed_command(stack: Stack) -> None:
    stack.up()
    stack.pulumi("stack", "rename", "renamed")
    with pytest.raises(PulumiError, match="aws dynamodb tag-resource") as refused:
        stack.up()
    stack.tag_as_told(refused.value)
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up().names("update") == ["connections"]
        assert stack.up().operations == ()
