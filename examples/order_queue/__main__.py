"""A queue of orders that have shipped. A function tells each customer in the chat."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws

from websocket_chat import WebSocketChat

chat = WebSocketChat("chat", {"create_messages_table": True, "publish": True})

# Orders that failed five times wait here for you.
failed = aws.sqs.Queue("failed-orders", message_retention_seconds=14 * 24 * 60 * 60)
orders = aws.sqs.Queue(
    "orders",
    visibility_timeout_seconds=180,
    redrive_policy=failed.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})),
)

trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("shipped-role", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
aws.iam.RolePolicyAttachment(
    "shipped-queue",
    role=role.name,
    # Its own logs, and reading from queues.
    policy_arn="arn:aws:iam::aws:policy/service-role/AWSLambdaSQSQueueExecutionRole",
)
may_publish = chat.grant_publish(role)

shipped = aws.lambda_.Function(
    "shipped",
    role=role.arn,
    runtime="python3.13",
    handler="handler.handler",
    code=pulumi.FileArchive(str(Path(__file__).parent / "shipped")),
    timeout=30,
    environment={"variables": {"PUBLISH_FUNCTION": chat.functions["publish"].name}},
    opts=pulumi.ResourceOptions(depends_on=[may_publish]),
)
aws.lambda_.EventSourceMapping(
    "shipped-orders",
    event_source_arn=orders.arn,
    function_name=shipped.name,
    function_response_types=["ReportBatchItemFailures"],
)

pulumi.export("WebSocketURL", chat.web_socket_url)
pulumi.export("OrdersURL", orders.url)
pulumi.export("FailedOrdersURL", failed.url)
