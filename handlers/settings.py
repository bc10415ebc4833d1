"""The functions' configuration: the environment, read once."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the component tells the functions.

    Attributes:
        region: AWS region of the tables and of the API, such as ``us-east-1``.
        connections_table: Name of the table with one row per open connection.
        messages_table: Name of the table the messages are stored in.
        callback_url: Address of the management API, stage included: ``https://…/production``. Told by the deployment
            and never taken from a request, whose domain may be a custom one that does not serve ``@connections``.
        connection_ttl: Seconds after which a connection row counts as gone.
        broadcast_function: Name of the function that serves the slices of large groups.
        broadcast_threshold: Connections that one invocation serves; the rest of a larger group goes to slices.
        event_member_limit: Members above which a group gets no presence events and no typing frames.
        authentication: What says who connects: ``jwt``, the authorizer; ``none`` or ``iam``, the query string.
        members_table: Name of the table that says who belongs to which group. Empty: every group is open.
        membership_recheck: Seconds for which what was read of it holds.
        allowed_origins: Origins whose pages may connect. Empty: all.
        require_origin: Whether a client without an origin is refused.
        message_rate: Frames per second that a connection may send in the long run.
        message_burst: Frames that a connection may send at once.
        connections_per_user: Connections of a user above which another one is refused.
    """

    region: str
    connections_table: str
    messages_table: str
    callback_url: str
    connection_ttl: int
    broadcast_function: str
    broadcast_threshold: int
    event_member_limit: int
    authentication: str
    members_table: str
    membership_recheck: int
    allowed_origins: tuple[str, ...]
    require_origin: bool
    message_rate: int
    message_burst: int
    connections_per_user: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Args:
            environment: Variables as the component sets them, and ``AWS_REGION`` as Lambda does.

        Raises:
            KeyError: A variable is missing; its name is the argument.
        """
        return cls(
            region=environment["AWS_REGION"],
            connections_table=environment["CONNECTIONS_TABLE"],
            messages_table=environment["MESSAGES_TABLE"],
            callback_url=environment["CALLBACK_URL"],
            connection_ttl=int(environment["CONNECTION_TTL_SECONDS"]),
            broadcast_function=environment["BROADCAST_FUNCTION"],
            broadcast_threshold=int(environment["BROADCAST_THRESHOLD"]),
            event_member_limit=int(environment["EVENT_MEMBER_LIMIT"]),
            authentication=environment["AUTHENTICATION"],
            members_table=environment["MEMBERS_TABLE"],
            membership_recheck=int(environment["MEMBERSHIP_RECHECK_SECONDS"]),
            allowed_origins=tuple(json.loads(environment["ALLOWED_ORIGINS"])),
            require_origin=environment["REQUIRE_ORIGIN"] == "true",
            message_rate=int(environment["MESSAGE_RATE"]),
            message_burst=int(environment["MESSAGE_BURST"]),
            connections_per_user=int(environment["CONNECTIONS_PER_USER"]),
        )


@cache
def settings() -> Settings:
    """Settings of this execution environment."""
    return Settings.from_environment(os.environ)
