"""Action ``getHistory``: a page of a group's stored messages."""

from dataclasses import replace

from . import cursors, frames, messages
from .admission import admit
from .cursors import START, Position
from .dynamodb import unavailable_on_failure
from .errors import ChatError, Code
from .gateway import Request

DEFAULT_LIMIT = 50
MAX_LIMIT = 100


def get_history(request: Request) -> None:
    """Post a page of the history of the connection's group, oldest message first.

    Without a cursor it is the newest page, with ``before`` the one before it, with ``after`` the one after it.

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
            raise ChatError(Code.BAD_REQUEST, "give before or after, not both")
        rows, more = messages.read_on(group_id, after, limit) if after else messages.read_back(group_id, before, limit)
    page, cut = fit(rows)
    more = more or cut
    if not after:
        page.reverse()
    older = cursors.encode(group_id, _position(page[0])) if page and (after or more) else None
    newer = cursors.encode(group_id, reached(page, before, after, more=more))
    request.log["messages"] = len(page)
    # Among those of one microsecond the index has an order of its own, by which it is read on.
    page.sort(key=_position)
    request.post(request.reply({"action": "history", "messages": page, "before": older, "after": newer, "more": more}))


def fit(rows: list[dict[str, str]]) -> tuple[list[frames.Frame], bool]:
    """Make messages of as many rows as one frame carries, and tell whether rows are left. One message always fits."""
    page: list[frames.Frame] = []
    size = 0
    for row in rows:
        message = frames.past_message(row)
        size += len(frames.encode(message)) + 1
        if page and size > frames.MAX_MESSAGE_BYTES:
            return page, True
        page.append(message)
    return page, False


def reached(page: list[frames.Frame], before: Position | None, after: Position | None, *, more: bool) -> Position:
    """Where to read on from after a page, oldest message first."""
    newest = _position(page[-1]) if page else START
    if after is None:
        return newest if page else before or START
    if more:
        return replace(newest, settled=False)
    # Reading began below the cursor: with nothing new it must not fall back.
    return replace(max(newest, after), settled=True)


def _position(message: frames.Frame) -> Position:
    return Position(timestamp=message["timestamp"], message_id=message["messageId"], settled=True)


def _limit(frame: frames.Frame) -> int:
    limit = frame.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise ChatError(Code.BAD_REQUEST, f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit
