"""The entry point for the owner's own programs: they invoke a function, and get its answer as one JSON object."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from handlers.protocol import frames
from handlers.protocol.errors import ChatError, Code
from handlers.runtime.log import failure, logger

from .entry_point import reason_of
from .invocation import Context, deadline


@dataclass(slots=True)
class Call:
    """One call of a program.

    Attributes:
        frame: What it asks for: a JSON object.
        deadline: Moment of :func:`time.monotonic` by which the function must be done.
        log: Fields of the line that is logged at the end.
    """

    frame: frames.Frame
    deadline: float
    log: dict[str, object] = field(default_factory=dict)


Action = Callable[[Call], frames.Frame]


def callable_by_programs(route: str, actions: Mapping[str, Action]) -> Callable[[Any, Context], frames.Frame]:
    """Make the function that Lambda calls.

    Args:
        route: Its name in the log.
        actions: What serves each action. It returns the answer, and raises :class:`ChatError` to refuse the call.

    Returns:
        A handler that never raises: its caller would see what is internal, such as names of tables.
    """

    def handler(event: object, context: Context) -> frames.Frame:
        started = time.monotonic()
        log: dict[str, object] = {"route": route, "outcome": "OK"}
        level = logging.INFO
        try:
            frame = _frame(event, actions)
            log["action"] = frame["action"]
            answer = actions[frame["action"]](Call(frame, deadline(context), log))
        except Exception as error:
            reason = reason_of(error)
            answer = {"error": problem(reason)}
            log |= {"outcome": reason.code.name, "reason": reason.message}
            if reason.code.value >= 500:
                level = logging.ERROR
                log |= failure(error.__cause__ or error)
        log["durationMs"] = round((time.monotonic() - started) * 1000, 1)
        logger.log(level, "served", extra=log)
        return answer

    return handler


def problem(reason: ChatError) -> frames.Frame:
    """What a program is told of a refusal: ``code``, ``message`` and ``retryable``, as a client is."""
    return {name: value for name, value in frames.error(reason).items() if name != "action"}


def _frame(event: object, actions: Mapping[str, Action]) -> frames.Frame:
    if not isinstance(event, dict):
        raise ChatError(Code.BAD_REQUEST, 'the event must be a JSON object, such as {"action":"getHistory"}')
    frames.require_unicode(event)
    action = event.get("action")
    if not isinstance(action, str):
        raise ChatError(Code.BAD_REQUEST, "action must be a string, such as sendMessage")
    if action not in actions:
        raise ChatError(Code.UNKNOWN_ACTION, f"there is no such action: use one of {', '.join(actions)}")
    return event
