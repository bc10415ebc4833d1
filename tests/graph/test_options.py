"""The options of the children: how Pulumi replaces, protects and deletes them."""

from components import WebSocketChatArgs

from .stack import WITH_TOKENS, chat

EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {"create_messages_table": True}


def test_what_an_argument_names_is_created_before_the_old_one_is_deleted() -> None:
    found = {name: one.deleted_first for name, one in chat(EVERYTHING).resources.items()}
    created_first = {name for name, deleted_first in found.items() if deleted_first is False}
    assert created_first == {"chat-stage", "chat-role", "chat-connections", "chat-messages"}
    assert set(found.values()) == {False, None}
