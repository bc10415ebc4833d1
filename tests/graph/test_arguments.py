"""The allowed values of the component's arguments. Config keys are the same names in camelCase."""

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import pulumi
import pytest

from components import Authentication, InvalidArgumentError, WebSocketChat, WebSocketChatArgs
from components.arguments import Settings
from components.arguments.rules import config_key
from components.arguments.table import ARGUMENTS
from tests.engine import argument_changes, test_changes, test_documented_commands, test_existing_tables, test_rights

from .argument_cases import CASES, CERTIFICATE, POOL, TOPIC
from .stack import GROUP_MEMBERS, TABLES, WEB_SOCKET_CONNECTIONS, WITH_TOKENS, ZONE, Graph, chat, run

PLAIN = {key for key, case in CASES.items() if case.plain}
OF_TOKENS = {key for key, argument in ARGUMENTS.items() if argument.only_for == "jwt"}
COMPANIONS: Mapping[str, WebSocketChatArgs] = {
    **dict.fromkeys(OF_TOKENS, WITH_TOKENS),
    "cognito_user_pool_id": {"authentication": Authentication.JWT, "jwt_audience": ["app"]},
    "require_origin": {"allowed_origins": ["https://app.example.com"]},
    "account_request_rate": {"alarms": TOPIC},
    "domain_name": {"certificate_arn": CERTIFICATE},
    "certificate_arn": {"domain_name": "chat.example.com"},
    "hosted_zone_id": {"domain_name": "chat.example.com", "certificate_arn": CERTIFICATE},
    "moderator_claim": WITH_TOKENS | {"changes": True},
    "moderator_role": {"changes": True, "group_members_table": "GroupMembers"},
}
"""Arguments that another argument needs. Without them it would be refused, or have no effect."""
JWT: dict[str, Any] = {"authentication": Authentication.JWT, "changes": True}
TOGETHER: Mapping[str, tuple[set[str], dict[str, Any]]] = {
    # case: arguments to leave out, arguments with one value
    "no tokens": (OF_TOKENS | {"messages_table"}, {"changes": True}),
    "issuer and claim": ({"cognito_user_pool_id", "group_members_table", "moderator_role"}, JWT),
    "pool and members": ({"jwt_issuer", "group_claim", "messages_table"}, JWT),
}
"""Arguments that are valid together. One table cannot be both the messages table and the members table."""

IN_SCENARIOS: Mapping[str, Callable[..., None]] = {
    "accountRequestRate": test_changes.test_alarms_change_in_place,
    "accessLogs": test_changes.test_access_logs_come_and_go,
    "domainName": test_changes.test_a_domain_comes_changes_and_goes,
    "certificateArn": test_changes.test_a_domain_comes_changes_and_goes,
    "hostedZoneId": test_changes.test_a_domain_comes_changes_and_goes,
    "stageName": test_changes.test_another_stage_name_is_another_address,
    "namePrefix": test_changes.test_another_prefix_is_another_chat,
    "roleName": test_changes.test_another_role_name_is_another_role,
    "presence": test_changes.test_presence_goes_and_comes_back,
    "authentication": test_changes.test_authentication_changes,
    "connectionsTable": test_existing_tables.test_a_stack_moves_to_an_existing_connections_table_and_back,
    "destroyMessages": test_documented_commands.test_a_person_who_follows_the_documents,
    "kmsKeyArn": test_rights.test_a_key_comes_changes_and_goes,
}
"""Tests of the engine that change an argument on a live stack, where no table of changes can say what that does."""


def _args(key: str, value: object) -> WebSocketChatArgs:
    return cast("WebSocketChatArgs", {**COMPANIONS.get(key, {}), key: value})


def _short(value: object) -> str:
    return repr(value)[:30]


ACCEPTED = [(key, value) for key, case in CASES.items() for value in case.accepted]
REFUSED = [(key, value) for key, case in CASES.items() for value in case.refused]


def test_every_argument_has_a_case() -> None:
    assert CASES.keys() == WebSocketChatArgs.__annotations__.keys() == ARGUMENTS.keys()


def test_every_argument_is_changed_on_a_live_stack() -> None:
    tables = (argument_changes.IN_PLACE, argument_changes.WITH_POLICIES, argument_changes.OF_TOKENS, IN_SCENARIOS)
    changed = [name for table in tables for name in table]
    assert sorted(changed) == sorted(map(config_key, ARGUMENTS))


@pytest.mark.parametrize("key", ARGUMENTS)
def test_the_default_is_allowed(key: str) -> None:
    assert ARGUMENTS[key].rule.accepts(ARGUMENTS[key].default)


@pytest.mark.parametrize(("key", "value"), ACCEPTED, ids=_short)
def test_an_allowed_value_is_accepted(key: str, value: object) -> None:
    assert getattr(Settings.of(_args(key, value)), key) == value


def _accepted_together(case: str, turn: int) -> WebSocketChatArgs:
    """All arguments that are valid together. ``turn`` selects one accepted value of each."""
    left_out, fixed = TOGETHER[case]
    values = {key: one.accepted[turn % len(one.accepted)] for key, one in CASES.items()}
    return cast("WebSocketChatArgs", {key: values[key] for key in values.keys() - left_out} | fixed)


@pytest.mark.parametrize("turn", range(max(len(case.accepted) for case in CASES.values())))
@pytest.mark.parametrize("case", TOGETHER)
def test_every_accepted_value_can_be_deployed(case: str, turn: int) -> None:
    assert chat(_accepted_together(case, turn)).resources


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=_short)
def test_another_value_is_refused(key: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        Settings.of(_args(key, value))

    for part in (key, CASES[key].config_key, repr(value), CASES[key].allowed):
        assert part in str(refused.value)
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("allowed_origins", ["https://a", "https://b/"], "https://b/"),
        ("jwt_audience", ["a", "b c"], "b c"),
        ("jwt_algorithms", ["RS256", "HS256"], "HS256"),
        ("tags", {"k": "v", "aws:k": "v"}, "aws:k"),
        ("tags", {"k": 1.5}, 1.5),
        ("jwt_audience", [7, "b c"], "b c"),
        ("jwt_issuer", "issuer.example", None),
        ("jwt_issuer", "https:///a", None),
        ("jwt_issuer", "https://issuer.example:", "issuer.example:"),
        ("jwt_issuer", "http://issuer.example", "http:"),
        ("jwt_issuer", "https://me:secret@issuer.example/a", "me:secret@"),
        ("jwt_issuer", "https://issuer.example:port", None),
        ("jwt_issuer", "https://issuer_1.example/a", "issuer_1.example"),
        ("jwt_issuer", "https://issuer.example/a\\b", "/a\\b"),
        ("jwt_issuer", "https://issuer.example/a?b=c", "?b=c"),
        ("jwt_jwks_url", "https://issuer.example/a?b=c#d", "#d"),
        ("jwt_jwks_url", "https://issuer.example/a?b=<", "?b=<"),
        ("jwt_issuer", "https://issuer.example/" + "x" * 512, None),
    ],
)
def test_the_refusal_quotes_the_part_that_is_wrong(key: str, value: object, part: object) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        Settings.of(_args(key, value))
    quoted = "" if part is None else f" because of {part!r}"
    assert f" = {value!r} is not allowed{quoted}: it must be" in str(refused.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("jwt_audience", {"a": "b"}, "a list, not an object: up to 10 texts"),
        ("jwt_audience", "a", "a list, not a single value: up to 10 texts"),
        ("tags", ["k=v"], "an object, not a list: up to 49"),
        ("tags", "k=v", "an object, not a single value: up to 49"),
    ],
)
def test_the_refusal_says_where_a_list_or_an_object_is_needed(key: str, value: object, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"it must be {words}"):
        Settings.of(_args(key, value))


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("jwt_audience", [123456789012, 7.0, "app"], ["123456789012", "7", "app"]),
        ("tags", {"CostCenter": 42, "Team": "chat"}, {"CostCenter": "42", "Team": "chat"}),
    ],
)
def test_a_number_where_a_text_belongs_is_its_digits(key: str, value: object, text: object) -> None:
    assert getattr(Settings.of(_args(key, value)), key) == text


@pytest.mark.parametrize("key", CASES)
def test_an_argument_is_refused_before_anything_is_registered(key: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(_args(key, CASES[key].refused[0]), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


def test_an_unknown_argument_is_refused_with_the_known_names() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="memory = 512 is not allowed") as refused:
        chat(_args("memory", 512), graph=graph)
    assert all(key in str(refused.value) for key in CASES)
    assert graph.resources == {}


def test_the_cases_say_which_arguments_must_be_plain() -> None:
    assert {key for key, argument in ARGUMENTS.items() if argument.plain} == PLAIN


@pytest.mark.parametrize("key", sorted(CASES.keys() - PLAIN))
def test_an_output_is_checked_when_it_is_known(key: str) -> None:
    accepted, refused = CASES[key].accepted[0], CASES[key].refused[0]

    def with_output(value: object) -> Graph:
        def program() -> None:
            settings = Settings.of(_args(key, pulumi.Output.from_input(value)))
            pulumi.export("checked", getattr(settings, key))

        return run(program)

    assert with_output(accepted).outputs == {"checked": accepted}
    with pytest.raises(InvalidArgumentError) as error:
        with_output(refused)
    for part in (key, CASES[key].config_key, repr(refused), CASES[key].allowed):
        assert part in str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        "domain_name",
        "certificate_arn",
        "hosted_zone_id",
        "kms_key_arn",
        "jwt_issuer",
        "jwt_audience",
        "jwt_jwks_url",
        "cognito_user_pool_id",
    ],
)
def test_an_output_that_turns_out_to_be_empty_is_refused(key: str) -> None:
    empty = CASES[key].default
    with pytest.raises(InvalidArgumentError, match="Leave the argument out, in place of an empty Output") as refused:
        run(lambda: Settings.of(_args(key, pulumi.Output.from_input(empty))))
    assert refused.value.key == key


@pytest.mark.parametrize("case", TOGETHER)
def test_outputs_deploy_the_same_resources(case: str) -> None:
    args = _accepted_together(case, 0)
    plain = PLAIN | {"messages_table"}  # They create it.

    def with_outputs() -> None:
        known: Any = {key: value if key in plain else pulumi.Output.from_input(value) for key, value in args.items()}
        WebSocketChat("chat", known)

    tables = TABLES | {
        str(args.get("group_members_table", "")): GROUP_MEMBERS,
        str(args.get("connections_table", "")): WEB_SOCKET_CONNECTIONS,
    }
    assert run(with_outputs, tables=tables).resources.keys() == chat(args).resources.keys()


def test_an_output_that_is_not_allowed_fails_the_deployment() -> None:
    with pytest.raises(InvalidArgumentError, match="memory_size"):
        run(lambda: WebSocketChat("chat", {"memory_size": pulumi.Output.from_input(127)}))


def _with_second_audience(value: object) -> Graph:
    def program() -> None:
        audience = ["app", pulumi.Output.from_input(value)]
        WebSocketChat("chat", cast("WebSocketChatArgs", WITH_TOKENS | {"jwt_audience": audience}))

    return run(program)


def test_a_list_with_an_output_inside_is_resolved() -> None:
    function = _with_second_audience("other").resources["chat-authorizer-function"].inputs
    assert json.loads(function["environment"]["variables"]["JWT_AUDIENCE"]) == ["app", "other"]


def test_a_list_with_an_output_inside_is_checked_when_it_is_known() -> None:
    with pytest.raises(InvalidArgumentError, match=r"jwt_audience .* = \['app', 'a b'\] is not allowed"):
        _with_second_audience("a b")


@pytest.mark.parametrize("key", ["allowed_origins", "jwt_algorithms"])
def test_an_output_inside_a_plain_list_is_refused(key: str) -> None:
    graph = Graph()
    accepted = CASES[key].accepted[0][0]
    with pytest.raises(InvalidArgumentError, match="a plain value, known before the deployment") as refused:
        run(lambda: WebSocketChat("chat", _args(key, [pulumi.Output.from_input(accepted)])), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


@pytest.mark.parametrize("key", sorted(PLAIN))
def test_an_output_for_a_plain_argument_is_refused(key: str) -> None:
    graph = Graph()
    accepted = CASES[key].accepted[0]
    with pytest.raises(InvalidArgumentError) as refused:
        run(lambda: WebSocketChat("chat", _args(key, pulumi.Output.from_input(accepted))), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


CONTRADICTIONS: list[tuple[WebSocketChatArgs, str, str]] = [
    # the arguments, the argument to change, the allowed values in the error
    *(
        (cast("WebSocketChatArgs", {"authentication": mode, key: value}), key, "left out unless authentication is jwt")
        for mode in (Authentication.NONE, Authentication.IAM)
        for key, value in {
            "jwt_issuer": "https://issuer.example",
            "jwt_audience": ["app"],
            "jwt_jwks_url": "https://issuer.example/keys",
            "cognito_user_pool_id": POOL,
            "group_claim": "groups",
            "moderator_claim": "moderates",
        }.items()
    ),
    (
        {"authentication": Authentication.JWT, "jwt_audience": ["app"]},
        "jwt_issuer",
        "set for jwt, unless you set cognito_user_pool_id. Set one of the two, not both",
    ),
    (
        WITH_TOKENS | {"jwt_issuer": ""},
        "jwt_issuer",
        "set for jwt, unless you set cognito_user_pool_id. Set one of the two, not both",
    ),
    (
        WITH_TOKENS | {"cognito_user_pool_id": POOL},
        "jwt_issuer",
        "set for jwt, unless you set cognito_user_pool_id. Set one of the two, not both",
    ),
    ({"authentication": Authentication.JWT, "jwt_issuer": "https://issuer.example"}, "jwt_audience", "set for jwt"),
    (WITH_TOKENS | {"jwt_audience": []}, "jwt_audience", "set for jwt"),
    (
        WITH_TOKENS | {"group_claim": "groups", "group_members_table": "GroupMembers"},
        "group_claim",
        "left out if group_members_table is set",
    ),
    ({"moderator_role": "admin", "group_members_table": "GroupMembers"}, "moderator_role", "unless changes is true"),
    (
        {"moderator_role": "admin", "changes": True},
        "moderator_role",
        "left out unless group_members_table is set",
    ),
    (WITH_TOKENS | {"moderator_claim": "moderates"}, "moderator_claim", "left out unless changes is true"),
    ({"require_origin": True}, "require_origin", "false unless allowed_origins is set"),
    ({"require_origin": True, "allowed_origins": []}, "require_origin", "false unless allowed_origins is set"),
    ({"certificate_arn": CERTIFICATE}, "certificate_arn", "left out unless domain_name is set"),
    ({"hosted_zone_id": ZONE}, "hosted_zone_id", "left out unless domain_name is set"),
    ({"domain_name": "chat.example.com"}, "certificate_arn", "set if domain_name is set"),
    ({"domain_name": "chat.example.com", "hosted_zone_id": ZONE}, "certificate_arn", "set if domain_name is set"),
    ({"on_moderation_failure": "closed"}, "on_moderation_failure", "open unless moderation_function is set"),
]
UNSET: WebSocketChatArgs = {"jwt_issuer": "", "jwt_audience": [], "certificate_arn": ""}


@pytest.mark.parametrize(("args", "key", "allowed"), CONTRADICTIONS, ids=_short)
def test_contradicting_arguments_are_refused(args: WebSocketChatArgs, key: str, allowed: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(args, graph=graph)

    value = {**UNSET, **args}[key]
    for part in (key, CASES[key].config_key, repr(value), allowed):
        assert part in str(refused.value)
    assert refused.value.key == key
    assert (graph.resources, graph.calls) == ({}, [])


@pytest.mark.parametrize("key", ["jwt_issuer", "jwt_jwks_url", "cognito_user_pool_id"])
def test_an_output_that_contradicts_another_argument_is_refused(key: str) -> None:
    def with_output() -> None:
        WebSocketChat("chat", cast("WebSocketChatArgs", {key: pulumi.Output.from_input(CASES[key].accepted[0])}))

    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="left out unless authentication is jwt") as refused:
        run(with_output, graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


def test_an_unknown_authentication_is_refused_in_python() -> None:
    with pytest.raises(InvalidArgumentError, match=r"authentication = 'cognito' is not allowed.*none, jwt, iam"):
        Authentication("cognito")
