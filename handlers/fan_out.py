"""Fan-out: one frame to many connections."""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import TYPE_CHECKING

from botocore.session import Session

from . import connections, ids
from .connections import Connection
from .dynamodb import CALLS
from .log import log_failure
from .management_api import Outcome, Post, management_api
from .settings import settings

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

HANDSHAKE_SECONDS = 15
"""Age in seconds under which a connection that answers 410 keeps its row: its handshake may be still under way."""


@dataclass(slots=True)
class Tally:
    """How a fan-out went, in recipients.

    Attributes:
        recipients: All of them.
        delivered: Who got the frame.
        stale: Who was gone; their rows are deleted.
        failed: Who could not be reached, or not in time.
        complete: Whether all were tried before the deadline.
    """

    recipients: int = 0
    delivered: int = 0
    stale: int = 0
    failed: int = 0
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Push(Post):
    """A post to a recipient of the fan-out."""

    recipient: Connection


def group_of(sender: Connection) -> Iterator[Connection]:
    """The sender's group, the sender first, who is served even where the index does not list the connection yet.

    The first page is read at once, so that a table that cannot be read is known before anything is said to anybody.
    """
    pages = connections.in_group(sender.group_id)
    first_page = next(pages, [])
    listed = chain.from_iterable(chain([first_page], pages))
    return chain([sender], (other for other in listed if other.connection_id != sender.connection_id))


def push(frame: bytes, recipients: Iterable[Connection], *replies: Post, deadline: float) -> Tally:
    """Post a frame to everybody. A recipient that fails costs the others nothing.

    Args:
        frame: What the recipients get.
        recipients: Read while posts are under way, so that memory does not grow with the group.
        replies: Further posts to go along, such as the sender's ack. They do not count in the tally.
        deadline: Moment of :func:`time.monotonic` by which all is over.

    Returns:
        The tally.
    """
    tally = Tally()
    gone: list[Connection] = []

    def on_outcome(post: Post, outcome: Outcome) -> None:
        if not isinstance(post, Push):
            return
        tally.recipients += 1
        if outcome is Outcome.DELIVERED:
            tally.delivered += 1
        elif outcome is Outcome.GONE and ids.age(post.recipient.connected_at) > HANDSHAKE_SECONDS:
            tally.stale += 1
            gone.append(post.recipient)
        else:
            tally.failed += 1

    pushes = (Push(recipient.connection_id, frame, recipient) for recipient in recipients)
    try:
        management_api().post_all(chain(replies, pushes), deadline=deadline, on_outcome=on_outcome)
        tally.complete = time.monotonic() < deadline
    finally:
        for connection in gone:
            if time.monotonic() >= deadline:
                break  # The next message finds them again.
            with log_failure("stale row not deleted"):
                connections.close_connection(connection.connection_id)
    return tally


def split(frame: bytes, recipients: Iterator[Connection], *, deadline: float) -> Iterator[Connection]:
    """Keep as many recipients as one invocation serves; hand the rest over to asynchronous ones, slice by slice.

    A slice that fails is repeated by Lambda, and ends in the queue of failures if it fails for good. A recipient may so
    be served twice, and dedupes by the message's id.

    Raises:
        TimeoutError: It is the deadline, and recipients are left.
    """
    size = settings().broadcast_threshold
    yield from islice(recipients, size)
    while recipients_of_slice := list(islice(recipients, size)):
        # On a thread of its own, which would go on in the next invocation, beside the sender's retry.
        if time.monotonic() >= deadline:
            raise TimeoutError
        slice_ = {
            "frame": frame.decode(),
            "recipients": [[one.connection_id, one.connected_at] for one in recipients_of_slice],
        }
        answer = _lambda_client().invoke(
            FunctionName=settings().broadcast_function, InvocationType="Event", Payload=json.dumps(slice_)
        )
        answer["Payload"].read()  # Empty, but read to the end gives its connection back for the next slice.


@cache
def _lambda_client() -> "LambdaClient":
    # Only large groups pay for its making.
    return Session().create_client("lambda", region_name=settings().region, config=CALLS)  # type: ignore[return-value]
