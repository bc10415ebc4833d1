"""Work on many groups or connections of one call, done side by side."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.deadline import require_time
from handlers.tables.aws import unavailable_on_failure

AT_ONCE = 8
"""Threads. Each keeps connections of its own to the management API."""

K = TypeVar("K")
T = TypeVar("T")


def side_by_side(
    items: Iterable[K], work: Callable[[K], T], *, deadline: float, repeatable: bool = True
) -> dict[K, T | Exception]:
    """Do the work of each item, some of them at the same time, until a deadline.

    Args:
        items: The items, each once.
        work: Does the work of one. By the deadline, it should be done.
        deadline: Moment of :func:`time.monotonic`.
        repeatable: Whether work that has begun may be done again.

    Returns:
        What it returned, or the error that it raised, in the order of the items. It is UNAVAILABLE if there was no
        time. Work that has begun may then still go on.
    """

    def begin(item: K) -> T:
        with unavailable_on_failure():
            require_time(deadline)
        return work(item)

    begun = {item: _threads().submit(begin, item) for item in items}
    wait(begun.values(), timeout=max(deadline - time.monotonic(), 0))
    found: dict[K, T | Exception] = {}
    for item, future in begun.items():
        never_begun = future.cancel()
        if future.done() and not never_begun:
            error = future.exception()
            found[item] = error if isinstance(error, Exception) else future.result()
        else:
            found[item] = _no_time(retryable=never_begun or repeatable)
    return found


def _no_time(*, retryable: bool) -> ChatError:
    advice = "try again" if retryable else "before you send the message again, check whether it was stored"
    return ChatError(Code.UNAVAILABLE, f"there was no time left in this call: {advice}", retryable=retryable)


@cache
def _threads() -> ThreadPoolExecutor:
    # Kept across invocations, as the connections of its threads are. Built on first use, because it takes a while.
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="side by side")
