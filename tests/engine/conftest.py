"""An account and a stack of its own for each test."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.aws.provider import Provider
from local.emulator import Emulator
from local.prerequisites import create_messages_table

from .world import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(400))  # Some tests deploy ten times.


@pytest.fixture(scope="session")
def cli() -> Path:
    """The Pulumi CLI that ``make engine`` found or built."""
    return Path(os.environ["PULUMI_CLI"])


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """An account with the messages table that other programs use."""
    with Emulator(port=0) as emulator:
        create_messages_table(emulator)
        yield emulator


@pytest.fixture
def provider(emulator: Emulator) -> Iterator[Provider]:
    with Provider(emulator) as provider:
        yield provider


@pytest.fixture
def new_stack(cli: Path, emulator: Emulator, provider: Provider, tmp_path: Path) -> Callable[..., Stack]:
    """Make a stack by its name."""

    def make(name: str | None = "dev", **options: Path) -> Stack:
        return Stack(cli, emulator, provider, tmp_path / (name or "new"), name=name, **options)

    return make


@pytest.fixture
def stack(new_stack: Callable[..., Stack]) -> Stack:
    """A stack that is not deployed yet."""
    return new_stack()
