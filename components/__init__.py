"""What is deployed."""

from .arguments import Authentication, InvalidArgumentError, UnknownKeyError, WebSocketChatArgs, args_from_config
from .transforms import Transform, TransformError, Transforms
from .websocket_chat import WebSocketChat

__all__ = [
    "Authentication",
    "InvalidArgumentError",
    "Transform",
    "TransformError",
    "Transforms",
    "UnknownKeyError",
    "WebSocketChat",
    "WebSocketChatArgs",
    "args_from_config",
]
