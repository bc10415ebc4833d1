"""The tables: those that the component makes, and those that exist already and are only looked up."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from .arguments import Settings
from .existing_table import STREAM_VIEW_TYPE, ExistingTable, Requirements
from .kms_key import check_key
from .ownership import refuse_foreign_table, stack_tag
from .part import Part
from .shared import (
    CHANGE,
    CONNECTION_ID,
    CONNECTION_TYPES,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EXPIRES_AT,
    GROUP_ID,
    MARKERS_BY_GROUP,
    MEMBERS_BY_GROUP,
    MEMBERS_BY_USER,
    MESSAGE_ID,
    MESSAGE_TYPES,
    MESSAGES_BY_GROUP,
    USER_ID,
    Index,
)

_MESSAGES = Requirements(
    contents="messages",
    key=MESSAGE_ID,
    indexes=(MESSAGES_BY_GROUP,),
    written=MESSAGE_TYPES,
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
        written=CONNECTION_TYPES,
        expires_by=EXPIRES_AT,
        advice="Name the table to use with connections_table (in config: connectionsTable), or leave that out, and the "
        "component makes one. A table without a stream can be used if presence is false, and one without the index "
        "UserIdIndex if connections_per_user (in config: connectionsPerUser) is 0.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingTables:
    """The tables that exist already. A table that the component makes, or does not use, is None."""

    messages: ExistingTable | None
    members: ExistingTable | None
    connections: ExistingTable | None

    @property
    def key_arns(self) -> list[pulumi.Output[str]]:
        """The customer's KMS keys of the tables. Empty texts stand for AWS's keys."""
        return [table.key_arn for table in (self.messages, self.members, self.connections) if table]


class Tables(Part):
    """The tables."""

    def existing(self) -> ExistingTables:
        """Look up the tables that exist already, and the key for those that do not. Nothing may be registered before.

        Raises:
            InvalidArgumentError: The key cannot be used.
            ExistingTableError: One of them cannot be used.
            ForeignTableError: The component would make a table that another stack has made.
        """
        self._refuse_foreign()
        settings, component = self.settings, self.children.component
        check_key(settings.kms_key_arn, component)
        members, connections = settings.group_members_table, settings.connections_table
        return ExistingTables(
            messages=None if settings.create_messages_table else _MESSAGES.look_up(settings.messages_table, component),
            members=_MEMBERS.look_up(members, component) if members else None,
            connections=_connections(settings).look_up(connections, component) if connections else None,
        )

    def messages(self, *, after: Iterable[pulumi.Resource]) -> aws.dynamodb.Table:
        """Make the messages table."""
        args = self._args(self.settings.messages_table, key=MESSAGE_ID, indexes=[MESSAGES_BY_GROUP])
        opts = self._retained(after)
        return self.children.make(aws.dynamodb.Table, "messages_table", "messages", args, opts, fixed=_fixed(args))

    def read_markers(self, *, after: Iterable[pulumi.Resource]) -> aws.dynamodb.Table | None:
        """Make the table of how far each user has read, if unread messages are counted."""
        if not self.settings.unread:
            return None
        args = self._args(self._read_markers_name, key=USER_ID, sort_key=GROUP_ID, indexes=[MARKERS_BY_GROUP])
        opts = self._retained(after)
        return self.children.make(
            aws.dynamodb.Table, "read_markers_table", "read-markers", args, opts, fixed=_fixed(args)
        )

    def changes(self, *, after: Iterable[pulumi.Resource]) -> aws.dynamodb.Table | None:
        """Make the table of the changes to messages, if messages can be changed."""
        if not self.settings.changes:
            return None
        ttl = aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES_AT, enabled=True)
        args = self._args(self._changes_name, key=GROUP_ID, sort_key=CHANGE, ttl=ttl)
        opts = self._opts(after)
        return self.children.make(aws.dynamodb.Table, "changes_table", "changes", args, opts, fixed=_fixed(args))

    def connections(self, *, after: Iterable[pulumi.Resource]) -> aws.dynamodb.Table:
        """Make the table with one row per open connection."""
        args = self._args(
            self._connections_name,
            key=CONNECTION_ID,
            indexes=[CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER],
            ttl=aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES_AT, enabled=True),
            stream_view_type=STREAM_VIEW_TYPE if self.settings.presence else None,
        )
        opts = self._opts(after)
        return self.children.make(
            aws.dynamodb.Table, "connections_table", "connections", args, opts, fixed=_fixed(args)
        )

    def _refuse_foreign(self) -> None:
        settings, component = self.settings, self.children.component
        if not settings.connections_table:
            refuse_foreign_table(
                self._connections_name,
                "To make another table, set name_prefix (in config: namePrefix). To use this one "
                "together with the chat that has it, set connections_table (in config: connectionsTable) and another "
                "name_prefix.",
                component,
            )
        if settings.unread:
            refuse_foreign_table(
                self._read_markers_name,
                "To make another table, set name_prefix (in config: namePrefix). To do without it, set unread to "
                "false.",
                component,
            )
        if settings.changes:
            refuse_foreign_table(
                self._changes_name,
                "To make another table, set name_prefix (in config: namePrefix). To do without it, set changes to "
                "false.",
                component,
            )
        # The name of a table to create is plain.
        if settings.create_messages_table and isinstance(settings.messages_table, str):
            refuse_foreign_table(
                settings.messages_table,
                "To make another table, set messages_table (in config: messagesTable). To use this one, set "
                "create_messages_table (in config: createMessagesTable) to false.",
                component,
            )

    @property
    def _connections_name(self) -> str:
        return f"{self.settings.name_prefix}Connections"

    @property
    def _read_markers_name(self) -> str:
        return f"{self.settings.name_prefix}ReadMarkers"

    @property
    def _changes_name(self) -> str:
        return f"{self.settings.name_prefix}Changes"

    def _retained(self, after: Iterable[pulumi.Resource]) -> pulumi.ResourceOptions:
        opts = self._opts(after)
        # Pulumi then only forgets the table. It cannot tell a destroy on purpose from a rename or a moved stack.
        opts.retain_on_delete = not self.settings.destroy_messages
        return opts

    def _opts(self, after: Iterable[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(depends_on=[*after], protect=self.protected, delete_before_replace=False)

    def _args(
        self,
        name: pulumi.Input[str],
        *,
        key: str,
        sort_key: str | None = None,
        indexes: Sequence[Index] = (),
        ttl: aws.dynamodb.TableTtlArgs | None = None,
        stream_view_type: str | None = None,
    ) -> aws.dynamodb.TableArgs:
        attributes = {key, *filter(None, [sort_key]), *(attribute for index in indexes for attribute in index.keys)}
        return aws.dynamodb.TableArgs(
            name=name,
            billing_mode="PAY_PER_REQUEST",
            hash_key=key,
            range_key=sort_key,
            attributes=[aws.dynamodb.TableAttributeArgs(name=attribute, type="S") for attribute in sorted(attributes)],
            global_secondary_indexes=[_index_args(index) for index in indexes],
            # False is the key that AWS owns, which is free. True without a key is the account's key for DynamoDB, whose
            # use AWS bills. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/EncryptionAtRest.html
            server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
                enabled=self.kms_key_arn is not None, kms_key_arn=self.kms_key_arn
            ),
            point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
                enabled=self.settings.point_in_time_recovery
            ),
            deletion_protection_enabled=self.settings.deletion_protection,
            tags=self.settings.tags | stack_tag(),
            ttl=ttl,
            stream_enabled=True if stream_view_type else None,
            stream_view_type=stream_view_type,
        )


def _fixed(args: aws.dynamodb.TableArgs) -> dict[str, Any]:
    return {"hash_key": args.hash_key, "range_key": args.range_key, "tags": stack_tag()}


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
