"""The tables: those that the component makes, and those that exist already and are only looked up."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from .arguments import Settings
from .existing_table import STREAM_VIEW_TYPE, ExistingTable, Requirements
from .part import Part
from .shared import (
    CONNECTION_ID,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EXPIRES_AT,
    MEMBERS_BY_GROUP,
    MEMBERS_BY_USER,
    MESSAGE_ID,
    MESSAGES_BY_GROUP,
    Index,
)

_MESSAGES = Requirements(
    contents="messages",
    key=MESSAGE_ID,
    indexes=(MESSAGES_BY_GROUP,),
    advice="Name the table to use with messages_table (in config: messagesTable), or have the component make one by "
    "setting create_messages_table (in config: createMessagesTable) to true.",
)
_MEMBERS = Requirements(
    contents="members",
    indexes=(MEMBERS_BY_USER, MEMBERS_BY_GROUP),
    any_sort_key=True,
    advice="Name the table to use with group_members_table (in config: groupMembersTable), or leave that out, and "
    "every group is open.",
)


def _connections(settings: Settings) -> Requirements:
    return Requirements(
        contents="connections",
        key=CONNECTION_ID,
        indexes=(CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER)
        if settings.connections_per_user
        else (CONNECTIONS_BY_GROUP,),
        stream=settings.presence,
        expires_by=EXPIRES_AT,
        advice="Name the table to use with connections_table (in config: connectionsTable), or leave that out, and the "
        "component makes one. A table without a stream can be used if presence is false, and one without the index "
        "UserIdIndex if connections_per_user (in config: connectionsPerUser) is 0.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingTables:
    """The tables that exist already. Each is None if there is no such table."""

    messages: ExistingTable | None
    members: ExistingTable | None
    connections: ExistingTable | None


class Tables(Part):
    """The tables."""

    def existing(self) -> ExistingTables:
        """Look up the tables that exist already. Nothing may be registered before.

        Raises:
            ExistingTableError: One of them cannot be used.
        """
        settings, component = self.settings, self.children.component
        members, connections = settings.group_members_table, settings.connections_table
        return ExistingTables(
            messages=None if settings.create_messages_table else _MESSAGES.look_up(settings.messages_table, component),
            members=_MEMBERS.look_up(members, component) if members else None,
            connections=_connections(settings).look_up(connections, component) if connections else None,
        )

    def messages(self) -> aws.dynamodb.Table:
        """Make the messages table."""
        args = self._args(self.settings.messages_table, key=MESSAGE_ID, indexes=[MESSAGES_BY_GROUP])
        return self.children.make(aws.dynamodb.Table, "messages_table", "messages", args)

    def connections(self) -> aws.dynamodb.Table:
        """Make the table with one row per open connection."""
        args = self._args(
            f"{self.settings.name_prefix}Connections",
            key=CONNECTION_ID,
            indexes=[CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER],
            ttl=aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES_AT, enabled=True),
            stream_view_type=STREAM_VIEW_TYPE if self.settings.presence else None,
        )
        return self.children.make(aws.dynamodb.Table, "connections_table", "connections", args)

    def _args(
        self,
        name: pulumi.Input[str],
        *,
        key: str,
        indexes: list[Index],
        ttl: aws.dynamodb.TableTtlArgs | None = None,
        stream_view_type: str | None = None,
    ) -> aws.dynamodb.TableArgs:
        attributes = {key, *(attribute for index in indexes for attribute in index.keys)}
        return aws.dynamodb.TableArgs(
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=key,
            attributes=[aws.dynamodb.TableAttributeArgs(name=attribute, type="S") for attribute in sorted(attributes)],
            global_secondary_indexes=[_index_args(index) for index in indexes],
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=True, kms_key_arn=self.kms_key_arn
            ),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=self.settings.point_in_time_recovery
            ),
            deletion_protection_enabled=self.settings.deletion_protection,
            tags=self.settings.tags,
            ttl=ttl,
            stream_enabled=True if stream_view_type else None,
            stream_view_type=stream_view_type,
        )


def _index_args(index: Index) -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=index.name,
        key_schemas=[
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(attribute_name=attribute, key_type=key_type)
            for attribute, key_type in zip(index.keys, ("HASH", "RANGE"), strict=False)
        ],
        projection_type="INCLUDE" if index.projected else "ALL",
        non_key_attributes=list(index.projected) or None,
    )
