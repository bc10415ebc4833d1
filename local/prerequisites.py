"""Creates the tables that a user already has before the first deployment, and clears what an earlier start left."""

from .emulator import Emulator


def create_messages_table(emulator: Emulator, name: str = "ChatMessages") -> None:
    """Create the messages table as the user's other programs expect it."""
    _create(emulator, name, "messageId", {"GroupIdIndex": ("groupId", "timestamp")})


def create_members_table(emulator: Emulator, name: str = "GroupMembers") -> None:
    """Create the members table as the user's other programs expect it."""
    _create(emulator, name, "memberId", {"UserIdIndex": ("userId",), "GroupIdIndex": ("groupId",)})


def create_connections_table(emulator: Emulator, name: str = "WebSocketConnections") -> None:
    """Create the connections table as the old stack has it: with one index, without a stream and a time to live."""
    _create(emulator, name, "connectionId", {"GroupIdIndex": ("groupId",)})


def forget_connections(emulator: Emulator, name: str) -> None:
    """Delete the rows of connections that ended with the emulator. API Gateway would have called ``$disconnect``.

    A client may have connected again already: its rows are those of connections that the emulator has.
    """
    tables = emulator.client("dynamodb")
    [key] = [one["AttributeName"] for one in tables.describe_table(TableName=name)["Table"]["KeySchema"]]
    for page in tables.get_paginator("scan").paginate(TableName=name):
        for row in page["Items"]:
            if row.get("connectedAt", {"S": ""})["S"] < emulator.started_at:
                tables.delete_item(TableName=name, Key={key: row[key]})


def _create(emulator: Emulator, name: str, key: str, indexes: dict[str, tuple[str, ...]]) -> None:
    attributes = dict.fromkeys((key, *(attribute for keys in indexes.values() for attribute in keys)))
    emulator.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": key_type}
                    for attribute, key_type in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, keys in indexes.items()
        ],
    )
