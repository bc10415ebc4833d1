"""What is deployed."""

from .args import Authentication, InvalidArgumentError, WebSocketChatArgs
from .websocket_chat import WebSocketChat

__all__ = ["Authentication", "InvalidArgumentError", "WebSocketChat", "WebSocketChatArgs"]
