"""Test values of every argument, one case per argument. Add a case here for a new argument."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components import Authentication, WebSocketChatArgs

from .stack import ACCOUNT, REGION, ZONE

POOL = "us-east-1_AbCdEfGhI"
MODERATOR = "arn:aws:lambda:eu-central-1:123456789012:function:Moderate"
BUS = "arn:aws:events:eu-central-1:123456789012:event-bus/chat"
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1234abcd-12ab-34cd-56ef-1234567890ab"
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
    *("issuer.example", "https:///a", "https://issuer.example:", "https://[::1]a", "https://a[::1]", "https://[v1.a]"),
    *("https://[::1", "https://[fe80::1%25eth0]", "http://[2001:db8::1]", "https://issuer.example:65536"),
    *("https://issuer.example?", "https://issuer.example#", "https://issuer.example/a b", "https://issuer.example/\\a"),
    *(1, True, ["https://issuer.example"]),
]
NO_ORIGINS = [
    *("https://app.example.com/", "https://app.example.com/chat", "https://app.example.com?a=b", "app.example.com"),
    *("https://App.example.com", "HTTPS://app.example.com", "https://app.example.com\n", " https://app.example.com"),
    *("https://app.*.com", "https://*", "https://*.", "https://*app.example.com", "https://app*.example.com"),
    *("https://*.*.example.com", "*", "*://app.example.com", "https://.example.com", "https://app..example.com"),
    *("https://user@app.example.com", "https://app.example.com:", "https://app.example.com:port", "null", "", 1, None),
    *("http://[::1", "http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:80", "http://[fe80::1%eth0]", "http://::1"),
    *("file:///", "file:///index.html", "file:", "https://app.example.com:65536"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The values of an argument.

    Attributes:
        config_key: The name in the config.
        default: The default value.
        other: Another value. The other values of all arguments are valid together, also after :data:`INSTEAD`
            has replaced some of them.
        allowed: The text of the error that says what is allowed, or its start.
        accepted: Values that are accepted.
        refused: Values that are refused.
        plain: Whether an ``Output`` is refused. It is if the value decides which resources are registered or their
            names, or if it is part of another text.
    """

    config_key: str
    default: Any
    other: Any
    allowed: str
    accepted: list[Any]
    refused: list[Any]
    plain: bool = False


def _switch(config_key: str, *, default: bool = False, plain: bool = True) -> Case:
    return Case(
        config_key=config_key,
        default=default,
        other=not default,
        plain=plain,
        allowed="true or false",
        accepted=[True, False],
        refused=[0, 1, "true", "false"],
    )


CASES: Mapping[str, Case] = {
    "stage_name": Case(
        config_key="stageName",
        default="production",
        other="test",
        plain=True,
        allowed="1 to 128 letters, digits, '-' and '_'",
        accepted=["a", "x" * 128, "Stage-1_b"],
        refused=["", "x" * 129, "$default", "a b", "a/b", "stage\n", "ä", 1, True],
    ),
    "domain_name": Case(
        config_key="domainName",
        default="",
        other="chat.example.com",
        allowed="a domain of up to 253 characters in lower case, such as chat.example.com",
        accepted=[
            *("chat.example.com", "example.com", "a-1.b.example.com", "xn--bcher-kva.example.com", "1.example.com"),
            "x" * 63 + "." + ".".join(["a"] * 89) + ".example.com",
        ],
        refused=[
            *("chat", "https://chat.example.com", "chat.example.com/", "chat.example.com:443", "chat.example.com."),
            *(
                "Chat.example.com",
                "*.example.com",
                ".example.com",
                "chat..example.com",
                "-a.example.com",
                "a-.example.com",
            ),
            *(
                "chat_1.example.com",
                "chät.example.com",
                "10.0.0.1",
                "x" * 64 + ".example.com",
                "chat.example.com\n",
                " ",
            ),
            *("a." * 122 + "example.com", 1, True, ["chat.example.com"]),
        ],
    ),
    "certificate_arn": Case(
        config_key="certificateArn",
        default="",
        other=CERTIFICATE,
        allowed="the ARN of a certificate of ACM, such as",
        accepted=[CERTIFICATE, CERTIFICATE.replace("arn:aws", "arn:aws-us-gov")],
        refused=[
            *(
                "1234abcd",
                CERTIFICATE.replace("acm", "iam"),
                CERTIFICATE.replace("certificate/", "server-certificate/"),
            ),
            *(CERTIFICATE.replace(ACCOUNT, "*"), CERTIFICATE.replace(REGION, ""), CERTIFICATE.rpartition("/")[0] + "/"),
            *(
                f"{CERTIFICATE}\n",
                f"{CERTIFICATE}/a",
                CERTIFICATE.replace("acm", "acm-pca"),
                "*",
                1,
                True,
                [CERTIFICATE],
            ),
        ],
    ),
    "hosted_zone_id": Case(
        config_key="hostedZoneId",
        default="",
        other=ZONE,
        allowed="the id of a hosted zone of Route 53, such as Z0123456789ABCDEFGHIJ",
        accepted=[ZONE, "Z" + "A" * 31],
        refused=[f"/hostedzone/{ZONE}", "Z", "Z" + "A" * 32, ZONE.lower(), "A1", f"{ZONE}\n", "example.com", 1, True],
    ),
    "name_prefix": Case(
        config_key="namePrefix",
        default="WebSocket",
        other="Other-",
        plain=True,
        allowed="1 to 53 letters, digits, '-' and '_'",
        accepted=["a", "x" * 53, "My-Chat_2"],
        refused=["", "x" * 54, "a.b", "a b", "a\n", 1, True],
    ),
    "role_name": Case(
        config_key="roleName",
        default="",
        other="chat.role-1",
        plain=True,
        allowed="up to 64 letters, digits and characters of _+=,.@-",
        accepted=["", "a", "x" * 64, "Chat_Role+=,.@-2"],
        refused=["x" * 65, "a/b", "a b", "role\n", "ä", "arn:aws:iam::123456789012:role/chat", 1, True],
    ),
    "messages_table": Case(
        config_key="messagesTable",
        default="ChatMessages",
        other="OtherMessages",
        allowed="3 to 100 letters, digits, '-', '_' and '.'",
        accepted=["abc", "x" * 100, "My.Table-1_b"],
        refused=["", "ab", "x" * 101, "a/b", "a b", "abc\n", 1, True],
    ),
    "create_messages_table": _switch("createMessagesTable"),
    "destroy_messages": _switch("destroyMessages"),
    "unread": _switch("unread"),
    "publish": _switch("publish"),
    "system_name": Case(
        config_key="systemName",
        default="System",
        other="Robot",
        plain=True,
        allowed="1 to 64 characters, but no quotes, backslashes or line breaks",
        accepted=["S", "x" * 64, "Das System 🤖"],
        refused=["", "x" * 65, 'the "bot"', "a\\b", "bot\n", 1, True],
    ),
    "changes": _switch("changes"),
    "moderator_role": Case(
        config_key="moderatorRole",
        default="",
        other="",
        allowed="up to 64 characters",
        accepted=["admin", "", "x" * 64, "Gruppenführerin 2"],
        refused=["x" * 65, "a\n", 1, True, ["admin"]],
    ),
    "moderator_claim": Case(
        config_key="moderatorClaim",
        default="",
        other="moderates",
        plain=True,
        allowed="a claim's name of up to 128 ASCII characters",
        accepted=["moderates", "", "x" * 128],
        refused=["x" * 129, "groups\n", 1, False, ["groups"]],
    ),
    "connections_table": Case(
        config_key="connectionsTable",
        default="",
        other="",
        allowed="3 to 100 letters, digits, '-', '_' and '.'",
        accepted=["def", "", "y" * 100, "My.Table-2_c"],
        refused=["ab", "x" * 101, "a/b", "a b", "abc\n", "arn:aws:dynamodb", 1, True],
    ),
    "memory_size": Case(
        config_key="memorySize",
        default=512,
        other=1024,
        allowed="an integer from 128 to 10240 (MB)",
        accepted=[128, 10_240],
        refused=[127, 10_241, 512.5, "512", True, [512]],
    ),
    "timeout": Case(
        config_key="timeout",
        default=25,
        other=10,
        allowed="an integer from 5 to 29 (seconds)",
        accepted=[5, 29],
        refused=[4, 30, 3.5, "25", True],
    ),
    "reserved_concurrency": Case(
        config_key="reservedConcurrency",
        default=-1,
        other=7,
        allowed="an integer from -1 to",
        accepted=[-1, 0, 1_000_000],
        refused=[-2, 1_000_001, "0", False],
    ),
    "log_retention_days": Case(
        config_key="logRetentionDays",
        default=30,
        other=90,
        allowed="one of 0, 1, 3, 5, 7, 14, 30,",
        accepted=[0, 1, 30, 1096, 3653],
        refused=[-1, 2, 3654, "30", True, False],
    ),
    "access_logs": Case(
        config_key="accessLogs",
        default="off",
        other="managed",
        plain=True,
        allowed="off, existing or managed",
        accepted=["off", "existing", "managed"],
        refused=["", "OFF", "on", "managed\n", " off", False, True, 1, ["managed"]],
    ),
    "throttling_rate": Case(
        config_key="throttlingRate",
        default=1000,
        other=20,
        allowed="an integer from 1 to 10000 (requests per second)",
        accepted=[1, 10_000],
        refused=[0, 10_001, "1", True],
    ),
    "throttling_burst": Case(
        config_key="throttlingBurst",
        default=500,
        other=10,
        allowed="an integer from 1 to 5000 (requests)",
        accepted=[1, 5_000],
        refused=[0, 5_001, "1", True],
    ),
    "tags": Case(
        config_key="tags",
        default={},
        other={"Team": "Chat", "Stage": "Test"},
        plain=True,
        allowed="up to 49, with keys of 1 to 128 and values of up to 256 characters. These are letters, digits, spaces",
        accepted=[
            *({}, {"k": ""}, {"k" * 128: "v" * 256}, {str(n): "" for n in range(49)}, {"my:aws:": "x"}),
            {"Kostenstelle Köln_.:/=+-@": "日本 ٣ _.:/=+-@"},
        ],
        refused=[
            {"": "v"},
            {"k" * 129: ""},
            {"k": "v" * 257},
            {str(n): "" for n in range(50)},
            {"aws:k": "v"},
            {"AWS:k": "v"},
            {"websocket-chat:stack": "v"},
            {"Team": "a", "team": "a"},
            *({f"k{one}": "v"} for one in "&#,;(\t\n\0💬\u0301\ud800"),
            *({"k": f"v{one}"} for one in "&*\n💬"),
            {"k": 1.5},
            {"k": True},
            {"k": None},
            {None: "v"},
            {1: "v"},
            ["k=v"],
            "k=v",
        ],
    ),
    "point_in_time_recovery": _switch("pointInTimeRecovery", plain=False),
    "deletion_protection": _switch("deletionProtection"),
    "connection_ttl": Case(
        config_key="connectionTtl",
        default=10800,
        other=7200,
        allowed="an integer from 7200 to 604800 (seconds)",
        accepted=[7_200, 604_800],
        refused=[7_199, 604_801, "7200", True],
    ),
    "presence": _switch("presence", default=True),
    "event_member_limit": Case(
        config_key="eventMemberLimit",
        default=200,
        other=50,
        allowed="an integer from 1 to 1000 (members)",
        accepted=[1, 1_000],
        refused=[0, 1_001, "1", True],
    ),
    "read_receipt_limit": Case(
        config_key="readReceiptLimit",
        default=20,
        other=30,
        allowed="an integer from 1 to 1000 (members)",
        accepted=[1, 1_000],
        refused=[0, 1_001, "1", True],
    ),
    "broadcast_threshold": Case(
        config_key="broadcastThreshold",
        default=1000,
        other=100,
        allowed="an integer from 2 to 2000 (connections)",
        accepted=[2, 2_000],
        refused=[1, 2_001, "2", True],
    ),
    "fan_out_rate": Case(
        config_key="fanOutRate",
        default=5_000,
        other=2_000,
        allowed="an integer from 100 to 100000 (posts per second)",
        accepted=[100, 100_000],
        refused=[99, 100_001, 500.5, "5000", True],
    ),
    "tracing": _switch("tracing"),
    "alarms": Case(
        config_key="alarms",
        default="",
        other=TOPIC,
        allowed="the ARN of an SNS topic, such as arn:aws:sns:eu-central-1:123456789012:alerts",
        accepted=[TOPIC, "", TOPIC.replace("aws", "aws-cn").replace("eu-central", "cn-north"), TOPIC + "x" * 250],
        refused=[
            *("alerts", TOPIC.rpartition(":")[0], TOPIC + "x" * 251, TOPIC.replace("sns", "sqs"), f"{TOPIC}\n"),
            *(TOPIC.replace("123456789012", "*"), f"{TOPIC}.fifo", f"{TOPIC}:1234", "*", 1, True, [TOPIC]),
        ],
    ),
    "account_request_rate": Case(
        config_key="accountRequestRate",
        default=10_000,
        other=2_500,
        allowed="an integer from 1 to 1000000 (requests per second)",
        accepted=[1, 1_000_000],
        refused=[0, 1_000_001, 2.5, "10000", True],
    ),
    "dashboard": _switch("dashboard"),
    "authentication": Case(
        config_key="authentication",
        default=Authentication.NONE,
        other=Authentication.JWT,
        plain=True,
        allowed="none, jwt, iam",
        accepted=["none", "iam", Authentication.NONE, Authentication.IAM],
        refused=["", "JWT", "jwt\n", " jwt", "no", "cognito", False, 0, ["jwt"], {}],
    ),
    "jwt_issuer": Case(
        config_key="jwtIssuer",
        default="",
        other="https://issuer.example",
        allowed="an https URL",
        accepted=[
            *(
                "https://issuer.example",
                "https://issuer.example/",
                "https://issuer.example:8443/realms/Chat_1/v2.0/~a%20",
            ),
            *("http://127.0.0.1:8080", "http://localhost/issuer", "http://[::1]:8080", "https://[2001:db8::1]/a;b=c"),
        ],
        refused=NO_URLS,
    ),
    "jwt_audience": Case(
        config_key="jwtAudience",
        default=[],
        other=["app", "https://api.example"],
        allowed="up to 10 texts of 1 to 256 ASCII characters, but no quotes or backslashes, 2,000 in all",
        accepted=[["app"], ["https://api.example/", "a&b"], ["x" * 200] * 10],
        refused=[
            ["é"],
            ["a b"],
            ['a"b'],
            ["a\\b"],
            ["x" * 200] * 9 + ["x" * 201],
            [""],
            ["x" * 257],
            ["app"] * 11,
            ["app\n"],
            [1.5],
            [True],
            [None],
            [["app"]],
            "app",
            ("app",),
            {"app": "app"},
            True,
        ],
    ),
    "jwt_jwks_url": Case(
        config_key="jwtJwksUrl",
        default="",
        other="https://keys.example/jwks",
        allowed="an https URL",
        accepted=[
            *("https://keys.example/.well-known/jwks.json", "https://keys.example/keys?appid=1-2&p=a_b", ""),
            "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
            *("http://127.0.0.1:8080/jwks.json", "http://localhost:1", "https://" + "x" * 504),
        ],
        refused=[url for url in NO_URLS if "?" not in str(url)],
    ),
    "jwt_algorithms": Case(
        config_key="jwtAlgorithms",
        default=["RS256"],
        other=["ES256", "EdDSA"],
        plain=True,
        allowed="a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
        accepted=[
            ["RS256"],
            ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
        ],
        refused=[
            *(["none"], ["None"], ["NONE"], ["HS256"], ["HS384"], ["HS512"], ["RS256", "none"], ["ES256", "HS256"]),
            *([], [""], ["*"], ["rs256"], ["RS256\n"], ["RS"], ["RS1"], ["RS2560"], ["ES256K"], ["RS256,ES256"]),
            *(["RS256"] * 11, [None], [1], "RS256", {"RS256": "RS256"}, True),
        ],
    ),
    "cognito_user_pool_id": Case(
        config_key="cognitoUserPoolId",
        default="",
        other="",
        allowed="like us-east-1_AbCdEfGhI",
        accepted=[POOL, "us-gov-west-1_x", "ap-southeast-2_" + "x" * 40],
        refused=[
            *(
                "us-east-1",
                "us-east-1_",
                "ap-southeast-2_" + "x" * 41,
                "us-east-1_AbC/x",
                "us-east-1_a.b",
                "_AbCdEfGhI",
            ),
            *("AbCdEfGhI", "us-east-1_a_b", "example.com/us-east-1_a", "US-EAST-1_a", f"{POOL}\n", f" {POOL}", 1, True),
        ],
    ),
    "user_claim": Case(
        config_key="userClaim",
        default="sub",
        other="email",
        allowed="a claim's name of 1 to 128 ASCII characters",
        accepted=["sub", "x" * 128, "https://app.example/user", "cognito:username"],
        refused=["", "x" * 129, "süb", "sub\n", 1, True, ["sub"]],
    ),
    "group_claim": Case(
        config_key="groupClaim",
        default="",
        other="cognito:groups",
        plain=True,
        allowed="a claim's name of up to 128 ASCII characters",
        accepted=["cognito:groups", "", "x" * 128],
        refused=["x" * 129, "groups\n", 1, False, ["groups"]],
    ),
    "name_claim": Case(
        config_key="nameClaim",
        default="",
        other="name",
        plain=True,
        allowed="a claim's name of up to 128 ASCII characters",
        accepted=["name", "", "x" * 128],
        refused=["x" * 129, "name\n", 1, False, ["name"]],
    ),
    "clock_skew": Case(
        config_key="clockSkew",
        default=30,
        other=11,
        allowed="an integer from 0 to 300 (seconds)",
        accepted=[0, 300],
        refused=[-1, 301, 0.5, "30", False],
    ),
    "group_members_table": Case(
        config_key="groupMembersTable",
        default="",
        other="",
        allowed="3 to 100 letters, digits, '-', '_' and '.'",
        accepted=["abc", "", "x" * 100, "My.Table-1_b"],
        refused=["ab", "x" * 101, "a/b", "a b", "abc\n", "arn:aws:dynamodb", 1, True],
    ),
    "membership_recheck": Case(
        config_key="membershipRecheck",
        default=60,
        other=13,
        allowed="an integer from 1 to 3600 (seconds)",
        accepted=[1, 3_600],
        refused=[0, 3_601, 1.5, "60", True],
    ),
    "moderation_function": Case(
        config_key="moderationFunction",
        default="",
        other=MODERATOR,
        allowed="the ARN of a Lambda function, of up to 170 characters",
        accepted=[
            *(MODERATOR, "", f"{MODERATOR}:live", f"{MODERATOR}:7", MODERATOR.replace("aws", "aws-us-gov")),
            MODERATOR.replace("Moderate", "m" * 64) + ":" + "l" * (170 - len(MODERATOR) - 64 + len("Moderate") - 1),
        ],
        refused=[
            *("Moderate", "Moderate:live", MODERATOR.replace("lambda", "sns"), MODERATOR.replace("123456789012", "")),
            *(MODERATOR.replace("Moderate", name) for name in ("*", "", "m" * 65, "a.b", "a/b", "a:b:c", "a:$LATEST")),
            *(f"{MODERATOR}\n", f"{MODERATOR}:", f"{MODERATOR}:*", MODERATOR.replace("eu-central-1", "*"), 1, True),
            f"{MODERATOR}:{'l' * (170 - len(MODERATOR))}",
        ],
    ),
    "on_moderation_failure": Case(
        config_key="onModerationFailure",
        default="open",
        other="closed",
        plain=True,
        allowed="open or closed",
        accepted=["open"],
        refused=["", "OPEN", "open\n", "shut", True, 1],
    ),
    "event_bus": Case(
        config_key="eventBus",
        default="",
        other="default",
        allowed="the name of a bus of EventBridge, of 1 to 64 letters, digits, '.', '_' and '-', or its ARN",
        accepted=["default", "", "x" * 64, "My.Bus-1_b", BUS, BUS + "x" * 60],
        refused=["x" * 65, "a/b", "a b", "bus\n", "arn:aws:sqs:a", BUS.replace("events", "sns"), BUS + "/x", 1, True],
    ),
    "event_text": _switch("eventText", plain=False),
    "allowed_origins": Case(
        config_key="allowedOrigins",
        default=[],
        other=["https://app.example.com", "https://*.example.org"],
        plain=True,
        allowed="up to 20 of 1,024 characters in all, each in lower case and without a path",
        accepted=[
            ["https://app.example.com"],
            [],
            ["https://*.example.com", "http://localhost:3000", "http://127.0.0.1", "chrome-extension://abcdef"],
            ["http://[::1]:3000", "file://", "capacitor://localhost"],
            ["https://" + "x" * 504] * 2,
            ["https://a"] * 20,
        ],
        refused=[
            *([origin] for origin in NO_ORIGINS),
            ["https://app.example.com", "https://app.example.com/"],
            ["https://" + "x" * 504, "https://" + "x" * 505],
            ["https://a"] * 21,
            *("https://app.example.com", "", {"https://app.example.com": ""}, True),
        ],
    ),
    "require_origin": _switch("requireOrigin"),
    "message_rate": Case(
        config_key="messageRate",
        default=10,
        other=3,
        allowed="an integer from 1 to 1000 (frames per second)",
        accepted=[1, 1_000],
        refused=[0, 1_001, 0.5, "10", True],
    ),
    "message_burst": Case(
        config_key="messageBurst",
        default=20,
        other=5,
        allowed="an integer from 1 to 1000 (frames)",
        accepted=[1, 1_000],
        refused=[0, 1_001, 1.5, "20", True],
    ),
    "connections_per_user": Case(
        config_key="connectionsPerUser",
        default=50,
        other=7,
        plain=True,
        allowed="an integer from 0 to 1000 (connections; 0 sets no limit)",
        accepted=[1, 1_000, 0],
        refused=[-1, 1_001, 1.5, "50", True, False],
    ),
    "groups_per_connection": Case(
        config_key="groupsPerConnection",
        default=50,
        other=20,
        allowed="an integer from 1 to 100 (groups)",
        accepted=[1, 100],
        refused=[0, 101, 1.5, "50", True],
    ),
    "kms_key_arn": Case(
        config_key="kmsKeyArn",
        default="",
        other=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        allowed="the ARN of a KMS key",
        accepted=[KEY, "", KEY.replace("aws", "aws-us-gov"), KEY.replace("1234abcd", "mrk-1234")],
        refused=[
            *("alias/chat", KEY.rpartition("/")[2], KEY.replace("key/", "alias/"), KEY.replace("kms", "s3")),
            *(KEY.replace("123456789012", "*"), KEY.replace("eu-central-1", "*"), KEY.rpartition("/")[0] + "/*"),
            *(f"{KEY}\n", f"{KEY}/x", "*", 1, True),
        ],
    ),
}

INSTEAD: WebSocketChatArgs = {
    "jwt_issuer": "",
    "jwt_jwks_url": "",
    "cognito_user_pool_id": POOL,
    "group_claim": "",
    "group_members_table": "GroupMembers",
    "moderator_role": "admin",
    "connections_table": "TheirConnections",
}
"""Replacements for some of the other values, where two arguments exclude each other."""
