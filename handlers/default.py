"""Function ``WebSocketDefault``: every action without its own route."""

from collections.abc import Callable

from .actions.groups import join_group, leave_group
from .actions.history import get_history
from .actions.ping import ping
from .actions.presence import get_presence
from .actions.typing import typing
from .posting.management_api import management_api
from .requests.entry_point import entry_point, refuse_unknown_action
from .requests.invocation import prepare
from .requests.request import EventType, Request
from .tables.aws import dynamodb

ACTIONS: dict[str, Callable[[Request], None]] = {
    "joinGroup": join_group,
    "leaveGroup": leave_group,
    "getHistory": get_history,
    "getPresence": get_presence,
    "typing": typing,
    "ping": ping,
}


def dispatch(request: Request) -> None:
    """Serve a frame by its action."""
    action = request.frame().get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        refuse_unknown_action(request)
    else:
        request.log["action"] = action
        ACTIONS[action](request)


prepare(dynamodb, management_api)
handler = entry_point(EventType.MESSAGE, dispatch)
