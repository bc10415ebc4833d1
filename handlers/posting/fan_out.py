"""Fan-out: one frame to many connections.

Posts that fail here were tried again before, as ``run.py`` and ``retries.py`` say.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain

from handlers.protocol import frames, times
from handlers.runtime.deadline import call_by
from handlers.runtime.log import log_failure
from handlers.runtime.memory import remember
from handlers.tables import connections, group_rows
from handlers.tables.connection import Connection

from .closing import close
from .management_api import management_api
from .posts import Outcome, Post

HANDSHAKE_SECONDS = 15
"""Age in seconds under which a connection that answers 410 keeps its row: its handshake may still be under way. A row
that is dated further ahead than that was not written just now."""

_stale: set[str] = set()
"""Connections that answered 410, but whose rows stay because they may be another API's."""
_foreign: set[str] = set()
"""Connections that have expired, but are not closed because they may be another API's."""
_MOST_REMEMBERED = 10_000
_MOST_CLOSED = 25
"""Expired connections that one message closes. Closing takes time, and many tokens may expire at once."""


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


class Group:
    """A group. If one of its connections is the sender, it comes first, even if the index does not list it yet.

    Attributes:
        oldest_protocol: The oldest protocol that a recipient speaks, of those that were read.
        ended: Connections of the group that have expired, of those that were read.
    """

    def __init__(self, group_id: str, sender: Connection | None = None) -> None:
        """Read the first page. So if the table cannot be read, this fails before anything is posted."""
        self.oldest_protocol = sender.protocol if sender else frames.NEWEST_PROTOCOL
        self.ended: list[Connection] = []
        self._sender = sender
        pages = connections.in_group(group_id, self.ended)
        self._pages = chain([next(pages, [])], pages)

    def __iter__(self) -> Iterator[Connection]:
        """The recipients."""
        first = self._sender
        if first:
            yield first
        for page in self._pages:
            for other in page:
                if not first or other.connection_id != first.connection_id:
                    self.oldest_protocol = min(self.oldest_protocol, other.protocol)
                    yield other


def push(
    frame: bytes,
    recipients: Iterable[Connection],
    *replies: Post,
    deadline: float,
    gives_way: bool = False,
    on_failure: Callable[[Connection], None] = lambda _: None,
    ended: Sequence[Connection] = (),
) -> Tally:
    """Post a frame to every recipient. A recipient that fails does not affect the others.

    Args:
        frame: The frame.
        recipients: Read while posting, so that memory does not grow with the group.
        replies: Further posts to send along, such as the sender's ack. They do not count in the tally.
        deadline: Moment of :func:`time.monotonic` by which all is over.
        gives_way: Whether the frame gives way to messages. See :meth:`~.management_api.ManagementApi.post_all`.
        on_failure: Called with every recipient that counts as failed.
        ended: Connections that have expired. Their rows are deleted and they are closed, so that their clients notice.

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
        if gone or ended:
            # Half of the time is left for what the caller does next.
            now = time.monotonic()
            until = now + (deadline - now) / 2
            with suppress(TimeoutError):  # The next message cleans up the rest.
                call_by(until, lambda: _clean_up(gone, ended, until))
    return tally


def _clean_up(gone: Sequence[Connection], ended: Sequence[Connection], deadline: float) -> None:
    to_close = [one for one in ended if one.connection_id not in _foreign][:_MOST_CLOSED]
    for left, clean_up, failed in (
        (gone, _delete_stale, "stale row not deleted"),
        (to_close, _close, "expired connection not closed"),
    ):
        for connection in left:
            if time.monotonic() >= deadline:
                return
            with log_failure(failed):
                clean_up(connection)


def _delete_stale(connection: Connection) -> None:
    if not group_rows.end_stale(connection):
        remember(_stale, connection.connection_id, most=_MOST_REMEMBERED)


def _close(connection: Connection) -> None:
    # Another program may have given the own row more time, and the index lags. Then only a group row has ended.
    if connections.find(connection.connection_id):
        if connection.row_id != connection.connection_id:
            connections.delete_stale(connection.row_id)
    elif group_rows.end_stale(connection):
        close(connection.connection_id)
    else:
        remember(_foreign, connection.connection_id, most=_MOST_REMEMBERED)
