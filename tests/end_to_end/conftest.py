"""The program, deployed into a running emulator with policies enforced."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.logs import read
from local.prerequisites import create_messages_table
from tests.clients import ChatClient


@dataclass(frozen=True)
class Chat:
    """A deployed chat: its emulator, and the outputs of its stack."""

    emulator: Emulator
    outputs: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self.outputs["WebSocketURL"])

    def join(self, user_id: str, group_id: str | None, **query: object) -> ChatClient:
        return ChatClient(self.url, user_id, group_id, **query)

    def rows(self, table: str) -> list[dict[str, str]]:
        """All rows of ``ConnectionsTable`` or ``MessagesTable``, with plain values."""
        pages = self.emulator.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs[table])
        rows = [row for page in pages for row in page["Items"]]
        return [{name: next(iter(value.values())) for name, value in row.items()} for row in rows]

    def log(self, route: str) -> list[dict[str, Any]]:
        return read(self.emulator, self.outputs["LogGroupNames"][route])


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with Emulator(port=0) as running:
        yield running


@pytest.fixture(scope="session")
def chat(emulator: Emulator) -> Chat:
    create_messages_table(emulator)
    return Chat(emulator, deploy(emulator, {"unread": True, "changes": True}))


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Wait until a condition holds. Disconnections and log lines take effect later, without a signal."""

    def wait(holds: Callable[[], bool], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"the condition did not become true within {seconds} s"
            time.sleep(0.05)

    return wait
