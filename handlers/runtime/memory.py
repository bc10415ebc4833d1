"""What a process remembers between invocations: hints that only save work, so they may be forgotten at any time."""

from collections.abc import MutableMapping, MutableSet
from typing import Any


def make_room(remembered: MutableMapping[Any, Any] | MutableSet[Any], most: int) -> None:
    """Forget everything if there are ``most`` entries, so that the memory of a busy process does not grow."""
    if len(remembered) >= most:
        remembered.clear()


def remember(remembered: set[str], *entries: str, most: int) -> None:
    """Add entries, after room was made for them."""
    make_room(remembered, most)
    remembered.update(entries)
