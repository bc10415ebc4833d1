"""Action ``getHistory``: a page of a group's stored messages."""

from dataclasses import replace

from handlers.protocol import cursors, frames, times
from handlers.protocol.cursors import START, Position
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit
from handlers.requests.request import Request
from handlers.tables import messages
from handlers.tables.aws import unavailable_on_failure

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


def get_history(request: Request) -> None:
    """Post a page of the history of the connection's group, oldest message first.

    Without a cursor, this is the newest page. With ``before`` or ``after``, it is the page on that side of the cursor.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    frame = request.frame()
    limit = _limit(frame)
    with unavailable_on_failure():
        group_id = admit(request.connection_id).group_id
        before, after = (
            None if frame.get(name) is None else cursors.decode(group_id, frame[name]) for name in ("before", "after")
        )
        if before and after:
            raise ChatError(Code.BAD_REQUEST, "before and after are both given: give one of them")
        now = times.timestamp()
        read = (
            messages.read_on(group_id, after, limit + 1) if after else messages.read_back(group_id, before, limit + 1)
        )
        page, more = frames.fit(map(frames.past_message, read), limit)
    if not after:
        page.reverse()
    older = cursors.encode(group_id, _position(page[0])) if page and (after or more) else None
    newer = cursors.encode(group_id, reached(page, before, after, more=more, now=now))
    request.log["messages"] = len(page)
    # For messages of the same microsecond, the index has its own order. The next page is read in that order.
    page.sort(key=lambda message: _position(message).place)
    request.post(request.reply({"action": "history", "messages": page, "before": older, "after": newer, "more": more}))


def reached(
    page: list[frames.Frame], before: Position | None, after: Position | None, *, more: bool, now: str
) -> Position:
    """The position after a page, from which the next read continues.

    Args:
        page: The messages of the page, oldest first.
        before: The cursor before which the page ends, if one was given.
        after: The cursor after which the page begins, if one was given.
        more: Whether there are more messages in the direction of the read.
        now: The time right before the read.
    """
    newest = _position(page[-1]) if page else START
    if after is None:
        return newest.settled(now) if page else before or START
    began = after.began or now
    if more:
        return replace(newest, began=began)
    # The read began before the cursor. If nothing is new, the cursor must not move back.
    return max(newest, after, key=lambda position: position.place).settled(began)


def _position(message: frames.Frame) -> Position:
    return Position(timestamp=message["timestamp"], message_id=message["messageId"])


def _limit(frame: frames.Frame) -> int:
    limit = frame.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise ChatError(Code.BAD_REQUEST, f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit
