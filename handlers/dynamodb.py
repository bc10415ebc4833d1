"""The one DynamoDB client of an execution environment."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from .errors import ChatError, Code
from .settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


GROUP_INDEX = "GroupIdIndex"
"""Index of every table that lists the rows of a group."""
USER_INDEX = "UserIdIndex"
"""Index of the tables of connections and of members that lists the rows of a user."""


CALLS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})
"""A call answers in milliseconds or is worth repeating; two that hang still fit into the default time of a function."""


@cache
def client() -> "DynamoDBClient":
    """Build the client once. Straight from botocore: importing boto3 takes as long again and adds nothing here."""
    return Session().create_client(  # type: ignore[return-value]  # the stubs are those of boto3
        "dynamodb",
        region_name=settings().region,
        config=CALLS,
    )


@contextmanager
def unavailable_on_failure(*, retryable: bool = True) -> Iterator[None]:
    """Turn a call that failed, or was not over in time, into what a client may know of it.

    Args:
        retryable: Whether the client may send the same frame again.

    Raises:
        ChatError: UNAVAILABLE, caused by the error of botocore, which is for the log alone.
    """
    try:
        yield
    except (BotoCoreError, ClientError, TimeoutError) as error:
        raise ChatError(Code.UNAVAILABLE, "the chat is not available at the moment", retryable=retryable) from error
