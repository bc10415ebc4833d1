"""AWS Signature Version 4 for one kind of request: ``POST /@connections/{connectionId}``.

What all recipients of a frame have in common (signing key, host, date, body hash, header text) is prepared once. Each
recipient costs one SHA-256 of the canonical request and one HMAC.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials

_SERVICE = "execute-api"
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Connection ids as API Gateway makes them: only the padding needs encoding.
_USUAL_ID = re.compile(r"[A-Za-z0-9_-]+=*").fullmatch
_INNER_PAD = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD = bytes(byte ^ 0x5C for byte in range(256))


class Credentials(NamedTuple):
    """A set of AWS credentials. ``token`` is empty for a long-lived key."""

    access_key: str
    secret_key: str
    token: str


class CredentialSource:
    """The current credentials of the process.

    Lambda puts them into the environment. Reading them there costs microseconds; importing botocore costs a good part
    of a cold start. Other sources (SnapStart's container endpoint, profiles) are left to botocore, which refreshes
    them.
    """

    def __init__(self) -> None:
        self._elsewhere: BotocoreCredentials | None = None

    def current(self) -> Credentials:
        """Return the credentials to sign with now.

        Raises:
            botocore.exceptions.NoCredentialsError: There are no credentials anywhere.
        """
        environ = os.environ
        access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
        if access_key and secret_key:
            return Credentials(access_key, secret_key, environ.get("AWS_SESSION_TOKEN", ""))
        if self._elsewhere is None:
            from botocore.exceptions import NoCredentialsError  # noqa: PLC0415 - not needed in plain Lambda
            from botocore.session import Session  # noqa: PLC0415

            self._elsewhere = Session().get_credentials()
            if self._elsewhere is None:
                raise NoCredentialsError
        frozen = self._elsewhere.get_frozen_credentials()
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token or "")


class RequestSigner:
    """Makes complete signed requests, ready to send.

    Args:
        endpoint: URL of the management API with its stage. A longer path is kept as a prefix.
        region: The region that requests are signed for.
    """

    def __init__(self, endpoint: str, region: str) -> None:
        url = urlsplit(endpoint)
        port = url.port or _DEFAULT_PORTS[url.scheme]
        host = url.hostname or ""
        netloc = f"[{host}]" if ":" in host else host
        self.tls = url.scheme == "https"
        self.address = (host, port)
        self._host = netloc if port == _DEFAULT_PORTS[url.scheme] else f"{netloc}:{port}"
        self._region = region
        path = url.path.rstrip("/")
        self._wire_head = f"POST {path}/@connections/"
        self._canonical_head = f"POST\n{quote(path, safe='/~')}/%40connections/"
        self._key_for: tuple[str, Credentials] | None = None
        self._prepared_for: tuple[int, Credentials] | None = None
        self._body: bytes | None = None

    def request(self, connection_id: str, body: bytes, at: int, credentials: Credentials) -> bytes:
        """Return the signed request that posts ``body`` to one connection.

        Args:
            connection_id: As API Gateway gave it, not encoded.
            body: The frame.
            at: The time of signing, in whole seconds since the epoch. AWS accepts five minutes either way.
            credentials: What to sign with.
        """
        if self._prepared_for != (at, credentials):
            self._prepare_time(at, credentials)
        if self._body != body:
            self._prepare_body(body)
        # Encoded once on the wire and once more in the canonical request.
        wire_id = connection_id.replace("=", "%3D") if _USUAL_ID(connection_id) else quote(connection_id, safe="")
        canonical = self._canonical_head + wire_id.replace("%", "%25") + self._canonical_tail
        # hmac.digest() would hash the padded key again for each recipient, which takes twice the time.
        inner = self._inner.copy()
        inner.update(self._to_sign_head + hashlib.sha256(canonical.encode()).hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        return f"{self._wire_head}{wire_id}{self._wire_middle}{outer.hexdigest()}\r\n\r\n".encode() + body

    def _prepare_time(self, at: int, credentials: Credentials) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
        day = stamp[:8]
        scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        if self._key_for != (day, credentials):
            key = f"AWS4{credentials.secret_key}".encode()
            for part in (day, self._region, _SERVICE, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            block = key.ljust(64, b"\0")
            self._inner = hashlib.sha256(block.translate(_INNER_PAD))
            self._outer = hashlib.sha256(block.translate(_OUTER_PAD))
            self._key_for = (day, credentials)
        headers = {"host": self._host, "x-amz-date": stamp}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        signed = ";".join(headers)
        lines = [f"{name}:{value}" for name, value in headers.items()]
        self._to_sign_head = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n".encode()
        self._canonical_headers = "\n\n" + "\n".join(lines) + f"\n\n{signed}\n"
        self._wire_headers = (
            "\r\n" + "\r\n".join(lines) + "\r\nauthorization: AWS4-HMAC-SHA256 "
            f"Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature="
        )
        self._body = None
        self._prepared_for = (at, credentials)

    def _prepare_body(self, body: bytes) -> None:
        self._canonical_tail = self._canonical_headers + hashlib.sha256(body).hexdigest()
        self._wire_middle = f" HTTP/1.1\r\ncontent-length: {len(body)}{self._wire_headers}"
        self._body = body
