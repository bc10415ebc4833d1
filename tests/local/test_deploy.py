"""The in-process deployment refuses what ``pulumi up`` would refuse, and still works afterwards."""

from collections.abc import Iterator

import pytest

from components import InvalidArgumentError
from components.existing_table import ExistingTableError
from local.deploy import PROJECT_DIRECTORY, deploy
from local.emulator import Emulator
from local.prerequisites import create_messages_table


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        yield running


def test_a_deployment_succeeds_after_refused_ones(emulator: Emulator) -> None:
    with pytest.raises(InvalidArgumentError, match=r"memory_size \(in config: memorySize\) = 64 is not allowed"):
        deploy(emulator, {"memorySize": 64})
    with pytest.raises(ExistingTableError, match=r"'ChatMessages' cannot be used.*createMessagesTable"):
        deploy(emulator)
    create_messages_table(emulator)
    assert deploy(emulator)["MessagesTable"] == "ChatMessages"


def test_another_program_has_outputs_of_its_own() -> None:
    with Emulator(port=0) as empty:
        assert deploy(empty, program=PROJECT_DIRECTORY / "examples/minimal").keys() == {"WebSocketURL"}
