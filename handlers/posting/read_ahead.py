"""Read the posts of a fan-out ahead: one page of the table is read while the page before it is posted."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MOST = 512
"""Largest number of items that are read ahead."""

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Reads an iterable on another thread, up to a limited number of items ahead of the loop that takes them.

    Attributes:
        items: Items that were read and not yet taken.
        exhausted: Whether the iterable has ended.
        error: What the iterable raised.
        starving: Whether the loop has no item and wants the next one to wake it. The loop sets it.
    """

    def __init__(self, items: Iterable[T], wake: Callable[[], None]) -> None:
        """Start to read.

        Args:
            items: Read on the other thread.
            wake: Wakes the loop. Called on the other thread.
        """
        self.items: deque[T] = deque()
        self.exhausted = False
        self.error: BaseException | None = None
        self.starving = False
        self._wake = wake
        self._stopped = False
        self._full = False
        self._room = threading.Event()
        threading.Thread(target=self._read, args=(items,), name="read-ahead", daemon=True).start()

    def take(self) -> T | None:
        """Return the next item, or None while there is none."""
        if not self.items:
            return None
        item = self.items.popleft()
        if self._full and len(self.items) <= _MOST // 2:
            self._full = False
            self._room.set()
        return item

    def stop(self) -> None:
        """Stop after the item that is being read."""
        self._stopped = True
        self._room.set()

    def _read(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self.items.append(item)
                if self.starving:
                    self.starving = False
                    self._wake()
                if len(self.items) >= _MOST:
                    self._room.clear()
                    self._full = True
                    # Check again: the loop may have taken items, or stopped, just before.
                    if len(self.items) >= _MOST and not self._stopped:
                        self._room.wait()
                if self._stopped:
                    break
        except BaseException as error:
            self.error = error
        self.exhausted = True
        self._wake()
