"""The functions' permissions: one statement for each thing that they use, and no more than they use."""

from typing import NotRequired, TypedDict

from .shared import (
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    MEMBERS_BY_GROUP,
    MEMBERS_BY_USER,
    MESSAGES_BY_GROUP,
    Index,
)


class Statement(TypedDict):
    """A statement of an IAM policy that allows."""

    Condition: NotRequired[dict[str, dict[str, list[str]]]]
    Sid: str
    Effect: str
    Action: list[str]
    Resource: list[str] | str


def assume_role_policy() -> dict[str, object]:
    """Let only Lambda assume the role."""
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
    connections_are_counted: bool,
    messages_table_arn: str,
    members_table_arn: str | None,
    execution_arn: str,
    stage_name: str,
    broadcast_function_arn: str,
    failures_queue_arn: str,
    stream_arn: str | None,
    kms_key_arn: str,
    tracing: bool,
) -> dict[str, object]:
    """Make the policy of the functions' role.

    Args:
        log_group_arns: The component's own log groups.
        connections_table_arn: Table of the open connections.
        connections_are_counted: Whether a user has a limit of connections.
        messages_table_arn: Table of the messages.
        members_table_arn: Table of the members, or None if every group is open.
        execution_arn: ``arn:aws:execute-api:…:{api id}``, what the API's callbacks are authorized against.
        stage_name: Stage whose connections the functions post to.
        broadcast_function_arn: Function that serves slices of large groups.
        failures_queue_arn: Queue of what background functions could not process.
        stream_arn: Stream of the connections table, or None without presence.
        kms_key_arn: The customer's key for the tables and the queue. Empty: AWS's own keys.
        tracing: Whether the functions send traces to X-Ray. Its actions cannot be limited to a resource.
    """
    statements = [
        # CloudWatch Logs matches a log group with or without the asterisk, and its streams only with it.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
        _allow(
            "WriteOwnLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [resource for arn in log_group_arns for resource in (arn, f"{arn}:*")],
        ),
        _allow(
            "KeepConnections",
            ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"],
            connections_table_arn,
        ),
        _allow("ListGroup", ["dynamodb:Query"], _index_arn(connections_table_arn, CONNECTIONS_BY_GROUP)),
        _allow("ReadHistory", ["dynamodb:Query"], _index_arn(messages_table_arn, MESSAGES_BY_GROUP)),
        _allow("StoreMessages", ["dynamodb:PutItem", "dynamodb:UpdateItem"], messages_table_arn),
        _allow(
            "PostToConnections",
            ["execute-api:ManageConnections"],
            f"{execution_arn}/{stage_name}/POST/@connections/*",
        ),
        _allow("HandOverSlices", ["lambda:InvokeFunction"], broadcast_function_arn),
        _allow("KeepFailures", ["sqs:SendMessage"], failures_queue_arn),
    ]
    if connections_are_counted:
        statements.append(
            _allow("CountOwnConnections", ["dynamodb:Query"], _index_arn(connections_table_arn, CONNECTIONS_BY_USER))
        )
    if members_table_arn:
        statements += [
            _allow(
                "ReadMembers",
                ["dynamodb:Query"],
                [_index_arn(members_table_arn, index) for index in (MEMBERS_BY_USER, MEMBERS_BY_GROUP)],
            ),
            _allow(
                "CloseConnections",
                ["execute-api:ManageConnections"],
                f"{execution_arn}/{stage_name}/DELETE/@connections/*",
            ),
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
    if kms_key_arn:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        region = kms_key_arn.split(":")[3]
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        use = _allow(
            "UseKey",
            ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            kms_key_arn,
        )
        use["Condition"] = {
            "StringEquals": {"kms:ViaService": [f"{name}.{region}.{suffix}" for name in ("dynamodb", "sqs")]}
        }
        statements.append(use)
    if tracing:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        statements.append(_allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*"))
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(sid: str, actions: list[str], resource: list[str] | str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _index_arn(table_arn: str, index: Index) -> str:
    return f"{table_arn}/index/{index.name}"
