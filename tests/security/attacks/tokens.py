"""Tokens that prove nothing: each would let Mallory in as Alice, and is perfect but for one thing."""

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

from tests.security.attack import Scene, add, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Handshake

_OWN_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
_OWN_CURVE_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Forge:
    """What Mallory makes tokens of: all that is public, and a key of her own.

    Attributes:
        scene: The attack.
        header: Header of a proper token.
        claims: Claims of a proper token of Alice's.
    """

    scene: Scene
    header: dict[str, Any] = field(init=False)
    claims: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        token = self.genuine()
        self.header = jwt.get_unverified_header(token)
        self.claims = jwt.decode(token, options={"verify_signature": False})

    def genuine(self, **claims: object) -> str:
        """A token that the issuer itself has signed, with other claims."""
        return self.scene.chat.world.provider.mint(ALICE, [GROUP], **claims)

    def issued(self, algorithm: str = "RS256", **header: object) -> str:
        """A token under the issuer's key, with another header or algorithm."""
        changed = self.header | {"alg": algorithm} | header
        present = {name: value for name, value in changed.items() if value is not None}
        return jwt.encode(self.claims, self.scene.chat.world.provider.key, algorithm, present)

    def signed(self, **header: object) -> str:
        """A token under Mallory's own key."""
        return jwt.encode(self.claims, _OWN_KEY, "RS256", self.header | header)

    def raw(self, sign: Callable[[bytes], bytes], **header: object) -> str:
        """A token under any signature."""
        signed = b".".join(_segment(json.dumps(part).encode()) for part in (self.header | header, self.claims))
        return b".".join((signed, _segment(sign(signed)))).decode()

    def public_key(self, encoding: Encoding) -> bytes:
        """The issuer's public key, which everybody has."""
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
    ("algorithm none", "not signed: `alg` is `none`", "algorithm", lambda f: f.raw(lambda _: b"", alg="none")),
    ("algorithm nOnE", "not signed: `alg` is `nOnE`", "algorithm", lambda f: f.raw(lambda _: b"", alg="nOnE")),
    (
        "HS256 with the public key",
        "signed with HS256, the secret being the public key in PEM",
        "algorithm",
        lambda f: f.raw(lambda signed: hmac.digest(f.public_key(Encoding.PEM), signed, hashlib.sha256), alg="HS256"),
    ),
    (
        "HS512 with the public key",
        "signed with HS512, the secret being the public key in DER",
        "algorithm",
        lambda f: f.raw(lambda signed: hmac.digest(f.public_key(Encoding.DER), signed, hashlib.sha512), alg="HS512"),
    ),
    ("RS512 of the issuer's key", "signed by the issuer, with RS512", "algorithm", lambda f: f.issued("RS512")),
    ("PS256 of the issuer's key", "signed by the issuer, with PS256", "algorithm", lambda f: f.issued("PS256")),
    (
        "ES256 under the issuer's key id",
        "signed with ES256 and a key of her own, under the issuer's `kid`",
        "algorithm",
        lambda f: jwt.encode(f.claims, _OWN_CURVE_KEY, "ES256", f.header | {"alg": "ES256"}),
    ),
    ("list of algorithms", '`alg` is `["RS256"]`', "algorithm", lambda f: f.raw(lambda _: b"", alg=["RS256"])),
    # The signature
    ("another's signature", "that of Alice, under the signature of Mallory's own", "signature", _tampered),
    ("no signature", "without its signature", "signature", lambda f: f.genuine().rpartition(".")[0] + "."),
    ("own key under the issuer's key id", "signed with a key of her own", "signature", lambda f: f.signed()),
    # The key
    (
        "unknown key id",
        "signed with a key of her own under a `kid` of her own",
        "unknown key",
        lambda f: f.signed(kid=MARK),
    ),
    ("no key id", "without a `kid`", "no key id", lambda f: f.issued(kid=None)),
    (
        "key id that is a path",
        "signed with a key of her own; its `kid` is `../../../../../dev/null`",
        "unknown key",
        lambda f: f.signed(kid="../../../../../dev/null"),
    ),
    (
        "key id that is a condition",
        "signed with a key of her own; its `kid` is `' OR '1'='1`",
        "unknown key",
        lambda f: f.signed(kid="' OR '1'='1"),
    ),
    ("key id that is a list", "`kid` is a list", "malformed", lambda f: f.raw(lambda _: b"x", kid=[f.header["kid"]])),
    (
        "key in the token",
        "signed with a key of her own, which it brings in `jwk`",
        "unknown key",
        lambda f: f.signed(kid=MARK, jwk=RSAAlgorithm.to_jwk(_OWN_KEY.public_key(), as_dict=True) | {"kid": MARK}),
    ),
    (
        "key in the token under the issuer's key id",
        "signed with a key of her own, which it brings in `jwk`, under the issuer's `kid`",
        "signature",
        lambda f: f.signed(jwk=RSAAlgorithm.to_jwk(_OWN_KEY.public_key(), as_dict=True)),
    ),
    # The header
    (
        "critical header",
        "one with a critical header that nobody knows",
        "malformed",
        lambda f: f.issued(crit=["mark"], mark=1),
    ),
    (
        "payload not encoded",
        "one with `b64: false`",
        "malformed",
        lambda f: f.raw(lambda _: b"x", b64=False, crit=["b64"]),
    ),
    ("logout token", "a logout token that the issuer has signed", "type", lambda f: f.issued(typ="logout+jwt")),
    # The claims
    ("expired", "expired a second ago", "expired", lambda f: f.genuine(exp=int(time.time()) - 1)),
    ("not before", "good from in an hour on", "not yet valid", lambda f: f.genuine(nbf=int(time.time()) + _HOUR)),
    ("issued in the future", "issued in an hour", "not yet valid", lambda f: f.genuine(iat=int(time.time()) + _HOUR)),
    ("no expiry", "without an expiry", "missing claim", lambda f: f.genuine(exp=None)),
    ("expiry that is infinite", "good until infinity", "malformed", lambda f: f.genuine(exp=float("inf"))),
    ("wrong issuer", "another issuer's", "issuer", lambda f: f.genuine(iss=f"https://{MARK}.example.com")),
    (
        "issuer prefix",
        "of an issuer that begins like ours",
        "issuer",
        lambda f: f.genuine(iss=f"{f.claims['iss']}.{MARK}.example.com"),
    ),
    (
        "issuer with a slash",
        "of our issuer with a slash at its end",
        "issuer",
        lambda f: f.genuine(iss=f"{f.claims['iss']}/"),
    ),
    ("no issuer", "of no issuer", "missing claim", lambda f: f.genuine(iss=None)),
    ("wrong audience", "for another app of the issuer", "audience", lambda f: f.genuine(aud=MARK)),
    (
        "audience prefix",
        "for an audience that begins like ours",
        "audience",
        lambda f: f.genuine(aud=f"{f.claims['aud']}-{MARK}"),
    ),
    ("no audience", "for no audience", "audience", lambda f: f.genuine(aud=None)),
    (
        "access token of another app",
        "a Cognito access token of another app",
        "audience",
        lambda f: f.genuine(aud=None, token_use="access", client_id=MARK),
    ),
    (
        "client id beside no access token",
        "a Cognito token with our app's `client_id` that is no access token",
        "audience",
        lambda f: f.genuine(aud=None, token_use="id", client_id=f.claims["aud"]),
    ),
    ("no user", "for nobody", "user", lambda f: f.genuine(sub=None)),
    ("empty user", "for a user without a name", "user", lambda f: f.genuine(sub="")),
    ("list of users", "for Mallory and Alice", "malformed", lambda f: f.genuine(sub=[f.scene.user, ALICE])),
    ("oversized user", "for a user whose name is of 257 bytes", "user", lambda f: f.genuine(sub="é" * 128 + "x")),
    # Its form
    ("no token's form", "the word `token`", "malformed", lambda _: "token"),
    ("encrypted token", "of five parts, as if encrypted", "malformed", lambda f: f"{f.genuine()}.{MARK}.{MARK}"),
    (
        "token of deep nesting",
        "a header of 5,000 nested lists",
        "malformed",
        lambda _: f"{_segment(b'[' * 5_000).decode()}.e30.e30",
    ),
    ("oversized token", "a valid one of more than 8,192 bytes", "too large", lambda f: f.genuine(filling="x" * 6_100)),
    ("token that is not ASCII", "a valid one with a zero width space", "malformed", lambda f: f"{f.genuine()}\u200b"),
):
    add(f"token: {name}", "claims", f"Mallory's token is {story}", f"403 ({reason})", _shows(make))


@contextmanager
def trap() -> Iterator[tuple[str, Callable[[], bool]]]:
    """A server of Mallory's: its address, and whether anybody has called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield (
            f"http://127.0.0.1:{server.getsockname()[1]}/keys.json",
            lambda: bool(select.select([server], [], [], 0)[0]),
        )


def _lures(header: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        with trap() as (address, called):
            answer = _knock(scene, Forge(scene).signed(**{"kid": MARK, header: address}))
            return f"{answer}, and her server called" if called() else answer

    return run


for header in ("jku", "x5u", "kid"):
    add(
        f"token: key at an address in {header}",
        "claims",
        f"Mallory's token is signed with a key of her own; `{header}` is the address of her server, which has it",
        "403 (unknown key)",
        _lures(header),
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
        "A valid token comes after a forged one, for who reads but one of them",
        "403 (several tokens)",
        lambda bare, token: bare.parameter("token", MARK, token),
    ),
    (
        "in both places",
        "A valid token is in the query and another in the subprotocol",
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
        "A valid token is the only subprotocol, and would be chosen and echoed",
        "403 (subprotocol)",
        lambda bare, token: bare.offering(token),
    ),
    (
        "behind another subprotocol",
        "A valid token comes with a subprotocol that is not ours",
        "403 (subprotocol)",
        lambda bare, token: bare.offering("graphql-ws", token),
    ),
    (
        "in the Authorization header",
        "A valid token is where no browser can put it, and logs of proxies may show it",
        "403 (no token)",
        lambda bare, token: bare.header("Authorization", f"Bearer {token}"),
    ),
    (
        "in a cookie",
        "A valid token is in a cookie, which a browser sends for pages of any site",
        "403 (no token)",
        lambda bare, token: bare.header("Cookie", f"token={token}"),
    ),
):
    add(f"token {name}", "claims", story, answer, _comes(change))


@attack("claims", "Mallory has Alice's token, but names no group, for which nobody asks the authorizer", "401")
def token_without_a_group(scene: Scene) -> str:
    return scene.knock(scene.handshake(ALICE, GROUP).parameter("groupId"))
