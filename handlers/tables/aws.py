"""The AWS clients of an execution environment, each built once, and what becomes of a call that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Row = dict[str, AttributeValueTypeDef]

# A call answers in milliseconds or is worth repeating. Two calls that hang still fit into a function's default time.
_CALLS = Config(connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})


@cache
def dynamodb() -> "DynamoDBClient":
    """The client of DynamoDB."""
    client: DynamoDBClient = new_client("dynamodb")
    return client


def new_client(service: str, *, endpoint_url: str | None = None) -> Any:  # noqa: ANN401 - made at run time
    """Build a client. Straight from botocore: importing boto3 takes as long again and adds nothing here.

    Args:
        service: Service, as botocore names it.
        endpoint_url: Address; the service's own in the region of the settings by default.
    """
    return Session().create_client(service, region_name=settings().aws_region, endpoint_url=endpoint_url, config=_CALLS)


@contextmanager
def unavailable_on_failure(*, retryable: bool = True) -> Iterator[None]:
    """Turn a call that fails or takes too long into an error that a client may see.

    Args:
        retryable: Whether the client may send the same frame again.

    Raises:
        ChatError: UNAVAILABLE. Its cause is botocore's error, which is for the log alone.
    """
    try:
        yield
    except (BotoCoreError, ClientError, TimeoutError) as error:
        raise ChatError(Code.UNAVAILABLE, "the chat is not available at the moment", retryable=retryable) from error
