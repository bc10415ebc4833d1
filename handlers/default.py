"""Function ``WebSocketDefault``: every action that has no route of its own."""

from collections.abc import Callable

from . import ids
from .dynamodb import client
from .gateway import EventType, Request, entry_point, prepare, refuse_unknown_action
from .history import get_history
from .management_api import management_api
from .presence import get_presence, typing


def ping(request: Request) -> None:
    """Answer a keep-alive, which also resets the idle limit of 10 minutes."""
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
    serve = ACTIONS.get(action, refuse_unknown_action) if isinstance(action, str) else refuse_unknown_action
    serve(request)


prepare(client, management_api)
handler = entry_point(EventType.MESSAGE, dispatch)
