"""Rows of the chat's tables, as other programs put them there."""

from collections.abc import Mapping
from typing import Any


def put_row(dynamodb: Any, table: str, row: Mapping[str, str]) -> None:
    """Store a row whose attributes are all text."""
    dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in row.items()})
