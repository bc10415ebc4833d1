"""What the engine is given, and what it reports."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar


class Outcome(Enum):
    """What became of one post."""

    DELIVERED = "delivered"
    """API Gateway accepted it (2xx)."""
    GONE = "gone"
    """410: there is no such connection, or its handshake is still under way. The caller decides what to do with its
    row."""
    FAILED = "failed"
    """Anything else, after all retries or at the deadline. The frame may have been delivered nevertheless."""


@dataclass(frozen=True, slots=True)
class Post:
    """One frame for one connection. A subclass can carry more: the post comes back with its outcome."""

    connection_id: str
    body: bytes


P = TypeVar("P", bound=Post)
