"""Closes connections. The engine of the fan-out can only post."""

from functools import cache
from typing import Any

from handlers.runtime.settings import settings
from handlers.tables.aws import new_client


def close(connection_id: str) -> None:
    """Close a connection. One that is gone already is no error.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: The connection could not be closed.
    """
    client = _client(settings().callback_url)
    try:
        client.delete_connection(ConnectionId=connection_id)
    except client.exceptions.GoneException:
        return


@cache
def _client(url: str) -> Any:  # noqa: ANN401 - botocore makes clients at run time
    # Built on first use, because closing is rare.
    return new_client("apigatewaymanagementapi", endpoint_url=url)
