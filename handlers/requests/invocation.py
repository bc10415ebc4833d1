"""Parts of every invocation: the context, the deadline, and clients built in advance."""

import os
import time
from collections.abc import Callable
from typing import Protocol

RESERVE_SECONDS = 2.0
"""Time reserved before Lambda's limit to finish current work, tell the client, and write the log line."""


class Context(Protocol):
    """The part of Lambda's context object that the functions use."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


def deadline(context: Context) -> float:
    """The moment of :func:`time.monotonic` by which an invocation must be done: two seconds before Lambda ends it."""
    return time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS


def prepare(*clients: Callable[[], object]) -> None:
    """Build clients while Lambda initialises the function, when CPU is not throttled, instead of in the first call.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        for client in clients:
            client()
