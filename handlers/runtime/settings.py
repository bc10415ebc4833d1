"""The functions' configuration: environment variables, read once.

Each attribute is the variable with the same name in upper case. Lambda sets ``AWS_REGION``, the component all others.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, TypeVar

ASYMMETRIC = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signature algorithms that you can allow. With any other, anyone could sign a token with the issuer's public keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of the functions.

    Attributes:
        aws_region: AWS region of the tables and the API, such as ``us-east-1``.
        connections_table: Name of the table with one row per open connection.
        connections_table_adopted: Whether that table existed already. Its rows without ``apiId`` may be another API's.
        api_id: Id of the WebSocket API. Rows with another one belong to another API.
        messages_table: Name of the table that stores the messages.
        read_markers_table: Name of the table that says how far each user has read. Empty: unread messages are not
            counted.
        changes_table: Name of the table that lists the changes to messages. Empty: messages cannot be changed.
        callback_url: URL of the management API with the stage: ``https://…/production``. It is never taken from a
            request: a request may come through a custom domain, which does not serve ``@connections``.
        connection_ttl_seconds: Age at which a connection row counts as gone.
        broadcast_function: Name of the function that serves the slices of large groups. That function itself is not
            told its name: Lambda's environment has it.
        broadcast_threshold: Connections that one invocation serves. The rest of a larger group goes to slices.
        fan_out_rate: Recipients of one message that are served per second, over all slices.
        event_member_limit: Members above which a group gets no presence events and no typing frames.
        read_receipt_limit: Members above which a group does not hear how far its users have read.
        authentication: How users are authenticated: ``jwt`` (by the authorizer), ``iam``, or ``none`` (the query string
            names the user).
        presence: Whether the connections table has a stream that a function reads.
        group_claim: Claim of a token with the groups that its user may join. Empty: the claim says nothing of groups.
        name_claim: Claim of a token with its user's name. Empty: clients say their users' names.
        moderator_claim: Claim of a token with the groups that its user moderates. Empty: no claim says that.
        moderator_role: Value of ``role`` in the members table whose members moderate their group. Empty: nobody does.
        groups_per_connection: Groups that a connection may join in addition to the group of its handshake.
        members_table: Name of the table that says who belongs to which group. Empty: every group is open.
        moderation_function: ARN of the function that sees each message before it is stored. Empty: there is none.
        on_moderation_failure: What happens to a message if that function gives no answer: it is stored (``open``) or
            refused (``closed``).
        event_bus: ARN of the bus of EventBridge that gets events for the operator's programs. Empty: there is none.
        event_source: The source that these events name.
        event_text: Whether they contain what users have written, and names.
        failures_queue: URL of the queue that keeps an event if the bus does not take it. Empty without a bus.
        membership_recheck_seconds: Time for which an answer from that table is kept.
        allowed_origins: Origins whose pages may connect. Empty: all.
        require_origin: Whether a client without an origin is refused.
        message_rate: Frames per second that a connection may send over time.
        message_burst: Frames that a connection may send at the same moment.
        connections_per_user: Connections of one user above which another one is refused. 0: no limit.
        system_name: Name of the sender of the system's messages. Empty: the back end cannot send any, and ``system`` is
            a user like others.
    """

    aws_region: str
    connections_table: str
    connections_table_adopted: bool
    api_id: str
    messages_table: str
    read_markers_table: str
    changes_table: str
    callback_url: str
    connection_ttl_seconds: int
    broadcast_function: str
    broadcast_threshold: int
    fan_out_rate: int
    event_member_limit: int
    read_receipt_limit: int
    authentication: str
    presence: bool
    group_claim: str
    name_claim: str
    moderator_claim: str
    moderator_role: str
    groups_per_connection: int
    members_table: str
    membership_recheck_seconds: int
    moderation_function: str
    on_moderation_failure: str
    event_bus: str
    event_source: str
    event_text: bool
    failures_queue: str
    allowed_origins: tuple[str, ...]
    require_origin: bool
    message_rate: int
    message_burst: int
    connections_per_user: int
    system_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """The settings of the authorizer. It gets no others.

    Attributes:
        jwt_issuer: The ``iss`` that a token must have.
        jwt_audience: Values that a token may be issued for. One of them must be in its ``aud``.
        jwt_jwks_url: URL of the issuer's public keys.
        jwt_algorithms: Signature algorithms that are accepted, all of them in :data:`ASYMMETRIC`.
        user_claim: Claim that holds the user id.
        group_claim: Claim with the groups that the user may join. Empty: all groups.
        name_claim: Claim with the user's display name. Empty: clients say their users' names.
        moderator_claim: Claim with the groups that the user moderates. Empty: the user moderates none.
        clock_skew_seconds: Difference allowed between the issuer's clock and ours.
    """

    jwt_issuer: str
    jwt_audience: frozenset[str]
    jwt_jwks_url: str
    jwt_algorithms: frozenset[str]
    user_claim: str
    group_claim: str
    name_claim: str
    moderator_claim: str
    clock_skew_seconds: int

    def __post_init__(self) -> None:
        if not self.jwt_algorithms <= ASYMMETRIC:
            unknown = ", ".join(sorted(self.jwt_algorithms - ASYMMETRIC))
            allowed = ", ".join(sorted(ASYMMETRIC))
            raise ValueError(f"JWT_ALGORITHMS lists {unknown}, which is not accepted. Use only {allowed}")


_FROM_LAMBDA = {"broadcast_function": "AWS_LAMBDA_FUNCTION_NAME"}
"""Variables of Lambda that are read if the component does not set a setting's own variable."""

_Kind = TypeVar("_Kind", Settings, TokenSettings)

_READERS: dict[Any, Callable[[str], object]] = {
    str: str,
    int: int,
    bool: json.loads,
    tuple[str, ...]: lambda text: tuple(json.loads(text)),
    frozenset[str]: lambda text: frozenset(json.loads(text)),
}


def read(kind: type[_Kind], environment: Mapping[str, str]) -> _Kind:
    """Read settings from environment variables.

    Raises:
        KeyError: A variable is missing, and the setting has no default. The argument is its name.
        ValueError: A variable has an invalid value.
    """
    values: dict[str, Any] = {
        field.name: _READERS[field.type](environment[variable])
        for field in fields(kind)
        if (variable := _variable(field.name, environment)) in environment or field.default is MISSING
    }
    return kind(**values)


def _variable(setting: str, environment: Mapping[str, str]) -> str:
    own = setting.upper()
    return own if own in environment else _FROM_LAMBDA.get(setting, own)


@cache
def settings() -> Settings:
    """Settings of this execution environment."""
    return read(Settings, os.environ)
