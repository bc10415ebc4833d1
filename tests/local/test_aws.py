"""The provider over the emulator: what it compares, what it fills in, and what it reads back."""

from typing import Any

import pytest

from local import deploy as deploy_module
from local.aws.inputs import Inputs
from local.aws.properties import changes, refreshed, with_name
from local.aws.resource import retag
from local.aws.resources import create, resource
from local.aws.schema import RESOURCE_TYPES, deletes_before_replace
from local.deploy import PROJECT_DIRECTORY, deploy
from local.emulator import Emulator
from local.prerequisites import create_members_table, create_messages_table

TABLE = RESOURCE_TYPES["aws:dynamodb/table:Table"]
FUNCTION = RESOURCE_TYPES["aws:lambda/function:Function"]
ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}


EXAMPLES = [
    PROJECT_DIRECTORY / "examples" / name for name in ("offline_push", "order_queue", "event_rule", "reminder_schedule")
]
EVERYTHING = {
    "authentication": "jwt",
    "jwtIssuer": "https://example.com",
    "jwtAudience": ["chat"],
    "groupMembersTable": "GroupMembers",
    "createMessagesTable": True,
    "messagesTable": "Messages",
    "pointInTimeRecovery": True,
    "reservedConcurrency": 5,
    "tags": ["Team=chat"],
    "tracing": True,
    "alarms": "arn:aws:sns:us-east-1:000000000000:alerts",
    "dashboard": True,
    "accessLogs": "managed",
    "domainName": "chat.example.com",
    "certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1",
}


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Type, id, inputs and outputs of every resource that a program creates."""
    resources = []

    def record(emulator: Emulator, type_: str, name: str, values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        resource_id, outputs = create(emulator, type_, name, values)
        resources.append((type_, resource_id, values, outputs))
        return resource_id, outputs

    monkeypatch.setattr(deploy_module, "create", record)
    return resources


def test_every_input_of_the_programs_is_read_back(
    created: list[tuple[str, str, dict[str, Any], dict[str, Any]]],
) -> None:
    types = set()
    for program in (PROJECT_DIRECTORY, *EXAMPLES):
        created.clear()
        with Emulator(port=0) as emulator:
            if program == PROJECT_DIRECTORY:
                create_messages_table(emulator)
                create_members_table(emulator)
                zone = emulator.client("route53").create_hosted_zone(Name="example.com", CallerReference="test")
                config = EVERYTHING | {"hostedZoneId": zone["HostedZone"]["Id"].rpartition("/")[2]}
            deploy(emulator, config if program == PROJECT_DIRECTORY else {}, program=program)
            for type_, resource_id, inputs, outputs in created:
                found = resource(type_, resource_id).read(emulator, resource_id, inputs | outputs)
                assert found, resource_id
                assert refreshed(RESOURCE_TYPES[type_], inputs, found) == inputs, type_
                assert not set(inputs) - RESOURCE_TYPES[type_].inputs, type_
                types.add(type_)
    assert types == RESOURCE_TYPES.keys()


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ({"name": "a"}, {"name": "a"}, set()),
        ({"name": "a"}, {"name": "b"}, {"name"}),
        ({"tags": {"a": "b"}}, {"tags": {"a": "c"}}, {"tags"}),
        ({}, {"tags": {}}, set()),
        ({"ttl": {"enabled": True}}, {"ttl": {"enabled": False}}, {"ttl.enabled"}),
        ({"ttl": {"enabled": False}}, {"ttl": {}}, set()),  # the default
        ({"streamViewType": "KEYS_ONLY"}, {}, set()),  # kept
        (
            {"serverSideEncryption": {"enabled": True, "kmsKeyArn": "a"}},
            {"serverSideEncryption": {"enabled": True}},
            set(),
        ),
        ({"billingMode": "PAY_PER_REQUEST"}, {}, {"billingMode"}),
        ({}, {"deletionProtectionEnabled": True}, {"deletionProtectionEnabled"}),
        ({"__defaults": ["name"]}, {"__defaults": []}, set()),
    ],
)
def test_changes(old: dict[str, Any], new: dict[str, Any], changed: set[str]) -> None:
    assert changes(TABLE, old, new) == changed


def test_tags_of_aws_are_left_alone() -> None:
    removed: list[str] = []
    tags = {"aws:cloudformation:stack-name": "old", "Team": "chat"}
    retag(Inputs("role", {"tags": None}), lambda: tags, tag=str, untag=removed.extend)
    assert removed == ["Team"]


def test_an_archive_changes_with_its_content() -> None:
    old = {"code": ARCHIVE | {"hash": "1"}}
    assert changes(FUNCTION, old, {"code": ARCHIVE | {"hash": "1", "assets": {"a": "b"}}}) == set()
    assert changes(FUNCTION, old, {"code": ARCHIVE | {"hash": "2", "assets": {"a": "b"}}}) == {"code"}


def test_a_name_is_filled_in_and_stays() -> None:
    first = with_name(TABLE, "chat-messages", {}, {})
    assert first["__defaults"] == ["name"]
    assert first["name"].startswith("chat-messages-")
    assert len(first["name"]) == len("chat-messages-") + 7
    assert with_name(TABLE, "chat-messages", {}, first) == first
    assert with_name(TABLE, "chat-messages", {}, {})["name"] != first["name"]
    # A name that was given is not kept.
    assert with_name(TABLE, "chat-messages", {}, {"name": "Mine", "__defaults": []})["name"] != "Mine"
    assert with_name(TABLE, "chat-messages", {"name": "Mine"}, first) == {"name": "Mine", "__defaults": []}


@pytest.mark.parametrize(
    ("inputs", "replaces", "first"),
    [
        ({"name": "Mine", "__defaults": []}, ["name"], True),
        ({"name": "chat-1234567", "__defaults": ["name"]}, ["hashKey"], False),
        ({"name": "Mine", "__defaults": []}, [], False),
        ({"name": "Mine"}, ["name"], False),
    ],
)
def test_what_the_program_names_is_deleted_first(inputs: dict[str, Any], replaces: list[str], first: bool) -> None:  # noqa: FBT001
    assert deletes_before_replace("aws:dynamodb/table:Table", inputs, replaces) is first


def test_an_attachment_is_deleted_first_although_pulumi_does_not_name_it() -> None:
    type_, inputs = "aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": "Mine", "__defaults": []}
    assert deletes_before_replace(type_, inputs, ["role"])
    assert not deletes_before_replace(type_, inputs, [])


def test_what_a_refresh_finds() -> None:
    inputs = {
        "name": "Mine",
        "ttl": {"enabled": True},
        "tags": {"a": "b"},
        "code": {"hash": "1"},
        "policy": '{"a": 1}',
        "attributes": [{"name": "b", "type": "S"}, {"name": "a", "type": "S"}],
    }
    same = {
        "name": "Mine",
        "ttl": {"enabled": True, "attributeName": "expiresAt"},
        "tags": {"a": "b"},
        "policy": '{ "a":1 }',
        "attributes": [{"name": "a", "type": "S"}, {"name": "b", "type": "S"}],
        "arn": "…",
    }
    assert refreshed(TABLE, inputs, same) == inputs
    drifted = same | {"tags": {"a": "b", "c": "d"}, "ttl": {"enabled": False}, "policy": '{"a": 2}'}
    assert refreshed(TABLE, inputs, drifted) == inputs | {
        "tags": {"a": "b", "c": "d"},
        "ttl": {"enabled": False},
        "policy": '{"a": 2}',
    }
    assert refreshed(TABLE, {}, same) == {key: same[key] for key in ("name", "ttl", "tags", "attributes")}


def test_a_rule_its_target_and_a_schedule_are_imported_changed_and_deleted() -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:"

    def pattern(source: str) -> str:
        return f'{{"source": ["{source}"]}}'

    def target(of: str) -> dict[str, Any]:
        return {"arn": f"{arn}{of}", "roleArn": "arn:aws:iam::000000000000:role/r", "input": f'{{"a": "{of}"}}'}

    def transformer(of: str) -> dict[str, Any]:
        return {"inputPaths": {of: "$.id"}, "inputTemplate": f'{{"id": <{of}>}}'}

    # Type, id of the import, inputs, and the inputs that change in place.
    cases: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        ("cloudwatch/eventBus:EventBus", "shop", {"name": "shop", "tags": {"a": "b"}}, {"tags": {"c": "d"}}),
        (
            "cloudwatch/eventRule:EventRule",
            "shop/shipped",
            {"name": "shipped", "eventBusName": "shop", "eventPattern": pattern("a"), "tags": {"a": "b"}},
            {"eventPattern": pattern("b"), "tags": {"c": "d"}},
        ),
        (
            "cloudwatch/eventTarget:EventTarget",
            "shop/shipped/to-chat",
            {
                "targetId": "to-chat",
                "eventBusName": "shop",
                "rule": "shipped",
                "arn": f"{arn}one",
                "inputTransformer": transformer("one"),
            },
            {"arn": f"{arn}two", "inputTransformer": transformer("two")},
        ),
        (
            "scheduler/schedule:Schedule",
            "default/stand-up",
            {
                "name": "stand-up",
                "scheduleExpression": "rate(1 hour)",
                "scheduleExpressionTimezone": "Europe/Berlin",
                "flexibleTimeWindow": {"mode": "OFF"},
                "target": target("one"),
            },
            {
                "scheduleExpression": "rate(2 hours)",
                "flexibleTimeWindow": {"mode": "FLEXIBLE", "maximumWindowInMinutes": 5},
                "target": target("two"),
            },
        ),
    ]
    with Emulator(port=0) as emulator:
        made = []
        for name, import_id, inputs, changed in cases:
            type_ = f"aws:{name}"
            resource_id, outputs = create(emulator, type_, name, inputs)
            imported = resource(type_, name).read(emulator, import_id, {})
            assert imported == outputs
            assert imported.get("id", import_id) == resource_id
            known = outputs | inputs | changed
            taken = Inputs(name, changed)
            resource(type_, name).update(emulator, resource_id, known, taken)
            taken.close()
            found = resource(type_, name).read(emulator, resource_id, known)
            assert found
            assert refreshed(RESOURCE_TYPES[type_], inputs | changed, found) == inputs | changed
            made.append((resource(type_, name), resource_id, known))
        for kind, resource_id, known in reversed(made):
            kind.delete(emulator, resource_id, known)
            assert kind.read(emulator, resource_id, known) is None
