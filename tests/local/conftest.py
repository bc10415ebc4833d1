"""Terminal clients that end with their test."""

from collections.abc import Iterator

import pytest

from .joined import NO_PROXY_HERE, Joined, Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a join with arguments of the command line."""
    joined: list[Joined] = []

    def start(*arguments: str, terminal: bool = False, token: str = "", proxy: str = NO_PROXY_HERE) -> Joined:
        joined.append(Joined(*arguments, terminal=terminal, token=token, proxy=proxy))
        return joined[-1]

    yield start
    for one in joined:
        one.close()
