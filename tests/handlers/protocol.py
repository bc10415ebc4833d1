"""The shape of every frame that a client can receive."""

from .management_api_server import Frame, decode

Shape = dict[str, tuple[type, ...]]

TEXT, NUMBER, FLAG, LIST, CURSOR = (str,), (int,), (bool,), (list,), (str, type(None))
ECHOED: Shape = {"requestId?": TEXT, "clientMessageId?": TEXT}
MESSAGE: Shape = dict.fromkeys(("messageId", "groupId", "senderId", "senderName", "message", "timestamp"), TEXT)
FRAMES: dict[str, Shape] = {
    "message": MESSAGE | {"clientMessageId?": TEXT},
    "ack": {"messageId": TEXT, "timestamp": TEXT, "duplicate": FLAG} | ECHOED,
    "error": {"code": TEXT, "message": TEXT, "retryable": FLAG, "retryAfterMs?": NUMBER} | ECHOED,
    "history": {"messages": LIST, "before": CURSOR, "after": CURSOR, "more": FLAG} | ECHOED,
    "presence": {"members": LIST, "truncated": FLAG} | ECHOED,
    "presenceChanged": {"groupId": TEXT, "joined": LIST, "left": LIST},
    "typing": {"groupId": TEXT, "userId": TEXT, "isTyping": FLAG, "expiresInMs": NUMBER},
    "pong": {"serverTime": TEXT, "protocol": NUMBER, "expiresAt?": TEXT} | ECHOED,
}
CODES = {
    "BAD_REQUEST",
    "UNKNOWN_ACTION",
    "FORBIDDEN",
    "NOT_CONNECTED",
    "TOO_LARGE",
    "RATE_LIMITED",
    "CONFLICT",
    "UNAVAILABLE",
    "INTERNAL",
}


def check(body: bytes) -> Frame:
    """Decode a frame to a client. Fails if it is not a frame of the protocol."""
    assert len(body) <= 32 * 1024
    frame = decode(body)
    shape = FRAMES[frame["action"]]
    fields = {"action": TEXT} | {name.removesuffix("?"): types for name, types in shape.items()}
    assert frame.keys() <= fields.keys()
    assert frame.keys() >= {name for name in shape if not name.endswith("?")}
    assert all(type(value) in fields[name] for name, value in frame.items())
    assert frame.get("code", "INTERNAL") in CODES
    return frame
