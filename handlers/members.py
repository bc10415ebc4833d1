"""Who belongs to a group: the members table, where there is one. Other programs write it; here it is only read."""

import time
from dataclasses import dataclass

from . import ids
from .dynamodb import GROUP_INDEX, USER_INDEX, client
from .settings import settings

_INDEX_LAG_SECONDS = 5
"""How long an index may lag the table, on the side of caution."""
_MOST_GROUPS = 1_000
"""Groups whose members are remembered, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a group when they were read.

    Attributes:
        group_id: The group.
        user_ids: The members; ``None`` where the group is open to everybody.
        read_at: Timestamp of a moment before the reading. Who was a member by then is in it.
        good_until: Moment of :func:`time.monotonic` until which it holds.
    """

    group_id: str
    user_ids: set[str] | None
    read_at: str = ""
    good_until: float = 0

    def has(self, user_id: str, connected_at: str) -> bool:
        """Whether a user with a connection opened then is a member."""
        if self.user_ids is None or user_id in self.user_ids:
            return True
        if connected_at <= self.read_at or not is_member(user_id, self.group_id):
            return False
        self.user_ids.add(user_id)  # A member of late.
        return True


_OPEN = Membership("", None)
_read: dict[str, Membership] = {}


def of_group(group_id: str) -> Membership:
    """Read the members of a group, anew after ``membership_recheck`` seconds."""
    if not settings().members_table:
        return _OPEN
    known = _read.get(group_id)
    if known is None or time.monotonic() >= known.good_until:
        if len(_read) >= _MOST_GROUPS:
            _read.clear()
        known = _read[group_id] = _read_group(group_id)
    return known


def _read_group(group_id: str) -> Membership:
    good_until = time.monotonic() + settings().membership_recheck
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
    user_ids = {row["userId"]["S"] for page in pages for row in page["Items"] if "S" in row.get("userId", {})}
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
