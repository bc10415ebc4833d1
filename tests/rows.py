"""Rows in the chat's tables, stored as another program would."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any


def put_row(dynamodb: Any, table: str, row: Mapping[str, str]) -> None:
    """Store a row in which every attribute is text."""
    dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in row.items()})


def a_minute_ago() -> str:
    """When a connection opened that is no handshake any more, in the old stack's format."""
    return (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
