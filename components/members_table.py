"""The members table, which lists the members of each group. It is looked up and never changed."""

import pulumi
import pulumi_aws as aws

from handlers.tables.schema import MEMBERS_BY_GROUP, MEMBERS_BY_USER

_KEYS = {index.name: index.keys[0] for index in (MEMBERS_BY_USER, MEMBERS_BY_GROUP)}
"""The attribute of each index, by the index's name."""


class MembersTableError(pulumi.RunError):
    """The members table is missing or lacks an index. Pulumi prints it without a stack trace."""

    def __init__(self, name: str, reason: str) -> None:
        """Say what is wrong, what the table needs, and what to do.

        Args:
            name: Name of the table.
            reason: What is wrong with it.
        """
        wanted = " and ".join(f"{index} on {key}" for index, key in _KEYS.items())
        super().__init__(
            f"The members table {name!r} cannot be used: {reason}. It needs the indexes {wanted}, with all attributes "
            f"projected. Name the table to use with group_members_table (in config: groupMembersTable), or leave that "
            f"out, and every group is open."
        )


def existing_members_table_arn(name: str, parent: pulumi.Resource) -> str:
    """Look up the members table.

    Args:
        name: Name of the table.
        parent: The component, whose provider is asked.

    Raises:
        MembersTableError: The table cannot be read, or lacks an index.
    """
    try:
        table = aws.dynamodb.get_table(name=name, opts=pulumi.InvokeOptions(parent=parent))
    except Exception as error:  # Pulumi raises no narrower one.
        raise MembersTableError(name, str(error)) from error
    found = {index.name: index.hash_key for index in table.global_secondary_indexes if index.projection_type == "ALL"}
    for index, key in _KEYS.items():
        if found.get(index) != key:
            raise MembersTableError(name, f"it has no index {index} on {key} with all attributes")
    return table.arn
