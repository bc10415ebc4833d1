"""The smallest program with a group chat."""

import pulumi

from websocket_chat import WebSocketChat

# Without this argument the component uses your existing table ChatMessages.
chat = WebSocketChat("chat", {"create_messages_table": True})

pulumi.export("WebSocketURL", chat.web_socket_url)
