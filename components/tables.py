"""The tables: those that the component makes, and those that exist already and are only looked up."""

import pulumi
import pulumi_aws as aws

from handlers.tables.schema import (
    CONNECTION_ID,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    EXPIRES_AT,
    MESSAGE_ID,
    MESSAGES_BY_GROUP,
    Index,
)

from .members_table import existing_members_table_arn
from .messages_table import existing_messages_table_arn
from .part import Part


class Tables(Part):
    """The tables."""

    def members_arn(self) -> str | None:
        """Look up the members table, if there is one.

        Raises:
            MembersTableError: It cannot be used.
        """
        name = self.settings.group_members_table
        return existing_members_table_arn(name, parent=self.children.component) if name else None

    def messages(self) -> aws.dynamodb.Table | None:
        """Make the messages table, if ``create_messages_table`` is set."""
        if not self.settings.create_messages_table:
            return None
        args = self._args(self.settings.messages_table, key=MESSAGE_ID, indexes=[MESSAGES_BY_GROUP])
        return self.children.make(aws.dynamodb.Table, "messages_table", "messages", args)

    def messages_arn(self, made: aws.dynamodb.Table | None) -> pulumi.Input[str]:
        """ARN of the messages table: the one made here, or else the existing one, which is looked up.

        Raises:
            MessagesTableError: The existing one cannot be used.
        """
        if made:
            return made.arn
        return existing_messages_table_arn(self.settings.messages_table, parent=self.children.component)

    def connections(self) -> aws.dynamodb.Table:
        """Make the table with one row per open connection."""
        args = self._args(
            f"{self.settings.name_prefix}Connections",
            key=CONNECTION_ID,
            indexes=[CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER],
            ttl=aws.dynamodb.TableTtlArgs(attribute_name=EXPIRES_AT, enabled=True),
            # A deleted row appears in the stream only as its old image.
            stream_view_type="NEW_AND_OLD_IMAGES" if self.settings.presence else None,
        )
        return self.children.make(aws.dynamodb.Table, "connections_table", "connections", args)

    def _args(
        self,
        name: str,
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
