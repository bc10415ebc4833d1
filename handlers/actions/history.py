"""Action ``getHistory``: a page of a group's stored messages."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from handlers.protocol import client_frames, cursors, frames, times
from handlers.protocol.cursors import START, Position
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit, admit_frame, check_groups, require_right
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables import changes, messages
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.message import read as read_message
from handlers.tables.schema import CHANGED_AT, DELETED_AT, GROUP_ID

if TYPE_CHECKING:
    from handlers.posting.posts import Post

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
_MOST_CHANGES_SECONDS = changes.KEPT_SECONDS - 24 * 60 * 60
"""Age of a cursor above which the client must start again. The rows of older changes may be deleted already."""
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
        page = page_of(admit(request, named).group_id, frame, limit, protocol=request.protocol)
    request.log["messages"] = len(page["messages"])
    request.post(request.reply(page))


def page_of(group_id: str, frame: frames.Frame, limit: int, *, protocol: int) -> frames.Frame:
    """The page of a group's history that a frame asks for, in a protocol.

    Raises:
        ChatError: BAD_REQUEST, if it has two cursors, or one that is invalid.
    """
    before, after = (
        None if frame.get(name) is None else cursors.decode(group_id, frame[name]) for name in ("before", "after")
    )
    if before and after:
        raise ChatError(Code.BAD_REQUEST, "before and after are both given: give one of them")
    return _page(group_id, before, after, limit, protocol=protocol)


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
            page = _page(group_id, None, after, limit, protocol=request.protocol)
            if any(page.get(name) for name in ("messages", "changes", "more", "reset")):
                pages[request.reply(page)] = page | {"groupId": group_id}
            else:
                ends[group_id] = page["after"]
    # A page that did not arrive must not count as read.
    delivered = [pages[post] for post in request.post(*pages)]
    ends |= {page["groupId"]: page["after"] for page in delivered if not page["more"] or asked[page["groupId"]] is None}
    request.group_id = ""
    request.log |= {"groups": len(asked), "messages": sum(len(page["messages"]) for page in delivered)}
    listed = [{"groupId": group_id, "after": after} for group_id, after in ends.items()]
    told = {"changes": _lists_changes(request.protocol)} if request.protocol > 1 else {}
    request.post(request.reply({"action": "upToDate", "groups": listed, "refused": refused, **told}))


def _page(group_id: str, before: Position | None, after: Position | None, limit: int, *, protocol: int) -> frames.Frame:
    now = times.timestamp()
    lists_changes = _lists_changes(protocol)
    after = after and _with_changes(after, now if lists_changes else None)
    if after and after.changes and times.age(after.changes.partition("#")[0]) > _MOST_CHANGES_SECONDS:
        # Changes from before are not listed any more, so what the client keeps may be wrong.
        return _page(group_id, None, None, limit, protocol=protocol) | {"more": False, "reset": True}
    read = messages.read_on(group_id, after, limit + 1) if after else messages.read_back(group_id, before, limit + 1)
    page, more = ([], False) if after and after.is_in_changes else frames.fit(map(frames.past_message, read), limit)
    if not after:
        page.reverse()
    older = cursors.encode(group_id, _position(page[0])) if page and (after or more) else None
    end = reached(page, before, after, more=more, now=now)
    changed: list[frames.Frame] = []
    if lists_changes and not after:
        end = replace(end, changes=now)
    if lists_changes and after and not more:
        changed, place = _changes(group_id, after, limit, used=len(frames.encode({"": page})) if page else 0)
        if place:
            more, end = True, replace(end, began=after.began or now, changes=place)
    newer = cursors.encode(group_id, end)
    # For messages of the same microsecond, the index has its own order. The next page is read in that order.
    page.sort(key=lambda message: _position(message).place)
    if protocol == 1:
        page = [message for message in page if DELETED_AT not in message]
    told = {"changes": changed if lists_changes else None} if protocol > 1 else {}
    return {"action": "history", "messages": page, **told, "before": older, "after": newer, "more": more}


def _lists_changes(protocol: int) -> bool:
    return bool(settings().changes_table) and protocol > 1


def _with_changes(after: Position, now: str | None) -> Position:
    """A position that also says where in the changes to go on. Without ``now``, changes are not listed."""
    if not now:
        return replace(after, changes=None)
    # A cursor from before changes were listed does not say. There were none before its last message.
    return replace(after, changes=after.changes or after.timestamp or now)


def _changes(group_id: str, after: Position, most: int, *, used: int) -> tuple[list[frames.Frame], str]:
    """Read the messages that were changed after a position.

    Args:
        group_id: The group.
        after: The position.
        most: Largest number of changes.
        used: Bytes of the frame that are used already.

    Returns:
        The messages as they are now, each once, and the place in the changes at which to go on. Empty: at the end.
    """
    start = after.changes or ""
    if not after.is_in_changes:
        # A change is listed before it is stored, and the functions' clocks differ.
        start = f"{times.earlier(start, messages.OVERLAP_SECONDS)}#"
    listed = list(changes.read_on(group_id, start, most + 1))
    last = {message_id: place for place, message_id in listed[:most]}
    rows = messages.find([*last])
    found = [
        (place, message)
        for place, message_id in listed[:most]
        if last[message_id] == place
        and message_id in rows
        # Another program may have moved it.
        and rows[message_id].get(GROUP_ID) == {"S": group_id}
        # What was listed may not be stored yet. Then the next catch-up finds it.
        if CHANGED_AT in (message := frames.past_message(read_message(rows[message_id])))
    ]
    page, is_cut = frames.fit((message for _, message in found), used=used)
    if is_cut:
        return page, found[len(page) - 1][0] if page else start
    return page, listed[most - 1][0] if len(listed) > most else ""


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
        return replace(newest, began=began, changes=after.changes)
    # The read began before the cursor. If nothing is new, the cursor must not move back.
    last = max(newest, after, key=lambda position: position.place)
    return replace(last, changes=after.changes).settled(began)


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
