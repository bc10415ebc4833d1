"""A schedule that reminds a group in the chat. It needs no code: the schedule calls the chat's function itself."""

import json

import pulumi
import pulumi_aws as aws

from websocket_chat import WebSocketChat

chat = WebSocketChat("chat", {"create_messages_table": True, "publish": True})

trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
role = aws.iam.Role("reminders", assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
may_publish = chat.grant_publish(role)

reminder = {
    "action": "sendMessage",
    "groupId": "team",
    "message": "Stand-up in 5 minutes",
    # The same for each attempt of one run, so that it is said once.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
    "clientMessageId": "<aws.scheduler.execution-id>",
}
aws.scheduler.Schedule(
    "stand-up",
    schedule_expression="cron(55 8 ? * MON-FRI *)",
    schedule_expression_timezone="Europe/Berlin",
    flexible_time_window={"mode": "OFF"},
    target={
        "arn": chat.functions["publish"].arn,
        "role_arn": role.arn,
        "input": json.dumps(reminder),
    },
    opts=pulumi.ResourceOptions(depends_on=[may_publish]),
)

pulumi.export("WebSocketURL", chat.web_socket_url)
