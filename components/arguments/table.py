"""The table of arguments: one row per argument of ``WebSocketChat``.

Validation and the reading of the config use the rows. ``make generate`` writes three texts from them: the types in
``generated.py``, the ``config:`` section of ``Pulumi.yaml``, and the table in ``README.md``. To add an argument, add
its row here, and run ``make generate``.
"""

import re
from dataclasses import dataclass
from typing import Any

from .authentication import Authentication
from .rules import BOOLEAN, TAGS, Rule, config_key, integer, is_integer, matches, text, texts, url
from .urls import is_origin

LOG_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html, and 0 for ever."""

_WORD = "[!-~]"
_TABLE_NAME = "[A-Za-z0-9_.-]{3,100}"
"""DynamoDB allows 255 characters. The policies name a table several times, and must stay below MAX_CHARACTERS of
``policy.py``."""
_TABLE_NAME_ALLOWED = "3 to 100 letters, digits, '-', '_' and '.'"
_FUNCTION_ARN = (
    r"((?=.{1,170}\Z)arn:aws[a-z-]*:lambda:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}"
    r"(:[A-Za-z0-9_-]{1,128})?)?"
)
"""AWS allows 64 characters for a function and 128 for an alias. With 170 in all, a function with the longest name may
have an alias of 40, and the policies stay below MAX_CHARACTERS of ``policy.py``.
https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html"""
_FUNCTION_ARN_ALLOWED = (
    "the ARN of a Lambda function, of up to 170 characters, such as "
    "arn:aws:lambda:eu-central-1:123456789012:function:Moderate or with :live at the end for the alias live"
)
_DOMAIN_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_CLAIM = text(f"{_WORD}{{0,128}}", "a claim's name of up to 128 ASCII characters")
_ALGORITHMS = "(RS|PS|ES)(256|384|512)|EdDSA"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One row of the table.

    Attributes:
        name: Name in Python. The config has it in camel case.
        rule: Type, range and unit.
        default: Value if the argument is not given.
        text: What the argument is, in whole sentences. Write other arguments and code between double backticks.
        unset: What an empty default means, in words that follow "Default:".
        plain: Whether the value must be known before the deployment, so that an ``Output`` is refused. It decides what
            Pulumi registers or under which name, or it is part of another text.
        only_for: The ``authentication`` that the argument belongs to. Empty: it always applies.
    """

    name: str
    rule: Rule
    default: Any
    text: str
    unset: str = "none"
    plain: bool = False
    only_for: str = ""

    @property
    def has_default(self) -> bool:
        """Whether the default is a value: an empty text, list or map means that the argument is not set."""
        return self.default not in ("", [], {})


# Each limit is AWS's own, if the row does not name another reason:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_ROWS = (
    Argument(
        name="stage_name",
        rule=text(r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, '-' and '_'"),
        default="production",
        plain=True,
        text="Name of the stage. It is the last part of the URL, unless you set ``domain_name``.",
    ),
    Argument(
        name="domain_name",
        # 253 is the limit of DNS, and the last label of a domain has a letter: https://www.rfc-editor.org/rfc/rfc1035
        rule=text(
            rf"((?=.{{1,253}}\Z)({_DOMAIN_LABEL}\.)+(?![0-9]+\Z){_DOMAIN_LABEL})?",
            "a domain of up to 253 characters in lower case, such as chat.example.com",
        ),
        default="",
        unset="none, clients connect to the API's own address",
        text="Domain of your own for clients: the URL is then ``wss://chat.example.com``, without a stage. Needs "
        "``certificate_arn``. Only WebSocket APIs can use the domain: an HTTP or REST API needs another one. Unless "
        "you set ``hosted_zone_id``, make the DNS record yourself: docs/operations.md says how.",
    ),
    Argument(
        name="certificate_arn",
        # https://docs.aws.amazon.com/acm/latest/userguide/acm-overview.html
        rule=text(
            r"(arn:aws[a-z-]*:acm:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:certificate/[A-Za-z0-9-]{1,64})?",
            "the ARN of a certificate of ACM, such as "
            "arn:aws:acm:eu-central-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
        ),
        default="",
        text="Certificate of AWS Certificate Manager for ``domain_name``, issued, and in the chat's region. If your "
        "program declares the certificate, pass the output ``certificate_arn`` of its validation.",
    ),
    Argument(
        name="hosted_zone_id",
        # https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html
        rule=text(r"(Z[A-Z0-9]{1,31})?", "the id of a hosted zone of Route 53, such as Z0123456789ABCDEFGHIJ"),
        default="",
        unset="none, you make the DNS record",
        text="Public hosted zone of Route 53 that contains ``domain_name``. The component makes the record for the "
        "domain there. Pulumi refuses if there is one already. If your program declares the zone, pass its output "
        "``zone_id``.",
    ),
    Argument(
        name="name_prefix",
        # The longest name that it starts is a function's: with SendMessage at the end it has 64 characters.
        rule=text(r"[A-Za-z0-9_-]{1,53}", "1 to 53 letters, digits, '-' and '_'"),
        default="WebSocket",
        plain=True,
        text="Start of every physical name that is fixed: ``WebSocket`` gives ``WebSocketConnections``, "
        "``WebSocketConnect`` and so on. A second instance or stack in the same account and region needs another "
        "prefix.",
    ),
    Argument(
        name="role_name",
        # https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
        rule=text(r"[A-Za-z0-9_+=,.@-]{0,64}", "up to 64 letters, digits and characters of _+=,.@-"),
        default="",
        unset="the prefix, then ``LambdaRole``",
        plain=True,
        text="Name of the functions' role. Roles have no region: to deploy into a second region of the same account, "
        "set another name there.",
    ),
    Argument(
        name="messages_table",
        rule=text(_TABLE_NAME, _TABLE_NAME_ALLOWED),
        default="ChatMessages",
        text="Name of the table that stores the messages. Its key is ``messageId``. Its index ``GroupIdIndex`` is on "
        "``groupId`` and ``timestamp``. If your program declares the table, pass its output ``name``.",
    ),
    Argument(
        name="create_messages_table",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Create the messages table. Set this if you do not have one yet. The table stays in AWS when you destroy "
        "the component, set this to false or name another table, unless ``destroy_messages`` was deployed before. If "
        "false, the table must exist, and Pulumi never changes it.",
    ),
    Argument(
        name="destroy_messages",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Delete the messages table that the component created, with its messages, when Pulumi removes it. The "
        "same holds for the table of ``unread``. Run ``pulumi up`` with this setting before the change that removes "
        "the table, because Pulumi goes by the last deployment.",
    ),
    Argument(
        name="unread",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Count unread messages: create a table of how far each user has read, and serve ``markRead``, "
        "``getReads`` and ``getGroups``. Like the messages table, it stays in AWS when you destroy the component or "
        "set this to false, unless ``destroy_messages`` was deployed before.",
    ),
    Argument(
        name="publish",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Create the function ``Publish``, with a role of its own. Your other programs call it to send messages, "
        "to read groups, and to add, remove or disconnect users. No client can reach it. If true, no client can "
        "connect as the user ``system``. docs/backend.md describes it.",
    ),
    Argument(
        name="system_name",
        rule=text(r"[^\x00-\x1f\x7f\"\\]{1,64}", "1 to 64 characters, but no quotes, backslashes or line breaks"),
        default="System",
        plain=True,
        text="Name of the sender of messages that your programs send as the system, if ``publish`` is true.",
    ),
    Argument(
        name="changes",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Let users edit and delete their messages, and react to messages: create a table that lists the changes "
        "of the last 30 days, and serve ``editMessage``, ``deleteMessage`` and ``react``. The messages themselves stay "
        "in the messages table, where other programs see the changes, too. The table of changes goes when you destroy "
        "the component or set this to false.",
    ),
    Argument(
        name="moderator_role",
        rule=text(".{0,64}", "up to 64 characters"),
        default="",
        unset="none, only the author can delete a message",
        text="Value of ``role`` in ``group_members_table`` whose members can delete the messages of others in their "
        "group, such as ``admin``. Needs ``group_members_table`` and ``changes``.",
    ),
    Argument(
        name="moderator_claim",
        rule=_CLAIM,
        default="",
        unset="none, only the author can delete a message",
        plain=True,
        only_for="jwt",
        text="Claim of a token that lists the groups in which its user can delete the messages of others. Needs "
        "``changes``.",
    ),
    Argument(
        name="connections_table",
        rule=text(f"({_TABLE_NAME})?", _TABLE_NAME_ALLOWED),
        default="",
        unset="none, the component creates a table",
        text="Name of an existing table of open connections. Pulumi never changes it. Several chats can share it. "
        "Its key is ``connectionId``. It needs an index ``GroupIdIndex`` on ``groupId`` with all attributes projected. "
        "Unless ``presence`` is false, it needs a stream with new and old images. Unless ``connections_per_user`` is "
        "0, it needs an index ``UserIdIndex`` on ``userId`` with all attributes projected. If your program declares "
        "the table, pass its output ``name``.",
    ),
    Argument(
        name="memory_size",
        rule=integer(128, 10_240, "MB"),
        default=512,
        text="Memory of each function. More memory also means more computing power.",
    ),
    Argument(
        name="timeout",
        rule=integer(5, 29, "seconds"),
        default=25,
        text="Longest run of a function. The highest value is the limit of a WebSocket integration.",
    ),
    Argument(
        name="reserved_concurrency",
        rule=integer(-1, 1_000_000, "concurrent runs; 0 disables the function, -1 reserves nothing"),
        default=-1,
        # https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
        text="Reserved concurrency of each function: it always has this many concurrent runs, and never more. A chat "
        "has 6 functions, with ``jwt`` 7, with ``publish`` one more, and without ``presence`` one less. The limit of "
        "your account must have room for all of them, and for 100 concurrent runs that are not reserved.",
    ),
    Argument(
        name="log_retention_days",
        rule=Rule(
            int,
            f"one of {', '.join(map(str, LOG_RETENTION_DAYS))} (days; 0 keeps them forever)",
            lambda value: is_integer(value) and value in LOG_RETENTION_DAYS,
        ),
        default=30,
        text="How long the logs are kept. CloudWatch Logs offers these periods only.",
    ),
    Argument(
        name="access_logs",
        rule=text("off|existing|managed", "off, existing or managed"),
        default="off",
        plain=True,
        # https://aws.amazon.com/cloudwatch/pricing/
        text="Log each handshake, frame of a client and end of a connection in API Gateway, with its result and the "
        "client's IP address, but without query string and token. ``existing`` uses the role that API Gateway has in "
        "your account. ``managed`` also creates this role. All APIs of the account and region share it, so set "
        "``managed`` in one stack only, and only if there is no role yet. The role stays in AWS when you destroy the "
        "component or change this. In us-east-1, a million lines cost about $0.17.",
    ),
    Argument(
        name="throttling_rate",
        rule=integer(1, 10_000, "requests per second"),
        default=1_000,
        text="Rate limit of the stage: requests that it accepts per second, from all clients together.",
    ),
    Argument(
        name="throttling_burst",
        rule=integer(1, 5_000, "requests"),
        default=500,
        text="Burst limit of the stage: requests that it accepts at the same moment, from all clients together.",
    ),
    Argument(
        name="tags",
        rule=TAGS,
        default={},
        plain=True,
        text="Tags of every resource that can have tags. In the config this is a list, and each tag is written "
        "``Key=Value``: ``pulumi config set --path 'tags[0]' Team=chat``.",
    ),
    Argument(
        name="point_in_time_recovery",
        rule=BOOLEAN,
        default=False,
        text="Point-in-time recovery of the tables that the component creates: you can restore them to any second of "
        "the last 35 days.",
    ),
    Argument(
        name="deletion_protection",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Deletion protection of the API, of the domain and of the tables that the component creates, so the URL "
        "and the data stay: Pulumi refuses to delete them, and DynamoDB refuses to delete the tables. To turn it off, "
        "do not use ``pulumi state unprotect``, as Pulumi suggests. Set this to false (in the config: ``pulumi config "
        "set deletionProtection false``), then run ``pulumi up``.",
    ),
    Argument(
        name="connection_ttl",
        rule=integer(7_200, 604_800, "seconds"),
        default=10_800,
        text="Time after which a connection row counts as gone. The lowest value is the longest life of a connection.",
    ),
    Argument(
        name="presence",
        rule=BOOLEAN,
        default=True,
        plain=True,
        text="Tell members who joins and who leaves. If false, the connections table has no stream, and the function "
        "that reads the stream does not exist.",
    ),
    Argument(
        name="event_member_limit",
        rule=integer(1, 1_000, "members"),
        default=200,
        text="Largest group that is told who joins, leaves and types. Every member gets each of these frames, so the "
        "cost grows with the square of the group's size. A group with more than four times as many connections "
        "counts as larger, too.",
    ),
    Argument(
        name="read_receipt_limit",
        rule=integer(1, 1_000, "members"),
        default=20,
        text="Largest group whose members are told how far the others have read, if ``unread`` is true. In a larger "
        "group, only the reader's own devices are told. A group with more than four times as many connections counts "
        "as larger, too.",
    ),
    Argument(
        name="broadcast_threshold",
        rule=integer(2, 2_000, "connections"),
        default=1_000,
        text="Connections that one run of a function serves. A larger group is split: asynchronous runs serve the "
        "rest, this many connections each.",
    ),
    Argument(
        name="fan_out_rate",
        rule=integer(100, 100_000, "posts per second"),
        default=5_000,
        text="Most posts per second that one message makes, in all runs that serve its group. So a message to a very "
        "large group leaves a part of your account's limit (``account_request_rate``) to the others. A group with "
        "fewer connections never waits. The run that sends the message hands over the rest of a larger group at this "
        "rate, so with a ``timeout`` of 25 seconds, a group may have about 23 times as many connections.",
    ),
    Argument(
        name="tracing",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Trace the functions with AWS X-Ray.",
    ),
    Argument(
        name="alarms",
        # https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html
        rule=text(
            r"(arn:aws[a-z-]*:sns:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:[A-Za-z0-9_-]{1,256})?",
            "the ARN of an SNS topic, such as arn:aws:sns:eu-central-1:123456789012:alerts",
        ),
        default="",
        unset="none, there are no alarms",
        # https://aws.amazon.com/cloudwatch/pricing/
        text="SNS topic that is told when something is wrong, and when it is over. There are alarms for errors and "
        "throttles of each function, the failures queue, the age of the stream, failed deliveries, errors of the API, "
        "its requests, and slow messages. docs/operations.md describes them. In us-east-1, each costs $0.10 a month, "
        "and the count of failed deliveries up to $0.30: $2.10 for the 18 alarms of a chat with the defaults. If your "
        "program declares the topic, pass its output ``arn``.",
    ),
    Argument(
        name="account_request_rate",
        rule=integer(1, 1_000_000, "requests per second"),
        default=10_000,
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
        text="Your account's limit of requests to API Gateway in this region. One of the ``alarms`` compares the chat "
        "with it. AWS gives most regions 10,000 and newer ones 2,500, and raises it if you ask. All APIs of the "
        "account share it, but the alarm sees this chat only.",
    ),
    Argument(
        name="dashboard",
        rule=BOOLEAN,
        default=False,
        plain=True,
        # https://aws.amazon.com/cloudwatch/pricing/
        text="Create a dashboard in CloudWatch: connections, messages, recipients, deliveries, refusals by error code, "
        "the time to serve a message, and the cost of each hour. Its figures come from metrics of AWS and from the "
        "functions' logs. In us-east-1 it costs $3.00 a month, and $0.30 for each of its 5 metrics of the logs and for "
        "each error code that occurs, in the hours in which they count something. The first 3 dashboards and 10 "
        "metrics of an account are free.",
    ),
    Argument(
        name="authentication",
        rule=Rule(Authentication, ", ".join(Authentication), lambda value: value in list(Authentication)),
        default=Authentication.NONE,
        plain=True,
        text="How clients prove who they are. With ``none``, anyone with the URL can connect as any user, and Pulumi "
        "warns you. ``jwt`` requires a token, ``iam`` a request signed with AWS credentials.",
    ),
    Argument(
        name="jwt_issuer",
        rule=url(),
        default="",
        only_for="jwt",
        text="Issuer of the tokens: the value that a token's ``iss`` must have. Needed for ``jwt``, unless you set "
        "``cognito_user_pool_id``.",
    ),
    Argument(
        name="jwt_audience",
        rule=texts(
            # Quotes and backslashes would take more room in the environment variables: see MAX_ENVIRONMENT.
            matches(r"[!#-[\]-~]{1,256}"),
            10,
            "up to 10 texts of 1 to 256 ASCII characters, but no quotes or backslashes, 2,000 in all",
            together=2_000,
        ),
        default=[],
        only_for="jwt",
        text="Accepted audiences: a token's ``aud`` must have one of these values. For Cognito, use the ids of your "
        "app clients. Needed for ``jwt``.",
    ),
    Argument(
        name="jwt_jwks_url",
        rule=url(query=True),
        default="",
        unset="the issuer's ``/.well-known/jwks.json``",
        only_for="jwt",
        text="Address of the issuer's public keys.",
    ),
    Argument(
        name="jwt_algorithms",
        rule=texts(
            matches(_ALGORITHMS),
            10,
            "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA",
            least=1,
        ),
        default=["RS256"],
        plain=True,
        only_for="jwt",
        text="Algorithms that a token may be signed with. Algorithms with a shared secret are never accepted.",
    ),
    Argument(
        name="cognito_user_pool_id",
        # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_DescribeUserPool.html
        rule=text(
            r"(?=.{0,55}\Z)([a-z]{2}(-[a-z]+)+-[0-9]_[A-Za-z0-9]+)?",
            "the id of a user pool, of up to 55 characters, like us-east-1_AbCdEfGhI",
        ),
        default="",
        only_for="jwt",
        text="Cognito user pool whose tokens are accepted. Set it in place of ``jwt_issuer``.",
    ),
    Argument(
        name="user_claim",
        rule=text(f"{_WORD}{{1,128}}", "a claim's name of 1 to 128 ASCII characters"),
        default="sub",
        only_for="jwt",
        text="Claim of a token that is the user's id. A number counts as its digits. For a claim inside another, write "
        "both with a dot between them.",
    ),
    Argument(
        name="group_claim",
        rule=_CLAIM,
        default="",
        unset="none, every group is open",
        plain=True,
        only_for="jwt",
        text="Claim of a token that lists the groups that its user may join, such as ``cognito:groups``, or "
        "``realm_access.roles`` for ``roles`` inside ``realm_access``. You cannot use it together with "
        "``group_members_table``.",
    ),
    Argument(
        name="name_claim",
        rule=_CLAIM,
        default="",
        unset="none, clients say their users' names",
        plain=True,
        only_for="jwt",
        text="Claim of a token that is the user's display name, such as ``name``. Then no client can show another, "
        "neither in messages nor in presence. A user whose token lacks it is shown by the id.",
    ),
    Argument(
        name="clock_skew",
        rule=integer(0, 300, "seconds"),
        default=30,
        only_for="jwt",
        text="How far the clock of the tokens' issuer may be ahead or behind.",
    ),
    Argument(
        name="group_members_table",
        rule=text(f"({_TABLE_NAME})?", _TABLE_NAME_ALLOWED),
        default="",
        unset="none, every group is open",
        text="Name of an existing table that lists who may join which group, such as ``GroupMembers``. It needs "
        "the index ``UserIdIndex`` on ``userId`` and the index ``GroupIdIndex`` on ``groupId``, both with all "
        "attributes projected. If your program declares the table, pass its output ``name``.",
    ),
    Argument(
        name="membership_recheck",
        rule=integer(1, 3_600, "seconds"),
        default=60,
        text="Longest time that a member stays connected after you remove them from ``group_members_table``.",
    ),
    Argument(
        name="moderation_function",
        rule=text(_FUNCTION_ARN, _FUNCTION_ARN_ALLOWED),
        default="",
        unset="none, every message is allowed",
        text="ARN of a Lambda function of yours that sees each message of a client before it is stored. It can refuse "
        "the message or change its text: docs/backend.md describes how. To call a version or an alias, end the ARN "
        "with it. If your program declares the function, pass its output ``arn``.",
    ),
    Argument(
        name="on_moderation_failure",
        rule=text("open|closed", "open or closed"),
        default="open",
        plain=True,
        text="What happens to a message if ``moderation_function`` fails or does not answer within a second. ``open`` "
        "stores it as it was sent. ``closed`` refuses it, and the client sends it again later.",
    ),
    Argument(
        name="event_bus",
        # AWS allows 256 characters. The policies must stay below MAX_CHARACTERS of ``policy.py``.
        rule=text(
            r"(arn:aws[a-z-]*:events:[a-z]+(-[a-z]+)+-[0-9]:[0-9]{12}:event-bus/)?[A-Za-z0-9._-]{1,64}|",
            "the name of a bus of EventBridge, of 1 to 64 letters, digits, '.', '_' and '-', or its ARN",
        ),
        default="",
        unset="none, there are no events",
        text="Bus of EventBridge that gets an event for each message, each change of a message, and, with "
        "``presence``, each user who joins or leaves a group: ``default``, or the name or ARN of another one. "
        "docs/backend.md describes the events. If your program declares the bus, pass its output ``arn``.",
    ),
    Argument(
        name="event_text",
        rule=BOOLEAN,
        default=False,
        text="Whether the events contain the text, the data and the sender's name of messages. If false, they have ids "
        "and times only.",
    ),
    Argument(
        name="allowed_origins",
        rule=texts(
            is_origin,
            20,
            "up to 20 of 1,024 characters in all, each in lower case and without a path, such as "
            "https://app.example.com or https://*.example.com",
        ),
        default=[],
        unset="none, pages of every origin may connect",
        plain=True,
        text="Origins of the pages that may connect. ``*.`` before a domain allows its subdomains. In Electron, pages "
        "that come from files have ``file://``.",
    ),
    Argument(
        name="require_origin",
        rule=BOOLEAN,
        default=False,
        plain=True,
        text="Refuse clients that send no origin, which are most likely not browsers. Needs ``allowed_origins``.",
    ),
    Argument(
        name="message_rate",
        rule=integer(1, 1_000, "frames per second"),
        default=10,
        text="Rate limit of a connection: frames that it may send per second in the long run.",
    ),
    Argument(
        name="message_burst",
        rule=integer(1, 1_000, "frames"),
        default=20,
        text="Burst limit of a connection: frames that it may send at once.",
    ),
    Argument(
        name="connections_per_user",
        rule=integer(0, 1_000, "connections; 0 sets no limit"),
        default=50,
        plain=True,
        text="Connections that a user may have at the same time, over all groups. One more is refused.",
    ),
    Argument(
        name="groups_per_connection",
        rule=integer(1, 100, "groups"),
        default=50,
        text="Groups that a connection may join at the same time, in addition to the group that it connects with. Each "
        "is a row in the connections table.",
    ),
    Argument(
        name="kms_key_arn",
        rule=text(r"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?", "the ARN of a KMS key"),
        default="",
        unset="none, AWS's own keys are used",
        text="Your customer managed KMS key. It encrypts the tables that the component creates, the logs and the "
        "queue. The key's policy must let CloudWatch Logs use it.",
    ),
)

ARGUMENTS = {row.name: row for row in _ROWS}
"""The rows by their names, in the order in which they are documented."""


def with_config_keys(text: str) -> str:
    """A text that names the arguments as the config does, and as other languages do."""
    once = re.sub(r"\w+ \(in config: (\w+)\)", r"\1", text)
    return re.sub(r"\w+", lambda word: config_key(word[0]) if word[0] in ARGUMENTS else word[0], once)
