"""Changes of a live stack: what changes, what is replaced, and what the clients notice of it."""

import re

import pytest

from .chatting import Chatting
from .world import Run, Stack

ROUTES = ("connect", "disconnect", "send-message", "default")
_NAMES = (*ROUTES, "broadcast", "presence-events")
FUNCTIONS = {f"{name}-function" for name in _NAMES}
LOGS = {f"{name}-logs" for name in _NAMES}
IN_PLACE: dict[str, tuple[object, set[str]]] = {
    "memorySize": (256, FUNCTIONS),
    "timeout": (20, FUNCTIONS),
    "reservedConcurrency": (5, FUNCTIONS),
    "logRetentionDays": (1, LOGS),
    "throttlingRate": (900, {"stage"}),
    "throttlingBurst": (400, {"stage"}),
    "tags": (
        ["Team=chat"],
        FUNCTIONS | LOGS | {"api", "stage", "connections", "failures", "role", "presence-stream"},
    ),
    "pointInTimeRecovery": (True, {"connections"}),
    "deletionProtection": (True, {"connections"}),
    "connectionTtl": (7200, FUNCTIONS),
    "eventMemberLimit": (100, FUNCTIONS),
    "broadcastThreshold": (500, FUNCTIONS),
    "membershipRecheck": (30, FUNCTIONS),
    "allowedOrigins": (["https://app.example.com"], FUNCTIONS),
    "messageRate": (20, FUNCTIONS),
    "messageBurst": (30, FUNCTIONS),
    "connectionsPerUser": (40, FUNCTIONS),
}
"""Arguments that change resources in place: another value, and the resources."""


def _in_place(run: Run) -> set[str]:
    assert run.counts.keys() <= {"update"}, run.operations
    return set(run.names("update"))


@pytest.mark.parametrize("part", range(3))
def test_arguments_change_and_change_back_in_place(stack: Stack, part: int) -> None:
    stack.up()
    before = stack.outputs()
    changed = dict(sorted(IN_PLACE.items())[part::3])
    with Chatting(before["WebSocketURL"]):
        for name, (value, resources) in changed.items():
            assert _in_place(stack.up(**{name: value})) == resources, name
        back = stack.up(**dict.fromkeys(changed))
        assert _in_place(back) == set().union(*(resources for _, resources in changed.values()))
    assert stack.outputs() == before
    assert stack.refresh("--expect-no-changes").operations == ()


def test_presence_goes_and_comes_back(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    with Chatting(before["WebSocketURL"]):
        off = stack.up(presence=False)
        policies = {"presence-policy", "serving-policy"}
        functions = {"presence-events-function", "presence-events-logs", "presence-stream"}
        assert set(off.names("delete")) == functions | policies
        # What uses a permission goes before it.
        gone = off.names("delete")
        assert gone.index("presence-policy") > max(map(gone.index, ["presence-stream", "presence-events-function"]))
        # The policy with one log group less is there before the old one goes.
        assert off.names("create") == ["serving-policy"]
        on = stack.up(presence=None)
        assert set(on.names("create")) == functions | policies
        assert on.names("delete") == ["serving-policy"]
    assert stack.outputs() == before


def test_another_stage_name_is_another_address(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    run = stack.up(stageName="live")
    assert set(run.names("delete")) == {"stage", "serving-policy", *(f"{route}-permission" for route in ROUTES)}
    assert stack.outputs()["ApiId"] == before["ApiId"]
    assert stack.outputs()["WebSocketURL"] == re.sub("production$", "live", before["WebSocketURL"])
    with Chatting(stack.outputs()["WebSocketURL"]):
        pass


def test_another_prefix_is_another_chat(stack: Stack) -> None:
    stack.up()
    stack.up(namePrefix="Other")
    outputs = stack.outputs()
    assert outputs["ConnectionsTable"] == "OtherConnections"
    with Chatting(outputs["WebSocketURL"]):
        assert stack.up().operations == ()


def test_authentication_changes(stack: Stack) -> None:
    stack.up()
    before = stack.outputs()
    jwt = {"jwtIssuer": "https://example.com", "jwtAudience": ["chat"], "authentication": "jwt"}
    run = stack.up(**jwt)
    assert set(run.names("create")) >= {"authorizer", "authorizer-function", "authorizer-layer", "authorizer-logs"}
    assert stack.outputs()["WebSocketURL"] == before["WebSocketURL"]
    stack.up(authentication="iam", jwtIssuer=None, jwtAudience=None)
    stack.up(authentication=None)
    with Chatting(before["WebSocketURL"]):
        assert stack.up().operations == ()
    assert stack.outputs() == before
