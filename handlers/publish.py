"""Function ``WebSocketPublish``: what the owner's own programs ask of the chat. No client can reach it."""

from .actions.publishing import send_message
from .posting.management_api import management_api
from .requests.call import Action, callable_by_programs
from .requests.invocation import prepare
from .tables.aws import dynamodb

ACTIONS: dict[str, Action] = {
    "sendMessage": send_message,
}

prepare(dynamodb, management_api)
handler = callable_by_programs("publish", ACTIONS)
