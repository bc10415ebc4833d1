"""The permissions of the functions, statement by statement, and who may invoke them."""

import json
from typing import Any

import pytest

from components import Authentication, WebSocketChatArgs

from .stack import ACCOUNT, REGION, WITH_TOKENS, Graph, chat

FUNCTIONS = ["Connect", "Disconnect", "SendMessage", "Default", "Broadcast", "Presence", "Authorize"]
CONNECTIONS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/WebSocketConnections"
MESSAGES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ChatMessages"
MEMBERS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/GroupMembers"
STAGE = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id/production"
BROADCAST = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:WebSocketBroadcast"
FAILURES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:WebSocketFailures"
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
USES = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
THROUGH = [f"dynamodb.{REGION}.amazonaws.com", f"sqs.{REGION}.amazonaws.com"]
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {
    "group_members_table": "GroupMembers",
    "kms_key_arn": KEY,
    "tracing": True,
}


def statements(graph: Graph) -> dict[str, dict[str, Any]]:
    document = json.loads(graph.resources["chat-policy"].inputs["policy"])
    assert document.pop("Version") == "2012-10-17"
    found = {statement.pop("Sid"): statement for statement in document.pop("Statement")}
    assert document == {}
    return found


def log_groups(functions: list[str]) -> list[str]:
    own = [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/WebSocket{function}" for function in functions]
    return [f"{group}{streams}" for group in own for streams in ("", ":*")]


@pytest.mark.parametrize(
    ("sid", "actions", "resources"),
    [
        ("WriteOwnLogs", {"logs:CreateLogStream", "logs:PutLogEvents"}, log_groups(FUNCTIONS)),
        (
            "KeepConnections",
            {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"},
            CONNECTIONS,
        ),
        ("CountOwnConnections", {"dynamodb:Query"}, f"{CONNECTIONS}/index/UserIdIndex"),
        ("ListGroup", {"dynamodb:Query"}, f"{CONNECTIONS}/index/GroupIdIndex"),
        ("ReadHistory", {"dynamodb:Query"}, f"{MESSAGES}/index/GroupIdIndex"),
        ("StoreMessages", {"dynamodb:PutItem", "dynamodb:UpdateItem"}, MESSAGES),
        ("PostToConnections", {"execute-api:ManageConnections"}, f"{STAGE}/POST/@connections/*"),
        ("HandOverSlices", {"lambda:InvokeFunction"}, BROADCAST),
        ("KeepFailures", {"sqs:SendMessage"}, FAILURES),
        ("ReadMembers", {"dynamodb:Query"}, [f"{MEMBERS}/index/UserIdIndex", f"{MEMBERS}/index/GroupIdIndex"]),
        ("CloseConnections", {"execute-api:ManageConnections"}, f"{STAGE}/DELETE/@connections/*"),
        ("ReadStream", STREAM, f"{CONNECTIONS}/stream/1"),
        ("SendTraces", TRACES, "*"),
    ],
)
def test_the_statement_is_exactly_this(sid: str, actions: set[str], resources: list[str] | str) -> None:
    statement = statements(chat(EVERYTHING))[sid]
    assert set(statement.pop("Action")) == actions
    assert statement == {"Effect": "Allow", "Resource": resources}


def test_the_key_is_used_only_through_the_tables_and_the_queue() -> None:
    statement = statements(chat(EVERYTHING))["UseKey"]
    assert set(statement.pop("Action")) == USES
    assert statement == {
        "Effect": "Allow",
        "Resource": KEY,
        "Condition": {"StringEquals": {"kms:ViaService": THROUGH}},
    }


@pytest.mark.parametrize(
    ("args", "on_demand"),
    [
        ({"presence": False}, set()),
        ({"presence": False, "tracing": True}, {"SendTraces"}),
        ({"presence": True}, {"ReadStream"}),
        (WITH_TOKENS | {"presence": False, "group_claim": "groups"}, set()),
        ({"presence": False, "authentication": Authentication.IAM, "allowed_origins": ["https://app.example"]}, set()),
        ({"presence": False, "group_members_table": "GroupMembers"}, {"ReadMembers", "CloseConnections"}),
        ({"presence": False, "kms_key_arn": KEY}, {"UseKey"}),
        (EVERYTHING, {"ReadStream", "SendTraces", "ReadMembers", "CloseConnections", "UseKey"}),
    ],
)
def test_there_are_no_other_statements(args: WebSocketChatArgs, on_demand: set[str]) -> None:
    always = {"WriteOwnLogs", "KeepConnections", "CountOwnConnections", "ListGroup", "ReadHistory", "StoreMessages"}
    always |= {"PostToConnections", "HandOverSlices", "KeepFailures"}
    assert statements(chat(args)).keys() == always | on_demand


@pytest.mark.parametrize(
    ("args", "without"),
    [
        ({}, {"Authorize"}),
        ({"authentication": Authentication.IAM}, {"Authorize"}),
        (WITH_TOKENS | {"presence": False}, {"Presence"}),
    ],
)
def test_without_a_function_there_is_no_permission_for_its_logs(args: WebSocketChatArgs, without: set[str]) -> None:
    there = [function for function in FUNCTIONS if function not in without]
    assert statements(chat(args))["WriteOwnLogs"]["Resource"] == log_groups(there)


def test_without_a_limit_connections_are_not_counted() -> None:
    assert statements(chat()).keys() - statements(chat({"connections_per_user": 0})).keys() == {"CountOwnConnections"}


def test_messages_are_stored_in_the_created_table() -> None:
    found = statements(chat({"create_messages_table": True, "messages_table": "Mine"}))
    mine = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Mine"
    assert found["StoreMessages"]["Resource"] == mine
    assert found["ReadHistory"]["Resource"] == f"{mine}/index/GroupIdIndex"


def test_members_are_read_from_the_named_table() -> None:
    theirs = MEMBERS.replace("GroupMembers", "Theirs")
    found = statements(chat({"group_members_table": "Theirs"}))
    assert found["ReadMembers"]["Resource"] == [f"{theirs}/index/UserIdIndex", f"{theirs}/index/GroupIdIndex"]


@pytest.mark.parametrize(("sid", "method"), [("PostToConnections", "POST"), ("CloseConnections", "DELETE")])
def test_connections_are_reached_only_through_the_own_stage(sid: str, method: str) -> None:
    found = statements(chat({"stage_name": "test", "group_members_table": "GroupMembers"}))
    assert found[sid]["Resource"] == f"{STAGE.replace('production', 'test')}/{method}/@connections/*"


def test_only_lambda_may_assume_the_role() -> None:
    trust = json.loads(chat().resources["chat-role"].inputs["assumeRolePolicy"])
    assert trust == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
