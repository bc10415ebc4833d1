"""Action ``sendMessage``: stores a message once and pushes it to its group.

DynamoDB calls of one send: the update of the sender's row (it counts the frame against the rate, and
consistently reads the user and the group), the conditional put (it stores the message, and finds a retry), one query
per megabyte of the group, and, if a second push would do harm, the mark that everybody was served.
"""

from contextlib import suppress
from dataclasses import asdict, replace

from handlers.posting.fan_out import Group, push
from handlers.posting.slices import split
from handlers.protocol import client_frames, frames
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.runtime.deadline import call_by
from handlers.runtime.log import log_failure
from handlers.runtime.memory import remember
from handlers.runtime.settings import settings
from handlers.tables import messages
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection

_pushed: set[str] = set()
"""Ids of messages that this process has pushed. A retry of one of them is often served by the same process."""
_MOST_PUSHED = 10_000


def send_message(request: Request) -> None:
    """Check, store, push, and acknowledge if the client asked for it.

    Raises:
        ChatError: The message is not stored. With UNAVAILABLE it may be stored, but may not have reached its whole
            group. With a ``clientMessageId``, the client can send the same frame again: it is stored only once.
    """
    frame = client_frames.send_message(request.frame())
    with unavailable_on_failure():
        sender = admit(request, frame.group_id)
    frame = _authorized(request, sender, frame)
    message = messages.compose(frame)
    message_id = message["messageId"]
    pushed = frames.message(message)  # Encode first: a message that is too large to be pushed must not be stored.
    repeatable = frame.client_message_id is not None
    with unavailable_on_failure(retryable=repeatable):
        stored = messages.store(message)
    request.log["duplicate"] = stored.duplicate
    if stored.duplicate:
        with suppress(ChatError):  # Another program may have made the row too large to be pushed.
            pushed = frames.message(stored.row)

    acks = []
    if repeatable:
        acks.append(request.reply(frames.ack(stored.row, duplicate=stored.duplicate)))
    # Another program may have deleted the message, and then the retry stored it again.
    if stored.pushed or (stored.duplicate and message_id in _pushed):
        request.post(*acks)
        return
    with unavailable_on_failure(retryable=repeatable, retryable_if_denied=repeatable):
        group = Group(sender)
        tally = push(
            pushed,
            split(pushed, iter(group), deadline=request.deadline),
            *acks,
            deadline=request.deadline,
            ended=group.ended,
        )
    request.log |= asdict(tally)
    if not repeatable or tally.failed:
        return
    remember(_pushed, message_id, most=_MOST_PUSHED)
    # Clients of protocol 2 drop the second copy of a message, and a client with its ack sends no retry. So mostly the
    # mark is not needed, and it would cost as much as storing the message.
    if group.oldest_protocol < 2 or not tally.replied:
        with suppress(TimeoutError):
            call_by(request.deadline, lambda: _mark(message_id))


def _mark(message_id: str) -> None:
    with log_failure("not marked as pushed: a retry will push it again"):
        messages.mark_pushed(message_id)


def _authorized(request: Request, sender: Connection, frame: client_frames.SendMessage) -> client_frames.SendMessage:
    """Let a connection send only as its own user, and only with the name of its token if the token has to have one.

    Raises:
        ChatError: FORBIDDEN.
    """
    if frame.sender_id != sender.user_id:
        raise ChatError(Code.FORBIDDEN, "senderId must be the user of this connection")
    if not settings().name_claim:
        return frame
    # Not from the row: it may be older than the claim.
    return replace(frame, sender_name=request.authorizer.get("name") or sender.user_id)
