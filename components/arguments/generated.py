"""Types of the arguments. ``make generate`` writes this file: edit ``table.py`` instead."""

from dataclasses import dataclass, field
from typing import TypedDict

import pulumi

from .authentication import Authentication


class WebSocketChatArgs(TypedDict, total=False):
    """Arguments of ``WebSocketChat``. All are optional. The defaults deploy what the CloudFormation stack deployed."""

    stage_name: str
    """Name of the stage. It is the last part of the URL, unless you set ``domain_name``.

    Allowed: 1 to 128 letters, digits, '-' and '_'. Default: ``production``."""
    domain_name: pulumi.Input[str]
    """Domain of your own for clients: the URL is then ``wss://chat.example.com``, without a stage. Needs
    ``certificate_arn``. Only WebSocket APIs can use the domain: an HTTP or REST API needs another one. Unless you set
    ``hosted_zone_id``, make the DNS record yourself: docs/operations.md says how.

    Allowed: a domain of up to 253 characters in lower case, such as chat.example.com. Default: none, clients connect to
    the API's own address."""
    certificate_arn: pulumi.Input[str]
    """Certificate of AWS Certificate Manager for ``domain_name``, issued, and in the chat's region. If your program
    declares the certificate, pass the output ``certificate_arn`` of its validation.

    Allowed: the ARN of a certificate of ACM, such as
    arn:aws:acm:eu-central-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab. Default: none."""
    hosted_zone_id: pulumi.Input[str]
    """Public hosted zone of Route 53 that contains ``domain_name``. The component makes the record for the domain
    there. Pulumi refuses if there is one already. If your program declares the zone, pass its output ``zone_id``.

    Allowed: the id of a hosted zone of Route 53, such as Z0123456789ABCDEFGHIJ. Default: none, you make the DNS
    record."""
    name_prefix: str
    """Start of every physical name that is fixed: ``WebSocket`` gives ``WebSocketConnections``, ``WebSocketConnect``
    and so on. A second instance or stack in the same account and region needs another prefix.

    Allowed: 1 to 53 letters, digits, '-' and '_'. Default: ``WebSocket``."""
    role_name: str
    """Name of the functions' role. Roles have no region: to deploy into a second region of the same account, set
    another name there.

    Allowed: up to 64 letters, digits and characters of _+=,.@-. Default: the prefix, then ``LambdaRole``."""
    messages_table: pulumi.Input[str]
    """Name of the table that stores the messages. Its key is ``messageId``. Its index ``GroupIdIndex`` is on
    ``groupId`` and ``timestamp``. If your program declares the table, pass its output ``name``.

    Allowed: 3 to 100 letters, digits, '-', '_' and '.'. Default: ``ChatMessages``."""
    create_messages_table: bool
    """Create the messages table. Set this if you do not have one yet. The table stays in AWS when you destroy the
    component, set this to false or name another table, unless ``destroy_messages`` was deployed before. If false, the
    table must exist, and Pulumi never changes it.

    Default: false."""
    destroy_messages: bool
    """Delete the messages table that the component created, with its messages, when Pulumi removes it. The same holds
    for the table of ``unread``. Run ``pulumi up`` with this setting before the change that removes the table, because
    Pulumi goes by the last deployment.

    Default: false."""
    unread: bool
    """Count unread messages: create a table of how far each user has read, and serve ``markRead``, ``getReads`` and
    ``getGroups``. Like the messages table, it stays in AWS when you destroy the component or set this to false, unless
    ``destroy_messages`` was deployed before.

    Default: false."""
    publish: bool
    """Create the function ``Publish``, with a role of its own. Your other programs call it to send messages, to read
    groups, and to add, remove or disconnect users. No client can reach it. If true, no client can connect as the user
    ``system``. docs/backend.md describes it.

    Default: false."""
    system_name: str
    """Name of the sender of messages that your programs send as the system, if ``publish`` is true.

    Allowed: 1 to 64 characters, but no quotes, backslashes or line breaks. Default: ``System``."""
    changes: bool
    """Let users edit and delete their messages, and react to messages: create a table that lists the changes of the
    last 30 days, and serve ``editMessage``, ``deleteMessage`` and ``react``. The messages themselves stay in the
    messages table, where other programs see the changes, too. The table of changes goes when you destroy the component
    or set this to false.

    Default: false."""
    moderator_role: pulumi.Input[str]
    """Value of ``role`` in ``group_members_table`` whose members can delete the messages of others in their group, such
    as ``admin``. Needs ``group_members_table`` and ``changes``.

    Allowed: up to 64 characters. Default: none, only the author can delete a message."""
    moderator_claim: str
    """For ``jwt`` only. Claim of a token that lists the groups in which its user can delete the messages of others.
    Needs ``changes``.

    Allowed: a claim's name of up to 128 ASCII characters. Default: none, only the author can delete a message."""
    connections_table: pulumi.Input[str]
    """Name of an existing table of open connections. Pulumi never changes it. Several chats can share it. Its key is
    ``connectionId``. It needs an index ``GroupIdIndex`` on ``groupId`` with all attributes projected. Unless
    ``presence`` is false, it needs a stream with new and old images. Unless ``connections_per_user`` is 0, it needs an
    index ``UserIdIndex`` on ``userId`` with all attributes projected. If your program declares the table, pass its
    output ``name``.

    Allowed: 3 to 100 letters, digits, '-', '_' and '.'. Default: none, the component creates a table."""
    memory_size: pulumi.Input[int]
    """Memory of each function. More memory also means more computing power.

    Allowed: an integer from 128 to 10240 (MB). Default: 512."""
    timeout: pulumi.Input[int]
    """Longest run of a function. The highest value is the limit of a WebSocket integration.

    Allowed: an integer from 5 to 29 (seconds). Default: 25."""
    reserved_concurrency: pulumi.Input[int]
    """Reserved concurrency of each function: it always has this many concurrent runs, and never more. A chat has 6
    functions, with ``jwt`` 7, with ``publish`` one more, and without ``presence`` one less. The limit of your account
    must have room for all of them, and for 100 concurrent runs that are not reserved.

    Allowed: an integer from -1 to 1000000 (concurrent runs; 0 disables the function, -1 reserves nothing). Default:
    -1."""
    log_retention_days: pulumi.Input[int]
    """How long the logs are kept. CloudWatch Logs offers these periods only.

    Allowed: one of 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653 (days; 0 keeps them forever). Default: 30."""
    access_logs: str
    """Log each handshake, frame of a client and end of a connection in API Gateway, with its result and the client's IP
    address, but without query string and token. ``existing`` uses the role that API Gateway has in your account.
    ``managed`` also creates this role. All APIs of the account and region share it, so set ``managed`` in one stack
    only, and only if there is no role yet. The role stays in AWS when you destroy the component or change this. In
    us-east-1, a million lines cost about $0.17.

    Allowed: off, existing or managed. Default: ``off``."""
    throttling_rate: pulumi.Input[int]
    """Rate limit of the stage: requests that it accepts per second, from all clients together.

    Allowed: an integer from 1 to 10000 (requests per second). Default: 1000."""
    throttling_burst: pulumi.Input[int]
    """Burst limit of the stage: requests that it accepts at the same moment, from all clients together.

    Allowed: an integer from 1 to 5000 (requests). Default: 500."""
    tags: dict[str, str]
    """Tags of every resource that can have tags. In the config this is a list, and each tag is written ``Key=Value``:
    ``pulumi config set --path 'tags[0]' Team=chat``.

    Allowed: up to 49, with keys of 1 to 128 and values of up to 256 characters. These are letters, digits, spaces and
    _.:/=+-@. No two keys may differ only in upper and lower case. No key may start with aws: (AWS reserves these) or
    websocket-chat: (the component's own). Default: none."""
    point_in_time_recovery: pulumi.Input[bool]
    """Point-in-time recovery of the tables that the component creates: you can restore them to any second of the last
    35 days.

    Default: false."""
    deletion_protection: bool
    """Deletion protection of the API, of the domain and of the tables that the component creates, so the URL and the
    data stay: Pulumi refuses to delete them, and DynamoDB refuses to delete the tables. To turn it off, do not use
    ``pulumi state unprotect``, as Pulumi suggests. Set this to false (in the config: ``pulumi config set
    deletionProtection false``), then run ``pulumi up``.

    Default: false."""
    connection_ttl: pulumi.Input[int]
    """Time after which a connection row counts as gone. The lowest value is the longest life of a connection.

    Allowed: an integer from 7200 to 604800 (seconds). Default: 10800."""
    presence: bool
    """Tell members who joins and who leaves. If false, the connections table has no stream, and the function that reads
    the stream does not exist.

    Default: true."""
    event_member_limit: pulumi.Input[int]
    """Largest group that is told who joins, leaves and types. Every member gets each of these frames, so the cost grows
    with the square of the group's size. A group with more than four times as many connections counts as larger, too.

    Allowed: an integer from 1 to 1000 (members). Default: 200."""
    read_receipt_limit: pulumi.Input[int]
    """Largest group whose members are told how far the others have read, if ``unread`` is true. In a larger group, only
    the reader's own devices are told. A group with more than four times as many connections counts as larger, too.

    Allowed: an integer from 1 to 1000 (members). Default: 20."""
    broadcast_threshold: pulumi.Input[int]
    """Connections that one run of a function serves. A larger group is split: asynchronous runs serve the rest, this
    many connections each.

    Allowed: an integer from 2 to 2000 (connections). Default: 1000."""
    fan_out_rate: pulumi.Input[int]
    """Most posts per second that one message makes, in all runs that serve its group. So a message to a very large
    group leaves a part of your account's limit (``account_request_rate``) to the others. A group with fewer connections
    never waits. The run that sends the message hands over the rest of a larger group at this rate, so with a
    ``timeout`` of 25 seconds, a group may have about 23 times as many connections.

    Allowed: an integer from 100 to 100000 (posts per second). Default: 5000."""
    tracing: bool
    """Trace the functions with AWS X-Ray.

    Default: false."""
    alarms: pulumi.Input[str]
    """SNS topic that is told when something is wrong, and when it is over. There are alarms for errors and throttles of
    each function, the failures queue, the age of the stream, failed deliveries, errors of the API, its requests, and
    slow messages. docs/operations.md describes them. In us-east-1, each costs $0.10 a month, and the count of failed
    deliveries up to $0.30: $2.10 for the 18 alarms of a chat with the defaults. If your program declares the topic,
    pass its output ``arn``.

    Allowed: the ARN of an SNS topic, such as arn:aws:sns:eu-central-1:123456789012:alerts. Default: none, there are no
    alarms."""
    account_request_rate: pulumi.Input[int]
    """Your account's limit of requests to API Gateway in this region. One of the ``alarms`` compares the chat with it.
    AWS gives most regions 10,000 and newer ones 2,500, and raises it if you ask. All APIs of the account share it, but
    the alarm sees this chat only.

    Allowed: an integer from 1 to 1000000 (requests per second). Default: 10000."""
    dashboard: bool
    """Create a dashboard in CloudWatch: connections, messages, recipients, deliveries, refusals by error code, the time
    to serve a message, and the cost of each hour. Its figures come from metrics of AWS and from the functions' logs. In
    us-east-1 it costs $3.00 a month, and $0.30 for each of its 5 metrics of the logs and for each error code that
    occurs, in the hours in which they count something. The first 3 dashboards and 10 metrics of an account are free.

    Default: false."""
    authentication: Authentication
    """How clients prove who they are. With ``none``, anyone with the URL can connect as any user, and Pulumi warns you.
    ``jwt`` requires a token, ``iam`` a request signed with AWS credentials.

    Allowed: none, jwt, iam. Default: ``none``."""
    jwt_issuer: pulumi.Input[str]
    """For ``jwt`` only. Issuer of the tokens: the value that a token's ``iss`` must have. Needed for ``jwt``, unless
    you set ``cognito_user_pool_id``.

    Allowed: an https URL of up to 512 characters. Default: none."""
    jwt_audience: pulumi.Input[list[pulumi.Input[str]]]
    """For ``jwt`` only. Accepted audiences: a token's ``aud`` must have one of these values. For Cognito, use the ids
    of your app clients. Needed for ``jwt``.

    Allowed: up to 10 texts of 1 to 256 ASCII characters, but no quotes or backslashes, 2,000 in all. Default: none."""
    jwt_jwks_url: pulumi.Input[str]
    """For ``jwt`` only. Address of the issuer's public keys.

    Allowed: an https URL of up to 512 characters. Default: the issuer's ``/.well-known/jwks.json``."""
    jwt_algorithms: list[str]
    """For ``jwt`` only. Algorithms that a token may be signed with. Algorithms with a shared secret are never accepted.

    Allowed: a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA. Default: RS256."""
    cognito_user_pool_id: pulumi.Input[str]
    """For ``jwt`` only. Cognito user pool whose tokens are accepted. Set it in place of ``jwt_issuer``.

    Allowed: the id of a user pool, of up to 55 characters, like us-east-1_AbCdEfGhI. Default: none."""
    user_claim: pulumi.Input[str]
    """For ``jwt`` only. Claim of a token that is the user's id. A number counts as its digits. For a claim inside
    another, write both with a dot between them.

    Allowed: a claim's name of 1 to 128 ASCII characters. Default: ``sub``."""
    group_claim: str
    """For ``jwt`` only. Claim of a token that lists the groups that its user may join, such as ``cognito:groups``, or
    ``realm_access.roles`` for ``roles`` inside ``realm_access``. You cannot use it together with
    ``group_members_table``.

    Allowed: a claim's name of up to 128 ASCII characters. Default: none, every group is open."""
    name_claim: str
    """For ``jwt`` only. Claim of a token that is the user's display name, such as ``name``. Then no client can show
    another, neither in messages nor in presence. A user whose token lacks it is shown by the id.

    Allowed: a claim's name of up to 128 ASCII characters. Default: none, clients say their users' names."""
    clock_skew: pulumi.Input[int]
    """For ``jwt`` only. How far the clock of the tokens' issuer may be ahead or behind.

    Allowed: an integer from 0 to 300 (seconds). Default: 30."""
    group_members_table: pulumi.Input[str]
    """Name of an existing table that lists who may join which group, such as ``GroupMembers``. It needs the index
    ``UserIdIndex`` on ``userId`` and the index ``GroupIdIndex`` on ``groupId``, both with all attributes projected. If
    your program declares the table, pass its output ``name``.

    Allowed: 3 to 100 letters, digits, '-', '_' and '.'. Default: none, every group is open."""
    membership_recheck: pulumi.Input[int]
    """Longest time that a member stays connected after you remove them from ``group_members_table``.

    Allowed: an integer from 1 to 3600 (seconds). Default: 60."""
    moderation_function: pulumi.Input[str]
    """ARN of a Lambda function of yours that sees each message of a client before it is stored. It can refuse the
    message or change its text: docs/backend.md describes how. To call a version or an alias, end the ARN with it. If
    your program declares the function, pass its output ``arn``.

    Allowed: the ARN of a Lambda function, of up to 170 characters, such as
    arn:aws:lambda:eu-central-1:123456789012:function:Moderate or with :live at the end for the alias live. Default:
    none, every message is allowed."""
    on_moderation_failure: str
    """What happens to a message if ``moderation_function`` fails or does not answer within a second. ``open`` stores it
    as it was sent. ``closed`` refuses it, and the client sends it again later.

    Allowed: open or closed. Default: ``open``."""
    event_bus: pulumi.Input[str]
    """Bus of EventBridge that gets an event for each message, each change of a message, and, with ``presence``, each
    user who joins or leaves a group: ``default``, or the name or ARN of another one. docs/backend.md describes the
    events. If your program declares the bus, pass its output ``arn``.

    Allowed: the name of a bus of EventBridge, of 1 to 64 letters, digits, '.', '_' and '-', or its ARN. Default: none,
    there are no events."""
    event_text: pulumi.Input[bool]
    """Whether the events contain the text, the data and the sender's name of messages. If false, they have ids and
    times only.

    Default: false."""
    allowed_origins: list[str]
    """Origins of the pages that may connect. ``*.`` before a domain allows its subdomains. In Electron, pages that come
    from files have ``file://``.

    Allowed: up to 20 of 1,024 characters in all, each in lower case and without a path, such as https://app.example.com
    or https://*.example.com. Default: none, pages of every origin may connect."""
    require_origin: bool
    """Refuse clients that send no origin, which are most likely not browsers. Needs ``allowed_origins``.

    Default: false."""
    message_rate: pulumi.Input[int]
    """Rate limit of a connection: frames that it may send per second in the long run.

    Allowed: an integer from 1 to 1000 (frames per second). Default: 10."""
    message_burst: pulumi.Input[int]
    """Burst limit of a connection: frames that it may send at once.

    Allowed: an integer from 1 to 1000 (frames). Default: 20."""
    connections_per_user: int
    """Connections that a user may have at the same time, over all groups. One more is refused.

    Allowed: an integer from 0 to 1000 (connections; 0 sets no limit). Default: 50."""
    groups_per_connection: pulumi.Input[int]
    """Groups that a connection may join at the same time, in addition to the group that it connects with. Each is a row
    in the connections table.

    Allowed: an integer from 1 to 100 (groups). Default: 50."""
    kms_key_arn: pulumi.Input[str]
    """Your customer managed KMS key. It encrypts the tables that the component creates, the logs and the queue. The
    key's policy must let CloudWatch Logs use it.

    Allowed: the ARN of a KMS key. Default: none, AWS's own keys are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedArguments:
    """The arguments, checked and with their defaults. :class:`WebSocketChatArgs` documents them."""

    stage_name: str = "production"
    domain_name: pulumi.Input[str] = ""
    certificate_arn: pulumi.Input[str] = ""
    hosted_zone_id: pulumi.Input[str] = ""
    name_prefix: str = "WebSocket"
    role_name: str = ""
    messages_table: pulumi.Input[str] = "ChatMessages"
    create_messages_table: bool = False
    destroy_messages: bool = False
    unread: bool = False
    publish: bool = False
    system_name: str = "System"
    changes: bool = False
    moderator_role: pulumi.Input[str] = ""
    moderator_claim: str = ""
    connections_table: pulumi.Input[str] = ""
    memory_size: pulumi.Input[int] = 512
    timeout: pulumi.Input[int] = 25
    reserved_concurrency: pulumi.Input[int] = -1
    log_retention_days: pulumi.Input[int] = 30
    access_logs: str = "off"
    throttling_rate: pulumi.Input[int] = 1_000
    throttling_burst: pulumi.Input[int] = 500
    tags: dict[str, str] = field(default_factory=dict)
    point_in_time_recovery: pulumi.Input[bool] = False
    deletion_protection: bool = False
    connection_ttl: pulumi.Input[int] = 10_800
    presence: bool = True
    event_member_limit: pulumi.Input[int] = 200
    read_receipt_limit: pulumi.Input[int] = 20
    broadcast_threshold: pulumi.Input[int] = 1_000
    fan_out_rate: pulumi.Input[int] = 5_000
    tracing: bool = False
    alarms: pulumi.Input[str] = ""
    account_request_rate: pulumi.Input[int] = 10_000
    dashboard: bool = False
    authentication: Authentication = Authentication.NONE
    jwt_issuer: pulumi.Input[str] = ""
    jwt_audience: pulumi.Input[list[str]] = field(default_factory=list)
    jwt_jwks_url: pulumi.Input[str] = ""
    jwt_algorithms: list[str] = field(default_factory=lambda: ["RS256"])
    cognito_user_pool_id: pulumi.Input[str] = ""
    user_claim: pulumi.Input[str] = "sub"
    group_claim: str = ""
    name_claim: str = ""
    clock_skew: pulumi.Input[int] = 30
    group_members_table: pulumi.Input[str] = ""
    membership_recheck: pulumi.Input[int] = 60
    moderation_function: pulumi.Input[str] = ""
    on_moderation_failure: str = "open"
    event_bus: pulumi.Input[str] = ""
    event_text: pulumi.Input[bool] = False
    allowed_origins: list[str] = field(default_factory=list)
    require_origin: bool = False
    message_rate: pulumi.Input[int] = 10
    message_burst: pulumi.Input[int] = 20
    connections_per_user: int = 50
    groups_per_connection: pulumi.Input[int] = 50
    kms_key_arn: pulumi.Input[str] = ""
