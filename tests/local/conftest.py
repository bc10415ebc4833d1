"""Terminal clients, and a chat for most of their tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_messages_table

from .joined import Joined, Start
from .screen import OpenScreen, Screen


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        create_messages_table(running)
        yield running


@pytest.fixture(scope="session")
def url(emulator: Emulator) -> str:
    return str(deploy(emulator)["WebSocketURL"])


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a join with arguments of the command line. Its input and output are pipes."""
    joined: list[Joined] = []

    def start(*arguments: str, **how: str) -> Joined:
        joined.append(Joined(*arguments, **how))
        return joined[-1]

    yield start
    for one in joined:
        one.close()


@pytest.fixture
def open_screen(tmp_path: Path) -> Iterator[OpenScreen]:
    """Start a join with arguments of the command line, in a terminal."""
    screens: list[Screen] = []

    def open_screen(*arguments: str, **how: str) -> Screen:
        screens.append(Screen(tmp_path / str(len(screens)), *arguments, **how))
        return screens[-1]

    yield open_screen
    for one in screens:
        one.close()
