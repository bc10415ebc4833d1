"""Deadlines for calls that have no timeout of their own, or one that is too long."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def require_time(deadline: float) -> None:
    """Check that a deadline has not come.

    Args:
        deadline: Moment of :func:`time.monotonic`.

    Raises:
        TimeoutError: It has.
    """
    if time.monotonic() >= deadline:
        raise TimeoutError


def call_by(deadline: float, work: Callable[[], T]) -> T:
    """Call a function on another thread, and wait for it until a deadline.

    Args:
        deadline: Moment of :func:`time.monotonic`.
        work: The function. After the deadline it goes on, but its result is dropped.

    Raises:
        TimeoutError: The deadline has come.
        BaseException: The function has raised it.
    """
    return start(work)(deadline)


def start(work: Callable[[], T]) -> Callable[[float], T]:
    """Call a function on another thread. Returns what waits for it until a deadline, as :func:`call_by` does."""
    done: SimpleQueue[tuple[T] | BaseException] = SimpleQueue()

    def run() -> None:
        try:
            done.put((work(),))
        except BaseException as error:
            done.put(error)

    def wait(deadline: float) -> T:
        try:
            result = done.get(timeout=max(deadline - time.monotonic(), 0.0))
        except Empty:
            raise TimeoutError from None
        if isinstance(result, BaseException):
            raise result
        return result[0]

    threading.Thread(target=run, name="call", daemon=True).start()
    return wait
