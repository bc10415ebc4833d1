"""Deploying, deploying again, and taking everything away."""

from .world import Stack


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    first = stack.up()
    assert first.counts.keys() == {"create"}
    assert stack.outputs()["WebSocketURL"].endswith("/production")
    assert stack.up().operations == ()
    assert stack.refresh().operations == ()
    assert stack.up("--expect-no-changes").operations == ()


def test_destroy_leaves_nothing_behind(stack: Stack) -> None:
    stack.up()
    stack.destroy()
    assert stack.state() == {}
