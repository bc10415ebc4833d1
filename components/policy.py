"""The functions' permissions: one statement per thing they touch, none of it wider than they use it."""

from typing import TypedDict


class Statement(TypedDict):
    """A statement of an IAM policy that allows."""

    Sid: str
    Effect: str
    Action: list[str]
    Resource: list[str] | str


def assume_role_policy() -> dict[str, object]:
    """Let Lambda, and nobody else, take the role."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }


def policy(
    *,
    log_group_arns: list[str],
    connections_table_arn: str,
    messages_table_arn: str,
    execution_arn: str,
    stage_name: str,
    broadcast_function_arn: str,
    failures_queue_arn: str,
    stream_arn: str | None,
    tracing: bool,
) -> dict[str, object]:
    """Make the policy of the functions' role.

    Args:
        log_group_arns: The component's own log groups.
        connections_table_arn: Table of the open connections.
        messages_table_arn: Table of the messages.
        execution_arn: ``arn:aws:execute-api:…:{api id}``, what the API's callbacks are authorized against.
        stage_name: Stage of the callbacks.
        broadcast_function_arn: Function that serves slices of large groups.
        failures_queue_arn: Queue of what background functions could not serve.
        stream_arn: Stream of the connections table, where presence events are on.
        tracing: Whether the functions send traces to X-Ray, which knows no resources to name.
    """
    statements = [
        # A log group is written with and without the asterisk; streams are matched by the form that has it.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
        _allow(
            "WriteOwnLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [resource for arn in log_group_arns for resource in (arn, f"{arn}:*")],
        ),
        _allow(
            "KeepConnections",
            ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"],
            connections_table_arn,
        ),
        _allow("ListGroup", ["dynamodb:Query"], f"{connections_table_arn}/index/GroupIdIndex"),
        _allow("ReadHistory", ["dynamodb:Query"], f"{messages_table_arn}/index/GroupIdIndex"),
        _allow("StoreMessages", ["dynamodb:PutItem", "dynamodb:UpdateItem"], messages_table_arn),
        _allow(
            "PostToConnections",
            ["execute-api:ManageConnections"],
            f"{execution_arn}/{stage_name}/POST/@connections/*",
        ),
        _allow("HandOverSlices", ["lambda:InvokeFunction"], broadcast_function_arn),
        _allow("KeepFailures", ["sqs:SendMessage"], failures_queue_arn),
    ]
    if stream_arn:
        # https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (execution role)
        statements.append(
            _allow(
                "ReadStream",
                ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
                stream_arn,
            )
        )
    if tracing:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        statements.append(_allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: list[str], resource: list[str] | str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
