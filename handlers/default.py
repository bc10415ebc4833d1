"""Function ``WebSocketDefault``: every action without its own route."""

from collections.abc import Callable

from .actions.group_list import get_groups
from .actions.groups import join_group, leave_group
from .actions.history import get_history
from .actions.message_changes import delete_message, edit_message, react
from .actions.ping import ping
from .actions.presence import get_presence
from .actions.reads import get_reads, mark_read
from .actions.typing import typing
from .posting.event_bus import bus_client
from .posting.management_api import management_api
from .requests.entry_point import entry_point, refuse_unknown_action
from .requests.invocation import prepare
from .requests.moderation import moderation_client
from .requests.request import EventType, Request
from .runtime.settings import settings
from .tables.aws import dynamodb

ACTIONS: dict[str, Callable[[Request], None]] = {
    "joinGroup": join_group,
    "leaveGroup": leave_group,
    "getHistory": get_history,
    "getPresence": get_presence,
    "typing": typing,
    "ping": ping,
}
UNREAD_ACTIONS: dict[str, Callable[[Request], None]] = {
    "markRead": mark_read,
    "getReads": get_reads,
    "getGroups": get_groups,
}
"""Actions that exist only if unread messages are counted."""
CHANGE_ACTIONS: dict[str, Callable[[Request], None]] = {
    "editMessage": edit_message,
    "deleteMessage": delete_message,
    "react": react,
}
"""Actions that exist only if messages can be changed."""


def dispatch(request: Request) -> None:
    """Serve a frame by its action."""
    action, actions = request.frame().get("action"), ACTIONS
    if settings().read_markers_table:
        actions = actions | UNREAD_ACTIONS
    if settings().changes_table:
        actions = actions | CHANGE_ACTIONS
    if not isinstance(action, str) or action not in actions:
        refuse_unknown_action(request)
    else:
        request.log["action"] = action
        actions[action](request)


prepare(dynamodb, management_api, bus_client, moderation_client)
handler = entry_point(EventType.MESSAGE, dispatch)
