"""The program: config -> one WebSocketChat -> exports. Keys, types and defaults of the config are in Pulumi.yaml."""

import pulumi

from components import InvalidArgumentError, WebSocketChat


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
