"""Tables that exist already. They are looked up and checked, and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from .shared import Index

_MISSING = "couldn't find resource"
"""How the AWS provider says that there is no such table. It has no other sign.
https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/retry/error.go"""

STREAM_VIEW_TYPE = "NEW_AND_OLD_IMAGES"
"""What a stream of connections shows. A deleted row appears in it only as its old image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingTable:
    """A table that somebody else made. It has the same first three outputs as ``aws.dynamodb.Table``."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    stream_arn: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    """The customer's KMS key that encrypts it. Empty: one of AWS's keys, which needs no permission."""


AnyTable = aws.dynamodb.Table | ExistingTable
"""A table that the component makes, or one that exists already."""


def is_missing(error: Exception) -> bool:
    """Whether a look-up failed because there is no such table."""
    return _MISSING in str(error)


class ExistingTableError(pulumi.RunError):
    """An existing table is missing, or is not as it must be. Pulumi prints this error without a stack trace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What the functions need of an existing table.

    Attributes:
        contents: What its rows are, such as "messages".
        key: The attribute that is its whole key. Empty: any key will do.
        indexes: The indexes that it needs. More attributes may be projected.
        any_sort_key: Whether an index may have another sort key, because the functions write no rows.
        written: The attributes that the functions write, with their types. DynamoDB refuses a row if one of them is a
            key of any index of the table, and has another type there.
        stream: Whether it needs a stream with new and old images.
        expires_by: Attribute of its time to live. A table without it is used, with a warning. Empty: no time to live.
        advice: What to do instead, in whole sentences.
    """

    contents: str
    key: str = ""
    indexes: tuple[Index, ...]
    any_sort_key: bool = False
    written: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    expires_by: str = ""
    advice: str

    def look_up(self, name: pulumi.Input[str], component: pulumi.Resource) -> ExistingTable:
        """Look up a table and check it.

        Args:
            name: Its name. A text is looked up at once, so nothing is registered if the table is wrong. An Output is
                looked up as soon as the resource that it comes from exists: a preview that would create that resource
                checks nothing. A preview only warns if the table is wrong, because the update may change it first.
            component: The component, whose provider is asked.

        Raises:
            ExistingTableError: The table cannot be read, or is not as it must be.
        """
        output = pulumi.Output.from_input(name)
        if isinstance(name, str):
            try:
                table = aws.dynamodb.get_table(name=name, opts=pulumi.InvokeOptions(parent=component))
            except Exception as error:  # Pulumi raises no narrower one.
                raise self._refusal(name, error) from error
            return _existing(pulumi.Output.from_input(self._checked(table, component, may_change=False)), component)

        def ask(known: str) -> pulumi.Output[aws.dynamodb.GetTableResult]:
            # Ask with the Output, not with its value: only then Pulumi waits until the resource behind it exists.
            found = aws.dynamodb.get_table_output(name=name, opts=pulumi.InvokeOutputOptions(parent=component))
            found = found.recover(lambda error: self._refuse(known, error))
            return found.apply(lambda table: self._checked(table, component, may_change=pulumi.runtime.is_dry_run()))

        return _existing(output.apply(ask), component)

    def _checked(
        self, table: aws.dynamodb.GetTableResult, component: pulumi.Resource, *, may_change: bool
    ) -> aws.dynamodb.GetTableResult:
        if reason := self._fault(table):
            refusal = self._refusal(table.name, reason)
            if not may_change:
                raise refusal
            pulumi.log.warn(f"{refusal} If this update does not change the table, it will fail.", resource=component)
        ttl = table.ttl
        if self.expires_by and not (ttl and ttl.enabled and ttl.attribute_name == self.expires_by):
            pulumi.log.warn(
                f"The {self.contents} table {table.name!r} has no time to live on {self.expires_by}, so a row that "
                f"nobody deletes stays forever. To set it: aws dynamodb update-time-to-live --table-name {table.name} "
                f"--time-to-live-specification Enabled=true,AttributeName={self.expires_by}",
                resource=component,
            )
        return table

    def _fault(self, table: aws.dynamodb.GetTableResult) -> str:
        """What is wrong with a table. Empty if nothing is."""
        if self.key and (table.hash_key, table.range_key or "") != (self.key, ""):
            return f"its key is {' and '.join(filter(None, (table.hash_key, table.range_key)))}"
        for index in self.indexes:
            if not any(self._serves(found, index) for found in table.global_secondary_indexes):
                return f"it has no {_in_words(index)}"
        # The attributes of a table are the keys of the table itself and of all its indexes.
        types = dict.fromkeys((key for index in self.indexes for key in index.keys), "S") | dict(self.written)
        for attribute in table.attributes:
            if attribute.type != (needed := types.get(attribute.name, attribute.type)):
                return f"its attribute {attribute.name} has the type {attribute.type} in a key, and needs {needed}"
        # A disabled stream keeps its ARN.
        if self.stream and (table.stream_enabled, table.stream_view_type) != (True, STREAM_VIEW_TYPE):
            return "it has no stream with new and old images"
        return ""

    def _serves(self, found: aws.dynamodb.outputs.GetTableGlobalSecondaryIndexResult, index: Index) -> bool:
        keys = (found.hash_key,) if self.any_sort_key else tuple(filter(None, (found.hash_key, found.range_key)))
        everything = found.projection_type == "ALL"
        enough = index.projected and set(index.projected) <= set(found.non_key_attributes or ())
        return (found.name, keys) == (index.name, index.keys) and bool(everything or enough)

    def _refuse(self, name: str, reason: object) -> aws.dynamodb.GetTableResult:
        raise self._refusal(name, reason)

    def _refusal(self, name: str, reason: object) -> ExistingTableError:
        if isinstance(reason, Exception) and is_missing(reason):
            reason = "there is no such table in this account and region"
        needed = [f"the key {self.key}"] if self.key else []
        needed += [f"the {_in_words(index)} projected" for index in self.indexes]
        needed += ["a stream with new and old images"] if self.stream else []
        return ExistingTableError(
            f"The {self.contents} table {name!r} cannot be used: {reason}. It needs {' and '.join(needed)}. Each "
            f"attribute of these keys has the type S. {self.advice}"
        )


def _existing(table: pulumi.Output[aws.dynamodb.GetTableResult], component: pulumi.Resource) -> ExistingTable:
    return ExistingTable(
        name=table.apply(lambda found: found.name),
        arn=table.apply(lambda found: found.arn),
        stream_arn=table.apply(lambda found: found.stream_arn),
        key_arn=table.apply(lambda found: _customer_key(found, component)),
    )


def _customer_key(table: aws.dynamodb.GetTableResult, component: pulumi.Resource) -> pulumi.Output[str]:
    """The customer's key of a table. The provider gives a key for the account's own key for DynamoDB too."""
    encryption = table.server_side_encryption
    if not encryption or not encryption.enabled or not encryption.kms_key_arn:
        return pulumi.Output.from_input("")

    def of_customer(key: aws.kms.GetKeyResult) -> str:
        if key.key_manager == "AWS":
            return ""
        pulumi.log.info(
            f"The table {table.name} is encrypted with the KMS key {key.arn}. The functions get the permission to use "
            f"it, but Pulumi cannot check the key's own policy. It must let the account's IAM policies decide: "
            f"docs/security.md describes this.",
            resource=component,
        )
        return key.arn

    opts = pulumi.InvokeOutputOptions(parent=component)
    return aws.kms.get_key_output(key_id=encryption.kms_key_arn, opts=opts).apply(of_customer)


def _in_words(index: Index) -> str:
    attributes = f"at least the attributes {', '.join(index.projected)}" if index.projected else "all attributes"
    return f"index {index.name} on {' and '.join(index.keys)} with {attributes}"
