"""The arguments of ``WebSocketChat``: their table, their types, their checks, and how the config gives them."""

from .authentication import Authentication
from .config import UnknownKeyError, args_from_config
from .generated import WebSocketChatArgs
from .rules import InvalidArgumentError, config_key
from .settings import Settings
from .table import with_config_keys

__all__ = [
    "Authentication",
    "InvalidArgumentError",
    "Settings",
    "UnknownKeyError",
    "WebSocketChatArgs",
    "args_from_config",
    "config_key",
    "with_config_keys",
]
