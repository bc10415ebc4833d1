"""What a change of each argument does to a live stack. The keys are those of the config."""

from dataclasses import dataclass

ROUTES = ("connect", "disconnect", "send-message", "default")
_NAMES = (*ROUTES, "broadcast", "presence-events")
FUNCTIONS = frozenset(f"{name}-function" for name in _NAMES)
LOGS = frozenset(f"{name}-logs" for name in _NAMES)
POLICIES = ("background-policy", "presence-policy", "serving-policy", "logs-policy-attachment")
"""What gives the role its permissions."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of an argument.

    Attributes:
        value: The other value.
        input: The input that it changes in place. Empty if it changes no resource that stays.
        of: The resources that have this input.
        adds: Resources that exist only with the other value.
        replaces: Policies that are replaced.
    """

    value: object
    input: str
    of: frozenset[str] = FUNCTIONS
    adds: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()


TOPIC = "arn:aws:sns:us-east-1:000000000000:alerts"
ALARMS = frozenset(
    {
        *(f"{name}-{what}-alarm" for name in _NAMES for what in ("errors", "throttles")),
        *("send-message-duration-alarm", "presence-events-age-alarm", "failures-alarm"),
        *("failed-deliveries-alarm", "integration-errors-alarm", "requests-alarm"),
    }
)
FILTERS = frozenset({"send-message-failed-filter", "broadcast-failed-filter"})
DASHBOARD = frozenset(
    {
        *(f"{child}-{name}-filter" for child in ("send-message", "broadcast") for name in ("recipients", "delivered")),
        *("send-message-stale-filter", "broadcast-stale-filter", "send-message-messages-filter", "dashboard"),
        *(f"{route}-refused-filter" for route in ROUTES),
    }
)
"""What the dashboard adds to what the alarms need."""
_TAGGED = FUNCTIONS | LOGS | {"api", "stage", "connections", "failures", "role", "logs-policy", "presence-stream"}
_CONNECTIONS = frozenset({"connections"})
_STAGE = frozenset({"stage"})
_SERVING = frozenset({"serving-policy"})
_AUTHORIZER = frozenset({"authorizer-function"})

IN_PLACE: dict[str, Change] = {
    "memorySize": Change(value=256, input="memorySize"),
    "timeout": Change(value=20, input="timeout"),
    "reservedConcurrency": Change(value=5, input="reservedConcurrentExecutions"),
    "logRetentionDays": Change(value=1, input="retentionInDays", of=LOGS),
    "throttlingRate": Change(value=900, input="defaultRouteSettings", of=_STAGE),
    "throttlingBurst": Change(value=400, input="defaultRouteSettings", of=_STAGE),
    "tags": Change(value=["Team=chat"], input="tags", of=_TAGGED),
    "pointInTimeRecovery": Change(value=True, input="pointInTimeRecovery", of=_CONNECTIONS),
    "deletionProtection": Change(value=True, input="deletionProtectionEnabled", of=_CONNECTIONS),
    "connectionTtl": Change(value=7200, input="environment"),
    "eventMemberLimit": Change(value=100, input="environment"),
    "readReceiptLimit": Change(value=10, input="environment"),
    "broadcastThreshold": Change(value=500, input="environment"),
    "fanOutRate": Change(value=2_000, input="environment"),
    "membershipRecheck": Change(value=30, input="environment"),
    "allowedOrigins": Change(value=["https://app.example.com"], input="environment"),
    "requireOrigin": Change(value=True, input="environment"),
    "messageRate": Change(value=20, input="environment"),
    "messageBurst": Change(value=30, input="environment"),
    "groupsPerConnection": Change(value=20, input="environment"),
    "alarms": Change(value=TOPIC, input="", of=frozenset(), adds=ALARMS | FILTERS),
    "dashboard": Change(value=True, input="", of=frozenset(), adds=DASHBOARD),
}
"""Arguments that change resources in place."""

WITH_POLICIES: dict[str, Change] = {
    "unread": Change(value=True, input="environment", adds=frozenset({"read-markers", "unread-policy"})),
    "publish": Change(
        value=True,
        input="environment",
        adds=frozenset(
            {
                *("publish-role", "publish-function", "publish-logs"),
                *("publish-serving-policy", "publish-logs-policy"),
                *("publish-large-groups-policy", "publish-user-data-policy"),
                # Of the arguments below, which change in the same update.
                *("publish-changes-policy", "publish-members-policy", "publish-tracing-policy"),
                *("publish-events-policy", "publish-failures-policy"),
            }
        ),
    ),
    "systemName": Change(value="Robot", input="environment"),
    "changes": Change(value=True, input="environment", adds=frozenset({"changes", "changes-policy"})),
    "moderatorRole": Change(value="admin", input="environment"),
    "tracing": Change(value=True, input="tracingConfig", adds=frozenset({"tracing-policy"})),
    "groupMembersTable": Change(value="GroupMembers", input="environment", adds=frozenset({"members-policy"})),
    "eventBus": Change(value="default", input="environment", adds=frozenset({"events-policy"})),
    "eventText": Change(value=True, input="environment"),
    "moderationFunction": Change(
        value="arn:aws:lambda:us-east-1:000000000000:function:Moderate",
        input="environment",
        adds=frozenset({"moderation-policy"}),
    ),
    "onModerationFailure": Change(value="closed", input="environment"),
    "connectionsPerUser": Change(value=0, input="environment", replaces=_SERVING),
    "messagesTable": Change(value="OtherMessages", input="environment", replaces=_SERVING),
    # Another name, because the table of the first one exists.
    "createMessagesTable": Change(value=True, input="environment", adds=frozenset({"messages"}), replaces=_SERVING),
}
"""Arguments that also change what the functions may do."""

OF_TOKENS: dict[str, Change] = {
    "jwtIssuer": Change(value=None, input="environment", of=_AUTHORIZER),
    "cognitoUserPoolId": Change(value="us-east-1_AbCdEfGhI", input="environment", of=_AUTHORIZER),
    "jwtJwksUrl": Change(value="https://example.com/keys", input="environment", of=_AUTHORIZER),
    "jwtAudience": Change(value=["mobile"], input="environment", of=_AUTHORIZER),
    "jwtAlgorithms": Change(value=["ES256"], input="environment", of=_AUTHORIZER),
    "userClaim": Change(value="username", input="environment", of=_AUTHORIZER),
    "groupClaim": Change(value="teams", input="environment", of=FUNCTIONS | _AUTHORIZER),
    "nameClaim": Change(value="name", input="environment", of=FUNCTIONS | _AUTHORIZER),
    "moderatorClaim": Change(value="moderates", input="environment", of=FUNCTIONS | _AUTHORIZER),
    "clockSkew": Change(value=0, input="environment", of=_AUTHORIZER),
}
"""Arguments of ``authentication: jwt``."""
