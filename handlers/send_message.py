"""Function ``WebSocketSendMessage``: the action ``sendMessage``, which has its own route."""

from .actions.send_message import send_message
from .posting.event_bus import bus_client
from .posting.management_api import management_api
from .requests.entry_point import entry_point
from .requests.invocation import prepare
from .requests.moderation import moderation_client
from .requests.request import EventType
from .tables.aws import dynamodb

prepare(dynamodb, management_api, moderation_client, bus_client)
handler = entry_point(EventType.MESSAGE, send_message)
