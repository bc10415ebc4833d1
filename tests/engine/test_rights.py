"""Permissions are there before something uses them, and go after it."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.provider import Operation, Provider
from local.aws.schema import RESOURCE_TYPES
from local.emulator import Emulator

from .argument_changes import LOGS
from .chatting import Chatting
from .rights import no_permission_is_missed
from .world import Stack

POLICIES = {"aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"}
FUNCTION = "aws:lambda/function:Function"
STAGE = "aws:apigatewayv2/stage:Stage"
DELAY_S = 1


class LatePermissions(Provider):
    """An account whose IAM knows a new policy of a role only after a second, as on AWS.

    Attributes:
        late: Names of the policies and attachments that it does not know yet.
    """

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.late: set[str] = set()
        self._timers: list[threading.Timer] = []

    def create(self, resource_type: str, name: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        if resource_type not in POLICIES:
            return super().create(resource_type, name, values)
        self.late.add(name)
        self._timers.append(threading.Timer(DELAY_S, self._create_late, (resource_type, name, values)))
        self._timers[-1].start()
        return RESOURCE_TYPES[resource_type].state_id.format(**values), values

    def _create_late(self, resource_type: str, name: str, values: dict[str, Any]) -> None:
        super().create(resource_type, name, values)
        self.late.remove(name)

    def wait(self) -> None:
        """Wait until IAM knows everything."""
        for timer in self._timers:
            timer.join()


@pytest.fixture
def provider(emulator: Emulator) -> Iterator[Provider]:
    with LatePermissions(emulator) as provider:
        yield provider
        provider.wait()


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


def test_a_permission_that_stays_is_there_throughout_an_update(stack: Stack) -> None:
    stack.environment["WEBSOCKET_CHAT_IAM_WAIT_SECONDS"] = str(DELAY_S + 2)
    stack.up()
    logs, serving = {"logs-policy", "logs-policy-attachment"}, {"serving-policy"}
    for key, value, replaced in (("presence", False, logs), ("connectionsPerUser", 0, serving)):
        with no_permission_is_missed(stack):
            run = stack.up("--parallel=1", **{key: value})
        assert run.names("create") == sorted(replaced)
        assert replaced <= set(run.names("delete"))


def test_a_key_comes_changes_and_goes(stack: Stack) -> None:
    tables, keys = stack.emulator.client("dynamodb"), stack.emulator.client("kms")
    tables.delete_table(TableName="ChatMessages")
    stack.up(createMessagesTable=True)
    users = {"connections", "messages", "failures", *LOGS}
    with Chatting(stack.outputs()["WebSocketURL"]) as chatting:
        for key in (keys.create_key()["KeyMetadata"]["Arn"], keys.create_key()["KeyMetadata"]["Arn"], None):
            first, last = "kmsKeyArn" in stack.state()["connections"]["inputs"]["serverSideEncryption"], key is None
            run = stack.up(kmsKeyArn=key)
            assert set(run.names("update")) == users
            assert run.names("create") == ([] if last else ["key-policy"])
            assert run.names("delete") == (["key-policy"] if first else [])
            done = [f"{operation.verb} {operation.name}" for operation in run.operations]
            at = [done.index(f"update chat-{name}") for name in users - LOGS]
            assert last or done.index("create chat-key-policy") < min(at)
            assert not first or done.index("delete chat-key-policy") > max(at)
    assert stack.refresh("--expect-no-changes").operations == ()
    assert tables.scan(TableName="ChatMessages", Select="COUNT")["Count"] == len(chatting.said)


def test_the_key_of_a_table_that_exists_is_allowed(stack: Stack) -> None:
    key = stack.emulator.client("kms").create_key()["KeyMetadata"]["Arn"]
    encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    stack.emulator.client("dynamodb").update_table(TableName="ChatMessages", SSESpecification=encryption)
    assert f"The table ChatMessages is encrypted with the KMS key {key}" in stack.preview()
    stack.up()
    assert key in stack.state()["serving-policy"]["inputs"]["policy"]
