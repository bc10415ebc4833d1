"""Function ``WebSocketSendMessage``: stores a message once and pushes it to its group.

DynamoDB calls of one send: the update of the sender's row (counts the frame against its rate and reads consistently who
speaks), the conditional put (storage and idempotency in one), one query per megabyte of group, and, where the client
can retry, the mark that all were served.
"""

from dataclasses import asdict

from . import frames, messages
from .admission import admit
from .connections import Connection
from .dynamodb import client, unavailable_on_failure
from .errors import ChatError, Code
from .fan_out import group_of, push, split
from .gateway import EventType, Request, entry_point, prepare
from .log import log_failure
from .management_api import management_api


def send_message(request: Request) -> None:
    """Check, store, push, and acknowledge where the client asked for it.

    Raises:
        ChatError: The message is not stored, or, with UNAVAILABLE, may be stored but not have reached its whole group.
            Under a ``clientMessageId`` the same frame can then be sent again without doubling the message.
    """
    frame = frames.send_message(request.frame())
    with unavailable_on_failure():
        sender = admit(request.connection_id)
    authorize(sender, frame)
    message = messages.compose(frame)
    pushed = frames.message(message)  # Before storing, because what is too large to be pushed must not be stored.
    repeatable = frame.client_message_id is not None
    with unavailable_on_failure(retryable=repeatable):
        stored = messages.store(message)
    request.log["duplicate"] = stored.duplicate
    if stored.duplicate:
        pushed = frames.message(stored.row)

    acks = []
    if repeatable:
        acks.append(request.reply(frames.ack(stored.row, duplicate=stored.duplicate)))
    if stored.pushed:
        request.post(*acks)
        return
    with unavailable_on_failure(retryable=repeatable):
        tally = push(
            pushed,
            split(pushed, group_of(sender), deadline=request.deadline),
            *acks,
            deadline=request.deadline,
        )
    request.log |= asdict(tally)
    if repeatable and not tally.failed:
        with log_failure("not marked as pushed: a retry will push it again"):
            messages.mark_pushed(message["messageId"])


def authorize(sender: Connection, frame: frames.SendMessage) -> None:
    """Let a connection speak for its own user in its own group alone.

    Raises:
        ChatError: FORBIDDEN.
    """
    if frame.sender_id != sender.user_id:
        raise ChatError(Code.FORBIDDEN, "senderId must be the userId of this connection")
    if frame.group_id != sender.group_id:
        raise ChatError(Code.FORBIDDEN, "groupId must be the groupId of this connection")


prepare(client, management_api)
handler = entry_point(EventType.MESSAGE, send_message)
