"""The program: config -> one WebSocketChat -> exports. Keys, types and defaults of the config are in Pulumi.yaml."""

import pulumi

from components import Authentication, InvalidArgumentError, WebSocketChat


def tags(config: pulumi.Config) -> dict[str, str]:
    """Read the tags, which Pulumi's typed config has no map for, from their list of ``Key=Value``."""
    found = {}
    for tag in config.require_object("tags"):
        key, equals, value = str(tag).partition("=")
        if not equals:
            raise InvalidArgumentError("tags", tag, "written Key=Value")
        found[key] = value
    return found


config = pulumi.Config()
chat = WebSocketChat(
    "chat",
    {
        "stage_name": config.require("stageName"),
        "name_prefix": config.require("namePrefix"),
        "messages_table": config.require("messagesTable"),
        "create_messages_table": config.require_bool("createMessagesTable"),
        "memory_size": config.require_int("memorySize"),
        "timeout": config.require_int("timeout"),
        "reserved_concurrency": config.require_int("reservedConcurrency"),
        "log_retention_days": config.require_int("logRetentionDays"),
        "throttling_rate": config.require_int("throttlingRate"),
        "throttling_burst": config.require_int("throttlingBurst"),
        "tags": tags(config),
        "point_in_time_recovery": config.require_bool("pointInTimeRecovery"),
        "deletion_protection": config.require_bool("deletionProtection"),
        "connection_ttl": config.require_int("connectionTtl"),
        "presence": config.require_bool("presence"),
        "event_member_limit": config.require_int("eventMemberLimit"),
        "broadcast_threshold": config.require_int("broadcastThreshold"),
        "tracing": config.require_bool("tracing"),
        "authentication": Authentication(config.require("authentication")),
        "jwt_issuer": config.require("jwtIssuer"),
        "jwt_audience": config.require_object("jwtAudience"),
        "jwt_jwks_url": config.require("jwtJwksUrl"),
        "jwt_algorithms": config.require_object("jwtAlgorithms"),
        "cognito_user_pool_id": config.require("cognitoUserPoolId"),
        "user_claim": config.require("userClaim"),
        "group_claim": config.require("groupClaim"),
        "clock_skew": config.require_int("clockSkew"),
        "group_members_table": config.require("groupMembersTable"),
        "membership_recheck": config.require_int("membershipRecheck"),
        "allowed_origins": config.require_object("allowedOrigins"),
        "require_origin": config.require_bool("requireOrigin"),
        "message_rate": config.require_int("messageRate"),
        "message_burst": config.require_int("messageBurst"),
        "connections_per_user": config.require_int("connectionsPerUser"),
        "kms_key_arn": config.require("kmsKeyArn"),
    },
)

pulumi.export("WebSocketURL", chat.web_socket_url)
pulumi.export("CallbackURL", chat.callback_url)
pulumi.export("ApiId", chat.api_id)
pulumi.export("ConnectionsTable", chat.connections_table_name)
pulumi.export("MessagesTable", chat.messages_table_name)
pulumi.export("FailuresQueueURL", chat.failures_queue_url)
pulumi.export("FunctionNames", chat.function_names)
pulumi.export("LogGroupNames", chat.log_group_names)
