"""Action ``typing``: tells a group that a user is typing or has stopped."""

from dataclasses import asdict

from handlers.posting.events import push_event, small_group
from handlers.protocol import client_frames
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.tables.aws import unavailable_on_failure

EXPIRES_MS = 6000
"""Milliseconds for which a typing frame holds, in case the next one is lost."""


def typing(request: Request) -> None:
    """Tell the other members. Nothing is stored. Groups above ``event_member_limit`` get nothing.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    received = request.frame()
    is_typing, group_id = received.get("isTyping"), client_frames.optional_id(received, "groupId")
    if not isinstance(is_typing, bool):
        raise ChatError(Code.BAD_REQUEST, "isTyping must be true or false")
    with unavailable_on_failure():
        sender = admit(request, group_id)
        connected = small_group(sender.group_id)
    # The user may have another name in this group.
    name = next((one.name for one in connected if one.connection_id == sender.connection_id), sender.name)
    frame = {
        "action": "typing",
        "groupId": sender.group_id,
        "userId": sender.user_id,
        **({"name": name} if name else {}),
        "isTyping": is_typing,
        "expiresInMs": EXPIRES_MS,
    }
    others = [connection for connection in connected if connection.user_id != sender.user_id]
    request.log |= asdict(push_event(frame, others, deadline=request.deadline))
