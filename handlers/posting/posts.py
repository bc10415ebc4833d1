"""The input of the engine, and the outcomes that it reports."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar


class Outcome(Enum):
    """The outcome of one post."""

    DELIVERED = "delivered"
    """API Gateway accepted it (2xx)."""
    GONE = "gone"
    """410: there is no such connection, or its handshake is still under way. :mod:`fan_out` decides what happens to
    its row."""
    FAILED = "failed"
    """Anything else, after all retries or at the deadline. The frame may still have been delivered."""


@dataclass(frozen=True, slots=True)
class Post:
    """One frame for one connection. A subclass can have more fields: the callback gets the same object."""

    connection_id: str
    body: bytes


P = TypeVar("P", bound=Post)
