"""Action ``getHistory``: a page of a group's stored messages."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from handlers.protocol import client_frames, cursors, frames, times
from handlers.protocol.cursors import START, Position
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit, admit_frame, check_groups, require_right
from handlers.requests.request import Request
from handlers.tables import messages
from handlers.tables.aws import unavailable_on_failure

if TYPE_CHECKING:
    from handlers.posting.posts import Post

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
_POSTING_SECONDS = 2.0
"""Time that is kept for posting the pages of many groups."""


def get_history(request: Request) -> None:
    """Post a page of a group's history, oldest message first. With ``groups``, post what many groups have new.

    Without a cursor, this is the newest page. With ``before`` or ``after``, it is the page on that side of the cursor.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit`.
    """
    frame = request.frame()
    limit, named = limit_of(frame), client_frames.optional_id(frame, "groupId")
    if frame.get("groups") is not None:
        _catch_up(request, client_frames.groups_to_read(frame), limit)
        return
    with unavailable_on_failure():
        page = page_of(admit(request, named).group_id, frame, limit)
    request.log["messages"] = len(page["messages"])
    request.post(request.reply(page))


def page_of(group_id: str, frame: frames.Frame, limit: int) -> frames.Frame:
    """The page of a group's history that a frame asks for.

    Raises:
        ChatError: BAD_REQUEST, if it has two cursors, or one that is invalid.
    """
    before, after = (
        None if frame.get(name) is None else cursors.decode(group_id, frame[name]) for name in ("before", "after")
    )
    if before and after:
        raise ChatError(Code.BAD_REQUEST, "before and after are both given: give one of them")
    return _page(group_id, before, after, limit)


def _catch_up(request: Request, asked: dict[str, object], limit: int) -> None:
    """Post a page of each group that has news, then the cursors of those whose end is reached.

    A group that is neither refused nor at its end has more, or there was no time for it: the client asks again.

    Args:
        request: The call.
        asked: The groups with their cursors. None: the newest page.
        limit: Messages of each group.
    """
    pages: dict[Post, frames.Frame] = {}
    ends: dict[str, str] = {}
    refused: list[frames.Frame] = []
    with unavailable_on_failure():
        own = check_groups(request, admit_frame(request))
        for group_id, cursor in asked.items():
            # The pages have to be posted in the time that is left. The first group is always served.
            if (pages or ends or refused) and request.deadline - time.monotonic() < _POSTING_SECONDS:
                break
            request.group_id = group_id
            try:
                require_right(request, own, group_id)
                after = None if cursor is None else cursors.decode(group_id, cursor)
            except ChatError as error:
                refused.append({"groupId": group_id, "code": error.code.name})
                continue
            page = _page(group_id, None, after, limit)
            if page["messages"]:
                pages[request.reply(page)] = page | {"groupId": group_id}
            elif not page["more"]:
                ends[group_id] = page["after"]
    # A page that did not arrive must not count as read.
    delivered = [pages[post] for post in request.post(*pages)]
    ends |= {page["groupId"]: page["after"] for page in delivered if not page["more"] or asked[page["groupId"]] is None}
    request.group_id = ""
    request.log |= {"groups": len(asked), "messages": sum(len(page["messages"]) for page in delivered)}
    listed = [{"groupId": group_id, "after": after} for group_id, after in ends.items()]
    request.post(request.reply({"action": "upToDate", "groups": listed, "refused": refused}))


def _page(group_id: str, before: Position | None, after: Position | None, limit: int) -> frames.Frame:
    now = times.timestamp()
    read = messages.read_on(group_id, after, limit + 1) if after else messages.read_back(group_id, before, limit + 1)
    page, more = frames.fit(map(frames.past_message, read), limit)
    if not after:
        page.reverse()
    older = cursors.encode(group_id, _position(page[0])) if page and (after or more) else None
    newer = cursors.encode(group_id, reached(page, before, after, more=more, now=now))
    # For messages of the same microsecond, the index has its own order. The next page is read in that order.
    page.sort(key=lambda message: _position(message).place)
    return {"action": "history", "messages": page, "before": older, "after": newer, "more": more}


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


def limit_of(frame: frames.Frame) -> int:
    """How many messages a frame asks for.

    Raises:
        ChatError: BAD_REQUEST.
    """
    limit = frame.get("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise ChatError(Code.BAD_REQUEST, f"limit must be an integer from 1 to {MAX_LIMIT}")
    return limit
