"""Slices of a large group, each served by an asynchronous run of the function ``WebSocketBroadcast``."""

import json
import time
from collections import deque
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from handlers.runtime.deadline import require_time
from handlers.runtime.settings import settings
from handlers.tables.aws import new_client
from handlers.tables.connection import Connection

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


_A_SECOND = 1.0


def split(frame: bytes, recipients: Iterator[Connection], *, deadline: float) -> Iterator[Connection]:
    """Keep as many recipients as one invocation serves, and hand the rest to asynchronous ones, slice by slice.

    A slice that fails is repeated for those who were not reached. If it keeps failing, it ends in the failures queue. A
    recipient whose answer is lost may be served twice. Clients drop the second copy by the message's id.

    In any second, at most ``fan_out_rate`` recipients are kept and handed over. So a group that is not larger never
    waits. Posts that are tried again come in addition, and a slice that Lambda starts late meets later ones.

    Raises:
        TimeoutError: The deadline has come, and recipients are left.
    """
    rate = settings().fan_out_rate
    size = min(settings().broadcast_threshold, rate)
    begun, in_a_second = deque([(time.monotonic(), size)]), size
    yield from islice(recipients, size)
    while recipients_of_slice := list(islice(recipients, size)):
        in_a_second += len(recipients_of_slice)
        while in_a_second > rate:
            at, count = begun.popleft()
            in_a_second -= count
            time.sleep(max(min(at + _A_SECOND, deadline) - time.monotonic(), 0))
        # This runs on another thread. It would continue in the next invocation, in parallel to the sender's retry.
        require_time(deadline)
        begun.append((time.monotonic(), len(recipients_of_slice)))
        hand_over(frame.decode(), recipients_of_slice)


def hand_over(frame: str, recipients: list[Connection], *, repeat: int = 0) -> None:
    """Hand a slice over to an asynchronous invocation.

    Args:
        frame: The frame to push.
        recipients: The connections of the slice.
        repeat: How often the slice was handed over before, then with more recipients.
    """
    slice_ = {
        "frame": frame,
        "recipients": [[one.row_id, one.connected_at] for one in recipients],
        "repeat": repeat,
    }
    answer = _lambda_client().invoke(
        FunctionName=settings().broadcast_function, InvocationType="Event", Payload=json.dumps(slice_)
    )
    answer["Payload"].read()  # It is empty. Reading it to the end frees its connection for the next slice.


def recipients_of(slice_: dict[str, Any]) -> Iterator[Connection]:
    """The recipients of a slice. A slice does not contain their users and group."""
    for row_id, connected_at in slice_["recipients"]:
        yield Connection(row_id.partition("#")[0], "", "", connected_at, row_id=row_id)


@cache
def _lambda_client() -> "LambdaClient":
    # Built on first use: only large groups pay for it.
    client: LambdaClient = new_client("lambda")
    return client
