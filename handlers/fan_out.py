"""Fan-out: one frame to every connection of a group."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from . import connections, ids
from .connections import Connection
from .log import log_failure
from .management_api import Outcome, Post, management_api

HANDSHAKE_SECONDS = 15
"""Age in seconds under which a connection that answers 410 keeps its row: its handshake may be still under way."""


@dataclass(slots=True)
class Tally:
    """How a fan-out went, in recipients. ``stale`` ones were gone and their rows are deleted."""

    recipients: int = 0
    delivered: int = 0
    stale: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Push(Post):
    """A post to a member of the group."""

    connection: Connection


class FanOut:
    """Posts a frame to a group, its sender included.

    Reads the first page of the group at once, so that a table that cannot be read is known before anything is said to
    anybody; the other pages are read while posts are under way.
    """

    def __init__(self, sender: Connection) -> None:
        """Read the first page of the sender's group.

        Args:
            sender: The connection that speaks. It is served even where the index does not list it yet.
        """
        self._sender = sender
        self._pages = connections.in_group(sender.group_id)
        self._first_page = next(self._pages, [])

    def post(self, frame: bytes, *replies: Post, deadline: float) -> Tally:
        """Post the frame to everybody.

        Args:
            frame: What the group gets.
            replies: Further posts to go along, such as the sender's ack. They do not count in the tally.
            deadline: Moment of :func:`time.monotonic` by which all is over.

        Returns:
            The tally. A connection that fails costs the others nothing.
        """
        tally = Tally()
        gone: list[Connection] = []

        def on_outcome(post: Post, outcome: Outcome) -> None:
            if not isinstance(post, Push):
                return
            tally.recipients += 1
            if outcome is Outcome.DELIVERED:
                tally.delivered += 1
            elif outcome is Outcome.GONE and ids.age(post.connection.connected_at) > HANDSHAKE_SECONDS:
                gone.append(post.connection)
            else:
                tally.failed += 1

        def posts() -> Iterator[Post]:
            yield Push(self._sender.connection_id, frame, self._sender)
            yield from replies
            for connection in self._others():
                yield Push(connection.connection_id, frame, connection)

        management_api().post_all(posts(), deadline=deadline, on_outcome=on_outcome)
        tally.stale = len(gone)
        for connection in gone:
            with log_failure("stale row not deleted"):
                connections.close_connection(connection.connection_id)
        return tally

    def _others(self) -> Iterator[Connection]:
        for page in chain([self._first_page], self._pages):
            for connection in page:
                if connection.connection_id != self._sender.connection_id:
                    yield connection
