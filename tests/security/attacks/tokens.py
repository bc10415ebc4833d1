"""Invalid tokens: each would let Mallory in as Alice, and has exactly one fault."""

import base64
import hashlib
import hmac
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from tests.security.attack import Scene, add
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Handshake

_OWN_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
_OWN_CURVE_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Forge:
    """Makes tokens for Mallory, from everything that is public and her own key.

    Attributes:
        scene: The attack.
        header: Header of a valid token.
        claims: Claims of a valid token of Alice.
    """

    scene: Scene
    header: dict[str, Any] = field(init=False)
    claims: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        token = self.genuine()
        self.header = jwt.get_unverified_header(token)
        self.claims = jwt.decode(token, options={"verify_signature": False})

    def genuine(self, **claims: object) -> str:
        """A token with other claims, signed by the issuer."""
        return self.scene.chat.world.provider.mint(ALICE, [GROUP], **claims)

    def issued(self, algorithm: str = "RS256", **header: object) -> str:
        """A token with another header or algorithm, signed with the issuer's key."""
        changed = self.header | {"alg": algorithm} | header
        present = {name: value for name, value in changed.items() if value is not None}
        return jwt.encode(self.claims, self.scene.chat.world.provider.key, algorithm, present)

    def signed(self, **header: object) -> str:
        """A token signed with Mallory's own key."""
        return jwt.encode(self.claims, _OWN_KEY, "RS256", self.header | header)

    def raw(self, sign: Callable[[bytes], bytes], **header: object) -> str:
        """A token with any signature."""
        signed = b".".join(_segment(json.dumps(part).encode()) for part in (self.header | header, self.claims))
        return b".".join((signed, _segment(sign(signed)))).decode()

    def public_key(self, encoding: Encoding) -> bytes:
        """The issuer's public key, which everyone knows."""
        public = self.scene.chat.world.provider.key.public_key()
        return public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def _segment(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def _knock(scene: Scene, token: str) -> str:
    return scene.knock(scene.handshake(ALICE, GROUP).parameter("token", token))


def _shows(make: Callable[[Forge], str]) -> Callable[[Scene], str]:
    return lambda scene: _knock(scene, make(Forge(scene)))


def _tampered(forge: Forge) -> str:
    provider = forge.scene.chat.world.provider
    header, _, signature = provider.mint(forge.scene.user, [forge.scene.den]).split(".")
    return ".".join((header, forge.genuine().split(".")[1], signature))


_HOUR = 3_600

for name, story, reason, make in (
    # The algorithm
    ("algorithm none", "is not signed; `alg` is `none`", "algorithm", lambda f: f.raw(lambda _: b"", alg="none")),
    ("algorithm nOnE", "is not signed; `alg` is `nOnE`", "algorithm", lambda f: f.raw(lambda _: b"", alg="nOnE")),
    (
        "HS256 with the public key",
        "is signed with HS256; the secret is the public key in PEM",
        "algorithm",
        lambda f: f.raw(lambda signed: hmac.digest(f.public_key(Encoding.PEM), signed, hashlib.sha256), alg="HS256"),
    ),
    (
        "HS512 with the public key",
        "is signed with HS512; the secret is the public key in DER",
        "algorithm",
        lambda f: f.raw(lambda signed: hmac.digest(f.public_key(Encoding.DER), signed, hashlib.sha512), alg="HS512"),
    ),
    ("RS512 with the issuer's key", "is signed by the issuer, with RS512", "algorithm", lambda f: f.issued("RS512")),
    ("PS256 with the issuer's key", "is signed by the issuer, with PS256", "algorithm", lambda f: f.issued("PS256")),
    (
        "ES256 with the issuer's key id",
        "is signed with ES256 and her own key, and has the issuer's `kid`",
        "algorithm",
        lambda f: jwt.encode(f.claims, _OWN_CURVE_KEY, "ES256", f.header | {"alg": "ES256"}),
    ),
    ("list of algorithms", 'has `["RS256"]` as its `alg`', "algorithm", lambda f: f.raw(lambda _: b"", alg=["RS256"])),
    # The signature
    (
        "signature of another token",
        "has Alice's claims and the signature of Mallory's own token",
        "signature",
        _tampered,
    ),
    ("no signature", "has no signature", "signature", lambda f: f.genuine().rpartition(".")[0] + "."),
    (
        "own key with the issuer's key id",
        "is signed with her own key, and has the issuer's `kid`",
        "signature",
        lambda f: f.signed(),
    ),
    # The key
    (
        "unknown key id",
        "is signed with her own key, and has her own `kid`",
        "unknown key",
        lambda f: f.signed(kid=MARK),
    ),
    ("no key id", "has no `kid`", "no key id", lambda f: f.issued(kid=None)),
    (
        "path as the key id",
        "is signed with her own key; its `kid` is `../../../../../dev/null`",
        "unknown key",
        lambda f: f.signed(kid="../../../../../dev/null"),
    ),
    (
        "condition as the key id",
        "is signed with her own key; its `kid` is `' OR '1'='1`",
        "unknown key",
        lambda f: f.signed(kid="' OR '1'='1"),
    ),
    (
        "list as the key id",
        "has a list as its `kid`",
        "malformed",
        lambda f: f.raw(lambda _: b"x", kid=[f.header["kid"]]),
    ),
    (
        "key in the token",
        "is signed with her own key, and contains that key in `jwk`",
        "unknown key",
        lambda f: f.signed(kid=MARK, jwk=RSAAlgorithm.to_jwk(_OWN_KEY.public_key(), as_dict=True) | {"kid": MARK}),
    ),
    (
        "key in the token with the issuer's key id",
        "is signed with her own key, contains that key in `jwk`, and has the issuer's `kid`",
        "signature",
        lambda f: f.signed(jwk=RSAAlgorithm.to_jwk(_OWN_KEY.public_key(), as_dict=True)),
    ),
    # The header
    (
        "unknown critical header",
        "has a critical header that the authorizer does not know",
        "malformed",
        lambda f: f.issued(crit=["mark"], mark=1),
    ),
    (
        "payload not encoded",
        "has `b64: false`",
        "malformed",
        lambda f: f.raw(lambda _: b"x", b64=False, crit=["b64"]),
    ),
    ("logout token", "is a logout token signed by the issuer", "type", lambda f: f.issued(typ="logout+jwt")),
    # The claims
    ("expired", "expired a second ago", "expired", lambda f: f.genuine(exp=int(time.time()) - 1)),
    ("not before", "becomes valid in an hour", "not yet valid", lambda f: f.genuine(nbf=int(time.time()) + _HOUR)),
    (
        "issued in the future",
        "has an issue time in an hour",
        "not yet valid",
        lambda f: f.genuine(iat=int(time.time()) + _HOUR),
    ),
    ("no expiry", "has no expiry", "missing claim", lambda f: f.genuine(exp=None)),
    ("infinite expiry", "has infinity as its expiry", "malformed", lambda f: f.genuine(exp=float("inf"))),
    ("wrong issuer", "names another issuer", "issuer", lambda f: f.genuine(iss=f"https://{MARK}.example.com")),
    (
        "issuer prefix",
        "names an issuer that begins like ours",
        "issuer",
        lambda f: f.genuine(iss=f"{f.claims['iss']}.{MARK}.example.com"),
    ),
    (
        "issuer with a slash",
        "names our issuer with a trailing slash",
        "issuer",
        lambda f: f.genuine(iss=f"{f.claims['iss']}/"),
    ),
    ("no issuer", "names no issuer", "missing claim", lambda f: f.genuine(iss=None)),
    ("wrong audience", "is for another app of the issuer", "audience", lambda f: f.genuine(aud=MARK)),
    (
        "audience prefix",
        "is for an audience that begins like ours",
        "audience",
        lambda f: f.genuine(aud=f"{f.claims['aud']}-{MARK}"),
    ),
    ("no audience", "names no audience", "audience", lambda f: f.genuine(aud=None)),
    (
        "access token of another app",
        "is a Cognito access token of another app",
        "audience",
        lambda f: f.genuine(aud=None, token_use="access", client_id=MARK),
    ),
    (
        "client id in an id token",
        "is a Cognito id token, not an access token, with our app's `client_id`",
        "audience",
        lambda f: f.genuine(aud=None, token_use="id", client_id=f.claims["aud"]),
    ),
    ("no user", "names no user", "user", lambda f: f.genuine(sub=None)),
    ("empty user", "names a user with an empty name", "user", lambda f: f.genuine(sub="")),
    (
        "list of users",
        "names two users, Mallory and Alice",
        "user",
        lambda f: f.genuine(sub=[f.scene.user, ALICE]),
    ),
    ("oversized user", "names a user with 257 bytes", "user", lambda f: f.genuine(sub="é" * 128 + "x")),
    # Its form
    ("not a token", "is the word `token`", "malformed", lambda _: "token"),
    ("encrypted", "has five parts, like an encrypted token", "malformed", lambda f: f"{f.genuine()}.{MARK}.{MARK}"),
    (
        "deep nesting",
        "has a header of 5,000 nested lists",
        "malformed",
        lambda _: f"{_segment(b'[' * 5_000).decode()}.e30.e30",
    ),
    ("oversized", "is valid, but has more than 8,192 bytes", "too large", lambda f: f.genuine(filling="x" * 6_100)),
    ("not ASCII", "is valid, but has a zero width space after it", "malformed", lambda f: f"{f.genuine()}\u200b"),
):
    add(f"token: {name}", "claims", f"Mallory's token {story}", f"403 ({reason})", _shows(make))


@contextmanager
def trap() -> Iterator[tuple[str, Callable[[], bool]]]:
    """A server of Mallory. Yields its address, and a function that tells whether anyone has connected."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield (
            f"http://127.0.0.1:{server.getsockname()[1]}/keys.json",
            lambda: bool(select.select([server], [], [], 0)[0]),
        )


def _with_address(header: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        with trap() as (address, called):
            answer = _knock(scene, Forge(scene).signed(**{"kid": MARK, header: address}))
            return f"{answer}, and her server called" if called() else answer

    return run


for header in ("jku", "x5u", "kid"):
    add(
        f"token: key at an address in {header}",
        "claims",
        f"Mallory's token is signed with her own key; `{header}` is an address on her server",
        "403 (unknown key)",
        _with_address(header),
    )


def _comes(change: Callable[[Handshake, str], Handshake]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        bare = scene.handshake(ALICE, GROUP).parameter("token")
        return scene.knock(change(bare, Forge(scene).genuine()))

    return run


for name, story, answer, change in (
    ("missing", "Mallory has no token", "403 (no token)", lambda bare, _: bare),
    ("empty", "Mallory's token is empty", "403 (no token)", lambda bare, _: bare.parameter("token", "")),
    (
        "twice in the query",
        "A valid token comes after a forged one, in case only one of them is checked",
        "403 (several tokens)",
        lambda bare, token: bare.parameter("token", MARK, token),
    ),
    (
        "in both places",
        "One valid token is in the query, another in the subprotocol",
        "403 (several tokens)",
        lambda bare, token: bare.parameter("token", token).offering("websocket-chat", token),
    ),
    (
        "twice in the subprotocol",
        "Two valid tokens are in the subprotocol",
        "403 (several tokens)",
        lambda bare, token: bare.offering("websocket-chat", token, token),
    ),
    (
        "alone in the subprotocol",
        "A valid token is the only subprotocol: if the server chose it, it would send the token back",
        "403 (subprotocol)",
        lambda bare, token: bare.offering(token),
    ),
    (
        "with another subprotocol",
        "A valid token comes with a subprotocol that is not ours",
        "403 (subprotocol)",
        lambda bare, token: bare.offering("graphql-ws", token),
    ),
    (
        "in the Authorization header",
        "A valid token is in a header that browsers cannot set and that proxies may log",
        "403 (no token)",
        lambda bare, token: bare.header("Authorization", f"Bearer {token}"),
    ),
    (
        "in a cookie",
        "A valid token is in a cookie, which browsers also send for pages of other sites",
        "403 (no token)",
        lambda bare, token: bare.header("Cookie", f"token={token}"),
    ),
):
    add(f"token {name}", "claims", story, answer, _comes(change))
