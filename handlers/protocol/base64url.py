"""Base64 for keys and cursors: the alphabet for URLs, without padding. RFC 4648, section 5."""

import base64


def encode(data: bytes) -> str:
    """Encode bytes."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Decode a text.

    Raises:
        ValueError: It has other characters, or a length that no bytes give.
    """
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
