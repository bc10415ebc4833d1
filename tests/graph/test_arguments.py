"""What the component's arguments may be. The config's keys are the same ones, in Pulumi's spelling."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pulumi
import pytest

from components import Authentication, InvalidArgumentError, WebSocketChat, WebSocketChatArgs
from components.arguments import Settings
from components.arguments.table import ARGUMENTS

from .stack import GROUP_MEMBERS, TABLES, WITH_TOKENS, Graph, chat, run

POOL = "us-east-1_AbCdEfGhI"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NO_URLS = [
    *("http://issuer.example", "http://127.0.0.1.issuer.example", "http://localhost@issuer.example", "http://10.0.0.1"),
    *("https://", "https:///path", "//issuer.example", "issuer.example", "ftp://issuer.example", "file:///etc/passwd"),
    *("https://issuer.example\n", " https://issuer.example", "https://a b", "https://user:pass@issuer.example"),
    *(
        "https://issuer.example?a=b",
        "https://issuer.example/#a",
        "https://issuer.example:port",
        "HTTPS://issuer.example",
    ),
    *(1, True, ["https://issuer.example"]),
]
NO_ORIGINS = [
    *("https://app.example.com/", "https://app.example.com/chat", "https://app.example.com?a=b", "app.example.com"),
    *("https://App.example.com", "HTTPS://app.example.com", "https://app.example.com\n", " https://app.example.com"),
    *("https://app.*.com", "https://*", "https://*.", "https://*app.example.com", "https://app*.example.com"),
    *("https://*.*.example.com", "*", "*://app.example.com", "https://.example.com", "https://app..example.com"),
    *("https://user@app.example.com", "https://app.example.com:", "https://app.example.com:port", "null", "", 1, None),
]

ALLOWED: Mapping[str, tuple[str, str, list[Any], list[Any]]] = {
    # argument: config key, what the error says is allowed, accepted, refused
    "stage_name": (
        "stageName",
        "1 to 128 letters, digits, '-' and '_'",
        ["a", "x" * 128, "Stage-1_b"],
        ["", "x" * 129, "$default", "a b", "a/b", "stage\n", "ä", 1, True],
    ),
    "name_prefix": (
        "namePrefix",
        "1 to 53 letters, digits, '-' and '_'",
        ["a", "x" * 53, "My-Chat_2"],
        ["", "x" * 54, "a.b", "a b", "a\n", 1, True],
    ),
    "messages_table": (
        "messagesTable",
        "3 to 255 letters, digits, '-', '_' and '.'",
        ["abc", "x" * 255, "My.Table-1_b"],
        ["", "ab", "x" * 256, "a/b", "a b", "abc\n", 1, True],
    ),
    "create_messages_table": ("createMessagesTable", "true or false", [True, False], [0, 1, "true"]),
    "memory_size": (
        "memorySize",
        "an integer from 128 to 10240 (MB)",
        [128, 10_240],
        [127, 10_241, 512.5, "512", True, [512]],
    ),
    "timeout": ("timeout", "an integer from 5 to 29 (seconds)", [5, 29], [4, 30, 3.5, "25", True]),
    "reserved_concurrency": (
        "reservedConcurrency",
        "an integer from -1 to",
        [-1, 0, 1_000_000],
        [-2, 1_000_001, "0", False],
    ),
    "log_retention_days": (
        "logRetentionDays",
        "one of 0, 1, 3, 5, 7, 14, 30,",
        [0, 1, 30, 1096, 3653],
        [-1, 2, 3654, "30", True, False],
    ),
    "throttling_rate": (
        "throttlingRate",
        "an integer from 1 to 10000 (requests per second)",
        [1, 10_000],
        [0, 10_001, "1", True],
    ),
    "throttling_burst": (
        "throttlingBurst",
        "an integer from 1 to 5000 (requests)",
        [1, 5_000],
        [0, 5_001, "1", True],
    ),
    "tags": (
        "tags",
        "up to 50, with keys of 1 to 128 and values of up to 256 characters, no key starting aws:",
        [{}, {"k": ""}, {"k" * 128: "v" * 256}, {str(n): "" for n in range(50)}, {"my:aws:": "x"}],
        [
            {"": "v"},
            {"k" * 129: ""},
            {"k": "v" * 257},
            {str(n): "" for n in range(51)},
            {"aws:k": "v"},
            {"AWS:k": "v"},
            {"k": 1},
            {1: "v"},
            ["k=v"],
            "k=v",
        ],
    ),
    "point_in_time_recovery": ("pointInTimeRecovery", "true or false", [True, False], [1, "false"]),
    "deletion_protection": ("deletionProtection", "true or false", [True, False], [1, "false"]),
    "connection_ttl": (
        "connectionTtl",
        "an integer from 7200 to 604800 (seconds)",
        [7_200, 604_800],
        [7_199, 604_801, "7200", True],
    ),
    "presence": ("presence", "true or false", [True, False], [1, "false"]),
    "event_member_limit": (
        "eventMemberLimit",
        "an integer from 1 to 1000 (members)",
        [1, 1_000],
        [0, 1_001, "1", True],
    ),
    "broadcast_threshold": (
        "broadcastThreshold",
        "an integer from 2 to 2000 (connections)",
        [2, 2_000],
        [1, 2_001, "2", True],
    ),
    "tracing": ("tracing", "true or false", [True, False], [1, "false"]),
    "authentication": (
        "authentication",
        "none, jwt, iam",
        ["none", "iam", Authentication.NONE, Authentication.IAM],
        ["", "JWT", "jwt\n", " jwt", "no", "cognito", False, 0, ["jwt"], {}],
    ),
    "jwt_issuer": (
        "jwtIssuer",
        "an https URL",
        [
            *(
                "https://issuer.example",
                "https://issuer.example/",
                "https://issuer.example:8443/realms/Chat_1/v2.0/~a%20",
            ),
            *("http://127.0.0.1:8080", "http://localhost/issuer"),
        ],
        NO_URLS,
    ),
    "jwt_audience": (
        "jwtAudience",
        "up to 10 texts of 1 to 256 ASCII characters, 2,000 in all",
        [["app"], ["https://api.example/", "a&b"], ["x" * 200] * 10],
        [
            ["é"],
            ["a b"],
            ["x" * 200] * 9 + ["x" * 201],
            [""],
            ["x" * 257],
            ["app"] * 11,
            ["app\n"],
            [1],
            [None],
            [["app"]],
            "app",
            ("app",),
            {"app": "app"},
            True,
        ],
    ),
    "jwt_jwks_url": (
        "jwtJwksUrl",
        "an https URL",
        [
            *("https://keys.example/.well-known/jwks.json", "https://keys.example/keys?appid=1-2&p=a_b", ""),
            *("http://127.0.0.1:8080/jwks.json", "http://localhost:1", "https://" + "x" * 504),
        ],
        [url for url in NO_URLS if "?" not in str(url)],
    ),
    "jwt_algorithms": (
        "jwtAlgorithms",
        "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
        [
            ["RS256"],
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
        ],
        [
            *(["none"], ["None"], ["NONE"], ["HS256"], ["HS384"], ["HS512"], ["RS256", "none"], ["ES256", "HS256"]),
            *([], [""], ["*"], ["rs256"], ["RS256\n"], ["RS"], ["RS1"], ["RS2560"], ["ES256K"], ["RS256,ES256"]),
            *(["RS256"] * 11, [None], [1], "RS256", {"RS256": "RS256"}, True),
        ],
    ),
    "cognito_user_pool_id": (
        "cognitoUserPoolId",
        "like us-east-1_AbCdEfGhI",
        [POOL, "us-gov-west-1_x", "ap-southeast-2_" + "x" * 55],
        [
            *("us-east-1", "us-east-1_", "us-east-1_" + "x" * 56, "us-east-1_AbC/x", "us-east-1_a.b", "_AbCdEfGhI"),
            *("AbCdEfGhI", "us-east-1_a_b", "example.com/us-east-1_a", "US-EAST-1_a", f"{POOL}\n", f" {POOL}", 1, True),
        ],
    ),
    "user_claim": (
        "userClaim",
        "a claim's name of 1 to 128 ASCII characters",
        ["sub", "x" * 128, "https://app.example/user", "cognito:username"],
        ["", "x" * 129, "süb", "sub\n", 1, True, ["sub"]],
    ),
    "group_claim": (
        "groupClaim",
        "a claim's name of up to 128 ASCII characters",
        ["cognito:groups", "", "x" * 128],
        ["x" * 129, "groups\n", 1, False, ["groups"]],
    ),
    "clock_skew": ("clockSkew", "an integer from 0 to 300 (seconds)", [0, 300], [-1, 301, 0.5, "30", False]),
    "group_members_table": (
        "groupMembersTable",
        "3 to 255 letters, digits, '-', '_' and '.'",
        ["abc", "", "x" * 255, "My.Table-1_b"],
        ["ab", "x" * 256, "a/b", "a b", "abc\n", "arn:aws:dynamodb", 1, True],
    ),
    "membership_recheck": (
        "membershipRecheck",
        "an integer from 1 to 3600 (seconds)",
        [1, 3_600],
        [0, 3_601, 1.5, "60", True],
    ),
    "allowed_origins": (
        "allowedOrigins",
        "up to 20 of 1,024 characters in all, each in lower case and without a path",
        [
            ["https://app.example.com"],
            [],
            ["https://*.example.com", "http://localhost:3000", "http://127.0.0.1", "chrome-extension://abcdef"],
            ["https://" + "x" * 504] * 2,
            ["https://a"] * 20,
        ],
        [
            *([origin] for origin in NO_ORIGINS),
            ["https://app.example.com", "https://app.example.com/"],
            ["https://" + "x" * 504, "https://" + "x" * 505],
            ["https://a"] * 21,
            *("https://app.example.com", "", {"https://app.example.com": ""}, True),
        ],
    ),
    "require_origin": ("requireOrigin", "true or false", [True, False], [0, 1, "true"]),
    "message_rate": (
        "messageRate",
        "an integer from 1 to 1000 (frames per second)",
        [1, 1_000],
        [0, 1_001, 0.5, "10", True],
    ),
    "message_burst": ("messageBurst", "an integer from 1 to 1000 (frames)", [1, 1_000], [0, 1_001, 1.5, "20", True]),
    "connections_per_user": (
        "connectionsPerUser",
        "an integer from 1 to 1000 (connections)",
        [1, 1_000],
        [0, 1_001, 1.5, "50", True],
    ),
    "kms_key_arn": (
        "kmsKeyArn",
        "the ARN of a KMS key",
        [KEY, "", KEY.replace("aws", "aws-us-gov"), KEY.replace("1234abcd", "mrk-1234")],
        [
            *("alias/chat", KEY.rpartition("/")[2], KEY.replace("key/", "alias/"), KEY.replace("kms", "s3")),
            *(KEY.replace("123456789012", "*"), KEY.replace("eu-central-1", "*"), KEY.rpartition("/")[0] + "/*"),
            *(f"{KEY}\n", f"{KEY}/x", "*", 1, True),
        ],
    ),
}
PLAIN = {
    *("stage_name", "name_prefix", "messages_table", "create_messages_table", "presence", "tags"),
    *("authentication", "jwt_algorithms", "group_claim", "group_members_table", "allowed_origins", "require_origin"),
}
"""Arguments that decide what is registered or under which name, or are within another text, and so known before."""
COMPANIONS: Mapping[str, WebSocketChatArgs] = {
    "jwt_issuer": {"authentication": Authentication.JWT, "jwt_audience": ["app"]},
    "jwt_audience": {"authentication": Authentication.JWT, "jwt_issuer": "https://issuer.example"},
    "jwt_jwks_url": WITH_TOKENS,
    "jwt_algorithms": WITH_TOKENS,
    "cognito_user_pool_id": {"authentication": Authentication.JWT, "jwt_audience": ["app"]},
    "user_claim": WITH_TOKENS,
    "group_claim": WITH_TOKENS,
    "clock_skew": WITH_TOKENS,
    "require_origin": {"allowed_origins": ["https://app.example.com"]},
}
"""What an argument is given with: alone it would be refused, or do nothing."""


OF_TOKENS = {key for key, argument in ARGUMENTS.items() if argument.only_for == "jwt"}
TOGETHER: Mapping[str, tuple[set[str], dict[str, Authentication]]] = {
    # case: arguments to leave out, arguments with one value
    "no tokens": (OF_TOKENS | {"messages_table"}, {}),
    "issuer and claim": ({"cognito_user_pool_id", "group_members_table"}, {"authentication": Authentication.JWT}),
    "pool and members": ({"jwt_issuer", "group_claim", "messages_table"}, {"authentication": Authentication.JWT}),
}
"""Arguments that can be given together. One table cannot be both that of the messages and that of the members."""


def _args(key: str, value: object) -> WebSocketChatArgs:
    return cast("WebSocketChatArgs", {**COMPANIONS.get(key, {}), key: value})


def _short(value: object) -> str:
    return repr(value)[:30]


ACCEPTED = [(key, value) for key, (_, _, accepted, _) in ALLOWED.items() for value in accepted]
REFUSED = [(key, value) for key, (_, _, _, refused) in ALLOWED.items() for value in refused]


def test_these_are_all_arguments() -> None:
    assert ALLOWED.keys() == WebSocketChatArgs.__annotations__.keys() == ARGUMENTS.keys()


@pytest.mark.parametrize("key", ARGUMENTS)
def test_the_default_is_allowed(key: str) -> None:
    assert ARGUMENTS[key].rule.accepts(ARGUMENTS[key].default)


@pytest.mark.parametrize(("key", "value"), ACCEPTED, ids=_short)
def test_accepts(key: str, value: object) -> None:
    assert getattr(Settings.of(_args(key, value)), key) == value


def _accepted_together(case: str, turn: int) -> WebSocketChatArgs:
    """All arguments that can be given together, each with its accepted value of that turn."""
    left_out, fixed = TOGETHER[case]
    values = {key: accepted[turn % len(accepted)] for key, (_, _, accepted, _) in ALLOWED.items()}
    return cast("WebSocketChatArgs", {key: values[key] for key in values.keys() - left_out} | fixed)


@pytest.mark.parametrize("turn", range(max(len(accepted) for _, _, accepted, _ in ALLOWED.values())))
@pytest.mark.parametrize("case", TOGETHER)
def test_every_accepted_value_can_be_deployed(case: str, turn: int) -> None:
    assert chat(_accepted_together(case, turn)).resources


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=_short)
def test_refuses(key: str, value: object) -> None:
    with pytest.raises(InvalidArgumentError) as refused:
        Settings.of(_args(key, value))

    config_key, allowed, _, _ = ALLOWED[key]
    for part in (key, config_key, repr(value), allowed):
        assert part in str(refused.value)
    assert refused.value.key == key


@pytest.mark.parametrize("key", ALLOWED)
def test_refuses_before_anything_is_registered(key: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(_args(key, ALLOWED[key][3][0]), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


def test_refuses_an_unknown_argument_and_names_the_known() -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="memory = 512 is not allowed") as refused:
        chat(_args("memory", 512), graph=graph)
    assert all(key in str(refused.value) for key in ALLOWED)
    assert graph.resources == {}


def test_the_plain_arguments_are_these() -> None:
    assert {key for key, argument in ARGUMENTS.items() if argument.plain} == PLAIN


@pytest.mark.parametrize("key", sorted(ALLOWED.keys() - PLAIN))
def test_checks_an_output_when_it_is_known(key: str) -> None:
    config_key, allowed, (accepted, *_), (refused, *_) = ALLOWED[key]

    def with_output(value: object) -> Graph:
        def program() -> None:
            settings = Settings.of(_args(key, pulumi.Output.from_input(value)))
            pulumi.export("checked", getattr(settings, key))

        return run(program)

    assert with_output(accepted).outputs == {"checked": accepted}
    with pytest.raises(InvalidArgumentError) as error:
        with_output(refused)
    for part in (key, config_key, repr(refused), allowed):
        assert part in str(error.value)


@pytest.mark.parametrize("case", TOGETHER)
def test_outputs_deploy_the_same_resources(case: str) -> None:
    args = _accepted_together(case, 0)

    def with_outputs() -> None:
        known: Any = {key: value if key in PLAIN else pulumi.Output.from_input(value) for key, value in args.items()}
        WebSocketChat("chat", known)

    tables = TABLES | {str(args.get("group_members_table", "")): GROUP_MEMBERS}
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
def test_refuses_an_output_inside_a_list_that_must_be_known_before(key: str) -> None:
    graph = Graph()
    accepted = ALLOWED[key][2][0][0]
    with pytest.raises(InvalidArgumentError, match="a plain value, known before the deployment") as refused:
        run(lambda: WebSocketChat("chat", _args(key, [pulumi.Output.from_input(accepted)])), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


@pytest.mark.parametrize("key", sorted(PLAIN))
def test_refuses_an_output_where_the_value_must_be_known_before(key: str) -> None:
    graph = Graph()
    accepted = ALLOWED[key][2][0]
    with pytest.raises(InvalidArgumentError) as refused:
        run(lambda: WebSocketChat("chat", _args(key, pulumi.Output.from_input(accepted))), graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


CONTRADICTIONS: list[tuple[WebSocketChatArgs, str, str]] = [
    # arguments, the one to change, what the error says is allowed
    *(
        (cast("WebSocketChatArgs", {"authentication": mode, key: value}), key, "left out unless authentication is jwt")
        for mode in (Authentication.NONE, Authentication.IAM)
        for key, value in {
            "jwt_issuer": "https://issuer.example",
            "jwt_audience": ["app"],
            "jwt_jwks_url": "https://issuer.example/keys",
            "cognito_user_pool_id": POOL,
            "group_claim": "groups",
        }.items()
    ),
    (
        {"authentication": Authentication.JWT, "jwt_audience": ["app"]},
        "jwt_issuer",
        "given for jwt, or else cognito_user_pool_id, and not both",
    ),
    (
        WITH_TOKENS | {"jwt_issuer": ""},
        "jwt_issuer",
        "given for jwt, or else cognito_user_pool_id, and not both",
    ),
    (
        WITH_TOKENS | {"cognito_user_pool_id": POOL},
        "jwt_issuer",
        "given for jwt, or else cognito_user_pool_id, and not both",
    ),
    ({"authentication": Authentication.JWT, "jwt_issuer": "https://issuer.example"}, "jwt_audience", "given for jwt"),
    (WITH_TOKENS | {"jwt_audience": []}, "jwt_audience", "given for jwt"),
    (
        WITH_TOKENS | {"group_claim": "groups", "group_members_table": "GroupMembers"},
        "group_claim",
        "left out beside group_members_table",
    ),
    ({"require_origin": True}, "require_origin", "false without allowed_origins"),
    ({"require_origin": True, "allowed_origins": []}, "require_origin", "false without allowed_origins"),
]
UNSET: WebSocketChatArgs = {"jwt_issuer": "", "jwt_audience": []}


@pytest.mark.parametrize(("args", "key", "allowed"), CONTRADICTIONS, ids=_short)
def test_refuses_arguments_that_contradict_each_other(args: WebSocketChatArgs, key: str, allowed: str) -> None:
    graph = Graph()
    with pytest.raises(InvalidArgumentError) as refused:
        chat(args, graph=graph)

    value = {**UNSET, **args}[key]
    for part in (key, ALLOWED[key][0], repr(value), allowed):
        assert part in str(refused.value)
    assert refused.value.key == key
    assert (graph.resources, graph.calls) == ({}, [])


@pytest.mark.parametrize("key", ["jwt_issuer", "jwt_jwks_url", "cognito_user_pool_id"])
def test_refuses_an_output_that_contradicts_another_argument(key: str) -> None:
    def with_output() -> None:
        WebSocketChat("chat", cast("WebSocketChatArgs", {key: pulumi.Output.from_input(ALLOWED[key][2][0])}))

    graph = Graph()
    with pytest.raises(InvalidArgumentError, match="left out unless authentication is jwt") as refused:
        run(with_output, graph=graph)
    assert refused.value.key == key
    assert graph.resources == {}


def test_refuses_another_authentication_where_python_makes_it() -> None:
    with pytest.raises(InvalidArgumentError, match=r"authentication = 'cognito' is not allowed.*none, jwt, iam"):
        Authentication("cognito")
