"""The members table, if there is one. It lists the members of each group. The chat only reads it."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.protocol import times
from handlers.runtime.settings import settings

from .aws import query_pages
from .rows import OddRowError, text
from .schema import GROUP_ID, MEMBERS_BY_GROUP, MEMBERS_BY_USER, ROLE, USER_ID

if TYPE_CHECKING:
    from .aws import Row

_INDEX_LAG_SECONDS = 5
"""How long an index may lag behind the table. A cautious guess."""
_MOST_MEMBERS, _MOST_CHECKED = 100_000, 10_000
"""Largest number of cached entries: members of all groups together (about 130 bytes each), and groups of users."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a group when they were read.

    Attributes:
        group_id: The group.
        user_ids: The members; ``None`` if the group is open to everybody.
        read_at: Timestamp of a moment before the read. Everyone who was a member at that time is included.
        good_until: Second since the epoch until which the answer is used.
    """

    group_id: str
    user_ids: frozenset[str] | None
    read_at: str = ""
    good_until: float = 0

    def has(self, user_id: str, joined_at: str) -> bool:
        """Whether a user is a member, if their connection joined the group at a given time."""
        if self.user_ids is None or user_id in self.user_ids:
            return True
        # The user may have become a member after the read. A time in the future, or one that cannot be read, does not
        # count: it would cost a query for each message.
        just_now = joined_at > self.read_at and -times.CLOCKS_DIFFER_SECONDS < times.age(joined_at) < math.inf
        return just_now and is_still_member(user_id, self.group_id)


_OPEN = Membership("", None)
# Both use the wall clock: the monotonic one may stand still while Lambda has the process frozen.
_read: dict[str, Membership] = {}
_checked: dict[str, tuple[float, frozenset[str]]] = {}


def of_group(group_id: str) -> Membership:
    """Read the members of a group. The answer is cached for ``membership_recheck_seconds``."""
    if not settings().members_table:
        return _OPEN
    known = _read.get(group_id)
    if known is None or time.time() >= known.good_until:
        known = _read_group(group_id)
        if sum(len(one.user_ids or ()) + 1 for one in (*_read.values(), known)) > _MOST_MEMBERS:
            _read.clear()
        _read[group_id] = known
    return known


def _read_group(group_id: str) -> Membership:
    good_until = time.time() + settings().membership_recheck_seconds
    read_at = times.earlier(times.timestamp(), _INDEX_LAG_SECONDS)
    pages = query_pages(settings().members_table, MEMBERS_BY_GROUP, group_id, ProjectionExpression=USER_ID)
    user_ids = frozenset(_text_of(row, USER_ID) for page in pages for row in page["Items"]) - {""}
    return Membership(group_id, user_ids, read_at, good_until)


def _text_of(row: "Row", name: str) -> str:
    """A text of a member's row. Empty if it has none."""
    try:
        return text(row, name)
    except OddRowError:
        return ""


def is_member(user_id: str, group_id: str) -> bool:
    """Whether a user belongs to a group now. Without a table, everybody belongs to every group."""
    return not settings().members_table or group_id in _read_user(user_id)


def is_still_member(user_id: str, group_id: str) -> bool:
    """Whether a user belongs to a group. The answer may be ``membership_recheck_seconds`` old."""
    return group_id in groups_of(user_id, [group_id])


def groups_of(user_id: str, group_ids: Iterable[str]) -> set[str]:
    """Those of some groups that a user belongs to. The answer may be ``membership_recheck_seconds`` old.

    One query of the user's groups answers for all of them.
    """
    asked = set(group_ids)
    if not settings().members_table:
        return asked
    # The user may have become a member of others after the last read.
    return asked if asked <= known_groups_of(user_id) else asked & read_groups_of(user_id)


def has_role(user_id: str, group_id: str, role: str) -> bool:
    """Whether a user has a role in a group now, by the table."""
    pages = query_pages(
        settings().members_table,
        MEMBERS_BY_USER,
        user_id,
        ProjectionExpression=f"{GROUP_ID}, #role",
        ExpressionAttributeNames={"#role": ROLE},
    )
    rows = (row for page in pages for row in page["Items"])
    return any((_text_of(row, GROUP_ID), _text_of(row, ROLE)) == (group_id, role) for row in rows)


def known_groups_of(user_id: str) -> frozenset[str]:
    """The groups of a user when they were last read, if that was within ``membership_recheck_seconds``. Else none."""
    good_until, known = _checked.get(user_id, (0, frozenset[str]()))
    return known if time.time() < good_until else frozenset()


def read_groups_of(user_id: str) -> frozenset[str]:
    """All groups of a user now, by the table."""
    good_until = time.time() + settings().membership_recheck_seconds
    found = _read_user(user_id)
    if sum(len(groups) + 1 for _, groups in _checked.values()) + len(found) > _MOST_CHECKED:
        _checked.clear()
    _checked[user_id] = good_until, found
    return found


def _read_user(user_id: str) -> frozenset[str]:
    pages = query_pages(settings().members_table, MEMBERS_BY_USER, user_id, ProjectionExpression=GROUP_ID)
    return frozenset(_text_of(row, GROUP_ID) for page in pages for row in page["Items"]) - {""}
