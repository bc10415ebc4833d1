"""A message, read from its row. Other programs write rows, too."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from handlers.protocol import base64url

from .rows import texts
from .schema import DATA, FIRST_DIGEST, MESSAGE, REACTION, REPLY_TO, TYPE

if TYPE_CHECKING:
    from .aws import Row

Message = dict[str, Any]
"""A message by the names of its attributes. All are text, but ``data`` is an object, and ``reactions`` maps each
reaction to its users."""

REACTIONS = "reactions"


def read(row: "Row") -> Message:
    """Make a message from its row, with all attributes. What is not a text is named as that."""
    message = of(texts(row))
    # Sorted, so that a message that has not changed is the same frame each time.
    found = {
        name.removeprefix(REACTION): sorted(row[name]["SS"])
        for name in row
        if name.startswith(REACTION) and "SS" in row[name]
    }
    return message | {REACTIONS: dict(sorted(found.items()))} if found else message


def of(attributes: Mapping[str, str]) -> Message:
    """Make a message from the texts of its row."""
    message: Message = {**attributes}
    return message | _data(message.pop(DATA)) if DATA in message else message


def first_digest(row: "Row") -> str:
    """The digest of what a message was when it was sent. A retry has the same one, whatever has changed since."""
    stored = texts(row)
    return stored.get(FIRST_DIGEST) or digest(stored)


def digest(attributes: Mapping[str, str]) -> str:
    """The digest of what a client says in a message, from the texts of its row: 22 characters."""
    said = [attributes.get(name, "") for name in (MESSAGE, TYPE, REPLY_TO, DATA)]
    return base64url.encode(hashlib.sha256(json.dumps(said).encode()).digest()[:16])


def _data(text: str) -> Message:
    """An object from its JSON text. Nothing if another program stored something else."""
    try:
        found = json.loads(text)
        # It must be possible to send it: no lone surrogates, and no numbers that JSON does not have.
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return {}
    return {DATA: found} if isinstance(found, dict) else {}
