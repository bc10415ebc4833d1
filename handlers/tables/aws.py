"""The AWS clients of an execution environment, each built once, and the errors of failed calls."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore import __version__ as botocore_version
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.httpsession import URLLib3Session
from botocore.session import Session
from botocore.utils import get_environ_proxies

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from .http_session import HttpSession
from .schema import Index

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, KeysAndAttributesTypeDef, QueryOutputTypeDef

    Row = dict[str, AttributeValueTypeDef]

# A call that takes longer is worth repeating. Two calls that hang still fit into a function's default timeout.
_CONNECT_SECONDS, _READ_SECONDS = 2, 3
_CALLS = Config(
    connect_timeout=_CONNECT_SECONDS,
    read_timeout=_READ_SECONDS,
    # The mode waits for a random time between attempts: https://docs.aws.amazon.com/boto3/latest/guide/retries.html
    retries={"mode": "standard", "total_max_attempts": 3},
    # Both save CPU in each call: AWS checks the parameters itself, and botocore need not put its name together.
    parameter_validation=False,
    user_agent=f"Botocore/{botocore_version} websocket-chat",
)


BATCH_WAITS_S = (0, 0.05, 0.1, 0.2, 0.4)
"""Longest times to wait before each attempt to read or write rows in a batch. DynamoDB leaves some of them out when the
table is busy."""

_NEVER = {"ResourceNotFoundException", "ValidationException"}
"""Errors of calls that cannot succeed later.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


@cache
def dynamodb() -> "DynamoDBClient":
    """The client of DynamoDB."""
    client: DynamoDBClient = new_client("dynamodb")
    _send_quickly(client)
    return client


def _send_quickly(client: "DynamoDBClient") -> None:
    """Let a client send with our session. Through a proxy, or with another botocore, it keeps its own."""
    endpoint: Any = getattr(client, "_endpoint", None)  # Lambda may have a later botocore, which names it otherwise.
    own = getattr(endpoint, "http_session", None)
    if isinstance(own, URLLib3Session) and not get_environ_proxies(client.meta.endpoint_url):
        endpoint.http_session = HttpSession(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)


def query_pages(
    table: str,
    index: Index,
    key: str,
    *,
    values: "Row | None" = None,
    **options: Any,  # noqa: ANN401 - of the API
) -> "Iterable[QueryOutputTypeDef]":
    """Query an index page by page. Each page has up to 1 MB of rows, and is read when it is needed.

    Args:
        table: Name of the table.
        index: One of the table's indexes.
        key: Value of the index's first key that the rows have.
        values: Values that expressions among the options use.
        options: Further parameters of the Query API.
    """
    pages = dynamodb().get_paginator("query")
    return pages.paginate(
        TableName=table,
        IndexName=index.name,
        KeyConditionExpression=f"{index.keys[0]} = :key",
        ExpressionAttributeValues={":key": {"S": key}, **(values or {})},
        **options,
    )


def read_consistently(table: str, keys: "Sequence[Row]", *attributes: str) -> "list[Row]":
    """Read up to 100 rows by their keys, consistently, with one request. Missing rows are left out.

    Args:
        table: Name of the table.
        keys: The keys, each once.
        attributes: What is read of each row. By default, everything.

    Raises:
        TimeoutError: DynamoDB has left some of them unread again and again.
    """
    rows: list[Row] = []
    left: Sequence[Any] = keys
    for wait_s in BATCH_WAITS_S:
        if not left:
            break
        time.sleep(random.uniform(0, wait_s))  # noqa: S311 - no secret
        asked: KeysAndAttributesTypeDef = {"Keys": left, "ConsistentRead": True}
        if attributes:
            asked["ProjectionExpression"] = ", ".join(attributes)
        answer = dynamodb().batch_get_item(RequestItems={table: asked})
        rows += answer["Responses"].get(table, [])
        left = answer["UnprocessedKeys"][table]["Keys"] if answer["UnprocessedKeys"] else ()
    if left:
        raise TimeoutError
    return rows


def new_client(
    service: str, *, endpoint_url: str | None = None, region: str | None = None, config: Config = _CALLS
) -> Any:  # noqa: ANN401 - made at run time
    """Build a client directly with botocore. Importing boto3 would take as long again and add nothing.

    Args:
        service: botocore's name of the service.
        endpoint_url: Address of the service. By default, its address in the region.
        region: The region. By default, that of the settings.
        config: Timeouts and retries.
    """
    region_name = region or settings().aws_region
    return Session().create_client(service, region_name=region_name, endpoint_url=endpoint_url, config=config)


@contextmanager
def unavailable_on_failure(*, retryable: bool = True, retryable_if_denied: bool = True) -> Iterator[None]:
    """Turn a call that fails or takes too long into an error that a client may see.

    Args:
        retryable: Whether the client may send the same frame again, although the call may have done its work.
        retryable_if_denied: Whether it may after a denied call, which has done nothing. IAM and KMS deny calls for some
            seconds after a deployment has changed the permissions.

    Raises:
        ChatError: UNAVAILABLE. Its cause is botocore's error, which is only for the log.
        ClientError, ParamValidationError: The call can never succeed, because its table is missing or its input is
            invalid.
    """
    try:
        yield
    except (BotoCoreError, ClientError, TimeoutError) as error:
        code = error.response["Error"].get("Code", "") if isinstance(error, ClientError) else ""
        if code in _NEVER or isinstance(error, ParamValidationError):
            raise
        if "AccessDenied" in code:
            retryable = retryable_if_denied
        advice = "try again later" if retryable else "before you send the message again, check whether it was stored"
        raise ChatError(
            Code.UNAVAILABLE, f"the chat is not available at the moment: {advice}", retryable=retryable
        ) from error
