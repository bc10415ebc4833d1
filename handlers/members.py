"""Who belongs to a group: the members table, where there is one. Other programs write it; here it is only read."""

import time
from dataclasses import dataclass

from . import ids
from .dynamodb import GROUP_INDEX, USER_INDEX, client
from .settings import settings

_INDEX_LAG_SECONDS = 5
"""How long an index may lag the table, on the side of caution."""
_MOST_MEMBERS, _MOST_USERS = 100_000, 10_000
"""How many are remembered: members, of all groups together, at some 130 bytes each, and users who were looked up."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a group when they were read.

    Attributes:
        group_id: The group.
        user_ids: The members; ``None`` where the group is open to everybody.
        read_at: Timestamp of a moment before the reading. Who was a member by then is in it.
        good_until: Second since the epoch until which it holds.
    """

    group_id: str
    user_ids: frozenset[str] | None
    read_at: str = ""
    good_until: float = 0

    def has(self, user_id: str, connected_at: str) -> bool:
        """Whether a user with a connection opened then is a member."""
        if self.user_ids is None or user_id in self.user_ids:
            return True
        return connected_at > self.read_at and is_still_member(user_id, self.group_id)  # A member of late?


_OPEN = Membership("", None)
# Not by the monotonic clock: it may stand still while Lambda has frozen the process.
_read: dict[str, Membership] = {}
_checked: dict[tuple[str, str], float] = {}


def of_group(group_id: str) -> Membership:
    """Read the members of a group, anew after ``membership_recheck`` seconds."""
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
    good_until = time.time() + settings().membership_recheck
    read_at = ids.earlier(ids.timestamp(), _INDEX_LAG_SECONDS)
    pages = (
        client()
        .get_paginator("query")
        .paginate(
            TableName=settings().members_table,
            IndexName=GROUP_INDEX,
            KeyConditionExpression="groupId = :group",
            ExpressionAttributeValues={":group": {"S": group_id}},
            ProjectionExpression="userId",
        )
    )
    user_ids = frozenset(row["userId"]["S"] for page in pages for row in page["Items"] if "S" in row.get("userId", {}))
    return Membership(group_id, user_ids, read_at, good_until)


def is_member(user_id: str, group_id: str) -> bool:
    """Whether a user belongs to a group by what the table says now. Everybody does where there is no table."""
    if not settings().members_table:
        return True
    pages = (
        client()
        .get_paginator("query")
        .paginate(
            TableName=settings().members_table,
            IndexName=USER_INDEX,
            KeyConditionExpression="userId = :user",
            FilterExpression="groupId = :group",
            ExpressionAttributeValues={":user": {"S": user_id}, ":group": {"S": group_id}},
            ProjectionExpression="groupId",
        )
    )
    return any(page["Items"] for page in pages)


def is_still_member(user_id: str, group_id: str) -> bool:
    """Whether a user belongs to a group, by what the table said at most ``membership_recheck`` seconds ago."""
    now = time.time()
    if now < _checked.get((user_id, group_id), 0):
        return True
    if not is_member(user_id, group_id):
        return False
    if len(_checked) >= _MOST_USERS:
        _checked.clear()
    _checked[user_id, group_id] = now + settings().membership_recheck
    return True
