"""Which tokens let a user connect. The tests use real keys and a real JWKS server."""

import base64
import hmac
import json
import logging
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode

import jwt
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import RSAAlgorithm

from handlers import authorizer
from handlers.identity import jwks
from handlers.identity.tokens import MAX_TOKEN_BYTES
from local.identity_provider import IdentityProvider

from .chat import Context, event
from .conftest import Log
from .jwks_server import JwksServer

PROJECT = Path(__file__).parents[2]
NEW = "NewConnection="
METHOD_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abcdefghij/production/$connect"
SKEW = 30

Claims = dict[str, Any]


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as running:
        yield running


@pytest.fixture(scope="module")
def attacker() -> Iterator[IdentityProvider]:
    """Another provider. Its tokens differ from ours only in the signing key."""
    with IdentityProvider() as running:
        yield running


@pytest.fixture(autouse=True)
def cold_authorizer(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("JWT_ISSUER", provider.issuer)
    monkeypatch.setenv("JWT_AUDIENCE", '["websocket-chat", "another-app"]')
    monkeypatch.setenv("JWT_JWKS_URL", provider.jwks_url)
    monkeypatch.setenv("JWT_ALGORITHMS", '["RS256"]')
    monkeypatch.setenv("USER_CLAIM", "sub")
    monkeypatch.setenv("GROUP_CLAIM", "")
    monkeypatch.setenv("CLOCK_SKEW_SECONDS", str(SKEW))
    authorizer.configured.cache_clear()
    yield
    authorizer.configured.cache_clear()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that advances the key set's clock by seconds."""
    ahead = 0.0

    def advance(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    own = SimpleNamespace(time=lambda: time.time() + ahead, monotonic=time.monotonic)
    monkeypatch.setattr(jwks, "time", own)
    return advance


@pytest.fixture
def server(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> Iterator[JwksServer]:
    """The provider's keys, on a server that a test controls."""
    with JwksServer(provider.jwks()) as running:
        monkeypatch.setenv("JWT_JWKS_URL", running.url)
        yield running


def ask(query: str, headers: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Call the function as API Gateway does, and check that it allows or denies."""
    values = parse_qs(query, keep_blank_values=True)
    answer = authorizer.handler(
        event(
            "$connect",
            "CONNECT",
            NEW,
            type="REQUEST",
            methodArn=METHOD_ARN,
            headers={name: given[-1] for name, given in (headers or {}).items()},
            multiValueHeaders=headers or {},
            queryStringParameters={name: given[-1] for name, given in values.items()} or None,
            multiValueQueryStringParameters=values or None,
        ),
        Context(),
    )
    json.dumps(answer)
    [statement] = answer["policyDocument"]["Statement"]
    assert answer["policyDocument"]["Version"] == "2012-10-17"
    assert statement["Action"] == "execute-api:Invoke"
    assert statement["Resource"] == METHOD_ARN
    assert (statement["Effect"], bool(answer["context"])) in (("Allow", True), ("Deny", False))
    return answer


def present(token: str, query: str = "groupId=red") -> dict[str, Any]:
    return ask(urlencode({"token": token}) + "&" + query)


def is_admitted(answer: dict[str, Any]) -> bool:
    return bool(answer["policyDocument"]["Statement"][0]["Effect"] == "Allow")


def refusal(log: Log, answer: dict[str, Any]) -> str:
    """The reason for a refusal, from the log. Clears the log for later calls."""
    assert not is_admitted(answer)
    assert answer["principalId"] == "refused"
    served = log.served()
    log.captured.clear()
    assert served["outcome"] == "FORBIDDEN"
    return str(served["reason"])


def unavailable(log: Log, answer: dict[str, Any]) -> str:
    """The logged reason why the keys could not be fetched."""
    assert not is_admitted(answer)
    served = log.served()
    assert served["outcome"] == "UNAVAILABLE"
    assert log.level_of("served") == logging.ERROR
    log.captured.clear()
    return str(served["failure"])


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> Claims:
    claims: Claims = jwt.decode(token, options={"verify_signature": False})
    return claims


def signed(provider: IdentityProvider, claims: Claims | None = None, **headers: object) -> str:
    """Sign with the provider's key and the given headers. None removes a header."""
    header = {"alg": provider.algorithm, "kid": provider.key_id} | headers
    header = {name: value for name, value in header.items() if value is not None}
    content = f"{encoded(header)}.{encoded(claims or claims_of(provider.mint('ana')))}"
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(content.encode(), provider.key)  # type: ignore[arg-type]
    return f"{content}.{encoded(signature)}"


def public_pem(provider: IdentityProvider) -> bytes:
    return provider.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


# Accepted tokens


def test_token_in_the_query_admits_its_user_until_it_expires(provider: IdentityProvider, log: Log) -> None:
    expires = int(time.time()) + 600
    answer = present(provider.mint("ana", exp=expires), "userId=ana&groupId=red")
    assert is_admitted(answer)
    assert answer["principalId"] == "ana"
    assert answer["context"] == {"userId": "ana", "expiresAt": str(expires + SKEW)}
    served = log.served()
    assert served.pop("durationMs") >= 0
    assert served == {"connectionId": NEW, "route": "$connect", "outcome": "OK"}


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "sec-websocket-protocol", "SEC-WEBSOCKET-PROTOCOL"])
@pytest.mark.parametrize("lines", ["websocket-chat, {}", "websocket-chat,{}", "websocket-chat|{}"])
def test_token_among_the_subprotocols_admits_with_any_spelling_of_the_header(
    provider: IdentityProvider, name: str, lines: str
) -> None:
    answer = ask("groupId=red", {name: lines.format(provider.mint("ana")).split("|")})
    assert answer["context"]["userId"] == "ana"


def test_a_client_that_offers_only_the_subprotocol_may_send_its_token_in_the_query(provider: IdentityProvider) -> None:
    query = urlencode({"token": provider.mint("ana"), "groupId": "red"})
    assert is_admitted(ask(query, {"Sec-WebSocket-Protocol": ["websocket-chat"]}))


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
@pytest.mark.parametrize("left_out", [(), ("alg", "use")])
def test_every_asymmetric_algorithm_admits_if_it_is_allowed(
    algorithm: str, left_out: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with IdentityProvider(algorithm=algorithm) as other, JwksServer(other.jwks()) as server:
        [key] = other.jwks()["keys"]
        server.publish({"keys": [{name: key[name] for name in key if name not in left_out}]})
        monkeypatch.setenv("JWT_ISSUER", other.issuer)
        monkeypatch.setenv("JWT_JWKS_URL", server.url)
        assert not is_admitted(present(other.mint("ana"))) or algorithm == "RS256"
        monkeypatch.setenv("JWT_ALGORITHMS", json.dumps([algorithm]))
        authorizer.configured.cache_clear()
        assert is_admitted(present(other.mint("ana")))


@pytest.mark.parametrize("audience", ["another-app", ["elsewhere", "websocket-chat"]])
def test_one_of_the_audiences_is_enough(provider: IdentityProvider, audience: object) -> None:
    assert is_admitted(present(provider.mint("ana", aud=audience)))


def test_access_token_of_cognito_names_its_client_instead_of_an_audience(provider: IdentityProvider, log: Log) -> None:
    good: Claims = {"aud": None, "client_id": "another-app", "token_use": "access"}
    assert is_admitted(present(provider.mint("ana", **good)))
    log.captured.clear()
    for claims in (
        {"aud": None, "client_id": "elsewhere", "token_use": "access"},
        {"aud": None, "client_id": "another-app", "token_use": "id"},
        {"aud": None, "client_id": "another-app"},
        {"aud": "elsewhere", "client_id": "another-app", "token_use": "access"},
    ):
        assert refusal(log, present(provider.mint("ana", **claims))) == "audience"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
def test_usual_types_are_accepted(provider: IdentityProvider, typ: str | None) -> None:
    assert is_admitted(present(signed(provider, typ=typ)))


def test_clock_skew_is_allowed_for(provider: IdentityProvider) -> None:
    now = int(time.time())
    assert is_admitted(present(provider.mint("ana", exp=now - SKEW + 15)))
    assert is_admitted(present(provider.mint("ana", nbf=now + SKEW - 15)))
    assert is_admitted(present(provider.mint("ana", iat=now + SKEW - 15)))


def test_another_claim_can_name_the_user(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    monkeypatch.setenv("USER_CLAIM", "username")
    assert present(provider.mint("id-of-ana", username="ana"), "userId=ana")["principalId"] == "ana"
    log.captured.clear()
    assert refusal(log, present(provider.mint("ana"))) == "user"


def test_a_number_names_the_user_with_its_digits(provider: IdentityProvider, log: Log) -> None:
    numbered = signed(provider, claims_of(provider.mint("ana")) | {"sub": 42, "jti": 7})
    assert present(numbered)["principalId"] == present(numbered, "userId=42")["principalId"] == "42"
    log.captured.clear()
    assert refusal(log, present(numbered, "userId=042")) == "user"


def test_another_claim_can_name_the_user_where_sub_is_a_number(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER_CLAIM", "username")
    token = signed(provider, claims_of(provider.mint("ana", username="ana")) | {"sub": 42})
    assert present(token)["principalId"] == "ana"


@pytest.mark.parametrize("longest", ["x" * 256, "é" * 128, "😀" * 64])
def test_user_ids_of_256_bytes_are_admitted(provider: IdentityProvider, longest: str) -> None:
    assert present(provider.mint(longest), urlencode({"userId": longest}))["principalId"] == longest


@pytest.mark.parametrize("groups", [["blue", "red"], "red"])
def test_a_group_in_the_claim_admits(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, groups: object
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "teams")
    assert is_admitted(present(provider.mint("ana", teams=groups)))


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["red"]}}),
        ("resource_access.my.chat.roles", {"resource_access": {"my.chat": {"roles": ["blue", "red"]}}}),
        ("https://app.example.com/groups", {"https://app.example.com/groups": ["red"]}),
        ("a.b", {"a.b": ["red"], "a": {"b": ["blue"]}}),
        ("teams", {"teams": [41, 42, "red"]}),
    ],
)
def test_the_group_claim_can_be_a_path(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, log: Log, name: str, claims: Claims
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", name)
    assert is_admitted(present(provider.mint("ana", **claims)))
    log.captured.clear()
    assert refusal(log, present(provider.mint("ana", **claims), "groupId=green")) == "group"
    assert is_admitted(present(provider.mint("ana", **claims), "groupId=42")) == (name == "teams")


@pytest.mark.parametrize("claims", [{"a": ["red"]}, {"a": {"b": {"c": "red"}}}, {"a": {"c": "red"}}, {"b": "red"}])
def test_a_group_elsewhere_in_the_token_does_not_count(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, log: Log, claims: Claims
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "a.b")
    assert refusal(log, present(provider.mint("ana", **claims))) == "group"


# Refused: no token, or a token in the wrong place


def test_handshake_without_a_token_is_refused(log: Log) -> None:
    assert refusal(log, ask("")) == "no token"
    assert refusal(log, ask("userId=ana&groupId=red")) == "no token"
    assert refusal(log, ask("token=&groupId=red")) == "no token"
    assert refusal(log, ask("groupId=red", {"Sec-WebSocket-Protocol": ["websocket-chat"]})) == "no token"
    assert refusal(log, ask("groupId=red", {"Sec-WebSocket-Protocol": ["websocket-chat, "]})) == "no token"


def test_a_token_in_another_header_is_ignored(provider: IdentityProvider, log: Log) -> None:
    token = provider.mint("ana")
    for name in ("Authorization", "Cookie", "X-Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol-Version"):
        assert refusal(log, ask("groupId=red", {name: [f"websocket-chat, {token}"]})) == "no token"


def test_several_tokens_are_refused_even_if_all_are_valid(provider: IdentityProvider, log: Log) -> None:
    token = provider.mint("ana")
    offer = [f"websocket-chat, {token}"]
    assert refusal(log, ask(f"token={token}&token={token}")) == "several tokens"
    assert refusal(log, ask(f"token=&token={token}")) == "several tokens"
    assert refusal(log, ask(f"token={token}", {"Sec-WebSocket-Protocol": offer})) == "several tokens"
    assert refusal(log, ask("", {"Sec-WebSocket-Protocol": [f"websocket-chat, {token}, {token}"]})) == "several tokens"
    assert refusal(log, ask("", {"Sec-WebSocket-Protocol": [*offer, token]})) == "several tokens"
    both = {"Sec-WebSocket-Protocol": offer, "sec-websocket-protocol": offer}
    assert refusal(log, ask("", both)) == "several tokens"


@pytest.mark.parametrize("offer", ["{}", "{}, websocket-chat", "graphql-ws, {}", "WebSocket-Chat, {}", ", {}"])
def test_token_that_does_not_follow_the_subprotocol_is_refused(
    provider: IdentityProvider, log: Log, offer: str
) -> None:
    headers = {"Sec-WebSocket-Protocol": [offer.format(provider.mint("ana"))]}
    assert refusal(log, ask("groupId=red", headers)) == "subprotocol"


# Refused: tokens without a valid signature


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", None])
def test_unsigned_token_is_refused(provider: IdentityProvider, log: Log, algorithm: str | None) -> None:
    claims = encoded(claims_of(provider.mint("ana")))
    header = encoded({"alg": algorithm, "typ": "JWT", "kid": provider.key_id})
    assert refusal(log, present(f"{header}.{claims}.")) == "algorithm"


def test_unsigned_token_that_names_an_allowed_algorithm_is_refused(provider: IdentityProvider, log: Log) -> None:
    header, claims, _ = provider.mint("ana").split(".")
    assert refusal(log, present(f"{header}.{claims}.")) == "signature"
    assert refusal(log, present(f"{header}.{claims}")) == "malformed"


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("secret", ["pem", "stripped pem", "der", "jwk"])
def test_hmac_with_the_public_key_as_its_secret_is_refused(
    provider: IdentityProvider, log: Log, algorithm: str, secret: str
) -> None:
    pem = public_pem(provider)
    der = provider.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = {"pem": pem, "stripped pem": pem.strip(), "der": der, "jwk": json.dumps(provider.jwks()["keys"][0]).encode()}
    claims = encoded(claims_of(provider.mint("ana")))
    for named in (algorithm, "RS256"):
        content = f"{encoded({'alg': named, 'kid': provider.key_id})}.{claims}"
        token = f"{content}.{encoded(hmac.digest(key[secret], content.encode(), algorithm.replace('HS', 'sha')))}"
        assert refusal(log, present(token)) == ("algorithm" if named == algorithm else "signature")


def test_algorithm_that_is_not_allowed_is_refused_even_if_the_key_could_do_it(
    provider: IdentityProvider, log: Log
) -> None:
    token = jwt.encode(claims_of(provider.mint("ana")), provider.key, "RS512", headers={"kid": provider.key_id})
    assert refusal(log, present(token)) == "algorithm"


@pytest.mark.parametrize("alg", [["RS256"], {"RS256": 1}, 256, True])
def test_an_algorithm_that_is_not_text_is_refused(provider: IdentityProvider, log: Log, alg: object) -> None:
    assert refusal(log, present(signed(provider, alg=alg))) == "algorithm"


@pytest.mark.parametrize("algorithms", ['["RS256", "HS256"]', '["none"]', '["ES256K"]', '["rs256"]', "RS256", "{"])
def test_a_weak_configured_algorithm_admits_nobody(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, log: Log, algorithms: str
) -> None:
    monkeypatch.setenv("JWT_ALGORITHMS", algorithms)
    assert not is_admitted(present(provider.mint("ana")))
    assert log.served()["outcome"] == "INTERNAL"


def test_a_token_signed_with_another_key_is_refused(
    provider: IdentityProvider, attacker: IdentityProvider, log: Log
) -> None:
    claims = claims_of(provider.mint("ana"))
    assert refusal(log, present(jwt.encode(claims, attacker.key, "RS256", headers={"kid": provider.key_id}))) == (
        "signature"
    )
    assert refusal(log, present(jwt.encode(claims, attacker.key, "RS256", headers={"kid": attacker.key_id}))) == (
        "unknown key"
    )


def test_claims_changed_after_signing_are_refused(provider: IdentityProvider, log: Log) -> None:
    header, _, signature = provider.mint("eve").split(".")
    claims = encoded(claims_of(provider.mint("ana")))
    assert refusal(log, present(f"{header}.{claims}.{signature}")) == "signature"


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c"])
def test_keys_in_the_token_or_at_its_addresses_are_ignored(
    provider: IdentityProvider, attacker: IdentityProvider, log: Log, name: str
) -> None:
    with JwksServer(attacker.jwks()) as server:
        brought = {"jwk": attacker.jwks()["keys"][0], "jku": server.url, "x5u": server.url, "x5c": ["MIIB"]}[name]
        claims = claims_of(provider.mint("ana"))
        for key_id in (provider.key_id, attacker.key_id):
            token = jwt.encode(claims, attacker.key, "RS256", headers={"kid": key_id, name: brought})
            assert refusal(log, present(token)) in ("signature", "unknown key")
        assert server.paths == []


@pytest.mark.parametrize(
    "key_id", ["../../../../dev/null", "' OR 1=1 --", "\x00", "x" * 4_000, "http://127.0.0.1/jwks.json", "ключ"]
)
def test_a_key_id_is_only_compared_with_known_ids(provider: IdentityProvider, log: Log, key_id: str) -> None:
    assert refusal(log, present(signed(provider, kid=key_id))) == "unknown key"


def test_a_token_without_a_key_id_is_refused_even_if_there_is_only_one_key(
    provider: IdentityProvider, log: Log
) -> None:
    assert refusal(log, present(signed(provider, kid=None))) == "no key id"
    assert refusal(log, present(signed(provider, kid=""))) == "no key id"
    assert refusal(log, present(signed(provider, kid=["x"]))) == "malformed"


@pytest.mark.parametrize("critical", [["exp"], ["b64"], [], "b64", None])
def test_critical_header_is_refused(provider: IdentityProvider, log: Log, critical: object) -> None:
    header = encoded({"alg": "RS256", "kid": provider.key_id, "crit": critical, "exp": 1, "b64": True})
    _, claims, signature = provider.mint("ana").split(".")
    assert refusal(log, present(f"{header}.{claims}.{signature}")) in ("critical header", "malformed")


def test_detached_payload_is_refused(provider: IdentityProvider, log: Log) -> None:
    assert refusal(log, present(signed(provider, b64=False))) == "malformed"


@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "JWE", ["JWT"], 1])
def test_tokens_of_another_type_are_refused(provider: IdentityProvider, log: Log, typ: object) -> None:
    assert refusal(log, present(signed(provider, typ=typ))) == "type"


def _broken(token: str) -> dict[str, str]:
    header, claims, signature = token.split(".")
    deep, latin = encoded(b"[" * 5_000), encoded(b'{"alg":"\xff"}')
    return {
        "one part": "x",
        "dots": "..",
        "truncated signature": f"{header}.{claims}.{signature[:-4]}",
        "truncated claims": f"{header}.{claims[:-4]}.{signature}",
        "truncated header": f"{header[:-4]}.{claims}.{signature}",
        "another part": f"{token}.{signature}",
        "encrypted form": f"{header}.a.b.c.d",
        "space": f"{header}. {claims}.{signature}",
        "line break": f"{token}\n",
        "standard alphabet": f"{header}.{claims}.+/{signature[2:]}",
        "no JSON": f"{encoded(b'{')}.{claims}.{signature}",
        "no object": f"{encoded([])}.{claims}.{signature}",
        "no UTF-8": f"{latin}.{claims}.{signature}",
        "deep": f"{deep}.{claims}.{signature}",
        "bearer": f"Bearer {token}",
        "look-alike dots": token.replace(".", "\u2024"),
        "surrogate": f"{token}\ud800",
        "null": f"{token}\x00",
    }


@pytest.mark.parametrize("how", _broken("a.b.c"))
def test_a_malformed_token_is_refused(provider: IdentityProvider, log: Log, how: str) -> None:
    values = [_broken(provider.mint("ana"))[how]]
    answer = authorizer.handler(
        event("$connect", "CONNECT", NEW, methodArn=METHOD_ARN, multiValueQueryStringParameters={"token": values}),
        Context(),
    )
    assert refusal(log, answer) in ("malformed", "signature")


def test_an_oversized_token_is_refused_before_it_is_parsed(provider: IdentityProvider, log: Log) -> None:
    def of_size(size: int) -> str:
        claims = claims_of(provider.mint("ana"))
        missing = size - len(signed(provider, claims | {"pad": ""}))
        return signed(provider, claims | {"pad": "x" * (missing * 3 // 4)})  # Each character of base64 has six bits.

    largest, larger = of_size(MAX_TOKEN_BYTES), of_size(MAX_TOKEN_BYTES + 4)
    assert len(largest) <= MAX_TOKEN_BYTES < len(larger)
    assert is_admitted(present(largest))
    log.captured.clear()
    assert refusal(log, present(larger)) == "too large"
    assert refusal(log, present("x" * 100_000)) == "too large"


def test_weak_key_is_refused(server: JwksServer, provider: IdentityProvider, log: Log) -> None:
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - the weak key is the attack
    public = RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)
    server.publish({"keys": [public | {"kid": "weak"}]})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(claims_of(provider.mint("ana")), weak, "RS256", headers={"kid": "weak"})
    assert refusal(log, present(token)) == "unfit key"


# Refused: tokens with wrong claims


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "https://elsewhere.example.com"}, "issuer"),
        ({"iss": None}, "missing claim"),
        ({"iss": ""}, "issuer"),
        ({"iss": 1}, "issuer"),
        ({"aud": "elsewhere"}, "audience"),
        ({"aud": None}, "audience"),
        ({"aud": ""}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ["elsewhere"]}, "audience"),
        ({"aud": "WEBSOCKET-CHAT"}, "audience"),
        ({"aud": "websocket-chat "}, "audience"),
        ({"aud": "websocket-chat another-app"}, "audience"),
        ({"aud": {"websocket-chat": 1}}, "audience"),
        ({"aud": [["websocket-chat"]]}, "audience"),
        ({"exp": None}, "missing claim"),
        ({"exp": "tomorrow"}, "malformed"),
        ({"exp": []}, "malformed"),
        ({"exp": float("inf")}, "malformed"),
        ({"exp": float("nan")}, "malformed"),
        ({"exp": 0}, "expired"),
        ({"exp": -1}, "expired"),
        ({"nbf": "tomorrow"}, "malformed"),
        ({"iat": []}, "malformed"),
        ({"sub": ""}, "user"),
        ({"sub": "x" * 257}, "user"),
        ({"sub": "é" * 128 + "x"}, "user"),
        ({"sub": 7.5}, "user"),
        ({"sub": True}, "user"),
        ({"sub": ["ana"]}, "user"),
        ({"sub": None}, "user"),
        ({"sub": "\ud800"}, "user"),
    ],
    ids=repr,
)
def test_a_token_with_a_wrong_claim_is_refused(
    provider: IdentityProvider, log: Log, claims: Claims, reason: str
) -> None:
    usual = claims_of(provider.mint("ana")) | claims
    token = signed(provider, {name: value for name, value in usual.items() if value is not None})
    assert refusal(log, present(token)) == reason


def test_an_issuer_with_a_trailing_slash_is_another_issuer(provider: IdentityProvider, log: Log) -> None:
    assert refusal(log, present(provider.mint("ana", iss=f"{provider.issuer}/"))) == "issuer"


@pytest.mark.parametrize("claims", [[], "ana", 1, True])
def test_claims_that_are_not_an_object_are_refused(provider: IdentityProvider, log: Log, claims: object) -> None:
    header = encoded({"alg": "RS256", "kid": provider.key_id})
    content = f"{header}.{encoded(claims)}"
    signature = RSAAlgorithm(RSAAlgorithm.SHA256).sign(content.encode(), provider.key)  # type: ignore[arg-type]
    assert refusal(log, present(f"{content}.{encoded(signature)}")) == "malformed"


def test_an_expired_or_future_token_is_refused(provider: IdentityProvider, log: Log) -> None:
    now = int(time.time())
    assert refusal(log, present(provider.mint("ana", exp=now - SKEW - 1))) == "expired"
    assert refusal(log, present(provider.mint("ana", nbf=now + SKEW + 60))) == "not yet valid"
    assert refusal(log, present(provider.mint("ana", iat=now + SKEW + 60))) == "not yet valid"


@pytest.mark.parametrize(
    "user_id", ["eve", "ANA", "ana ", " ana", "аna", "", "a\u006e\u0301a", "ana\x00", "ana,eve", "*"]
)
def test_the_user_in_the_query_must_be_that_of_the_token(provider: IdentityProvider, log: Log, user_id: str) -> None:
    query = urlencode({"userId": user_id, "groupId": "red"})
    assert refusal(log, present(provider.mint("ana"), query)) == "user"
    assert refusal(log, present(provider.mint("ana"), f"userId=ana&{query}")) == "user"


@pytest.mark.parametrize("query", ["groupId=blue", "groupId=", "groupId=red&groupId=red"])
def test_a_group_that_is_not_in_the_token_is_refused(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "cognito:groups")
    assert refusal(log, present(provider.mint("ana", ["red"]), query)) == "group"


@pytest.mark.parametrize(
    "groups", [None, [], "", "infrared", "red blue", "RED", "rеd", ["re", "d"], [["red"]], {"red": True}, True, "*"]
)
def test_the_group_must_equal_one_in_the_claim(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch, groups: object
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "teams")
    assert refusal(log, present(provider.mint("ana", teams=groups))) == "group"


# The issuer's keys


def test_keys_are_fetched_once_for_an_hour(
    server: JwksServer, provider: IdentityProvider, clock: Callable[[float], None]
) -> None:
    for _ in range(3):
        assert is_admitted(present(provider.mint("ana")))
        clock(1_190)
    assert server.paths == ["/jwks.json?version=1"]
    clock(40)
    assert is_admitted(present(provider.mint("ana")))
    assert len(server.paths) == 2


def test_a_rotated_key_is_fetched_and_the_old_one_refused(
    monkeypatch: pytest.MonkeyPatch, log: Log, clock: Callable[[float], None]
) -> None:
    with IdentityProvider() as own:
        monkeypatch.setenv("JWT_ISSUER", own.issuer)
        monkeypatch.setenv("JWT_JWKS_URL", own.jwks_url)
        before = own.mint("ana")
        assert is_admitted(present(before))
        own.rotate()
        clock(11)
        assert is_admitted(present(own.mint("ana")))
        log.captured.clear()
        assert refusal(log, present(before)) == "unknown key"


def test_invented_key_ids_do_not_cause_repeated_fetches(
    server: JwksServer, provider: IdentityProvider, clock: Callable[[float], None], log: Log
) -> None:
    for number in range(20):
        assert refusal(log, present(signed(provider, kid=f"made-up-{number}"))) == "unknown key"
    assert len(server.paths) == 1
    clock(11)
    for number in range(20):
        assert refusal(log, present(signed(provider, kid=f"made-up-{number}"))) == "unknown key"
    assert len(server.paths) == 2
    assert is_admitted(present(provider.mint("ana")))


def test_no_keys_are_fetched_for_a_token_that_is_already_invalid(
    server: JwksServer, provider: IdentityProvider, log: Log
) -> None:
    for token in ("x", signed(provider, alg="none"), signed(provider, kid=None), "x" * 10_000):
        refusal(log, present(token))
    assert server.paths == []


def test_cached_keys_are_used_for_at_most_an_hour_while_the_issuer_is_down(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, clock: Callable[[float], None], log: Log
) -> None:
    with JwksServer(provider.jwks()) as server:
        monkeypatch.setenv("JWT_JWKS_URL", server.url)
        assert is_admitted(present(provider.mint("ana")))
    clock(3_000)
    log.captured.clear()
    assert unavailable(log, present(signed(provider, kid="new"))) == "ConnectionRefusedError"
    assert is_admitted(present(provider.mint("ana")))
    clock(700)
    log.captured.clear()
    assert unavailable(log, present(provider.mint("ana"))) == "ConnectionRefusedError"


def test_while_the_issuer_is_down_one_handshake_in_ten_seconds_asks_it(
    server: JwksServer, provider: IdentityProvider, clock: Callable[[float], None], log: Log
) -> None:
    server.status = 503
    assert unavailable(log, present(provider.mint("ana"))) == "ValueError"
    for _ in range(20):
        assert unavailable(log, present(provider.mint("ana"))) == "JwksUnavailableError"
    assert len(server.paths) == 1
    server.status = 200
    clock(11)
    assert is_admitted(present(provider.mint("ana")))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"{",
        b"[]",
        b"null",
        b'{"keys":{}}',
        b'{"keys":[]}',
        b'{"keys":null}',
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_an_invalid_key_set_admits_nobody(
    server: JwksServer, provider: IdentityProvider, log: Log, body: bytes
) -> None:
    server.body = body
    assert unavailable(log, present(provider.mint("ana"))) in (
        "ValueError",
        "JSONDecodeError",
        "UnicodeDecodeError",
        "RecursionError",
    )


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 401, 404, 500])
def test_another_status_admits_nobody_and_redirects_are_not_followed(
    server: JwksServer, provider: IdentityProvider, clock: Callable[[float], None], log: Log, status: int
) -> None:
    server.status = status
    server.headers = {"Location": provider.jwks_url}
    assert unavailable(log, present(provider.mint("ana"))) == "ValueError"
    clock(11)
    server.headers = {"Location": server.url}
    assert unavailable(log, present(provider.mint("ana"))) == "ValueError"
    assert len(server.paths) == 2


def test_a_huge_key_set_admits_nobody(server: JwksServer, provider: IdentityProvider, log: Log) -> None:
    server.body += b" " * (jwks.MAX_BYTES - len(server.body))
    assert is_admitted(present(provider.mint("ana")))
    log.captured.clear()
    authorizer.configured.cache_clear()
    server.body += b" "
    assert unavailable(log, present(provider.mint("ana"))) == "ValueError"


def test_a_slow_issuer_is_given_up_in_time(
    server: JwksServer,
    provider: IdentityProvider,
    monkeypatch: pytest.MonkeyPatch,
    clock: Callable[[float], None],
    log: Log,
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.3)
    server.stops_after = 10
    assert unavailable(log, present(provider.mint("ana"))) == "TimeoutError"
    clock(11)
    server.stops_after, server.drips = None, True
    assert unavailable(log, present(provider.mint("ana"))) == "TimeoutError"


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"use": None},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "EC"},
        {"kty": "?"},
        {"kty": None},
        {"n": "!"},
        {"e": ""},
        {"kid": "another"},
    ],
    ids=repr,
)
def test_an_unsuitable_key_is_ignored(
    server: JwksServer, provider: IdentityProvider, log: Log, change: dict[str, object]
) -> None:
    [key] = provider.jwks()["keys"]
    server.publish({"keys": [key | change, 7, None, []]})
    assert refusal(log, present(provider.mint("ana"))) == "unknown key"
    authorizer.configured.cache_clear()
    server.publish({"keys": [key | change, key, 7]})
    assert is_admitted(present(provider.mint("ana")))


def test_a_published_private_key_is_not_accepted(server: JwksServer, provider: IdentityProvider, log: Log) -> None:
    assert isinstance(provider.key, rsa.RSAPrivateKey)
    private = RSAAlgorithm.to_jwk(provider.key, as_dict=True)
    server.publish({"keys": [private | {"kid": provider.key_id}]})
    assert refusal(log, present(provider.mint("ana"))) == "unknown key"


def test_two_keys_with_the_same_id_are_refused(
    server: JwksServer, provider: IdentityProvider, attacker: IdentityProvider, log: Log
) -> None:
    [key], [other] = provider.jwks()["keys"], attacker.jwks()["keys"]
    server.publish({"keys": [key, other | {"kid": provider.key_id}]})
    assert refusal(log, present(provider.mint("ana"))) == "unknown key"


def test_an_elliptic_key_of_another_curve_is_refused(
    server: JwksServer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JWT_ALGORITHMS", '["ES256"]')
    with IdentityProvider(algorithm="ES384") as other:
        [key] = other.jwks()["keys"]
        server.publish({"keys": [key | {"alg": "ES256"}]})
        assert isinstance(other.key, ec.EllipticCurvePrivateKey)
        token = jwt.encode(
            {"sub": "ana"}, ec.generate_private_key(ec.SECP256R1()), headers={"kid": other.key_id}, algorithm="ES256"
        )
        assert refusal(log, present(token)) == "unfit key"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/jwks.json",
        "http://127.0.0.1.example.com/jwks.json",
        "http://127.0.0.1@example.com/jwks.json",
        "file:///etc/passwd",
        "ftp://127.0.0.1/jwks.json",
        "//127.0.0.1/jwks.json",
        "https:///jwks.json",
        "",
    ],
)
def test_address_of_the_keys_must_be_secure(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("JWT_JWKS_URL", url)
    assert not is_admitted(present(provider.mint("ana")))
    assert log.served().items() >= {"outcome": "INTERNAL", "failure": "ValueError"}.items()


def test_the_issuers_certificate_must_be_trusted(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    with JwksServer(provider.jwks(), tls) as server:
        monkeypatch.setenv("JWT_JWKS_URL", server.url)
        assert unavailable(log, present(provider.mint("ana"))) == "SSLCertVerificationError"
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        authorizer.configured.cache_clear()
        assert is_admitted(present(provider.mint("ana")))


# What must never happen


def test_a_missing_variable_admits_nobody(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "JWT_ISSUER",
        "JWT_AUDIENCE",
        "JWT_JWKS_URL",
        "JWT_ALGORITHMS",
        "USER_CLAIM",
        "GROUP_CLAIM",
        "CLOCK_SKEW_SECONDS",
    ):
        log.captured.clear()
        with monkeypatch.context() as without:
            without.delenv(name)
            assert not is_admitted(present(provider.mint("ana")))
        assert log.served().items() >= {"outcome": "INTERNAL", "failure": "KeyError"}.items()
    assert is_admitted(present(provider.mint("ana")))


def test_a_bug_admits_nobody(provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("token-hush")

    monkeypatch.setattr(authorizer, "identify", fail)
    assert not is_admitted(present(provider.mint("ana")))
    assert log.served()["outcome"] == "INTERNAL"
    assert log.level_of("served") == logging.ERROR
    assert "hush" not in log.text()


@pytest.mark.parametrize(
    ("claim", "moderated"), [(["red", "blue"], ["red", "blue"]), ("red", ["red"]), (None, None), ({"red": True}, None)]
)
def test_the_functions_are_told_the_groups_that_the_user_moderates(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch, claim: object, moderated: list[str] | None
) -> None:
    assert "moderated" not in present(provider.mint("ana", moderates=claim))["context"]
    authorizer.configured.cache_clear()
    monkeypatch.setenv("MODERATOR_CLAIM", "moderates")
    told = present(provider.mint("ana", moderates=claim))["context"].get("moderated")
    assert (told and json.loads(told)) == moderated


def test_moderated_groups_have_to_fit_beside_those_that_may_be_joined(
    provider: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "teams")
    monkeypatch.setenv("MODERATOR_CLAIM", "moderates")
    # The digits of a number take more room as texts than in the token.
    token = provider.mint("ana", teams=["red", *[1] * 650], moderates=["red", *[1] * 650])
    assert refusal(log, present(token, query="")).startswith("more groups than the functions can be told")
    # With a group in the query string, the functions are told only of that one.
    context = present(token)["context"]
    assert (json.loads(context["groups"]), json.loads(context["moderated"])) == (["red", *["1"] * 650], ["red"])
    assert len(json.dumps(context)) < 8 * 1024


def test_no_part_of_a_token_or_of_the_query_is_logged(
    provider: IdentityProvider, attacker: IdentityProvider, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUP_CLAIM", "cognito:groups")
    claims = {"name": "name-hush", "email": "mail-hush"}
    tokens = [
        provider.mint("user-hush", ["group-hush"], **claims),
        provider.mint("user-hush", ["other-hush"], **claims),
        provider.mint("user-hush", ["group-hush"], exp=1),
        provider.mint("user-hush", ["group-hush"], exp="hush"),
        provider.mint("user-hush", ["group-hush"], iss="https://hush"),
        provider.mint("user-hush", ["group-hush"], aud="hush"),
        provider.mint("user-hush" * 100, ["group-hush"]),
        attacker.mint("user-hush", ["group-hush"], **claims),
        signed(provider, typ="hush"),
        signed(provider, kid="kid-hush"),
        signed(provider, alg="hush"),
        "hush",
        "hush" * 5_000,
    ]
    for token in tokens:
        for query in ("userId=user-hush&groupId=group-hush", "userId=bob-hush&groupId=group-hush&more=hush"):
            present(token, query)
            ask(query, {"Sec-WebSocket-Protocol": [f"websocket-chat, {token}"], "Cookie": ["hush"]})
    text = log.text()
    assert "hush" not in text
    for part in {part for token in tokens for part in token.split(".") if len(part) > 20}:
        assert part not in text
    assert provider.issuer not in text
    assert {record.getMessage() for record in log.records} == {"served"}
    assert len(log.records) == 4 * len(tokens)


def test_a_cold_start_loads_no_aws_client() -> None:
    program = """
import sys
import handlers.authorizer
print(*{"boto3", "botocore.client", "handlers.tables.aws", "handlers.posting.management_api"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""


def test_no_other_function_needs_the_library() -> None:
    program = """
import pathlib, sys, importlib
sys.modules["jwt"] = None
for module in sorted(pathlib.Path("handlers").glob("*.py")):
    if module.stem not in ("authorizer", "__init__"):
        importlib.import_module(f"handlers.{module.stem}")
"""
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=True)
