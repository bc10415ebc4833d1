"""Actions ``editMessage``, ``deleteMessage`` and ``react``: they change a stored message, and tell its group.

A client that misses the push gets the change with the history. A change that is there already succeeds without a write
and without a push, so a client can repeat each frame.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from handlers.posting.change_delivery import push_change, tell_of_change
from handlers.posting.events import small_group
from handlers.posting.fan_out import Group, push
from handlers.protocol import client_frames, frames
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import admit
from handlers.requests.moderation import moderate
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables import changes, members
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.changes import Decide, Update
from handlers.tables.message import REACTIONS, Message, first_digest
from handlers.tables.schema import (
    CHANGED_AT,
    DATA,
    DELETED_AT,
    EDITED_AT,
    FIRST_DIGEST,
    MESSAGE,
    MESSAGE_ID,
    REACTION,
    SENDER_ID,
)

if TYPE_CHECKING:
    from handlers.tables.aws import Row
    from handlers.tables.connection import Connection

MAX_REACTIONS = 20
"""Kinds of reactions of a message."""
MAX_REACTIONS_BYTES = 3 * 1024
"""Largest ``reactions`` of a message, in bytes of their JSON."""


def edit_message(request: Request) -> None:
    """Give a message another text. Only its author may.

    Raises:
        ChatError: BAD_REQUEST, NOT_FOUND, FORBIDDEN, TOO_LARGE, UNAVAILABLE, or as :func:`admit`.
    """
    frame = client_frames.edit_message(request.frame())
    author = _admit(request, frame.group_id)
    allowed: str | None = None

    def decide(row: "Row", message: Message, at: str) -> Update | None:
        if message.get(SENDER_ID) != author.user_id:
            raise ChatError(Code.FORBIDDEN, "only the author can edit a message")
        _require_not_deleted(message)
        if message.get(MESSAGE) == frame.text:
            return None
        edited = message | {MESSAGE: frame.text, EDITED_AT: at, CHANGED_AT: at}
        frames.message(edited)  # Refuses a text that is too large.
        nonlocal allowed
        if allowed is None:  # This runs again if others change the message at the same time.
            allowed = moderate(edited, request.deadline, is_edit=True)
        if message.get(MESSAGE) == allowed:
            return None
        return Update(texts={MESSAGE: allowed, EDITED_AT: at, FIRST_DIGEST: first_digest(row)})

    _change(request, author, frame.message_id, decide)


def delete_message(request: Request) -> None:
    """Empty a message and mark it as deleted. Its author may, and moderators.

    Raises:
        ChatError: As :func:`edit_message`.
    """
    frame = client_frames.message_of(request.frame())
    user = _admit(request, frame.group_id)

    def decide(row: "Row", message: Message, at: str) -> Update | None:
        if message.get(SENDER_ID) != user.user_id and not _moderates(request, user):
            raise ChatError(Code.FORBIDDEN, "only the author and moderators can delete a message")
        if DELETED_AT in message:
            return None
        return Update(
            texts={MESSAGE: "", DELETED_AT: at, FIRST_DIGEST: first_digest(row)},
            removed=tuple(name for name in row if name == DATA or name.startswith(REACTION)),
        )

    _change(request, user, frame.message_id, decide)


def react(request: Request) -> None:
    """Add the user's reaction to a message, or take it away. In a group above ``event_member_limit`` nobody is told.

    Raises:
        ChatError: As :func:`edit_message`.
    """
    frame = client_frames.react(request.frame())
    user = _admit(request, frame.group_id)

    def decide(_: "Row", message: Message, at: str) -> Update | None:
        _require_not_deleted(message)
        reactions = message.get(REACTIONS, {})
        users = reactions.get(frame.reaction, [])
        if (user.user_id in users) == frame.on:
            return None
        mine = (REACTION + frame.reaction, user.user_id)
        if not frame.on:
            return Update(taken=mine)
        _require_room(message | {CHANGED_AT: at}, reactions | {frame.reaction: [*users, user.user_id]})
        return Update(added=mine)

    _change(request, user, frame.message_id, decide, only_in_small_groups=True)


def _admit(request: Request, group_id: str) -> "Connection":
    with unavailable_on_failure():
        return admit(request, group_id)


def _require_not_deleted(message: Message) -> None:
    if DELETED_AT in message:
        raise ChatError(Code.NOT_FOUND, "this message has been deleted")


def _require_room(message: Message, reactions: dict[str, list[str]]) -> None:
    is_small = len(reactions) <= MAX_REACTIONS and len(frames.encode(reactions)) <= MAX_REACTIONS_BYTES
    if not is_small or not frames.fits(message | {REACTIONS: reactions}):
        raise ChatError(Code.TOO_LARGE, "this message has no room for another reaction: take one away")


def _moderates(request: Request, user: "Connection") -> bool:
    if settings().moderator_claim and user.group_id in json.loads(request.authorizer.get("moderated", "[]")):
        return True
    role = settings().moderator_role
    return bool(role) and members.has_role(user.user_id, user.group_id, role)


def _change(
    request: Request, user: "Connection", message_id: str, decide: Decide, *, only_in_small_groups: bool = False
) -> None:
    """Change a message, answer if the client asked for it, and tell the group."""
    with unavailable_on_failure():
        message, is_new = changes.change(user.group_id, message_id, decide)
    request.log["changed"] = is_new

    def tell() -> None:
        if "requestId" in request.echoed:
            at = {CHANGED_AT: message[CHANGED_AT]} if CHANGED_AT in message else {}
            request.post(request.reply({"action": "changed", MESSAGE_ID: message_id} | at))
        if is_new:
            _tell(request, user, message, only_in_small_groups=only_in_small_groups)

    if is_new:
        tell_of_change(message, tell, deadline=request.deadline)
    else:
        tell()


def _tell(request: Request, user: "Connection", message: Message, *, only_in_small_groups: bool) -> None:
    """Push a changed message to the group's connections of protocol 2."""
    if only_in_small_groups:
        frame = frames.message_changed(message)
        # The index may not list the user yet.
        others = {one.connection_id: one for one in small_group(user.group_id)}
        recipients = [one for one in {**others, user.connection_id: user}.values() if others and one.protocol > 1]
        request.log |= asdict(push(frame, recipients, deadline=request.deadline, gives_way=True))
        return
    request.log |= asdict(push_change(message, Group(user.group_id, user), deadline=request.deadline))
