"""What is deployed."""

from .arguments import Authentication, InvalidArgumentError, WebSocketChatArgs, args_from_config
from .transforms import Transform, TransformError, Transforms
from .websocket_chat import WebSocketChat

__all__ = [
    "Authentication",
    "InvalidArgumentError",
    "Transform",
    "TransformError",
    "Transforms",
    "WebSocketChat",
    "WebSocketChatArgs",
    "args_from_config",
]
