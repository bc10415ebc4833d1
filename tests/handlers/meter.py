"""Counts what DynamoDB would bill for the functions' calls, and notes each call.

Sizes of rows: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
Units of writes to indexes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from math import ceil
from typing import Any
from unittest.mock import patch

from botocore.client import BaseClient

from handlers.tables.schema import (
    CHANGE,
    CONNECTION_ID,
    CONNECTIONS_BY_GROUP,
    CONNECTIONS_BY_USER,
    GROUP_ID,
    MARKERS_BY_GROUP,
    MESSAGE_ID,
    MESSAGES_BY_GROUP,
    USER_ID,
    Index,
)

from .tables import CHANGES, CONNECTIONS, MESSAGES, READ_MARKERS, Row, Tables

_KEYS = {
    CONNECTIONS: (CONNECTION_ID,),
    MESSAGES: (MESSAGE_ID,),
    READ_MARKERS: (USER_ID, GROUP_ID),
    CHANGES: (GROUP_ID, CHANGE),
}
_READS = {"GetItem", "BatchGetItem", "Query"}
_INDEXES = {
    CONNECTIONS: (CONNECTIONS_BY_GROUP, CONNECTIONS_BY_USER),
    MESSAGES: (MESSAGES_BY_GROUP,),
    READ_MARKERS: (MARKERS_BY_GROUP,),
    CHANGES: (),
}


@dataclass
class Meter:
    """What was used.

    Attributes:
        calls: Number of calls, by operation.
        read_units: Read units.
        write_units: Write units.
    """

    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0
    write_units: int = 0
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self, tables: Tables) -> Iterator[None]:
        """Count while the context is open. Invocations of other functions are counted and not made."""
        # Every call of every client passes through this method.
        serve = BaseClient._make_api_call  # type: ignore[attr-defined]  # noqa: SLF001

        def count(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
            with self._counting:
                self.calls[operation] += 1
            if operation == "Invoke":
                return {"StatusCode": 202, "Payload": BytesIO()}
            keys = _keys(arguments) if operation not in _READS else []
            before = [tables.found(table, [key])[0] for table, key in keys]
            try:
                answer = serve(client, operation, arguments)
            finally:
                after = [tables.found(table, [key])[0] for table, key in keys]
                self.write_units += sum(map(_written, (table for table, _ in keys), before, after))
            if operation == "GetItem":
                self._read([answer.get("Item", {})], None, consistent=arguments["ConsistentRead"])
            elif operation == "BatchGetItem":
                [(table, batch)] = arguments["RequestItems"].items()
                for row in tables.found(table, batch["Keys"]):  # Each row is billed by itself.
                    self._read([row or {}], None, consistent=batch["ConsistentRead"])
            elif operation == "Query":
                table = arguments["TableName"]
                index = next((one for one in _INDEXES[table] if one.name == arguments.get("IndexName")), None)
                # Whole rows are billed, whatever the projection of the query.
                listed = [{name: row[name] for name in _KEYS[table]} for row in answer["Items"]]
                found = [row or {} for row in tables.found(table, listed)]
                self._read(found, index, consistent=arguments.get("ConsistentRead", False))
            return answer

        with patch.object(BaseClient, "_make_api_call", count):
            yield

    def _read(self, rows: Iterable[Row], index: Index | None, *, consistent: bool) -> None:
        size = sum(_size(_projected(row, index)) for row in rows)
        with self._counting:
            self.read_units += max(ceil(size / 4096), 1) * (1 if consistent else 0.5)


def _keys(arguments: dict[str, Any]) -> list[tuple[str, Row]]:
    """Table and key of each row that a call writes."""
    batches = arguments.get("RequestItems") or {arguments["TableName"]: [{"": arguments}]}
    named = [(table, each) for table, batch in batches.items() for request in batch for each in request.values()]
    rows = [(table, each.get("Key") or each.get("Item")) for table, each in named]
    return [(table, {name: row[name] for name in _KEYS[table]}) for table, row in rows if row]


def _written(table: str, before: Row | None, after: Row | None) -> int:
    units = _write_units(before, after)
    for index in _INDEXES[table]:
        old, new = (
            _projected(row, index) if row and set(index.keys) <= row.keys() else None for row in (before, after)
        )
        if old == new:
            continue
        moved = old and new and any(old[name] != new[name] for name in index.keys)
        units += _write_units(old, None) + _write_units(None, new) if moved else _write_units(old, new)
    return units


def _write_units(before: Row | None, after: Row | None) -> int:
    return max(ceil(max(_size(before or {}), _size(after or {})) / 1024), 1)


def _projected(row: Row, index: Index | None) -> Row:
    if index is None or not index.projected:
        return row
    # The table's own key is in every index.
    return {name: row[name] for name in (CONNECTION_ID, *index.keys, *index.projected) if name in row}


def _size(row: Row) -> int:
    return sum(len(name.encode()) + _value_size(value) for name, value in row.items())


def _value_size(value: dict[str, Any]) -> int:
    [(kind, content)] = value.items()
    if kind == "BOOL":
        return 1
    if kind in ("BS", "SS"):
        return sum(len(one if kind == "BS" else one.encode()) for one in content)
    return ceil(len(content) / 2) + 1 if kind == "N" else len(content.encode())
