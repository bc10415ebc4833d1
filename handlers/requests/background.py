"""The entry point for asynchronous invocations and streams. Lambda retries them if they fail."""

import time
from collections.abc import Callable
from typing import Any

from handlers.runtime.log import failure, logger

from .invocation import Context, deadline


class InvocationError(Exception):
    """An invocation failed, and Lambda should retry it. It omits the text of its cause, which may quote a message."""


class PartialFailureError(Exception):
    """Some records of a stream's batch failed, and Lambda should repeat them. Its cause is the first failure.

    Attributes:
        records: Their sequence numbers.
    """

    def __init__(self, records: list[str]) -> None:
        self.records = records


def background(
    route: str, serve: Callable[[dict[str, Any], float], dict[str, int]]
) -> Callable[..., dict[str, Any] | None]:
    """Make the function that Lambda calls.

    Args:
        route: Its name in the log.
        serve: Serves an event before a deadline, a moment of :func:`time.monotonic`. Returns figures for the log.

    Returns:
        A handler that raises :class:`InvocationError` if the work fails. After :class:`PartialFailureError` it returns
        the failed records. Lambda then repeats the batch from the first of them, not those before it.
        https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """

    def handler(event: dict[str, Any], context: Context) -> dict[str, Any] | None:
        started = time.monotonic()
        try:
            figures = serve(event, deadline(context))
        except PartialFailureError as partial:
            reason = failure(partial.__cause__ or partial)
            logger.error("failed in part", extra={"route": route, "failed": len(partial.records)} | reason)
            return {"batchItemFailures": [{"itemIdentifier": record} for record in partial.records]}
        except Exception as error:
            logger.error("failed", extra={"route": route} | failure(error))
            raise InvocationError(type(error).__name__) from None
        duration = round((time.monotonic() - started) * 1000, 1)
        logger.info("served", extra={"route": route, "outcome": "OK", "durationMs": duration} | figures)
        return None

    return handler
