"""The rate limit of a connection, kept in its row (:mod:`.turns`).

Two other limits also answer RATE_LIMITED: of joins and leaves (:mod:`.join_rate`), and of a user's connections
(``connect.py``).

Each frame makes the connection busy for the time between two frames at the rate limit. A connection may be busy for as
many frames ahead as the burst allows.
"""

import time
from typing import TYPE_CHECKING

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.memory import make_room
from handlers.runtime.settings import settings

from .aws import dynamodb
from .connection import Connection, is_open, key, read
from .connections import not_connected
from .schema import API_ID, BUSY_UNTIL, CONNECTION_ID
from .turns import CLOCKS_DIFFER, Turn, turn

if TYPE_CHECKING:
    from .aws import Row

_busy_until: dict[str, int] = {}
"""What this process last wrote into the rows. It suggests which of the two conditions to try first."""
_MOST_HINTS = 10_000


def take_turn(connection_id: str) -> tuple[Connection, ChatError | None]:
    """Count a frame against the rate of its connection, and read the connection consistently, in one request.

    Nearly always the connection is idle. A second request happens only if frames come faster than the rate and another
    process served the frame before.

    Returns:
        The connection, and the reason if the frame is refused: RATE_LIMITED, with the time to wait.

    Raises:
        ChatError: NOT_CONNECTED.
    """
    now = time.time_ns() // 1_000
    interval = 1_000_000 // settings().message_rate
    latest = now + interval * settings().message_burst
    idle = _busy_until.get(connection_id, 0) <= now
    for is_idle in (idle, not idle, idle):
        row, taken = _take(turn(BUSY_UNTIL, now=now, busy=interval, latest=latest, is_idle=is_idle), connection_id)
        found = read(row) if row else None
        if row is None or found is None or not is_open(found):
            _busy_until.pop(connection_id, None)
            raise not_connected()
        connection, busy_until = found, int(float(row.get(BUSY_UNTIL, {}).get("N", 0)))
        make_room(_busy_until, _MOST_HINTS)
        _busy_until[connection_id] = busy_until
        if taken:
            return connection, None
        wait = busy_until + interval - latest
        if 0 < wait <= interval + CLOCKS_DIFFER:
            break
    return connection, ChatError(
        Code.RATE_LIMITED,
        f"too many frames: send at most {settings().message_burst} at once and {settings().message_rate} a second",
        retryable=True,
        retry_after_ms=min(max(wait, interval), latest - now) // 1_000 + 1,
    )


def _take(turn: Turn, connection_id: str) -> "tuple[Row | None, bool]":
    """Make a connection busy for one more frame.

    Returns:
        The row (None if it does not exist), and whether the frame was counted.
    """
    client = dynamodb()
    try:
        answer = client.update_item(
            TableName=settings().connections_table,
            Key=key(connection_id),
            # A row that another program wrote gets the API's id with its first frame: only our API can receive one.
            UpdateExpression=f"SET {BUSY_UNTIL} = {turn.change}, {API_ID} = :api",
            ConditionExpression=f"attribute_exists({CONNECTION_ID}) AND "
            f"(attribute_not_exists({API_ID}) OR {API_ID} = :api) AND {turn.condition}",
            ExpressionAttributeValues={":api": {"S": settings().api_id}, ":number": {"S": "N"}}
            | {name: {"N": str(value)} for name, value in turn.values.items()},
            ReturnValues="ALL_NEW",
            # Shows without a second request whether the rate is exceeded or the connection is gone.
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except client.exceptions.ConditionalCheckFailedException as failure:
        return failure.response.get("Item"), False  # type: ignore[return-value]  # missing in the stubs
    return answer["Attributes"], True
