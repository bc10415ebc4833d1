"""Delivery of a message: it is stored once, and pushed to its group until everybody was served.

DynamoDB calls: the conditional put (it stores the message, and finds a retry), one query per megabyte of the group,
and, if a second push would do harm, the mark that everybody was served.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from handlers.protocol import frames
from handlers.protocol.client_frames import SendMessage
from handlers.protocol.errors import ChatError
from handlers.runtime.deadline import call_by
from handlers.runtime.log import log_failure
from handlers.runtime.memory import remember
from handlers.runtime.settings import settings
from handlers.tables import message, messages
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.message import Message
from handlers.tables.messages import Stored
from handlers.tables.schema import DELETED_AT, FIRST_DIGEST, MESSAGE, MESSAGE_ID

from . import event_bus
from .fan_out import Group, Tally, push
from .posts import Post
from .slices import split

_pushed: set[str] = set()
"""Ids of messages that this process has pushed. A retry of one of them is often served by the same process."""
_MOST_PUSHED = 10_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a delivery went.

    Attributes:
        stored: The stored message.
        tally: How its push went. None if it was not pushed, because everybody was served before, or it was deleted.
    """

    stored: Stored
    tally: Tally | None


def deliver(
    frame: SendMessage,
    group: Callable[[], Group],
    *,
    deadline: float,
    review: Callable[[Message], str] = lambda sent: sent[MESSAGE],
    replies: Callable[[Stored], Iterable[Post]] = lambda _: (),
) -> Delivery:
    """Store a message and push it to its group.

    Args:
        frame: The message. Its sender may send it.
        group: Reads who the recipients are. Called once the message is stored.
        deadline: Moment of :func:`time.monotonic` by which all is over.
        review: Decides which text of the message is stored. It may raise a :class:`ChatError`, and nothing is stored.
            If the message is stored already, that does not matter: the first decision holds.
        replies: Makes what is posted beside the message, such as the sender's ack, once the message is stored. If the
            message is not pushed, the caller posts it.

    Raises:
        ChatError: TOO_LARGE, CONFLICT or what ``review`` raises, and nothing is stored. Or UNAVAILABLE: it may be
            stored, but may not have reached its whole group, or the bus of events.
    """
    row = messages.compose(frame)
    sent = message.of(row)
    pushed = frames.message(sent)  # A message that is too large to be pushed must not be stored.
    repeatable = frame.client_message_id is not None
    stored = _store(row, review, repeatable=repeatable)
    deleted = DELETED_AT in stored.message
    handed_over = event_bus.message_stored(stored.message, deadline) if not deleted else lambda: None
    if deleted or not _needs_push(stored):
        with unavailable_on_failure(retryable=repeatable, retryable_if_denied=repeatable):
            handed_over()
        return Delivery(stored, None)
    if stored.message != sent:
        with suppress(ChatError):  # Another program may have made the row too large to be pushed.
            pushed = frames.message(stored.message)
    with unavailable_on_failure(retryable=repeatable, retryable_if_denied=repeatable):
        answers = list(replies(stored))
        try:
            recipients = group()
            tally = push(
                pushed,
                split(pushed, iter(recipients), deadline=deadline),
                *(() if settings().event_bus else answers),
                deadline=deadline,
                ended=recipients.ended,
            )
        except Exception:
            with suppress(Exception):
                handed_over()
            raise
        try:
            handed_over()
            if settings().event_bus and answers:  # The ack says that the event is handed over, too.
                tally.replied = push(pushed, (), *answers, deadline=deadline).replied
        except BaseException:
            tally.replied = False
            raise
        finally:
            if repeatable and not tally.failed:
                _remember_push(row[MESSAGE_ID], deadline, harmful=recipients.oldest_protocol < 2 or not tally.replied)
    return Delivery(stored, tally)


def _store(row: dict[str, str], review: Callable[[Message], str], *, repeatable: bool) -> Stored:
    try:
        text = review(message.of(row))
    except ChatError:
        with unavailable_on_failure():
            stored = messages.stored_before(row) if repeatable else None
        if stored:
            return stored
        raise
    if text != row[MESSAGE]:
        row |= {MESSAGE: text, FIRST_DIGEST: message.digest(row)}
    with unavailable_on_failure(retryable=repeatable):
        return messages.store(row)


def _needs_push(stored: Stored) -> bool:
    # Another program may have deleted a message that this process has pushed. Then the retry stored it again.
    return not (stored.pushed or (stored.duplicate and stored.message[MESSAGE_ID] in _pushed))


def _remember_push(message_id: str, deadline: float, *, harmful: bool) -> None:
    """Remember that a message reached everybody.

    Args:
        message_id: The message.
        deadline: As in :func:`deliver`.
        harmful: Whether a second push would do harm. Clients of protocol 2 drop the second copy of a message, and a
            client with its ack sends no retry. So mostly a mark in the row is not needed, and it would cost as much as
            storing the message.
    """
    remember(_pushed, message_id, most=_MOST_PUSHED)
    if harmful:
        with suppress(TimeoutError):
            call_by(deadline, lambda: _mark(message_id))


def _mark(message_id: str) -> None:
    with log_failure("not marked as pushed: a retry will push it again"):
        messages.mark_pushed(message_id)
