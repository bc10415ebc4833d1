"""What the user has before the chat comes: the table of messages."""

from .emulator import Emulator


def create_messages_table(emulator: Emulator, name: str = "ChatMessages") -> None:
    """Create the messages table as the user's other programs know it."""
    emulator.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "messageId", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("messageId", "groupId", "timestamp")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "GroupIdIndex",
                "KeySchema": [
                    {"AttributeName": "groupId", "KeyType": "HASH"},
                    {"AttributeName": "timestamp", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
