"""Rows in the chat's tables, stored as another program would."""

from collections.abc import Mapping
from typing import Any


def put_row(dynamodb: Any, table: str, row: Mapping[str, str]) -> None:
    """Store a row in which every attribute is text."""
    dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in row.items()})
