"""From where a client may connect: the ``Origin`` header, which browsers set and pages cannot change.

https://www.rfc-editor.org/rfc/rfc6454
"""

from typing import Any

from .errors import ChatError, Code
from .handshake import header_values
from .settings import settings


def require_allowed(event: dict[str, Any]) -> None:
    """Refuse a browser whose page is from elsewhere.

    Args:
        event: API Gateway's event of a handshake.

    Raises:
        ChatError: FORBIDDEN.
    """
    if not settings().allowed_origins:
        return
    origins = header_values(event, "origin")
    if not origins and not settings().require_origin:
        return
    if len(origins) != 1 or not any(_matches(origins[0].lower(), allowed) for allowed in settings().allowed_origins):
        raise ChatError(Code.FORBIDDEN, "pages of this origin may not connect")


def _matches(origin: str, allowed: str) -> bool:
    scheme, wildcard, domain = allowed.partition("://*.")
    if not wildcard:
        return origin == allowed
    # What stands for the asterisk is one label of a host name or several, and nothing else an address may have.
    subdomain = origin.removeprefix(f"{scheme}://").removesuffix(f".{domain}")
    return origin == f"{scheme}://{subdomain}.{domain}" and all(
        label and label.replace("-", "").isalnum() and label.isascii() for label in subdomain.split(".")
    )
