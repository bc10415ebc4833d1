"""The public keys of the token issuer: fetched from its JWKS address, and kept for a while.

Nothing a token says about where its key lies (``jku``, ``jwk``, ``x5u``, ``x5c``) is ever looked at.
"""

import json
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWTError

TIMEOUT_SECONDS = 3.0
"""Longest wait for the address to connect, to answer, and to have sent everything."""
MAX_BYTES = 256 * 1024
"""Largest key set that is read. Those of the large identity providers, certificates included, are under 50 KB."""
_KEEP_SECONDS = 3600.0
"""How long a key set is used: for so long a key that the issuer has withdrawn may still be accepted."""
_REFETCH_SECONDS = 10.0
"""Least time between two fetches: a client can make up as many key ids as it likes, and while the address does not
answer, handshakes that each waited for it would hold all the functions that the account may run at once."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Jwk = dict[str, Any]


class JwksUnavailableError(Exception):
    """The key set cannot be had: nobody answers in time, or not with a key set."""


class Jwks:
    """The issuer's key set."""

    def __init__(self, url: str) -> None:
        """Fetch nothing yet.

        Args:
            url: Address of the key set: https, or http on the loopback interface.

        Raises:
            ValueError: The address is another.
        """
        self._address = urlsplit(url)
        host, scheme = self._address.hostname, self._address.scheme
        if not host or not (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
            raise ValueError("the JWKS address must be https, or http on the loopback interface")
        self._keys: list[Jwk] = []
        self._fetched = self._tried = float("-inf")

    def key(self, key_id: str, algorithm: str) -> PyJWK | None:
        """Find the key that a token names.

        Args:
            key_id: The token's ``kid``.
            algorithm: The token's ``alg``, which must be one of those that are allowed.

        Returns:
            The key, bound to the algorithm; None if there is none, or more than one, that fits both.

        Raises:
            JwksUnavailableError: There is no key set that is young enough, or the key may be in a newer one, and it
                cannot be fetched, or could not a moment ago.
        """
        # Not the monotonic clock: it may stand still while Lambda has frozen the process.
        now = time.time()
        too_old = now - self._fetched >= _KEEP_SECONDS
        found = None if too_old else fitting(self._keys, key_id, algorithm)
        if found is None and now - self._tried >= _REFETCH_SECONDS:
            self._fetch(now)
            found = fitting(self._keys, key_id, algorithm)
        elif too_old:
            raise JwksUnavailableError
        return found

    def _fetch(self, now: float) -> None:
        self._tried = now
        try:
            self._keys = parse(self._get())
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise JwksUnavailableError from error
        self._fetched = now

    def _get(self) -> bytes:
        """Read the address, which answers itself or not at all: no redirect is followed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        connect = HTTPSConnection if self._address.scheme == "https" else HTTPConnection
        connection = connect(str(self._address.hostname), self._address.port, timeout=TIMEOUT_SECONDS)
        try:
            target = self._address._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request("GET", target, headers={"Accept": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError("the JWKS address answers with another status than 200")
            body = b""
            while chunk := response.read1(MAX_BYTES):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError("the key set is too large")
                if time.monotonic() > deadline:
                    raise TimeoutError
        finally:
            connection.close()
        return body


def parse(body: bytes) -> list[Jwk]:
    """Read a key set.

    Raises:
        ValueError: It is none, or an empty one.
        RecursionError: It is nested far too deep to be one.
    """
    document = json.loads(body)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError("the JWKS address answers with something that is no key set")
    return [key for key in keys if isinstance(key, dict)]


def fitting(keys: Sequence[Jwk], key_id: str, algorithm: str) -> PyJWK | None:
    """Find the one key for a token: of its id, a public one, for signatures, and for the token's algorithm."""
    found = []
    for key in keys:
        if (
            key.get("kid") == key_id
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and "d" not in key  # A private key that everybody knows proves nothing.
        ):
            try:
                found.append(PyJWK(key, algorithm))
            except PyJWTError:  # Of another type or curve than the algorithm's, or broken.
                continue
    return found[0] if len(found) == 1 else None
