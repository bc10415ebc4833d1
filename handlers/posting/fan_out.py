"""Fan-out: one frame to many connections."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from handlers.protocol import times
from handlers.runtime.deadline import call_by
from handlers.runtime.log import log_failure
from handlers.runtime.memory import make_room
from handlers.tables import connections
from handlers.tables.connections import Connection

from .management_api import management_api
from .posts import Outcome, Post

HANDSHAKE_SECONDS = 15
"""Age in seconds under which a connection that answers 410 keeps its row: its handshake may still be under way. A row
that is dated further ahead than that was not written just now."""

_stale: set[str] = set()
"""Connections that answered 410, but whose rows stay because they may be another API's."""
_MOST_STALE = 10_000


@dataclass(slots=True)
class Tally:
    """How a fan-out went, counted in recipients.

    Attributes:
        recipients: Number of all recipients.
        delivered: Recipients that got the frame.
        stale: Recipients that were gone. Their rows are deleted, unless they may be another API's.
        failed: Recipients that could not be reached, or not in time.
        complete: Whether every recipient was tried before the deadline.
        replied: Whether every reply was delivered.
    """

    recipients: int = 0
    delivered: int = 0
    stale: int = 0
    failed: int = 0
    complete: bool = False
    replied: bool = True


@dataclass(frozen=True, slots=True)
class Push(Post):
    """A post to a recipient of the fan-out."""

    recipient: Connection


def group_of(sender: Connection) -> Iterator[Connection]:
    """The sender's group, with the sender first. The sender is served even if the index does not list it yet.

    The first page is read at once. So if the table cannot be read, this fails before anything is posted.
    """
    pages = connections.in_group(sender.group_id)
    first_page = next(pages, [])
    listed = chain.from_iterable(chain([first_page], pages))
    return chain([sender], (other for other in listed if other.connection_id != sender.connection_id))


def push(
    frame: bytes,
    recipients: Iterable[Connection],
    *replies: Post,
    deadline: float,
    gives_way: bool = False,
    on_failure: Callable[[Connection], None] = lambda _: None,
) -> Tally:
    """Post a frame to every recipient. A recipient that fails does not affect the others.

    Args:
        frame: The frame.
        recipients: Read while posting, so that memory does not grow with the group.
        replies: Further posts to send along, such as the sender's ack. They do not count in the tally.
        deadline: Moment of :func:`time.monotonic` by which all is over.
        gives_way: Whether the frame gives way to messages. See :meth:`~.management_api.ManagementApi.post_all`.
        on_failure: Called with every recipient that counts as failed.

    Returns:
        The tally.
    """
    tally = Tally()
    gone: list[Connection] = []

    def on_outcome(post: Post, outcome: Outcome) -> None:
        if not isinstance(post, Push):
            tally.replied &= outcome is Outcome.DELIVERED
            return
        tally.recipients += 1
        if outcome is Outcome.DELIVERED:
            tally.delivered += 1
        elif outcome is Outcome.GONE and abs(times.age(post.recipient.connected_at)) > HANDSHAKE_SECONDS:
            tally.stale += 1
            gone.append(post.recipient)
        else:
            tally.failed += 1
            on_failure(post.recipient)

    pushes = (
        Push(recipient.connection_id, frame, recipient)
        for recipient in recipients
        if recipient.connection_id not in _stale
    )
    try:
        management_api().post_all(chain(replies, pushes), deadline=deadline, on_outcome=on_outcome, gives_way=gives_way)
        tally.complete = time.monotonic() < deadline
    finally:
        if gone:
            with suppress(TimeoutError):  # The next message tries to delete the rest.
                call_by(deadline, lambda: _clean_up(gone, deadline))
    return tally


def _clean_up(gone: list[Connection], deadline: float) -> None:
    for connection in gone:
        if time.monotonic() >= deadline:
            return
        with log_failure("stale row not deleted"):
            # A group row ends with its connection.
            for row_id in {connection.connection_id, connection.row_id}:
                if not connections.delete_stale(row_id):
                    _remember(connection.connection_id)


def _remember(connection_id: str) -> None:
    make_room(_stale, _MOST_STALE)
    _stale.add(connection_id)
