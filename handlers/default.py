"""Function ``WebSocketDefault``: every action that has no route of its own."""

from collections.abc import Callable

from . import connections, ids
from .admission import require_member
from .dynamodb import client, unavailable_on_failure
from .gateway import EventType, Request, entry_point, prepare, refuse_unknown_action
from .history import get_history
from .management_api import management_api
from .presence import get_presence, typing


def ping(request: Request) -> None:
    """Answer a keep-alive, which also resets the idle limit of 10 minutes.

    Raises:
        ChatError: NOT_CONNECTED or FORBIDDEN, so that a client that only listens learns that nothing will reach it any
            more; or UNAVAILABLE.
    """
    with unavailable_on_failure():
        require_member(connections.require(request.connection_id))
    request.post(request.reply({"action": "pong", "serverTime": ids.timestamp()}))


ACTIONS: dict[str, Callable[[Request], None]] = {
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


prepare(client, management_api)
handler = entry_point(EventType.MESSAGE, dispatch)
