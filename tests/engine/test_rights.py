"""Permissions are there before something uses them, and go after it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.provider import Operation, Provider
from local.emulator import Emulator

from .chatting import Chatting
from .world import Stack

POLICY = "aws:iam/rolePolicy:RolePolicy"
FUNCTION = "aws:lambda/function:Function"
STAGE = "aws:apigatewayv2/stage:Stage"
DELAY_S = 1


class LatePermissions(Provider):
    """An account whose IAM knows a new policy only after a second, as on AWS.

    Attributes:
        late: Names of the policies that it does not know yet.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.late: set[str] = set()

    def create(self, resource_type: str, name: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if resource_type != POLICY:
            return super().create(resource_type, name, values)
        self.late.add(name)
        threading.Timer(DELAY_S, self._create_late, (name, values)).start()
        return f"{values['role']}:{values['name']}", values

    def _create_late(self, name: str, values: dict[str, Any]) -> None:
        super().create(POLICY, name, values)
        self.late.remove(name)


@pytest.fixture
def provider(emulator: Emulator) -> Iterator[Provider]:
    with LatePermissions(emulator) as provider:
        yield provider


def test_functions_wait_until_their_permissions_hold(stack: Stack) -> None:
    stack.environment["WEBSOCKET_CHAT_IAM_WAIT_SECONDS"] = str(DELAY_S + 2)
    provider = stack.provider
    assert isinstance(provider, LatePermissions)
    late: dict[str, set[str]] = {}

    def note(operation: Operation) -> None:
        # The policy for background work names the broadcast function, so it comes after that one.
        if operation.type == FUNCTION:
            late[operation.name] = provider.late - {"chat-background-policy"}
        if operation.type == STAGE:
            late[operation.name] = set(provider.late)

    provider.before = note
    stack.up()
    stack.up(stageName="live")
    assert len(late) == 7
    assert not set().union(*late.values())
    with Chatting(stack.outputs()["WebSocketURL"]):
        pass


def test_a_key_is_allowed_before_it_is_used_and_after(stack: Stack) -> None:
    # The emulator cannot change the key of a log group, so the key is there from the first deployment to the last.
    key = stack.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    users = ["connections", "failures", "connect-function"]
    created = stack.up(kmsKeyArn=key).names("create")
    assert created.index("key-policy") < min(map(created.index, users))
    with Chatting(stack.outputs()["WebSocketURL"]):
        assert stack.up().operations == ()
    deleted = stack.destroy().names("delete")
    assert deleted.index("key-policy") > max(map(deleted.index, users))
