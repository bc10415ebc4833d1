"""Which pages may connect. Browsers set the ``Origin`` header, and pages cannot change it.

https://www.rfc-editor.org/rfc/rfc6454
"""

from typing import Any

from handlers.protocol.errors import ChatError, Code
from handlers.runtime.settings import settings

from .handshake import header_values


def require_allowed(event: dict[str, Any]) -> None:
    """Refuse a browser if its page comes from an origin that is not allowed.

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
        raise ChatError(
            Code.FORBIDDEN, "the page's origin is missing or not allowed: use a page that allowedOrigins lists"
        )


def _matches(origin: str, allowed: str) -> bool:
    scheme, wildcard, domain = allowed.partition("://*.")
    if not wildcard:
        return origin == allowed
    # The asterisk stands for one or more labels of a host name, never for another part of a URL.
    subdomain = origin.removeprefix(f"{scheme}://").removesuffix(f".{domain}")
    return origin == f"{scheme}://{subdomain}.{domain}" and all(
        label and label.replace("-", "").isalnum() and label.isascii() for label in subdomain.split(".")
    )
