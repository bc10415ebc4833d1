"""An identity provider on the loopback address: signs tokens with its own keys and publishes the public keys."""

import json
import threading
import time
import uuid
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

HOST = "127.0.0.1"

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
    ) -> None:
        """Create a key.

        Args:
            port: Where to listen; 0 for any free port.
            algorithm: Signature algorithm: RSA, an elliptic curve, or EdDSA.
            audience: The ``aud`` of the tokens.
            group_claim: The claim that lists the user's groups.
        """
        self.algorithm = algorithm
        self.audience = audience
        self.group_claim = group_claim
        self.rotate()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path == _JWKS_PATH
                body = json.dumps(provider.jwks()).encode() if found else b""
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def issuer(self) -> str:
        """The ``iss`` of the tokens."""
        return f"http://{HOST}:{self._server.server_port}"

    @property
    def jwks_url(self) -> str:
        """Address of the public keys."""
        return self.issuer + _JWKS_PATH

    def rotate(self) -> None:
        """From now on, sign with a new key and publish only this key."""
        self.key = _private_key(self.algorithm)
        self.key_id = uuid.uuid4().hex

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


def _private_key(algorithm: str) -> PrivateKey:
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
