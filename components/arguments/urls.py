"""Whether a text is an address of an issuer, or the origin of a page."""

import re
from ipaddress import IPv6Address
from urllib.parse import urlsplit

_HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)*"
_NETLOC = rf"({_HOST}|\[[^]]+\])(:[0-9]+)?"
_ALLOWED_HOST = rf"(\*\.(?=[^.]+\.[^.]))?{_HOST}"
# https://www.rfc-editor.org/rfc/rfc3986#section-3.3
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*"
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
_DEFAULT_PORTS = {("https", 443), ("http", 80)}


def wrong_part_of_url(text: str, *, query: bool = False) -> str | None:
    """The part of a text that keeps it from being an https URL, or None. Plain http is for this machine only.

    Args:
        text: The text.
        query: Whether the URL may have a query string.
    """
    try:
        parts = urlsplit(text)
        _ = parts.port  # Raises an error if it is no port.
    except ValueError:
        return text
    host = parts.hostname or ""
    user, at, _ = parts.netloc.rpartition("@")
    for part, allowed in (
        (text, parts.scheme and parts.netloc),
        (f"{parts.scheme}:", parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_MACHINE)),
        (user + at, not at),
        (parts.netloc, re.fullmatch(_NETLOC, parts.netloc.lower())),
        (parts.netloc, "[" not in parts.netloc or _is_ipv6(host)),
        (parts.path, re.fullmatch(_PATH, parts.path)),
        (f"?{parts.query}", not parts.query or (query and re.fullmatch(rf"({_PATH}|\?)*", parts.query))),
        (f"#{parts.fragment}", not parts.fragment),
        # urlsplit drops some white space, and an empty query or fragment.
        (text, parts.geturl() == text),
    ):
        if not allowed:
            return part
    return None


def is_origin(text: str) -> bool:
    """Whether a text is an origin as browsers write it, or one with ``*.`` in place of its subdomains.

    https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    """
    if text == "file://":  # Chromium, and so Electron, sends it for pages that come from files.
        return True
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if not re.fullmatch(_ALLOWED_HOST, host):
        if not _is_ipv6(host) or IPv6Address(host).compressed != host:
            return False
        host = f"[{host}]"
    return text == f"{parts.scheme}://{host}" + (
        "" if port is None or (parts.scheme, port) in _DEFAULT_PORTS else f":{port}"
    )


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and bool(IPv6Address(host))
    except ValueError:
        return False
