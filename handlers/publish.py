"""Function ``WebSocketPublish``: what the owner's own programs ask of the chat. No client can reach it."""

from .actions.group_reads import get_history, get_presence
from .actions.publishing import send_message
from .actions.user_connections import add_to_group, disconnect_user, remove_from_group
from .actions.user_data import erase_user, export_user
from .posting.event_bus import bus_client
from .requests.call import Action, callable_by_programs
from .requests.invocation import prepare
from .tables.aws import dynamodb

ACTIONS: dict[str, Action] = {
    "sendMessage": send_message,
    "getPresence": get_presence,
    "getHistory": get_history,
    "disconnectUser": disconnect_user,
    "addToGroup": add_to_group,
    "removeFromGroup": remove_from_group,
    "exportUser": export_user,
    "eraseUser": erase_user,
}

prepare(dynamodb, bus_client)
handler = callable_by_programs("publish", ACTIONS)
