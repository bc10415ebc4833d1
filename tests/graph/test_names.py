"""Names in AWS that two resources of a program would share. The preview refuses them."""

import re
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import WebSocketChat, WebSocketChatArgs
from components.names import SameNameError

from .stack import chat, run


def two(first: WebSocketChatArgs, second: WebSocketChatArgs, **options: Any) -> None:
    """Preview a program with two chats. The options are those of the second one."""

    def program() -> None:
        WebSocketChat("chat", first)
        WebSocketChat("staff", second, **options)

    run(program, preview=True)


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ({}, {}, "WebSocket"),
        ({}, {"role_name": "Staff"}, "WebSocket"),
        ({}, {"name_prefix": "Staff", "role_name": "WebSocketLambdaRole"}, "WebSocketLambdaRole"),
        # IAM does not tell upper and lower case apart.
        ({}, {"name_prefix": "WEBSOCKET"}, "WEBSOCKETLambdaRole"),
        (
            {"create_messages_table": True},
            {"create_messages_table": True, "name_prefix": "Staff"},
            "ChatMessages",
        ),
    ],
)
def test_two_chats_with_the_same_name_are_refused(
    first: WebSocketChatArgs, second: WebSocketChatArgs, shared: str
) -> None:
    with pytest.raises(SameNameError) as refused:
        two(first, second)
    text = str(refused.value)
    found = re.match(r"chat-(\S+) and staff-(\S+) would both be named '(\S+)' in AWS. Give one of them another", text)
    assert found
    assert found[1] == found[2]
    assert shared in found[3]
    assert all(key in text for key in ("namePrefix", "roleName", "messagesTable"))


def test_a_chat_whose_tables_have_the_same_name_is_refused() -> None:
    with pytest.raises(SameNameError, match="chat-messages and chat-connections would both be named 'WebSocketConn"):
        chat({"create_messages_table": True, "messages_table": "WebSocketConnections"}, tables={}, preview=True)


def test_two_chats_with_other_names_are_deployed() -> None:
    two({}, {"name_prefix": "Staff"})
    two({}, {"name_prefix": "websocket", "role_name": "Staff"})


def test_another_provider_may_be_another_region() -> None:
    def program() -> None:
        WebSocketChat("chat", {})
        other = aws.Provider("other", region="eu-west-1")
        WebSocketChat("staff", {"role_name": "Staff"}, pulumi.ResourceOptions(provider=other))

    run(program, preview=True)


def test_transforms_may_make_the_names_differ() -> None:
    def change(args: dict[str, Any], *_: object) -> None:
        args["name"] = f"{args['name']}-staff"

    kinds: Any = dict.fromkeys(("log_group", "role", "function", "connections_table"), change)
    two({}, {}, transforms=kinds)
