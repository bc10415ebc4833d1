"""Frames of the wire protocol: parsed, validated and encoded."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from .errors import ChatError, Code

NEWEST_PROTOCOL = 2
"""Newest version of the wire protocol. A client of protocol 2 drops a message that comes twice."""

MAX_FRAME_BYTES = 32 * 1024
"""Largest frame API Gateway carries, in bytes of UTF-8.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

MAX_MESSAGE_BYTES = MAX_FRAME_BYTES - 4 * 1024
"""Largest message, in bytes of the frame that pushes it. The rest is room for what a page of history adds around it."""

MAX_ID_BYTES = 256
"""Largest user, group, client message or request id, and largest display name, in bytes of UTF-8. With it, keys stay
far below DynamoDB's limit of 1,024 bytes for a sort key, and a pushed frame is hardly larger than its text."""

Frame = dict[str, Any]


MAX_GROUPS = 25
"""Groups that one frame may name, so that a function serves it in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """A valid ``sendMessage`` frame. The sender's right to send it is checked elsewhere."""

    group_id: str
    sender_id: str
    sender_name: str
    text: str
    client_message_id: str | None


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


def encode(frame: Frame) -> bytes:
    """Encode a frame as compact JSON in UTF-8."""
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()


def decode(body: str) -> Frame:
    """Decode a client's frame into an object. Its fields are not checked.

    Raises:
        ChatError: BAD_REQUEST, if the frame is not a JSON object.
    """
    try:
        frame = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise ChatError(Code.BAD_REQUEST, "the frame is not JSON: send one JSON object per frame, as text") from None
    if not isinstance(frame, dict):
        raise ChatError(Code.BAD_REQUEST, 'the frame is not a JSON object: send one, such as {"action":"ping"}')
    return frame


def require_unicode(frame: Frame) -> None:
    r"""Refuse a frame with a lone surrogate, such as "\ud800". It is legal JSON, but can be neither stored nor sent.

    Raises:
        ChatError: BAD_REQUEST.
    """
    try:
        encode(frame)
    except (UnicodeEncodeError, RecursionError):
        raise ChatError(Code.BAD_REQUEST, "the frame has half of a surrogate pair: send valid Unicode") from None


def fit(items: Iterable[Frame], most: int | None = None) -> tuple[list[Frame], bool]:
    """Take items in order while they fit into one frame, and ``most`` at most. The first one always fits.

    Returns:
        The items that fit, and whether some are left.
    """
    page: list[Frame] = []
    size = 0
    for item in items:
        size += len(encode(item)) + 1
        if page and (size > MAX_MESSAGE_BYTES or len(page) == most):
            return page, True
        page.append(item)
    return page, False


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # NaN and Infinity are not JSON; other parsers refuse them.


def is_id(value: object) -> bool:
    """Whether a value can name a user, a group, a message or a request: valid Unicode of 1 to 256 bytes."""
    if not isinstance(value, str):
        return False
    try:
        return 0 < len(value.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False


def echoed(frame: Frame) -> Frame:
    """The fields that every reply to a frame repeats, so that a client can match the two."""
    return {name: frame[name] for name in ("requestId", "clientMessageId") if is_id(frame.get(name))}


def send_message(frame: Frame) -> SendMessage:
    """Validate a ``sendMessage`` frame. Unknown fields are ignored.

    Raises:
        ChatError: BAD_REQUEST, naming the field and what it must be.
    """
    text = frame.get("message")
    if not isinstance(text, str) or not text:
        raise ChatError(Code.BAD_REQUEST, "message must be a string that is not empty")
    sender_id = _id(frame, "senderId")
    return SendMessage(
        group_id=_id(frame, "groupId"),
        sender_id=sender_id,
        # Front ends send an empty name for a user without a name.
        sender_name=sender_id if frame.get("senderName") in (None, "") else _id(frame, "senderName"),
        text=text,
        client_message_id=None if frame.get("clientMessageId") is None else _id(frame, "clientMessageId"),
    )


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


def _id(frame: Frame, name: str) -> str:
    value = frame.get(name)
    if not is_id(value):
        raise ChatError(Code.BAD_REQUEST, f"{name} must be a string of 1 to {MAX_ID_BYTES} bytes in UTF-8")
    return str(value)


_MESSAGE_FIELDS = ("messageId", "groupId", "senderId", "senderName", "message", "timestamp", "clientMessageId")


def message(row: dict[str, str]) -> bytes:
    """Encode the frame that pushes a message to its group.

    Args:
        row: The message's row.

    Raises:
        ChatError: TOO_LARGE, if the frame exceeds :data:`MAX_MESSAGE_BYTES`.
    """
    encoded = encode({"action": "message"} | _message(row))
    if len(encoded) > MAX_MESSAGE_BYTES:
        raise ChatError(
            Code.TOO_LARGE,
            f"the message is too large: its frame would have {len(encoded)} bytes, and the limit is "
            f"{MAX_MESSAGE_BYTES}. Shorten it by {len(encoded) - MAX_MESSAGE_BYTES} bytes, or split it",
        )
    return encoded


def past_message(row: dict[str, str]) -> Frame:
    """A message in a page of history. Its text is left out if another program stored more than fits into a frame."""
    message = _message(row)
    if len(encode(message)) > MAX_MESSAGE_BYTES:
        return {name: message[name] for name in ("messageId", "groupId", "timestamp")} | {"omitted": True}
    return message


def _message(row: dict[str, str]) -> Frame:
    return {name: row[name] for name in _MESSAGE_FIELDS if name in row}


def member(user_id: str, names: Mapping[str, str]) -> Frame:
    """A user in a list, with the display name if there is one."""
    return {"userId": user_id, **({"name": names[user_id]} if user_id in names else {})}


def ack(row: dict[str, str], *, duplicate: bool) -> Frame:
    """The frame that tells a sender that its message is stored.

    Args:
        row: The message's row.
        duplicate: Whether an earlier frame stored it.
    """
    return {
        "action": "ack",
        "messageId": row["messageId"],
        "timestamp": row["timestamp"],
        "duplicate": duplicate,
    }


def error(reason: ChatError) -> Frame:
    """The frame that tells a client what is wrong with its frame."""
    frame: Frame = {
        "action": "error",
        "code": reason.code.name,
        "message": reason.message,
        "retryable": reason.retryable,
    }
    return frame if reason.retry_after_ms is None else frame | {"retryAfterMs": reason.retry_after_ms}
