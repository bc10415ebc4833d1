"""Delivery of a change to a message that is stored: the group and the operator's programs are told."""

from collections.abc import Callable

from handlers.protocol import frames
from handlers.runtime.log import log_failure
from handlers.tables.message import Message

from . import event_bus
from .fan_out import Group, Tally, push
from .slices import split


def tell_of_change(message: Message, tell: Callable[[], object], *, deadline: float) -> None:
    """Tell clients of a change, and hand its event over. What fails is logged: the change itself is stored.

    Args:
        message: The message as it is now.
        tell: Tells the clients. A client that is not told gets the change with the history.
        deadline: Moment of :func:`time.monotonic` by which all is over.
    """
    handed_over = event_bus.message_changed(message, deadline)
    try:
        with log_failure("change not pushed"):
            tell()
    finally:
        with log_failure("change not handed over to the bus"):
            handed_over()


def push_change(message: Message, group: Group, *, deadline: float) -> Tally:
    """Push a changed message to the connections of a group that speak protocol 2."""
    frame = frames.message_changed(message)
    modern = (one for one in group if one.protocol > 1)
    return push(frame, split(frame, modern, deadline=deadline), deadline=deadline, ended=group.ended)
