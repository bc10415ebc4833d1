"""The permissions of the functions, statement by statement, and who may invoke them."""

import asyncio
import json
from fnmatch import fnmatchcase
from typing import Any, cast

import pulumi
import pytest

from components import Authentication, WebSocketChat, WebSocketChatArgs, role
from components.arguments.table import ARGUMENTS
from components.environment import MAX_ENVIRONMENT
from components.policy import MAX_CHARACTERS, MAX_MANAGED_CHARACTERS

from .stack import (
    ACCOUNT,
    AWS_MANAGED_KEY,
    CHAT_MESSAGES,
    GROUP_MEMBERS,
    REGION,
    TABLES,
    WEB_SOCKET_CONNECTIONS,
    WITH_TOKENS,
    Graph,
    Properties,
    arn,
    chat,
    known_chat,
    run,
)

FUNCTIONS = ["Connect", "Disconnect", "SendMessage", "Default", "Broadcast", "Presence", "Authorize"]
CONNECTIONS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/WebSocketConnections"
MESSAGES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/ChatMessages"
CHANGES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/WebSocketChanges"
MARKERS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/WebSocketReadMarkers"
MEMBERS = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/GroupMembers"
STAGE = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:chat-api-id/production"
BROADCAST = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:WebSocketBroadcast"
MODERATOR = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:Moderate:live"
FAILURES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:chat-failures-1a2b3c4"
STREAM = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
USES = {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"}
THROUGH = [f"dynamodb.{REGION}.amazonaws.com", f"sqs.{REGION}.amazonaws.com"]
TRACES = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}

INLINE = "aws:iam/rolePolicy:RolePolicy"
MANAGED = "aws:iam/policy:Policy"

EVERYTHING: WebSocketChatArgs = WITH_TOKENS | {
    "group_members_table": "GroupMembers",
    "kms_key_arn": KEY,
    "tracing": True,
    "unread": True,
    "publish": True,
    "moderation_function": MODERATOR,
    "event_bus": "chat",
    "changes": True,
}
OURS, PUBLISH = "chat-role-id", "chat-publish-role-id"
"""The role of the functions that serve clients, and that of the back end's function."""


ON_DEMAND = {
    *("ReadStream", "SendTraces", "ReadMembers", "UseKey", "KeepReadMarkers", "KeepChanges", "ReadMessages"),
    *("CheckMessages", "SendEvents"),
}
"""The statements that exist only with some arguments."""


def statements(graph: Graph, role: str = OURS) -> dict[str, dict[str, Any]]:
    found = {}
    for document in documents(graph, role).values():
        assert document.keys() == {"Version", "Statement"}
        assert document["Version"] == "2012-10-17"
        for statement in document["Statement"]:
            sid = statement.pop("Sid")
            assert sid not in found
            found[sid] = statement
    return found


def documents(graph: Graph, role: str = OURS, *types: str) -> dict[str, Any]:
    """The policies of a role, by their names in the stack. The managed one is for the role that serves clients."""
    policies = {name: policy for type_ in types or (INLINE, MANAGED) for name, policy in graph.of_type(type_).items()}
    return {
        name: json.loads(policy.inputs["policy"])
        for name, policy in policies.items()
        if policy.inputs.get("role", OURS) == role
    }


def log_groups(functions: list[str]) -> list[str]:
    own = [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/WebSocket{function}" for function in functions]
    return [f"{group}:*" for group in own]


@pytest.mark.parametrize(
    ("sid", "actions", "resources"),
    [
        ("WriteOwnLogs", {"logs:CreateLogStream", "logs:PutLogEvents"}, log_groups(FUNCTIONS)),
        (
            "KeepConnections",
            {f"dynamodb:{name}Item" for name in ("Put", "Get", "Update", "Delete", "BatchWrite")},
            CONNECTIONS,
        ),
        ("ListConnections", {"dynamodb:Query"}, f"{CONNECTIONS}/index/*"),
        ("ReadHistory", {"dynamodb:Query"}, f"{MESSAGES}/index/GroupIdIndex"),
        ("StoreMessages", {"dynamodb:PutItem", "dynamodb:UpdateItem"}, MESSAGES),
        ("ReachConnections", {"execute-api:ManageConnections"}, f"{STAGE}/????*/@connections/*"),
        ("HandOverSlices", {"lambda:InvokeFunction"}, BROADCAST),
        ("KeepFailures", {"sqs:SendMessage"}, FAILURES),
        ("ReadMembers", {"dynamodb:Query"}, f"{MEMBERS}/index/*"),
        ("SendEvents", {"events:PutEvents"}, f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/chat"),
        ("CheckMessages", {"lambda:InvokeFunction"}, MODERATOR),
        ("KeepReadMarkers", {"dynamodb:PutItem", "dynamodb:Query"}, [MARKERS, f"{MARKERS}/index/GroupIdIndex"]),
        ("KeepChanges", {"dynamodb:PutItem", "dynamodb:Query"}, CHANGES),
        ("ReadMessages", {"dynamodb:BatchGetItem"}, MESSAGES),
        ("ReadStream", STREAM, f"{CONNECTIONS}/stream/1"),
        ("SendTraces", TRACES, "*"),
    ],
)
def test_the_statement_is_exactly_this(sid: str, actions: set[str], resources: list[str] | str) -> None:
    statement = statements(known_chat(EVERYTHING))[sid]
    assert set(statement.pop("Action")) == actions
    assert statement == {"Effect": "Allow", "Resource": resources}


@pytest.mark.parametrize(
    ("sid", "actions", "resources"),
    [
        ("WriteOwnLogs", {"logs:CreateLogStream", "logs:PutLogEvents"}, log_groups(["Publish"])),
        (
            "KeepConnections",
            {f"dynamodb:{name}Item" for name in ("Put", "Get", "Update", "Delete", "BatchWrite")},
            CONNECTIONS,
        ),
        ("ListConnections", {"dynamodb:Query"}, f"{CONNECTIONS}/index/*"),
        ("ReadHistory", {"dynamodb:Query"}, f"{MESSAGES}/index/GroupIdIndex"),
        ("StoreMessages", {"dynamodb:PutItem", "dynamodb:UpdateItem"}, MESSAGES),
        ("ReachConnections", {"execute-api:ManageConnections"}, f"{STAGE}/????*/@connections/*"),
        ("HandOverSlices", {"lambda:InvokeFunction"}, BROADCAST),
        ("ReadMembers", {"dynamodb:Query"}, f"{MEMBERS}/index/*"),
        ("FindMessagesOfUsers", {"dynamodb:Scan"}, MESSAGES),
        ("ForgetReadMarkers", {"dynamodb:DeleteItem", "dynamodb:Query"}, MARKERS),
        ("SendTraces", TRACES, "*"),
    ],
)
def test_the_statement_of_the_back_ends_function_is_exactly_this(
    sid: str, actions: set[str], resources: list[str] | str
) -> None:
    statement = statements(known_chat(EVERYTHING), PUBLISH)[sid]
    assert set(statement.pop("Action")) == actions
    assert statement == {"Effect": "Allow", "Resource": resources}


@pytest.mark.parametrize(
    ("args", "on_demand"),
    [
        ({}, None),
        ({"publish": True}, set()),
        ({"publish": True, "unread": True, "tracing": True}, {"SendTraces", "ForgetReadMarkers"}),
        ({"publish": True, "changes": True}, {"KeepChanges", "ReadMessages"}),
        ({"publish": True, "event_bus": "default"}, {"SendEvents", "KeepFailures"}),
        (
            EVERYTHING,
            {"SendTraces", "ReadMembers", "UseKey", "ForgetReadMarkers", "KeepChanges", "ReadMessages"}
            | {"SendEvents", "KeepFailures"},
        ),
    ],
)
def test_the_back_ends_function_has_no_other_statements(args: WebSocketChatArgs, on_demand: set[str] | None) -> None:
    always = {"WriteOwnLogs", "KeepConnections", "ListConnections", "ReadHistory", "StoreMessages"}
    always |= {"ReachConnections", "HandOverSlices", "FindMessagesOfUsers"}
    assert statements(chat(args), PUBLISH).keys() == (set() if on_demand is None else always | on_demand)


def test_nothing_may_call_the_back_ends_function_by_itself() -> None:
    permissions = known_chat(EVERYTHING).of_type("aws:lambda/permission:Permission").values()
    assert {one.inputs["function"] for one in permissions} == {
        f"WebSocket{name}" for name in ("Connect", "Disconnect", "SendMessage", "Default", "Authorize")
    }


@pytest.mark.parametrize("role", [OURS, PUBLISH])
def test_the_key_is_used_only_through_the_tables_and_the_queue(role: str) -> None:
    statement = statements(known_chat(EVERYTHING), role)["UseKey"]
    assert set(statement.pop("Action")) == USES
    assert statement == {
        "Effect": "Allow",
        "Resource": [KEY],
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
        ({"presence": False, "group_members_table": "GroupMembers"}, {"ReadMembers"}),
        ({"presence": False, "kms_key_arn": KEY}, {"UseKey"}),
        ({"presence": False, "unread": True}, {"KeepReadMarkers"}),
        ({"presence": False, "event_bus": "default"}, {"SendEvents"}),
        ({"presence": False, "moderation_function": MODERATOR}, {"CheckMessages"}),
        ({"presence": False, "changes": True}, {"KeepChanges", "ReadMessages"}),
        (EVERYTHING, ON_DEMAND),
    ],
)
def test_there_are_no_other_statements(args: WebSocketChatArgs, on_demand: set[str]) -> None:
    always = {"WriteOwnLogs", "KeepConnections", "ListConnections", "ReadHistory", "StoreMessages"}
    always |= {"ReachConnections", "HandOverSlices", "KeepFailures"}
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
    listed = statements(chat({"connections_per_user": 0}))["ListConnections"]
    assert listed["Resource"] == f"{CONNECTIONS}/index/GroupIdIndex"


@pytest.mark.parametrize(("args", "listed"), [({}, False), ({"unread": True}, True), (EVERYTHING, False)])
def test_joined_groups_are_read_only_if_no_table_lists_the_members(args: WebSocketChatArgs, *, listed: bool) -> None:
    kept = statements(chat(args))["KeepConnections"]["Action"]
    assert ("dynamodb:BatchGetItem" in kept) is listed


def test_messages_are_stored_in_the_created_table() -> None:
    found = statements(chat({"create_messages_table": True, "messages_table": "Mine"}))
    mine = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/Mine"
    assert found["StoreMessages"]["Resource"] == mine
    assert found["ReadHistory"]["Resource"] == f"{mine}/index/GroupIdIndex"


def test_members_are_read_from_the_named_table() -> None:
    theirs = MEMBERS.replace("GroupMembers", "Theirs")
    found = statements(chat({"group_members_table": "Theirs"}))
    assert found["ReadMembers"]["Resource"] == f"{theirs}/index/*"


@pytest.mark.parametrize(("method", "allowed"), [("POST", True), ("DELETE", True), ("GET", False), ("PUT", False)])
def test_connections_are_reached_only_through_the_own_stage(method: str, *, allowed: bool) -> None:
    pattern = statements(chat({"stage_name": "test"}))["ReachConnections"]["Resource"]
    own = STAGE.replace("production", "test")
    assert pattern.startswith(f"{own}/")
    assert fnmatchcase(f"{own}/{method}/@connections/Ab1=", pattern) is allowed


@pytest.mark.parametrize("role", ["chat-role", "chat-publish-role"])
def test_only_lambda_may_assume_the_role(role: str) -> None:
    trust = json.loads(chat({"publish": True}).resources[role].inputs["assumeRolePolicy"])
    assert trust == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }


def another_key(number: int) -> str:
    return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/mrk-{number:032}"


def encrypted(key: str) -> Properties:
    return {"serverSideEncryption": {"enabled": True, "kmsKeyArn": key}}


@pytest.mark.parametrize(
    ("keys", "used"),
    [
        ({}, []),
        ({"ChatMessages": another_key(1)}, [another_key(1)]),
        ({"GroupMembers": another_key(2)}, [another_key(2)]),
        ({"ChatMessages": another_key(1), "GroupMembers": another_key(2)}, [another_key(1), another_key(2)]),
        ({"ChatMessages": another_key(1), "GroupMembers": another_key(1)}, [another_key(1)]),
        ({"ChatMessages": AWS_MANAGED_KEY}, []),
    ],
    ids=["no keys", "messages", "members", "both", "one for both", "managed by AWS"],
)
@pytest.mark.parametrize("declared", [False, True], ids=["by name", "by Output"])
def test_the_customers_keys_of_existing_tables_are_used(
    keys: dict[str, str], used: list[str], *, declared: bool
) -> None:
    tables = {name: table | encrypted(keys[name]) if name in keys else table for name, table in TABLES.items()}
    names = {"messages_table": "ChatMessages", "group_members_table": "GroupMembers"}

    def program() -> None:
        given = {key: pulumi.Output.from_input(name) if declared else name for key, name in names.items()}
        WebSocketChat("chat", cast("WebSocketChatArgs", given))

    graph = run(program, tables=tables)
    statement = statements(graph).get("UseTableKeys", {"Resource": []})
    assert statement["Resource"] == used
    if used:
        assert set(statement["Action"]) == USES
        assert statement["Condition"] == {"StringEquals": {"kms:ViaService": THROUGH[:1]}}
    assert {note for note in graph.notes if "Pulumi cannot check the key's own policy" not in note} == set()
    assert len(graph.notes) == len([key for key in keys.values() if key != AWS_MANAGED_KEY])


LONGEST: WebSocketChatArgs = EVERYTHING | {
    "name_prefix": "p" * 53,
    "role_name": "r" * 64,
    "stage_name": "s" * 128,
    "connections_table": "c" * 100,
    "messages_table": "m" * 100,
    "group_members_table": "g" * 100,
    "kms_key_arn": KEY.replace("1234abcd-", "mrk-1234abcd-"),
    "moderation_function": MODERATOR.ljust(170, "e"),
    "on_moderation_failure": "closed",
    "event_bus": "b" * 64,
}


LONGEST_TABLES = ["connections_table", "messages_table", "group_members_table"]


@pytest.mark.parametrize(
    "name", ["name_prefix", "role_name", "stage_name", "moderation_function", "event_bus", *LONGEST_TABLES]
)
def test_the_longest_name_is_the_longest(name: str) -> None:
    assert not ARGUMENTS[name].rule.accepts(f"{LONGEST[name]}x")  # type: ignore[literal-required]


@pytest.mark.parametrize("place", ["aws:ap-northeast-1", "aws-us-gov:us-gov-west-1", "aws-cn:cn-northwest-1"])
@pytest.mark.parametrize("role", [OURS, PUBLISH])
def test_all_policies_fit_into_a_role_twice(place: str, role: str) -> None:
    stream = arn("dynamodb", f"table/{'c' * 100}/stream/2026-01-01T00:00:00.000")
    tables = {
        "c" * 100: WEB_SOCKET_CONNECTIONS | {"streamArn": stream} | encrypted(another_key(1)),
        "m" * 100: CHAT_MESSAGES | encrypted(another_key(2)),
        "g" * 100: GROUP_MEMBERS | encrypted(another_key(3)),
    }
    graph = chat(LONGEST, tables=tables, outputs={"chat-failures": {"arn": arn("sqs", "q" * 80)}})
    partition, region = place.split(":")

    def lengths(type_: str) -> list[int]:
        texts = [json.dumps(document, separators=(",", ":")) for document in documents(graph, role, type_).values()]
        return [len(text.replace("arn:aws:", f"arn:{partition}:").replace(REGION, region)) for text in texts]

    assert sum(lengths(INLINE)) < MAX_CHARACTERS
    assert max(lengths(MANAGED), default=0) < MAX_MANAGED_CHARACTERS


def test_the_longest_environment_is_accepted_by_lambda() -> None:
    environment: WebSocketChatArgs = {
        "jwt_issuer": "https://" + "i" * 504,
        "jwt_jwks_url": "https://" + "k" * 504,
        "jwt_audience": ["a" * 200] * 10,
        "jwt_algorithms": ["RS256"] * 10,
        "system_name": "🤖" * 64,
        # Lambda measures JSON, where these take two bytes each.
        "user_claim": '"' * 128,
        "group_claim": "\\" * 128,
        "group_members_table": "",
        "allowed_origins": ["https://" + "o" * 43] * 20,
    }
    functions = chat(LONGEST | environment).of_type("aws:lambda/function:Function").values()
    texts = [json.dumps(one.inputs["environment"]["variables"], separators=(",", ":")) for one in functions]
    assert max(map(len, texts)) <= MAX_ENVIRONMENT


def test_another_policy_is_created_before_the_old_one_is_deleted() -> None:
    policies = known_chat(EVERYTHING).of_type(INLINE).values()
    logs = known_chat(EVERYTHING).resources["chat-logs-policy"]
    # A type whose name is given is deleted first.
    assert [policy.inputs.keys() for policy in policies] == [{"role", "policy"}] * len(policies)
    assert logs.inputs.keys() == {"policy", "tags"}
    assert {policy.replaced_by for policy in (*policies, logs)} == {frozenset({"policy"})}


def test_the_policy_for_logs_is_attached_before_the_old_one_is_detached() -> None:
    attachment = known_chat(EVERYTHING).resources["chat-logs-policy-attachment"]
    policy = f"arn:aws:iam::{ACCOUNT}:policy/chat-logs-policy-1a2b3c4"
    assert attachment.inputs == {"role": "chat-role-id", "policyArn": policy}
    assert attachment.deleted_first is False


def test_the_key_is_allowed_before_anything_uses_it() -> None:
    graph = chat(EVERYTHING | {"create_messages_table": True})
    users = [
        "chat-connections",
        "chat-messages",
        "chat-read-markers",
        "chat-failures",
        *graph.of_type("aws:lambda/function:Function"),
    ]
    key = {name: f"chat-{'publish-' if name == 'chat-publish-function' else ''}key-policy" for name in users}
    assert [name for name in users if key[name] not in graph.waits_for(name)] == []


def test_a_new_policy_has_ten_seconds_until_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = known_chat(EVERYTHING)
    # A managed policy holds when it is attached.
    policies = [*graph.of_type(INLINE).values(), graph.resources["chat-logs-policy-attachment"]]
    assert [policy.hooks_after_creation for policy in policies] == [1] * len(policies)
    assert waited(monkeypatch) == 10
    monkeypatch.setenv("WEBSOCKET_CHAT_IAM_WAIT_SECONDS", "0")
    assert waited(monkeypatch) == 0


def waited(monkeypatch: pytest.MonkeyPatch) -> float:
    seconds = []

    async def sleep(time: float) -> None:
        seconds.append(time)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    args = pulumi.ResourceHookArgs(urn="", id="", name="", type="")
    asyncio.run(role._wait_for_iam(args))  # noqa: SLF001
    (only,) = seconds
    return only
