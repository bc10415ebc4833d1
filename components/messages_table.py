"""The messages table: the user's own, or one made to the same measure."""

import pulumi
import pulumi_aws as aws

KEY = "messageId"
INDEX = "GroupIdIndex"
INDEX_KEYS = ("groupId", "timestamp")


class MessagesTableError(pulumi.RunError):
    """The existing messages table is missing or of another shape. Pulumi prints it without a stack trace."""

    def __init__(self, name: str, reason: str) -> None:
        """Say what is wrong and what to do.

        Args:
            name: Name of the table.
            reason: What is wrong with it.
        """
        super().__init__(
            f"The messages table {name!r} cannot be used: {reason}. Name the table to use with messages_table (in "
            f"config: messagesTable), or have one made by setting create_messages_table (in config: "
            f"createMessagesTable) to true. It needs the key {KEY} and an index {INDEX} on {' and '.join(INDEX_KEYS)} "
            f"with all attributes projected."
        )


def existing_messages_table_arn(name: str, parent: pulumi.Resource) -> str:
    """Look up the messages table, which stays the user's: it is read, never managed.

    Raises:
        MessagesTableError: It cannot be read, or its key or index is another.
    """
    try:
        table = aws.dynamodb.get_table(name=name, opts=pulumi.InvokeOptions(parent=parent))
    except Exception as error:  # Pulumi raises no narrower one.
        raise MessagesTableError(name, str(error)) from error
    if table.hash_key != KEY or table.range_key:
        keys = " and ".join(filter(None, (table.hash_key, table.range_key)))
        raise MessagesTableError(name, f"its key is {keys}")
    for index in table.global_secondary_indexes:
        if index.name == INDEX and (index.hash_key, index.range_key) == INDEX_KEYS and index.projection_type == "ALL":
            return table.arn
    raise MessagesTableError(name, f"it has no index {INDEX} on {' and '.join(INDEX_KEYS)} with all attributes")
