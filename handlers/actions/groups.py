"""Actions ``joinGroup`` and ``leaveGroup``: which groups are pushed to a connection.

``tables/groups.py`` keeps to the number of groups that the argument ``groups_per_connection`` allows.
"""

from handlers.protocol import client_frames, frames
from handlers.protocol.errors import ChatError, Code
from handlers.requests.admission import may_join, open_connection
from handlers.requests.request import Request
from handlers.runtime.settings import settings
from handlers.tables import groups, join_rate
from handlers.tables.aws import unavailable_on_failure
from handlers.tables.connection import Connection
from handlers.tables.group_rows import Join


def join_group(request: Request) -> None:
    """Join groups: those that the user may join, and as many as a connection may have.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, RATE_LIMITED, NOT_CONNECTED, or FORBIDDEN for another ``senderId``. For a
            single group also FORBIDDEN or TOO_MANY_GROUPS. In a batch, the groups that are refused are named.
    """
    frame = client_frames.join_group(request.frame())
    with unavailable_on_failure():
        own = _open(request, frame)
        join_rate.turn_of(own, len(frame.group_ids))  # Refuse it before the members are asked.
        allowed = may_join(request, own, frame.group_ids)
        asked = Join(
            group_ids=[group_id for group_id in frame.group_ids if group_id in allowed],
            at_ms=request.received_ms,
            events=frame.events and own.protocol > 1,
            name=request.authorizer.get("name", "") if settings().name_claim else frame.name,
        )
        too_many = groups.join(own, asked, cost=len(frame.group_ids))
    codes = dict.fromkeys(frame.group_ids, Code.FORBIDDEN) | dict.fromkeys(asked.group_ids)
    refused = codes | dict.fromkeys(too_many, Code.TOO_MANY_GROUPS)
    if not frame.is_batch:
        _require_joined(refused[frame.group_ids[0]])
    answer: frames.Frame = {
        "action": "joined",
        "groupIds": [group_id for group_id, code in refused.items() if not code],
        "refused": [{"groupId": group_id, "code": code.name} for group_id, code in refused.items() if code],
    }
    request.log |= {"joined": len(answer["groupIds"]), "refused": len(answer["refused"])}
    _answer(request, answer)


def leave_group(request: Request) -> None:
    """Leave groups.

    Raises:
        ChatError: BAD_REQUEST, UNAVAILABLE, RATE_LIMITED, NOT_CONNECTED, or FORBIDDEN for another ``senderId``.
    """
    frame = client_frames.join_group(request.frame())
    with unavailable_on_failure():
        own = _open(request, frame)
        groups.leave(own, frame.group_ids, at_ms=request.received_ms)
    request.log["left"] = len(frame.group_ids)
    _answer(request, {"action": "left", "groupIds": frame.group_ids})


def _open(request: Request, frame: client_frames.JoinGroup) -> Connection:
    own = open_connection(request)
    if not frame.is_batch:
        request.group_id = frame.group_ids[0]
    if frame.sender_id not in (None, own.user_id):
        raise ChatError(Code.FORBIDDEN, "senderId must be the user of this connection")
    return own


def _require_joined(code: Code | None) -> None:
    if code is Code.FORBIDDEN:
        raise ChatError(code, "you are not a member of this group: ask for access to it")
    if code:
        most = settings().groups_per_connection
        raise ChatError(code, f"a connection can join {most} groups: leave one, or open another connection")


def _answer(request: Request, answer: frames.Frame) -> None:
    """Answer a client that waits for it. Old front ends send no requestId, and expect no answer."""
    request.group_id = ""
    if request.protocol > 1 or answer.get("refused") or "requestId" in request.echoed:
        request.post(request.reply(answer))
