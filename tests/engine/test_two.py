"""Two chats beside each other, in one stack and in two."""

from collections.abc import Callable

from .chatting import Chatting
from .world import PROJECT, Stack


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


def test_two_stacks_in_one_account(new_stack: Callable[..., Stack]) -> None:
    one, two = new_stack("one"), new_stack("two")
    one.up()
    two.up(namePrefix="Two")
    with Chatting(one.outputs()["WebSocketURL"]):
        two.destroy()
        assert one.up().operations == ()
