"""An identity provider on the loopback address: signs tokens with its own keys and publishes the public keys.

Every program on this machine gets a token: ``/token?user=ann&group=demo``.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from .page import HOST, is_for_here, server

_MINT_PATH = "/token"
_PEM, _DER = serialization.Encoding.PEM, serialization.Encoding.DER
_PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo
_JWKS_PATH = "/.well-known/jwks.json"
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class IdentityProvider:
    """A running identity provider. Use it as a context manager.

    Attributes:
        algorithm: Signature algorithm of the tokens.
        audience: The ``aud`` of the tokens.
        group_claim: The claim that lists the user's groups.
        key: The private key that signs now.
        key_id: The ``kid`` of that key.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        algorithm: str = "RS256",
        audience: str = "websocket-chat",
        group_claim: str = "cognito:groups",
        kept: Path | None = None,
    ) -> None:
        """Create a key, or take the one that is kept.

        Args:
            port: Where to listen. If it is in use, and for 0, any free port.
            algorithm: Signature algorithm: RSA, an elliptic curve, or EdDSA.
            audience: The ``aud`` of the tokens.
            group_claim: The claim that lists the user's groups.
            kept: The file that keeps the key, so that tokens stay valid. None: no file.
        """
        self.algorithm = algorithm
        self.audience = audience
        self.group_claim = group_claim
        self._use(_kept_key(kept, algorithm) if kept else _private_key(algorithm))
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address = urlsplit(self.path)
                body, kind = b"", "text/plain"
                if address.path == _JWKS_PATH:
                    body, kind = json.dumps(provider.jwks()).encode(), "application/json"
                elif address.path == _MINT_PATH and is_for_here(self):
                    asked = parse_qs(address.query)
                    body = provider.mint(asked.get("user", [""])[0], asked.get("group", ())).encode()
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = server(port, Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    @property
    def issuer(self) -> str:
        """The ``iss`` of the tokens."""
        return f"http://{HOST}:{self.port}"

    @property
    def jwks_url(self) -> str:
        """Address of the public keys."""
        return self.issuer + _JWKS_PATH

    def rotate(self) -> None:
        """From now on, sign with a new key and publish only this key."""
        self._use(_private_key(self.algorithm))

    def _use(self, key: PrivateKey) -> None:
        self.key = key
        self.key_id = hashlib.sha256(key.public_key().public_bytes(_DER, _PUBLIC)).hexdigest()[:32]

    def jwks(self) -> dict[str, Any]:
        """Return the key set that the provider publishes."""
        public = get_default_algorithms()[self.algorithm].to_jwk(self.key.public_key(), as_dict=True)
        public.pop("key_ops", None)
        return {"keys": [public | {"kid": self.key_id, "use": "sig", "alg": self.algorithm}]}

    def mint(self, user: str, groups: Iterable[str] = (), **claims: object) -> str:
        """Sign a token.

        Args:
            user: The ``sub``.
            groups: The user's groups. If it is empty, the token has no such claim.
            claims: Override the usual claims, which make a token for an hour. None removes a claim.
        """
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": user,
            "iat": now,
            "exp": now + 3600,
            self.group_claim: list(groups) or None,
        }
        payload = {name: value for name, value in (usual | claims).items() if value is not None}
        return jwt.encode(payload, self.key, self.algorithm, headers={"kid": self.key_id})

    def __enter__(self) -> Self:
        """Publish the keys."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the server and free its port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def token_url(port: int, user: str, groups: Iterable[str]) -> str:
    """Return the address of a token of the provider that listens on a port."""
    query = urlencode([("user", user), *(("group", group) for group in groups)])
    return f"http://{HOST}:{port}{_MINT_PATH}?{query}"


def _kept_key(file: Path, algorithm: str) -> PrivateKey:
    """Return the key of a file. If the file has no usable key, make one and keep it."""
    with suppress(OSError, ValueError):
        kept = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(kept, PrivateKey):
            return kept
    key = _private_key(algorithm)
    text = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
        new.write(text)
    return key


def _private_key(algorithm: str) -> PrivateKey:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
