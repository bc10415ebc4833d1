"""A rule of EventBridge that writes into the chat. It needs no code: the rule makes a message of each event."""

import json

import pulumi
import pulumi_aws as aws

from websocket_chat import WebSocketChat

chat = WebSocketChat("chat", {"create_messages_table": True, "publish": True})
publish = chat.functions["publish"]

# EventBridge does not escape what it puts into the message. With a quote in its id, an order could change who says it.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues
plain = [{"anything-but": {"wildcard": ['*"*', r"*\\*"]}}]
pattern = {"source": ["shop"], "detail-type": ["OrderShipped"], "detail": {"orderId": plain, "groupId": plain}}
shipped = aws.cloudwatch.EventRule("shipped", event_pattern=json.dumps(pattern))
# A rule has no role for a function. The function itself says which rule may invoke it.
aws.lambda_.Permission(
    "shipped-may-publish",
    action="lambda:InvokeFunction",
    function=publish.name,
    principal="events.amazonaws.com",
    source_arn=shipped.arn,
)
aws.cloudwatch.EventTarget(
    "shipped-to-chat",
    rule=shipped.name,
    arn=publish.arn,
    input_transformer={
        "input_paths": {"event": "$.id", "group": "$.detail.groupId", "order": "$.detail.orderId"},
        # EventBridge puts quotes around a text, unless it stands inside of one.
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
        "input_template": '{"action":"sendMessage","groupId":<group>,"message":"Order <order> has shipped",'
        '"clientMessageId":<event>}',
    },
)

pulumi.export("WebSocketURL", chat.web_socket_url)
