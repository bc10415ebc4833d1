"""A group chat that notifies members who are offline: a rule gives each stored message to a function."""

import json

import pulumi
import pulumi_aws as aws

from websocket_chat import WebSocketChat

PUSH = """
def handler(event, context):
    message = event["detail"]
    for user_id in message["offlineUserIds"]:
        # Here you look up the user's devices, and call Amazon SNS or Firebase.
        print("notify", user_id, "of", message["messageId"], "in", message["groupId"])
"""

# The chat knows who is offline only from a table of the members. Your own programs write it.
members = aws.dynamodb.Table(
    "members",
    name="GroupMembers",
    billing_mode="PAY_PER_REQUEST",
    hash_key="memberId",
    attributes=[{"name": name, "type": "S"} for name in ("memberId", "userId", "groupId")],
    global_secondary_indexes=[
        {
            "name": index,
            "key_schemas": [{"attribute_name": attribute, "key_type": "HASH"}],
            "projection_type": "ALL",
        }
        for index, attribute in (("UserIdIndex", "userId"), ("GroupIdIndex", "groupId"))
    ],
)
bus = aws.cloudwatch.EventBus("chat-events", name="chat-events")
chat = WebSocketChat(
    "chat",
    {
        "create_messages_table": True,
        "group_members_table": members.name,
        "event_bus": bus.arn,
        # So that your programs can speak here, too. The notifications do not need it.
        "publish": True,
    },
)

trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("push-role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
aws.iam.RolePolicyAttachment(
    "push-logs",
    role=role.name,
    policy_arn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
)
push = aws.lambda_.Function(
    "push-function",
    name="offline-push",
    role=role.arn,
    runtime="python3.13",
    handler="push.handler",
    code=pulumi.AssetArchive({"push.py": pulumi.StringAsset(PUSH)}),
)

# The source is websocket-chat. and the name prefix of the chat.
pattern = {"source": ["websocket-chat.WebSocket"], "detail-type": ["messageStored"]}
rule = aws.cloudwatch.EventRule("push-rule", event_bus_name=bus.name, event_pattern=json.dumps(pattern))
aws.lambda_.Permission(
    "push-permission",
    action="lambda:InvokeFunction",
    function=push.name,
    principal="events.amazonaws.com",
    source_arn=rule.arn,
)
aws.cloudwatch.EventTarget("push-target", event_bus_name=bus.name, rule=rule.name, arn=push.arn)

pulumi.export("WebSocketURL", chat.web_socket_url)
