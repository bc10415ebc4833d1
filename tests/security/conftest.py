"""One emulator for all attacks. Each chat is deployed in it at its first attack."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from local.emulator import Emulator
from local.prerequisites import create_members_table

from .chats import Chat, CountingProvider, World


@pytest.fixture(scope="session")
def chat_named() -> Iterator[Callable[[str], Chat]]:
    """Find a chat by its name. Deploys it the first time."""
    with ExitStack() as running:
        emulator = running.enter_context(Emulator(port=0))
        world = World(emulator, running.enter_context(CountingProvider()))
        create_members_table(emulator)

        @cache
        def find(name: str) -> Chat:
            chat = Chat(world, name)
            running.callback(chat.close)
            return chat

        yield find
