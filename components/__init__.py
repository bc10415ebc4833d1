"""What is deployed."""

from .arguments import Authentication, InvalidArgumentError, WebSocketChatArgs, args_from_config
from .websocket_chat import WebSocketChat

__all__ = ["Authentication", "InvalidArgumentError", "WebSocketChat", "WebSocketChatArgs", "args_from_config"]
