"""The functions' permissions: one statement for each thing that they use, and no more than they use.

The functions that serve clients share one role, so each of them may do all that it allows. The back end's function has
a role of its own. There is one policy for each feature. An update creates new policies before it deletes old ones, so a
role may have each of them twice.

The policies are inline policies of the role, except that for logs. It names every log group, so it is a managed policy:
AWS counts its length separately.
"""

import json
from typing import NotRequired, TypedDict

from .shared import CONNECTIONS_BY_GROUP, MARKERS_BY_GROUP, MESSAGES_BY_GROUP, Index

MAX_CHARACTERS = 5_120
"""Length of all inline policies together, without white space: half of what IAM allows in a role. With every feature
and the longest names they stay below it.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (inline policies of a role)"""
MAX_MANAGED_CHARACTERS = 6_144
"""Length of a managed policy, without white space. A role can have 10 of them, and an update has that for logs twice.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (managed policies)"""


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


def document(statements: list[Statement]) -> str:
    """The text of a policy."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def for_logs(*, log_group_arns: list[str]) -> list[Statement]:
    """What writing logs needs.

    Args:
        log_group_arns: The component's own log groups.
    """
    # The asterisk stands for the streams. CloudWatch Logs wants it for the group itself too.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    streams = [f"{arn}:*" for arn in log_group_arns]
    return [_allow("WriteOwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], streams)]


def for_serving(
    *,
    connections_table_arn: str,
    connections_are_counted: bool,
    joined_groups_are_listed: bool,
    messages_table_arn: str,
    table_key_arns: list[str],
    execution_arn: str,
    stage_name: str,
) -> list[Statement]:
    """What serves clients, whatever the settings are.

    Args:
        connections_table_arn: Table of the open connections.
        connections_are_counted: Whether a user has a limit of connections.
        joined_groups_are_listed: Whether clients can list the groups that their connections have joined.
        messages_table_arn: Table of the messages.
        table_key_arns: The customer's keys of tables that existed already. Empty texts are left out.
        execution_arn: ``arn:aws:execute-api:…:{api id}``, what the API's callbacks are authorized against.
        stage_name: Stage whose connections the functions post to and close.
    """
    of_group = _index_arn(connections_table_arn, CONNECTIONS_BY_GROUP)
    listed = _every_index(connections_table_arn) if connections_are_counted else of_group
    kept = ["PutItem", "GetItem", "UpdateItem", "DeleteItem", "BatchWriteItem"]
    if joined_groups_are_listed:
        kept.append("BatchGetItem")
    statements = [
        _allow(
            "KeepConnections",
            [f"dynamodb:{name}" for name in kept],
            connections_table_arn,
        ),
        _allow("ListConnections", ["dynamodb:Query"], listed),
        _allow("ReadHistory", ["dynamodb:Query"], _index_arn(messages_table_arn, MESSAGES_BY_GROUP)),
        _allow("StoreMessages", ["dynamodb:PutItem", "dynamodb:UpdateItem"], messages_table_arn),
        _allow(
            "ReachConnections",
            ["execute-api:ManageConnections"],
            # Four letters or more: POST and DELETE, not GET. Naming each repeats the stage's long name, and the room
            # below MAX_CHARACTERS is short.
            f"{execution_arn}/{stage_name}/????*/@connections/*",
        ),
    ]
    if keys := sorted({arn for arn in table_key_arns if arn}):
        statements.append(_use_keys("UseTableKeys", keys, ["dynamodb"]))
    return statements


def for_background(*, broadcast_function_arn: str, failures_queue_arn: str) -> list[Statement]:
    """What background work needs: slices of large groups, and the queue of what failed.

    Args:
        broadcast_function_arn: Function that serves slices of large groups.
        failures_queue_arn: Queue of what background functions could not process.
    """
    return [
        *for_large_groups(broadcast_function_arn=broadcast_function_arn),
        *for_failures(failures_queue_arn=failures_queue_arn),
    ]


def for_failures(*, failures_queue_arn: str) -> list[Statement]:
    """What the queue of what failed needs.

    Args:
        failures_queue_arn: The queue.
    """
    return [_allow("KeepFailures", ["sqs:SendMessage"], failures_queue_arn)]


def for_large_groups(*, broadcast_function_arn: str) -> list[Statement]:
    """What slices of large groups need.

    Args:
        broadcast_function_arn: Function that serves them.
    """
    return [_allow("HandOverSlices", ["lambda:InvokeFunction"], broadcast_function_arn)]


def for_user_data(*, messages_table_arn: str, read_markers_table_arn: str | None) -> list[Statement]:
    """What the back end's function needs to export and to erase what a user has left.

    Args:
        messages_table_arn: Table of the messages.
        read_markers_table_arn: Table of how far users have read, if there is one.
    """
    statements = [_allow("FindMessagesOfUsers", ["dynamodb:Scan"], messages_table_arn)]
    if read_markers_table_arn:
        forgotten = ["dynamodb:DeleteItem", "dynamodb:Query"]
        statements.append(_allow("ForgetReadMarkers", forgotten, read_markers_table_arn))
    return statements


def for_callers(*, publish_function_arn: str) -> list[Statement]:
    """What a program needs to call the back end's function.

    Args:
        publish_function_arn: That function.
    """
    return [_allow("PublishToChat", ["lambda:InvokeFunction"], publish_function_arn)]


def for_members(*, members_table_arn: str) -> list[Statement]:
    """What groups with members need.

    Args:
        members_table_arn: Table of the members.
    """
    return [_allow("ReadMembers", ["dynamodb:Query"], _every_index(members_table_arn))]


def for_unread(*, read_markers_table_arn: str) -> list[Statement]:
    """What unread messages need.

    Args:
        read_markers_table_arn: Table of how far users have read.
    """
    by_group = _index_arn(read_markers_table_arn, MARKERS_BY_GROUP)
    return [_allow("KeepReadMarkers", ["dynamodb:PutItem", "dynamodb:Query"], [read_markers_table_arn, by_group])]


def for_events(*, event_bus_arn: str) -> list[Statement]:
    """What events for the operator's programs need. The queue that keeps them is that of the background work.

    Args:
        event_bus_arn: Bus that gets the events.
    """
    return [_allow("SendEvents", ["events:PutEvents"], event_bus_arn)]


def for_moderation(*, function_arn: str) -> list[Statement]:
    """What moderation needs.

    An identity-based policy is compared with the ARN that the call names: one without a version or alias allows no call
    of a version or alias. https://docs.aws.amazon.com/lambda/latest/dg/lambda-api-permissions-ref.html

    Args:
        function_arn: Function that sees each message, with its version or alias if the call names one.
    """
    return [_allow("CheckMessages", ["lambda:InvokeFunction"], function_arn)]


def for_changes(*, changes_table_arn: str, messages_table_arn: str) -> list[Statement]:
    """What changes to messages need.

    Args:
        changes_table_arn: Table of the changes.
        messages_table_arn: Table of the messages.
    """
    return [
        _allow("KeepChanges", ["dynamodb:PutItem", "dynamodb:Query"], changes_table_arn),
        _allow("ReadMessages", ["dynamodb:BatchGetItem"], messages_table_arn),
    ]


def for_presence(*, stream_arn: str) -> list[Statement]:
    """What presence needs: the stream of the connections table.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (execution role)
    """
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"]
    return [_allow("ReadStream", actions, stream_arn)]


def for_key(*, kms_key_arn: str) -> list[Statement]:
    """What the customer's key of the tables and the queue needs.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """
    return [_use_keys("UseKey", [kms_key_arn], ["dynamodb", "sqs"])]


def for_tracing() -> list[Statement]:
    """What X-Ray needs. Its actions cannot be limited to a resource.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
    """
    return [_allow("SendTraces", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")]


def _allow(sid: str, actions: list[str], resource: list[str] | str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}


def _use_keys(sid: str, arns: list[str], services: list[str]) -> Statement:
    region = arns[0].split(":")[3]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    statement = _allow(
        sid, ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"], arns
    )
    statement["Condition"] = {"StringEquals": {"kms:ViaService": [f"{name}.{region}.{suffix}" for name in services]}}
    return statement


def _index_arn(table_arn: str, index: Index) -> str:
    return f"{table_arn}/index/{index.name}"


def _every_index(table_arn: str) -> str:
    # Naming both indexes that the functions use repeats the table's long name, and the room below MAX_CHARACTERS is
    # short. Another index shows the same rows.
    return f"{table_arn}/index/*"
