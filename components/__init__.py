"""What is deployed."""

from .args import InvalidArgumentError, WebSocketChatArgs
from .websocket_chat import WebSocketChat

__all__ = ["InvalidArgumentError", "WebSocketChat", "WebSocketChatArgs"]
