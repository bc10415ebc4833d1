"""The messages table, if it exists already: it is looked up and never changed."""

import pulumi
import pulumi_aws as aws

from handlers.tables.schema import MESSAGE_ID, MESSAGES_BY_GROUP

_WANTED = f"index {MESSAGES_BY_GROUP.name} on {' and '.join(MESSAGES_BY_GROUP.keys)} with all attributes"


class MessagesTableError(pulumi.RunError):
    """The existing messages table is missing, or has the wrong key or index. Pulumi prints it without a stack trace."""

    def __init__(self, name: str, reason: str) -> None:
        """Say what is wrong, what the table needs, and what to do.

        Args:
            name: Name of the table.
            reason: What is wrong with it.
        """
        super().__init__(
            f"The messages table {name!r} cannot be used: {reason}. It needs the key {MESSAGE_ID} and an {_WANTED} "
            f"projected. Name the table to use with messages_table (in config: messagesTable), or have the component "
            f"make one by setting create_messages_table (in config: createMessagesTable) to true."
        )


def existing_messages_table_arn(name: str, parent: pulumi.Resource) -> str:
    """Look up the messages table.

    Args:
        name: Name of the table.
        parent: The component, whose provider is asked.

    Raises:
        MessagesTableError: The table cannot be read, or has the wrong key or index.
    """
    try:
        table = aws.dynamodb.get_table(name=name, opts=pulumi.InvokeOptions(parent=parent))
    except Exception as error:  # Pulumi raises no narrower one.
        raise MessagesTableError(name, str(error)) from error
    if table.hash_key != MESSAGE_ID or table.range_key:
        keys = " and ".join(filter(None, (table.hash_key, table.range_key)))
        raise MessagesTableError(name, f"its key is {keys}")
    for index in table.global_secondary_indexes:
        found = index.name, (index.hash_key, index.range_key), index.projection_type
        if found == (MESSAGES_BY_GROUP.name, MESSAGES_BY_GROUP.keys, "ALL"):
            return table.arn
    raise MessagesTableError(name, f"it has no {_WANTED}")
