"""The answers of DynamoDB and Lambda that the server has for whole functions."""

import json
import time
from typing import Any

from .large_groups import ROW

SIZES = (2, 10, 50)
"""Connections in the group."""


def answers() -> dict[str, str]:
    """Bodies by ``<size>-<operation>``."""
    expires_at = str(int(time.time()) + 3600)
    bodies: dict[str, dict[str, Any]] = {}
    for size in SIZES:
        rows = [
            ROW
            | {"connectionId": {"S": f"L0SM9c{number:08d}w="}, "protocol": {"N": "2"}, "expiresAt": {"N": expires_at}}
            for number in range(size)
        ]
        bodies |= {
            f"{size}-query": {"Count": size, "ScannedCount": size, "Items": rows},
            f"{size}-update": {"Attributes": rows[0] | {"busyUntil": {"N": "1"}}},
            f"{size}-put": {},
            f"{size}-allow": {"allow": True},
        }
    return {name: json.dumps(body) for name, body in bodies.items()}
