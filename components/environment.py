"""Environment variables of the functions. handlers/ reads them when a function starts."""

import json

import pulumi

from .arguments import Authentication, Settings

Variables = dict[str, pulumi.Input[str]]

MAX_ENVIRONMENT = 4_096
"""Bytes of all environment variables of a function, as JSON. The limits of the arguments keep them below it.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def environment(
    settings: Settings,
    *,
    connections_table: pulumi.Input[str],
    messages_table: pulumi.Input[str],
    read_markers_table: pulumi.Input[str],
    changes_table: pulumi.Input[str],
    event_bus: pulumi.Input[str],
    failures_queue: pulumi.Input[str],
    api_id: pulumi.Input[str],
    callback_url: pulumi.Input[str],
) -> Variables:
    """Variables of every function except the authorizer. Most also get the name of the broadcast function.

    Args:
        settings: The component's.
        connections_table: Name of the table of open connections.
        messages_table: Name of the table of messages.
        read_markers_table: Name of the table of how far users have read. Empty: there is no such table.
        changes_table: Name of the table of changes to messages. Empty: there is no such table.
        event_bus: ARN of the event bus. Empty: the chat sends no events.
        failures_queue: URL of the queue of failures.
        api_id: Id of the WebSocket API.
        callback_url: Address of the management API.
    """
    # Without publish, nothing of it is there.
    system = {"SYSTEM_NAME": settings.system_name} if settings.publish else {}
    return system | {
        "CONNECTIONS_TABLE": connections_table,
        "CONNECTIONS_TABLE_ADOPTED": json.dumps(bool(settings.connections_table)),
        "API_ID": api_id,
        "MESSAGES_TABLE": messages_table,
        "READ_MARKERS_TABLE": read_markers_table,
        "CHANGES_TABLE": changes_table,
        "CALLBACK_URL": callback_url,
        "CONNECTION_TTL_SECONDS": _text(settings.connection_ttl),
        "BROADCAST_THRESHOLD": _text(settings.broadcast_threshold),
        "FAN_OUT_RATE": _text(settings.fan_out_rate),
        "EVENT_MEMBER_LIMIT": _text(settings.event_member_limit),
        "READ_RECEIPT_LIMIT": _text(settings.read_receipt_limit),
        "AUTHENTICATION": Authentication(settings.authentication).value,
        "PRESENCE": json.dumps(settings.presence),
        "GROUP_CLAIM": settings.group_claim,
        "NAME_CLAIM": settings.name_claim,
        "MODERATOR_CLAIM": settings.moderator_claim,
        "MODERATOR_ROLE": settings.moderator_role,
        "GROUPS_PER_CONNECTION": _text(settings.groups_per_connection),
        "MEMBERS_TABLE": settings.group_members_table,
        "MEMBERSHIP_RECHECK_SECONDS": _text(settings.membership_recheck),
        "MODERATION_FUNCTION": settings.moderation_function,
        "ON_MODERATION_FAILURE": settings.on_moderation_failure,
        "EVENT_BUS": event_bus,
        "EVENT_SOURCE": f"websocket-chat.{settings.name_prefix}" if settings.event_bus else "",
        "EVENT_TEXT": _json(settings.event_text),
        "FAILURES_QUEUE": failures_queue if settings.event_bus else "",
        "ALLOWED_ORIGINS": json.dumps(settings.allowed_origins),
        "REQUIRE_ORIGIN": json.dumps(settings.require_origin),
        "MESSAGE_RATE": _text(settings.message_rate),
        "MESSAGE_BURST": _text(settings.message_burst),
        "CONNECTIONS_PER_USER": _text(settings.connections_per_user),
    }


def authorizer_environment(settings: Settings) -> Variables:
    """Variables of the authorizer, which needs none of the others."""
    return {
        "JWT_ISSUER": settings.issuer,
        "JWT_AUDIENCE": pulumi.Output.json_dumps(settings.jwt_audience),
        "JWT_JWKS_URL": settings.jwks_url,
        "JWT_ALGORITHMS": json.dumps(settings.jwt_algorithms),
        "USER_CLAIM": settings.user_claim,
        "GROUP_CLAIM": settings.group_claim,
        "NAME_CLAIM": settings.name_claim,
        "MODERATOR_CLAIM": settings.moderator_claim,
        "CLOCK_SKEW_SECONDS": _text(settings.clock_skew),
    }


def _json(value: pulumi.Input[bool]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(value)


def _text(number: pulumi.Input[int]) -> pulumi.Output[str]:
    return pulumi.Output.from_input(number).apply(str)
