"""Frames of the wire protocol: encoding, and the frames of the server. ``client_frames`` has those of clients."""

import json
from collections.abc import Iterable, Mapping
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


def fit(items: Iterable[Frame], most: int | None = None, *, used: int = 0) -> tuple[list[Frame], bool]:
    """Take items in order while they fit into one frame, and ``most`` at most. In an empty frame the first one fits.

    Args:
        items: The items.
        most: Largest number of them. By default, there is no limit.
        used: Bytes of the frame that are used already.

    Returns:
        The items that fit, and whether some are left.
    """
    page: list[Frame] = []
    size = used
    for item in items:
        size += len(encode(item)) + 1
        if (page or used) and (size > MAX_MESSAGE_BYTES or len(page) == most):
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


_MESSAGE_FIELDS = (
    *("messageId", "groupId", "senderId", "senderName", "message", "timestamp", "clientMessageId"),
    *("type", "replyTo", "data", "changedAt", "editedAt", "deletedAt", "reactions"),
)
_LISTED_FIELDS = ("messageId", "senderId", "senderName", "message", "timestamp", "type", "deletedAt")


def message(row: Frame) -> bytes:
    """Encode the frame that pushes a message to its group.

    Args:
        row: The message, with all attributes of its row.

    Raises:
        ChatError: TOO_LARGE, if the frame exceeds :data:`MAX_MESSAGE_BYTES`.
    """
    encoded = encode({"action": "message"} | _fields(row, _MESSAGE_FIELDS))
    if len(encoded) > MAX_MESSAGE_BYTES:
        raise ChatError(
            Code.TOO_LARGE,
            f"the message is too large: its frame would have {len(encoded)} bytes, and the limit is "
            f"{MAX_MESSAGE_BYTES}. Shorten it by {len(encoded) - MAX_MESSAGE_BYTES} bytes, or split it",
        )
    return encoded


def message_changed(row: Frame) -> bytes:
    """Encode the frame that tells a group how a message is now."""
    return encode({"action": "messageChanged", "groupId": row["groupId"], "message": past_message(row)})


def fits(row: Frame) -> bool:
    """Whether a message fits into a frame, with its text."""
    return len(encode(_fields(row, _MESSAGE_FIELDS))) <= MAX_MESSAGE_BYTES


def past_message(row: Frame) -> Frame:
    """A message in a page of history. Its text is left out if another program stored more than fits into a frame."""
    if not fits(row):
        return _fields(row, ("messageId", "groupId", "timestamp", "changedAt")) | {"omitted": True}
    return _fields(row, _MESSAGE_FIELDS)


def last_message(row: Frame, most: int) -> Frame:
    """A message in a list of groups. Only its place is shown if another program stored names that do not fit.

    Args:
        row: The message, with all attributes of its row.
        most: Characters of its text that are shown.
    """
    message = _fields(row, _LISTED_FIELDS)
    if "message" in message:
        message["message"] = message["message"][:most]
    if len(encode(message)) > MAX_MESSAGE_BYTES:
        return {name: message[name] for name in ("messageId", "timestamp")} | {"omitted": True}
    return message


def _fields(row: Frame, names: Iterable[str]) -> Frame:
    return {name: row[name] for name in names if name in row}


def member(user_id: str, names: Mapping[str, str]) -> Frame:
    """A user in a list, with the display name if there is one."""
    return {"userId": user_id, **({"name": names[user_id]} if user_id in names else {})}


def ack(row: Frame, *, duplicate: bool) -> Frame:
    """The frame that tells a sender that its message is stored.

    Args:
        row: The message.
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
