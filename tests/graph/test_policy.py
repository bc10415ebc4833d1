"""What the functions may do, and who may run them: statement by statement."""

import json
from typing import Any

import pytest

from components import WebSocketChatArgs

from .stack import ACCOUNT, CHAT_MESSAGES, REGION, Graph, chat

LOG_GROUPS = [
    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/WebSocket{function}{streams}"
    for function in ("Connect", "Disconnect", "SendMessage", "Default", "Broadcast", "Presence")
    for streams in ("", ":*")
]
CONNECTIONS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/WebSocketConnections"
CONNECTION = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id/production/POST/@connections/*"
BROADCAST = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:WebSocketBroadcast"
FAILURES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:WebSocketFailures"
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


def statements(graph: Graph) -> dict[str, dict[str, Any]]:
    document = json.loads(graph.resources["chat-policy"].inputs["policy"])
    assert document.pop("Version") == "2012-10-17"
    found = {statement.pop("Sid"): statement for statement in document.pop("Statement")}
    assert document == {}
    return found


@pytest.mark.parametrize(
    ("sid", "actions", "resources"),
    [
        ("WriteOwnLogs", {"logs:CreateLogStream", "logs:PutLogEvents"}, LOG_GROUPS),
        ("KeepConnections", {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:DeleteItem"}, CONNECTIONS),
        ("ListGroup", {"dynamodb:Query"}, f"{CONNECTIONS}/index/GroupIdIndex"),
        ("ReadHistory", {"dynamodb:Query"}, f"{CHAT_MESSAGES['arn']}/index/GroupIdIndex"),
        ("StoreMessages", {"dynamodb:PutItem", "dynamodb:UpdateItem"}, CHAT_MESSAGES["arn"]),
        ("PostToConnections", {"execute-api:ManageConnections"}, CONNECTION),
        ("HandOverSlices", {"lambda:InvokeFunction"}, BROADCAST),
        ("KeepFailures", {"sqs:SendMessage"}, FAILURES),
        ("ReadStream", STREAM, f"{CONNECTIONS}/stream/1"),
        ("SendTraces", TRACES, "*"),
    ],
)
def test_statement(sid: str, actions: set[str], resources: list[str] | str) -> None:
    statement = statements(chat({"tracing": True}))[sid]
    assert set(statement.pop("Action")) == actions
    assert statement == {"Effect": "Allow", "Resource": resources}


@pytest.mark.parametrize(
    ("args", "on_demand"),
    [
        ({"tracing": False, "presence": False}, set()),
        ({"tracing": True, "presence": False}, {"SendTraces"}),
        ({"tracing": False, "presence": True}, {"ReadStream"}),
    ],
)
def test_there_are_no_other_statements(args: WebSocketChatArgs, on_demand: set[str]) -> None:
    always = {"WriteOwnLogs", "KeepConnections", "ListGroup", "ReadHistory", "StoreMessages", "PostToConnections"}
    assert statements(chat(args)).keys() == always | {"HandOverSlices", "KeepFailures"} | on_demand


def test_a_table_made_here_is_the_one_messages_are_stored_in() -> None:
    found = statements(chat({"create_messages_table": True, "messages_table": "Mine"}))
    mine = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Mine"
    assert found["StoreMessages"]["Resource"] == mine
    assert found["ReadHistory"]["Resource"] == f"{mine}/index/GroupIdIndex"


def test_posts_only_through_its_own_stage() -> None:
    found = statements(chat({"stage_name": "test"}))
    assert found["PostToConnections"]["Resource"] == CONNECTION.replace("production", "test")


def test_only_lambda_takes_the_role() -> None:
    trust = json.loads(chat().resources["chat-role"].inputs["assumeRolePolicy"])
    assert trust == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
