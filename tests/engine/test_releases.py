"""An update from a release keeps the address, the messages, and every resource that CHANGELOG.md does not name.

A rename in the program without an alias would create and delete here what has the old and the new name. CONTRIBUTING.md
says how the program of a release gets into ``releases/``.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from .argument_changes import POLICIES
from .chatting import Chatting
from .rights import no_permission_is_missed
from .world import PROJECT, PulumiError, Stack

RELEASES = Path(__file__).with_name("releases")


def test_an_update_from_0_1_0_replaces_only_the_queue_and_the_policy(
    new_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    program = tmp_path / "0.1.0"
    shutil.unpack_archive(RELEASES / "0.1.0.tar.xz", program, filter="data")
    stack = new_stack(program=program)
    stack.use(program, packages=program)
    tables = stack.emulator.client("dynamodb")
    tables.delete_table(TableName="ChatMessages")
    stack.up(createMessagesTable=True, deletionProtection=True, pointInTimeRecovery=True)
    before = stack.outputs()

    stack.use(PROJECT)
    with Chatting(before["WebSocketURL"]) as chatting:
        for table in ("WebSocketConnections", "ChatMessages"):
            with pytest.raises(PulumiError, match=f"The table '{table}' exists already. It has no tag") as refused:
                stack.preview()
            stack.tag_as_told(refused.value)
        with no_permission_is_missed(stack):
            update = stack.up("--parallel=1")
    assert set(update.names("create")) == {"failures", "logs-policy", *POLICIES}
    assert set(update.names("delete")) == {"failures", "policy"}
    assert tables.scan(TableName="ChatMessages", Select="COUNT")["Count"] == len(chatting.said)
    changed = {name for name, value in stack.outputs().items() if value != before[name]}
    assert changed == {"FailuresQueueURL"}
    assert stack.up("--refresh").operations == ()
