"""Closes connections. The engine of the fan-out can only post."""

from handlers.runtime.settings import settings
from handlers.tables.aws import new_client


def close(*connection_ids: str) -> None:
    """Close connections. One that is gone already is no error.

    Raises:
        botocore.exceptions.BotoCoreError, ClientError: A connection could not be closed.
    """
    # This is rare, so each call builds a client.
    client = new_client("apigatewaymanagementapi", endpoint_url=settings().callback_url)
    for connection_id in connection_ids:
        try:
            client.delete_connection(ConnectionId=connection_id)
        except client.exceptions.GoneException:
            continue
