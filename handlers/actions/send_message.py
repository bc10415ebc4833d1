"""Action ``sendMessage``: stores a message once and pushes it to its group.

Before the calls of a delivery, the update of the sender's row counts the frame against the rate, and consistently reads
the user and the group.
"""

from dataclasses import asdict, replace

from handlers.posting.delivery import deliver
from handlers.posting.fan_out import Group
from handlers.posting.posts import Post
from handlers.protocol import client_frames, frames
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit
from handlers.requests.moderation import moderate
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection
from handlers.tables.messages import Stored


def send_message(request: Request) -> None:
    """Check, store, push, and acknowledge if the client asked for it.

    Raises:
        ChatError: The message is not stored. With UNAVAILABLE it may be stored, but may not have reached its whole
            group. With a ``clientMessageId``, the client can send the same frame again: it is stored only once.
    """
    received = request.frame()
    frame = client_frames.send_message(received)
    with unavailable_on_failure():
        sender = admit(request, frame.group_id)
    frame = _authorized(request, sender, _with_options(received, sender, frame))

    def acks(stored: Stored) -> list[Post]:
        request.log["duplicate"] = stored.duplicate
        if frame.client_message_id is None:
            return []
        return [request.reply(frames.ack(stored.message, duplicate=stored.duplicate))]

    delivery = deliver(
        frame,
        lambda: Group(sender.group_id, sender),
        deadline=request.deadline,
        review=lambda message: moderate(message, request.deadline),
        replies=acks,
    )
    if delivery.tally:
        request.log |= asdict(delivery.tally)
    else:
        request.post(*acks(delivery.stored))


def _with_options(
    received: frames.Frame, sender: Connection, frame: client_frames.SendMessage
) -> client_frames.SendMessage:
    """Add the options of a message. The old back end ignored them, so on protocol 1 those that are not valid are left.

    Raises:
        ChatError: BAD_REQUEST or FORBIDDEN.
    """
    try:
        return replace(frame, options=client_frames.message_options(received))
    except ChatError:
        if sender.protocol > 1:
            raise
        return frame


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
