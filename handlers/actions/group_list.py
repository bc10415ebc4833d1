"""Action ``getGroups``: the groups of a user, with the last message and the number of unread messages."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from heapq import merge
from itertools import groupby, islice

from handlers.protocol import cursors, frames
from handlers.requests.admission import admit_frame, may_join
from handlers.requests.request import Request
from handlers.runtime.deadline import require_time
from handlers.runtime.settings import settings
from handlers.tables import group_rows, groups, members, messages, read_markers
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection
from handlers.tables.read_markers import Marker

MAX_GROUPS = 25
"""Groups of a page."""
MAX_TEXT = 200
"""Characters of a last message."""
_GROUPS_AT_ONCE = 8
"""Groups that are read at the same time."""


def get_groups(request: Request) -> None:
    """Post a page of the user's groups, in the order of their ids.

    With a members table, these are all groups of the user. Without one, they are those that the connection has joined,
    and those with a marker of the user.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, or as :func:`admit_frame`.
    """
    cursor = request.frame().get("after")
    after = "" if cursor is None else cursors.decode_group(cursor)
    with unavailable_on_failure():
        own = admit_frame(request)
        group_ids, markers = _after(request, own, after)

        def summary(group_id: str) -> frames.Frame:
            require_time(request.deadline)
            return _summary(own, group_id, markers.get(group_id))

        with ThreadPoolExecutor(_GROUPS_AT_ONCE) as threads:
            page, _ = frames.fit(threads.map(summary, group_ids[:MAX_GROUPS]))
    request.log["groups"] = len(page)
    end = cursors.encode_group(page[-1]["groupId"] if page else after)
    request.post(request.reply({"action": "groups", "groups": page, "after": end, "more": len(page) < len(group_ids)}))


def _after(request: Request, own: Connection, after: str) -> tuple[list[str], dict[str, Marker]]:
    """The user's groups after one, one more than a page has, and the user's markers in them.

    A user may have thousands of markers, so no more of them are read than the page needs.
    """
    if settings().members_table:
        all_groups = members.read_groups_of(own.user_id)
        group_ids = sorted(group_id for group_id in all_groups if group_id > after)[: MAX_GROUPS + 1]
        found = read_markers.of_user(own.user_id, after=after, until=group_ids[-1]) if group_ids else ()
        return group_ids, {marker.group_id: marker for marker in found}
    joined = group_rows.groups_of(own) | ({own.group_id} if own.group_id else set())
    markers: dict[str, Marker] = {}

    def marked() -> Iterator[str]:
        for marker in read_markers.of_user(own.user_id, after=after):
            if marker.group_id in joined or may_join(request, own, [marker.group_id]):
                markers[marker.group_id] = marker
                yield marker.group_id

    in_order = merge(sorted(group_id for group_id in joined if group_id > after), marked())
    return list(islice((group_id for group_id, _ in groupby(in_order)), MAX_GROUPS + 1)), markers


def _summary(own: Connection, group_id: str, marker: Marker | None) -> frames.Frame:
    last = next(messages.read_back(group_id, None, 1), None)
    unread, more = (0, False) if last is None else messages.unread(last, own.user_id, marker)
    return {
        "groupId": group_id,
        "joined": groups.has_joined(own, group_id),
        "lastMessage": last and frames.last_message(last, MAX_TEXT),
        "unread": unread,
        "unreadMore": more,
        "readUpTo": marker and {"messageId": marker.message_id, "timestamp": marker.timestamp},
    }
