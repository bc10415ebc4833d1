"""Arguments of the component: their types and documentation, defaults and validation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NoReturn, TypedDict

import pulumi


class InvalidArgumentError(pulumi.RunError):
    """An argument that is not allowed. Pulumi prints it without a stack trace.

    Attributes:
        key: Name of the argument.
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        """Say what is wrong.

        Args:
            key: Name of the argument, in Python's spelling; the message adds that of the config.
            value: What was given.
            allowed: What would be allowed, for people.
        """
        head, *rest = key.split("_")
        config_key = head + "".join(part.capitalize() for part in rest)
        spelling = key if key == config_key else f"{key} (in config: {config_key})"
        super().__init__(f"{spelling} = {value!r} is not allowed: it must be {allowed}")
        self.key = key


class Authentication(str, Enum):  # noqa: UP042 - the schema for other languages is inferred from this form
    """How a client proves who it is."""

    NONE = "none"
    """Not at all: the query string says who connects. For old clients, and for chats that anybody may read."""
    JWT = "jwt"
    """By a token that a Lambda authorizer verifies when the client connects."""
    IAM = "iam"
    """By a request signed with AWS credentials that may invoke the API: for back ends, which are trusted to name the
    user and the group in the query string."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InvalidArgumentError("authentication", value, ", ".join(cls))


class WebSocketChatArgs(TypedDict, total=False):
    """Arguments of ``WebSocketChat``. All are optional; the defaults give what the CloudFormation stack gave."""

    stage_name: str
    """Name of the stage, which ends the URL: 1 to 128 letters, digits, ``-`` and ``_``. Default: ``production``."""
    name_prefix: str
    """What every physical name starts with: 1 to 53 letters, digits, ``-`` and ``_``. With another prefix a second
    instance lives beside the first. Default: ``WebSocket``, which gives ``WebSocketConnections``, ``WebSocketConnect``
    and so on."""
    messages_table: str
    """Name of the table the messages are stored in, 3 to 255 letters, digits, ``-``, ``_`` and ``.``: key ``messageId``
    and index ``GroupIdIndex`` on ``groupId`` and ``timestamp``. Default: ``ChatMessages``."""
    create_messages_table: bool
    """Whether the component makes the messages table, for who has none. Destroying the component then destroys it and
    its messages, unless ``deletion_protection`` is on. Default: false, the table exists and is never changed."""
    memory_size: pulumi.Input[int]
    """Memory of each function, 128 to 10240 MB; computing power grows with it. Default: 512."""
    timeout: pulumi.Input[int]
    """Longest run of a function, 5 to 29 seconds, the limit of a WebSocket integration. Default: 25."""
    reserved_concurrency: pulumi.Input[int]
    """Runs of each function at once that are set aside for it, and its limit; 0 stops it, -1 is no reservation.
    Default: -1."""
    log_retention_days: pulumi.Input[int]
    """Days the functions' logs are kept, one of the periods CloudWatch Logs has; 0 keeps them for ever. Default: 30."""
    throttling_rate: pulumi.Input[int]
    """Requests per second that the stage accepts, over all clients together, 1 to 10000. Default: 1000."""
    throttling_burst: pulumi.Input[int]
    """Requests at once that the stage accepts, over all clients together, 1 to 5000. Default: 500."""
    tags: dict[str, str]
    """Tags of every resource that can have them: up to 50, keys of 1 to 128 and values of up to 256 characters, none of
    the keys starting with ``aws:``. Default: none."""
    point_in_time_recovery: pulumi.Input[bool]
    """Whether the tables made here can be restored to any second of the last 35 days. Default: false."""
    deletion_protection: pulumi.Input[bool]
    """Whether the tables made here refuse to be deleted. Default: false."""
    connection_ttl: pulumi.Input[int]
    """Seconds after which a connection row counts as gone, 7200 (the longest life of a connection) to 604800.
    Default: 10800."""
    presence: bool
    """Whether members are told who joins and who leaves. Off, the table's stream and the function that it feeds do not
    exist. Default: true."""
    event_member_limit: pulumi.Input[int]
    """Members above which a group gets no presence events and no typing frames, 1 to 1000: every event goes to every
    member, so that what they cost grows with the square of the group. Default: 200."""
    broadcast_threshold: pulumi.Input[int]
    """Connections that one run of a function serves, 2 to 2000; the rest of a larger group is split over asynchronous
    runs of as many each. Default: 1000."""
    tracing: pulumi.Input[bool]
    """Whether the functions are traced with X-Ray. Default: false."""

    authentication: Authentication
    """How clients prove who they are: ``none``, ``jwt`` or ``iam``. Default: ``none``, with a warning."""
    jwt_issuer: pulumi.Input[str]
    """What a token's ``iss`` must be, an https URL. Needed for ``jwt``, unless ``cognito_user_pool_id`` gives it."""
    jwt_audience: pulumi.Input[list[pulumi.Input[str]]]
    """What a token's ``aud`` must be one of, up to 10: for Cognito, the ids of the app clients. Needed for ``jwt``."""
    jwt_jwks_url: pulumi.Input[str]
    """Where the issuer's public keys are, an https URL. Default: the issuer's ``/.well-known/jwks.json``."""
    jwt_algorithms: list[str]
    """Algorithms a token may be signed with, of RS, PS and ES with 256, 384 or 512, and EdDSA. Default: RS256."""
    cognito_user_pool_id: pulumi.Input[str]
    """Cognito user pool whose tokens are accepted, like ``us-east-1_AbCdEfGhI``, in place of ``jwt_issuer``."""
    user_claim: pulumi.Input[str]
    """Claim of a token that is the user's id, 1 to 128 characters. Default: ``sub``."""
    group_claim: str
    """Claim of a token that lists the groups its user may join, such as ``cognito:groups``. For ``jwt``, and not beside
    ``group_members_table``. Default: none, every group is open."""
    clock_skew: pulumi.Input[int]
    """Seconds by which a token's issuer may be ahead or behind, 0 to 300. Default: 30."""
    group_members_table: str
    """Name of an existing table that says who may join which group: attributes ``userId`` and ``groupId``, indexes
    ``UserIdIndex`` and ``GroupIdIndex`` on them, all attributes projected. Default: none, every group is open."""
    membership_recheck: pulumi.Input[int]
    """Seconds after which a removed member is out at the latest, 1 to 3600. Default: 60."""
    allowed_origins: list[str]
    """Origins whose pages may connect, up to 20 of 1,024 characters in all: ``https://app.example.com``, or
    ``https://*.example.com`` for its subdomains. Default: none given, pages of every origin may."""
    require_origin: bool
    """Whether a client that sends no origin, so most likely no browser, is refused. Needs ``allowed_origins``. Default:
    false."""
    message_rate: pulumi.Input[int]
    """Frames per second that a connection may send in the long run, 1 to 1000. Default: 10."""
    message_burst: pulumi.Input[int]
    """Frames that a connection may send at once, 1 to 1000. Default: 20."""
    connections_per_user: pulumi.Input[int]
    """Connections of a user, over all groups, above which another one is refused, 1 to 1000. Default: 50."""
    kms_key_arn: pulumi.Input[str]
    """Customer managed KMS key for the tables made here, the logs and the queue. Its policy must let CloudWatch Logs
    use it. Default: none, keys of AWS."""


LOG_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html, and 0 for ever."""

_MAX_TAGS = 50
_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256


@dataclass(frozen=True, slots=True)
class _Rule:
    """What an argument may be."""

    allowed: str
    accepts: Callable[[Any], bool]


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(low: int, high: int, unit: str) -> _Rule:
    return _Rule(f"an integer from {low} to {high} ({unit})", lambda value: _is_integer(value) and low <= value <= high)


def _text(pattern: str, allowed: str) -> _Rule:
    return _Rule(allowed, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def _are_tags(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= _MAX_TAGS
        and all(
            isinstance(key, str)
            and isinstance(text, str)
            and 0 < len(key) <= _MAX_TAG_KEY
            and len(text) <= _MAX_TAG_VALUE
            and not key.lower().startswith("aws:")
            for key, text in value.items()
        )
    )


def _texts(pattern: str, most: int, allowed: str, *, least: int = 0, together: int = 1_024) -> _Rule:
    def accepts(value: object) -> bool:
        return (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(isinstance(text, str) and re.fullmatch(pattern, text) for text in value)
            and sum(map(len, value)) <= together
        )

    return _Rule(allowed, accepts)


_BOOLEAN = _Rule("true or false", lambda value: isinstance(value, bool))

_URL = r"(https://[A-Za-z0-9.-]+|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9_.~%/-]*)?"
"""Unsecured on this machine alone. Up to 512 characters: a function's variables have 4 KB in all.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_SHORT = r"(?=.{0,512}\Z)"
_WORD = "[!-~]"
_ORIGIN = (
    # The port that goes without saying is never said.
    r"(?!https://.*:443\Z|http://.*:80\Z)"
    r"[a-z][a-z0-9+.-]*://(\*\.(?=[^.]+\.[^.]))?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?"
)
_ALGORITHMS = "(RS|PS|ES)(256|384|512)|EdDSA"

# Each limit is AWS's own:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
# https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
_RULES = {
    "stage_name": _text(r"[A-Za-z0-9_-]{1,128}", "1 to 128 letters, digits, '-' and '_'"),
    # The longest name made of it is a function's, with SendMessage at its end, of at most 64 characters in all.
    "name_prefix": _text(r"[A-Za-z0-9_-]{1,53}", "1 to 53 letters, digits, '-' and '_'"),
    "messages_table": _text(r"[A-Za-z0-9_.-]{3,255}", "3 to 255 letters, digits, '-', '_' and '.'"),
    "create_messages_table": _BOOLEAN,
    "memory_size": _integer(128, 10_240, "MB"),
    "timeout": _integer(5, 29, "seconds"),
    "reserved_concurrency": _integer(-1, 1_000_000, "runs at once, -1 for no reservation"),
    "log_retention_days": _Rule(
        f"one of {', '.join(map(str, LOG_RETENTION_DAYS))} (days, 0 for ever)",
        lambda value: _is_integer(value) and value in LOG_RETENTION_DAYS,
    ),
    "throttling_rate": _integer(1, 10_000, "requests per second"),
    "throttling_burst": _integer(1, 5_000, "requests"),
    "tags": _Rule(
        "up to 50, with keys of 1 to 128 and values of up to 256 characters, no key starting aws:", _are_tags
    ),
    "point_in_time_recovery": _BOOLEAN,
    "deletion_protection": _BOOLEAN,
    "connection_ttl": _integer(7_200, 604_800, "seconds"),
    "presence": _BOOLEAN,
    "event_member_limit": _integer(1, 1_000, "members"),
    "broadcast_threshold": _integer(2, 2_000, "connections"),
    "tracing": _BOOLEAN,
    "authentication": _Rule("none, jwt, iam", lambda value: value in list(Authentication)),
    "jwt_issuer": _text(f"{_SHORT}({_URL})?", "an https URL of up to 512 characters"),
    "jwt_audience": _texts(
        f"{_WORD}{{1,256}}", 10, "up to 10 texts of 1 to 256 ASCII characters, 2,000 in all", together=2_000
    ),
    "jwt_jwks_url": _text(rf"{_SHORT}({_URL}(\?[A-Za-z0-9_.~%&=-]*)?)?", "an https URL of up to 512 characters"),
    "jwt_algorithms": _texts(
        _ALGORITHMS, 10, "a list of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA", least=1
    ),
    "cognito_user_pool_id": _text(r"([a-z]{2}(-[a-z]+)+-[0-9]_[A-Za-z0-9]{1,55})?", "like us-east-1_AbCdEfGhI"),
    "user_claim": _text(f"{_WORD}{{1,128}}", "a claim's name of 1 to 128 ASCII characters"),
    "group_claim": _text(f"{_WORD}{{0,128}}", "a claim's name of up to 128 ASCII characters"),
    "clock_skew": _integer(0, 300, "seconds"),
    "group_members_table": _text(r"([A-Za-z0-9_.-]{3,255})?", "3 to 255 letters, digits, '-', '_' and '.'"),
    "membership_recheck": _integer(1, 3_600, "seconds"),
    "allowed_origins": _texts(
        _ORIGIN,
        20,
        "up to 20 of 1,024 characters in all, each in lower case and without a path, such as https://app.example.com "
        "or https://*.example.com",
    ),
    "require_origin": _BOOLEAN,
    "message_rate": _integer(1, 1_000, "frames per second"),
    "message_burst": _integer(1, 1_000, "frames"),
    "connections_per_user": _integer(1, 1_000, "connections"),
    "kms_key_arn": _text(r"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+)?", "the ARN of a KMS key"),
}

# They decide what is registered, under which name, or what else must be given, and so cannot wait for the deployment.
_PLAIN = {
    *("stage_name", "name_prefix", "messages_table", "create_messages_table", "presence", "tags"),
    *("authentication", "jwt_algorithms", "group_claim", "group_members_table", "allowed_origins", "require_origin"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The arguments, checked and with their defaults. Documented in :class:`WebSocketChatArgs`."""

    stage_name: str = "production"
    name_prefix: str = "WebSocket"
    messages_table: str = "ChatMessages"
    create_messages_table: bool = False
    memory_size: pulumi.Input[int] = 512
    timeout: pulumi.Input[int] = 25
    reserved_concurrency: pulumi.Input[int] = -1
    log_retention_days: pulumi.Input[int] = 30
    throttling_rate: pulumi.Input[int] = 1_000
    throttling_burst: pulumi.Input[int] = 500
    tags: dict[str, str] = field(default_factory=dict)
    point_in_time_recovery: pulumi.Input[bool] = False
    deletion_protection: pulumi.Input[bool] = False
    connection_ttl: pulumi.Input[int] = 10_800
    presence: bool = True
    event_member_limit: pulumi.Input[int] = 200
    broadcast_threshold: pulumi.Input[int] = 1_000
    tracing: pulumi.Input[bool] = False
    authentication: Authentication = Authentication.NONE
    jwt_issuer: pulumi.Input[str] = ""
    jwt_audience: pulumi.Input[list[str]] = field(default_factory=list)
    jwt_jwks_url: pulumi.Input[str] = ""
    jwt_algorithms: list[str] = field(default_factory=lambda: ["RS256"])
    cognito_user_pool_id: pulumi.Input[str] = ""
    user_claim: pulumi.Input[str] = "sub"
    group_claim: str = ""
    clock_skew: pulumi.Input[int] = 30
    group_members_table: str = ""
    membership_recheck: pulumi.Input[int] = 60
    allowed_origins: list[str] = field(default_factory=list)
    require_origin: bool = False
    message_rate: pulumi.Input[int] = 10
    message_burst: pulumi.Input[int] = 20
    connections_per_user: pulumi.Input[int] = 50
    kms_key_arn: pulumi.Input[str] = ""

    @property
    def issuer(self) -> pulumi.Output[str]:
        """What a token's ``iss`` must be.

        https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
        """
        if self.jwt_issuer:
            return pulumi.Output.from_input(self.jwt_issuer)
        return pulumi.Output.from_input(self.cognito_user_pool_id).apply(_cognito_issuer)

    @property
    def jwks_url(self) -> pulumi.Output[str]:
        """Where the issuer's public keys are."""
        if self.jwt_jwks_url:
            return pulumi.Output.from_input(self.jwt_jwks_url)
        return self.issuer.apply(lambda issuer: f"{issuer.rstrip('/')}/.well-known/jwks.json")

    @classmethod
    def of(cls, args: WebSocketChatArgs) -> "Settings":
        """Check the arguments and fill in the defaults. ``None`` stands for the default.

        A value that is known only during the deployment, an ``Output``, is checked when it is known.

        Raises:
            InvalidArgumentError: An argument is unknown or not allowed. Nothing has been registered by then.
        """
        settings = cls(**{key: _checked(key, value) for key, value in args.items() if value is not None})
        _check_together(settings)
        return settings


def _cognito_issuer(pool_id: str) -> str:
    region = pool_id.partition("_")[0]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{pool_id}"


_OF_JWT = {"jwt_issuer", "jwt_audience", "jwt_jwks_url", "cognito_user_pool_id", "group_claim"}


def _check_together(settings: Settings) -> None:
    """Refuse arguments that contradict each other, or that promise a security which they would not give.

    Raises:
        InvalidArgumentError: Naming the one to change.
    """
    if settings.authentication != Authentication.JWT:
        for key in sorted(_OF_JWT):
            if value := getattr(settings, key):
                raise InvalidArgumentError(key, value, "left out unless authentication is jwt")
    else:
        if bool(settings.jwt_issuer) == bool(settings.cognito_user_pool_id):
            raise InvalidArgumentError(
                "jwt_issuer", settings.jwt_issuer, "given for jwt, or else cognito_user_pool_id, and not both"
            )
        if not settings.jwt_audience:
            raise InvalidArgumentError("jwt_audience", settings.jwt_audience, "given for jwt")
    if settings.group_claim and settings.group_members_table:
        raise InvalidArgumentError("group_claim", settings.group_claim, "left out beside group_members_table")
    if settings.require_origin and not settings.allowed_origins:
        raise InvalidArgumentError("require_origin", settings.require_origin, "false without allowed_origins")


def _checked(key: str, value: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    if key not in _RULES:
        raise InvalidArgumentError(key, value, f"left out: the arguments are {', '.join(_RULES)}")
    if isinstance(value, list) and any(isinstance(part, pulumi.Output) for part in value):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        if key in _PLAIN:
            raise InvalidArgumentError(key, pulumi.Output, "a plain value, known before the deployment")
        return value.apply(lambda known: _checked(key, known))
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # Pulumi's wire format has one kind of number.
    if not _RULES[key].accepts(value):
        raise InvalidArgumentError(key, value, _RULES[key].allowed)
    return value
