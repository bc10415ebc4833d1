"""The public keys of the token issuer: fetched from its JWKS URL and kept for an hour.

Keys and addresses of keys in the token itself (``jku``, ``jwk``, ``x5u``, ``x5c``) are never used.
"""

import json
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWTError

TIMEOUT_SECONDS = 3.0
"""Longest wait for the connection, for the answer, and for the whole body."""
MAX_BYTES = 256 * 1024
"""Largest key set that is read. The key sets of large identity providers are under 50 KB, with certificates."""
_KEEP_SECONDS = 3600.0
"""How long a key set is used. A key that the issuer withdraws may still be accepted for this long."""
_REFETCH_SECONDS = 10.0
"""Shortest time between two fetches. A client can invent any number of key ids. And while the URL does not answer,
waiting handshakes would use up all the concurrent runs of the account."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Jwk = dict[str, Any]


class JwksUnavailableError(Exception):
    """The key set cannot be fetched: no answer came in time, or the answer is not a key set."""


class Jwks:
    """The issuer's key set."""

    def __init__(self, url: str) -> None:
        """Prepare, without a request.

        Args:
            url: URL of the key set: https, or http on the loopback interface.

        Raises:
            ValueError: The URL is a different kind.
        """
        self._url = urlsplit(url)
        host, scheme = self._url.hostname, self._url.scheme
        if not host or not (scheme == "https" or (scheme == "http" and host in _LOOPBACK)):
            raise ValueError("the JWKS URL must be https, or http on the loopback interface")
        self._keys: list[Jwk] = []
        self._fetched = self._tried = float("-inf")

    def key(self, key_id: str, algorithm: str) -> PyJWK | None:
        """Find the key that a token names.

        Args:
            key_id: The token's ``kid``.
            algorithm: The token's ``alg``, which must be an allowed one.

        Returns:
            The key, bound to the algorithm. None if no key fits both, or more than one does.

        Raises:
            JwksUnavailableError: A new key set is needed, because the current one is too old or lacks the key. But it
                cannot be fetched, or a fetch failed a moment ago.
        """
        # Not the monotonic clock: it may stand still while Lambda has the process frozen.
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
        """Read the URL. No redirect is followed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        connect = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        connection = connect(str(self._url.hostname), self._url.port, timeout=TIMEOUT_SECONDS)
        try:
            target = self._url._replace(scheme="", netloc="", fragment="").geturl() or "/"
            connection.request("GET", target, headers={"Accept": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError("the JWKS URL does not answer with status 200")
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
        ValueError: The body is not a key set, or an empty one.
        RecursionError: The body is nested too deeply.
    """
    document = json.loads(body)
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not keys:
        raise ValueError("the JWKS URL answers with something other than a key set")
    return [key for key in keys if isinstance(key, dict)]


def fitting(keys: Sequence[Jwk], key_id: str, algorithm: str) -> PyJWK | None:
    """Find the one key for a token: a public key with the token's key id, for signatures, for the token's algorithm."""
    found = []
    for key in keys:
        if (
            key.get("kid") == key_id
            and key.get("use", "sig") == "sig"
            and key.get("alg", algorithm) == algorithm
            and "d" not in key  # A published private key proves nothing.
        ):
            try:
                found.append(PyJWK(key, algorithm))
            except PyJWTError:  # Its type or curve does not fit the algorithm, or it is broken.
                continue
    return found[0] if len(found) == 1 else None
