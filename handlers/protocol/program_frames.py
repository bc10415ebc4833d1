"""What the owner's own programs ask for, validated. Unknown fields are ignored."""

from dataclasses import replace

from .client_frames import SYSTEM, SendMessage, groups_of, message_options, optional_id, send_message
from .frames import Frame

MAX_GROUPS = 100
"""Groups that one call may send a message to, so that a function serves it in seconds."""


def published_messages(frame: Frame, system_name: str) -> list[SendMessage]:
    """Validate a ``sendMessage`` of a program: a message for each group. It may be of any user and of any type.

    Args:
        frame: What the program asks for.
        system_name: Name to show if the frame names no sender. The message then comes from the system.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    group_ids = groups_of(frame, MAX_GROUPS)
    is_systems = frame.get("senderId") in (None, SYSTEM)
    sender = {"senderId": SYSTEM, "senderName": frame.get("senderName") or system_name} if is_systems else {}
    message = send_message(frame | {"groupId": group_ids[0]} | sender)
    type_ = optional_id(frame, "type") or (SYSTEM if is_systems else "")
    options = message_options(frame | {"type": None}) | ({"type": type_} if type_ else {})
    return [replace(message, group_id=group_id, options=options) for group_id in group_ids]
