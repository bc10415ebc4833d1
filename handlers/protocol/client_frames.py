"""Frames that clients send, validated. Unknown fields are ignored."""

import json
from dataclasses import asdict, dataclass, field

from .errors import ChatError, Code
from .frames import MAX_ID_BYTES, Frame, is_id

SYSTEM = "system"
"""The user and the type of messages that come from nobody, but from the back end."""

MAX_DATA_BYTES = 2 * 1024
"""Largest ``data`` of a message, in bytes of compact JSON. It is for references and small values; files belong into
another store."""

MAX_REACTION_BYTES = 64
"""Largest reaction. The longest emoji have about 40 bytes."""

MAX_GROUPS = 25
"""Groups that one frame may name, so that a function serves it in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """A valid ``sendMessage`` frame. The sender's right to send it is checked elsewhere.

    Attributes:
        group_id: The group.
        sender_id: The user that the client says it is.
        sender_name: The sender's display name.
        text: The text.
        client_message_id: The client's id, which makes the frame repeatable.
        options: ``type``, ``replyTo`` and ``data``, those of them that are given. ``data`` is JSON text.
    """

    group_id: str
    sender_id: str
    sender_name: str
    text: str
    client_message_id: str | None
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinGroup:
    """A valid ``joinGroup`` or ``leaveGroup`` frame. The user's right is checked elsewhere.

    Attributes:
        group_ids: The groups, each once, in the order of the frame.
        is_batch: Whether the frame named them in a list.
        sender_id: The user that the client says it is. None if it does not say.
        events: Whether it wants the events of the groups.
        name: The display name for its user. Empty if it names none.
    """

    group_ids: list[str]
    is_batch: bool
    sender_id: str | None
    events: bool
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRead:
    """A valid ``markRead`` frame. The user's right is checked elsewhere. An empty group is that of the handshake."""

    group_id: str
    message_id: str
    timestamp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOf:
    """A message that a valid frame names. The user's right is checked elsewhere.

    An empty group is that of the handshake.
    """

    group_id: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditMessage(MessageOf):
    """A valid ``editMessage`` frame."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class React(MessageOf):
    """A valid ``react`` frame.

    Attributes:
        reaction: The reaction, such as an emoji.
        on: Whether it is added. Otherwise it is taken away.
    """

    reaction: str
    on: bool


def send_message(frame: Frame) -> SendMessage:
    """Validate a ``sendMessage`` frame. Unknown fields are ignored.

    :func:`.frames.message` checks how long the text may be, because the pushed frame counts.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    sender_id = _id(frame, "senderId")
    return SendMessage(
        group_id=_id(frame, "groupId"),
        sender_id=sender_id,
        # Front ends send an empty name for a user without a name.
        sender_name=sender_id if frame.get("senderName") in (None, "") else _id(frame, "senderName"),
        text=_text(frame),
        client_message_id=None if frame.get("clientMessageId") is None else _id(frame, "clientMessageId"),
    )


def message_options(frame: Frame) -> dict[str, str]:
    """Validate ``type``, ``replyTo`` and ``data`` of a ``sendMessage`` frame.

    Returns:
        Those that are given. ``data`` is JSON text.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be; FORBIDDEN, if the type is ``system``.
    """
    options = {name: _id(frame, name) for name in ("type", "replyTo") if frame.get(name) is not None}
    if options.get("type") == SYSTEM:
        raise ChatError(Code.FORBIDDEN, "only the back end can send messages of type system: use another type")
    if (data := frame.get("data")) is not None:
        if not isinstance(data, dict) or (text := _data(data)) is None:
            raise ChatError(
                Code.BAD_REQUEST, f"data must be a JSON object of at most {MAX_DATA_BYTES} bytes, in UTF-8 and compact"
            )
        options["data"] = text
    return options


def _data(data: Frame) -> str | None:
    """The JSON text of an object. None if it is too large, or has a number that is too large for JSON."""
    try:
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return None
    return text if len(text.encode()) <= MAX_DATA_BYTES else None


def join_group(frame: Frame) -> JoinGroup:
    """Validate a ``joinGroup`` or ``leaveGroup`` frame. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    several, events = frame.get("groupIds"), frame.get("events")
    if several is not None and frame.get("groupId") is not None:
        raise ChatError(Code.BAD_REQUEST, "groupId and groupIds are both given: give one of them")
    if several is not None and not (isinstance(several, list) and several and all(map(is_id, several))):
        raise ChatError(Code.BAD_REQUEST, f"groupIds must be a list of strings of 1 to {MAX_ID_BYTES} bytes in UTF-8")
    group_ids = [_id(frame, "groupId")] if several is None else list(dict.fromkeys(several))
    if len(group_ids) > MAX_GROUPS:
        raise ChatError(Code.BAD_REQUEST, f"groupIds may have at most {MAX_GROUPS} groups: send several frames")
    if events is not None and not isinstance(events, bool):
        raise ChatError(Code.BAD_REQUEST, "events must be true or false")
    # senderName is what front ends call it.
    given = next((name for name in ("name", "senderName") if frame.get(name) not in (None, "")), None)
    return JoinGroup(
        group_ids=group_ids,
        is_batch=several is not None,
        sender_id=None if frame.get("senderId") is None else _id(frame, "senderId"),
        events=bool(events),
        name=_id(frame, given) if given else "",
    )


def mark_read(frame: Frame) -> MarkRead:
    """Validate a ``markRead`` frame. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    return MarkRead(
        group_id=optional_id(frame, "groupId"),
        message_id=_id(frame, "messageId"),
        timestamp=_id(frame, "timestamp"),
    )


def message_of(frame: Frame) -> MessageOf:
    """Validate a frame that names a message. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    return MessageOf(group_id=optional_id(frame, "groupId"), message_id=_id(frame, "messageId"))


def edit_message(frame: Frame) -> EditMessage:
    """Validate an ``editMessage`` frame. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    return EditMessage(**asdict(message_of(frame)), text=_text(frame))


def react(frame: Frame) -> React:
    """Validate a ``react`` frame. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    reaction, on = frame.get("reaction"), frame.get("on")
    if not is_id(reaction) or len(str(reaction).encode()) > MAX_REACTION_BYTES:
        raise ChatError(Code.BAD_REQUEST, f"reaction must be a string of 1 to {MAX_REACTION_BYTES} bytes in UTF-8")
    if not isinstance(on, bool):
        raise ChatError(Code.BAD_REQUEST, "on must be true or false")
    return React(**asdict(message_of(frame)), reaction=str(reaction), on=on)


def groups_to_read(frame: Frame) -> dict[str, object]:
    """The groups of a ``getHistory`` frame with many groups, and their cursors, which are not checked.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    groups = frame["groups"]
    if any(frame.get(name) is not None for name in ("groupId", "before", "after")):
        raise ChatError(Code.BAD_REQUEST, "groups is given with groupId, before or after: put them into groups")
    if not isinstance(groups, list) or not 0 < len(groups) <= MAX_GROUPS:
        raise ChatError(Code.BAD_REQUEST, f"groups must be a list of 1 to {MAX_GROUPS} groups")
    if not all(isinstance(group, dict) and is_id(group.get("groupId")) for group in groups):
        raise ChatError(Code.BAD_REQUEST, 'each of groups must be like {"groupId":"G","after":"cursor"}')
    return {group["groupId"]: group.get("after") for group in groups}


def optional_id(frame: Frame, name: str) -> str:
    """A field that may be missing, as "" then.

    Raises:
        ChatError: BAD_REQUEST, if it is no id.
    """
    return "" if frame.get(name) is None else _id(frame, name)


def _text(frame: Frame) -> str:
    text = frame.get("message")
    if not isinstance(text, str) or not text:
        raise ChatError(Code.BAD_REQUEST, "message must be a string that is not empty")
    return text


def _id(frame: Frame, name: str) -> str:
    value = frame.get(name)
    if not is_id(value):
        raise ChatError(Code.BAD_REQUEST, f"{name} must be a string of 1 to {MAX_ID_BYTES} bytes in UTF-8")
    return str(value)
