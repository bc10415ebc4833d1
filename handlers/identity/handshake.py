"""The parts of a handshake in API Gateway's event: query parameters, headers and subprotocols."""

from typing import Any

SUBPROTOCOL = "websocket-chat"
"""Name of the subprotocol. A browser that cannot put its token into the query string offers it after this name."""


def query_values(event: dict[str, Any], name: str) -> list[str]:
    """Every value that the query string gives to a name."""
    values: list[str] = (event.get("multiValueQueryStringParameters") or {}).get(name) or []
    return values


def header_values(event: dict[str, Any], name: str) -> list[str]:
    """Every value of a header. API Gateway keeps the case of header names as the client sent them.

    Args:
        event: API Gateway's event of a handshake.
        name: The header's name in lower case.
    """
    headers = event.get("multiValueHeaders") or {}
    return [value for written, values in headers.items() if written.lower() == name for value in values]


def offered_subprotocols(event: dict[str, Any]) -> list[str]:
    """The subprotocols that a client offers, in order."""
    return [offer.strip() for header in header_values(event, "sec-websocket-protocol") for offer in header.split(",")]
