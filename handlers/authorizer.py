"""Function ``WebSocketAuthorize``: decides by a token who may connect, as whom, to which group and until when.

API Gateway asks it before every ``$connect``. A refusal tells the client nothing but 403; the log has the reason.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

import jwt

from . import frames
from .handshake import SUBPROTOCOL, offered_subprotocols, query_values
from .jwks import Jwks, JwksUnavailableError
from .log import failure, logger

MAX_TOKEN_BYTES = 8_192
"""Largest token. A handshake's headers and query string together may have 10,240 bytes.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

ASYMMETRIC = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
"""Algorithms that can be allowed. With any other, what the issuer publishes would be enough to sign."""

_TYPES = {"jwt", "at+jwt"}
"""Tokens that say who somebody is. Issuers sign others, such as ``logout+jwt``, with the same keys.
https://www.rfc-editor.org/rfc/rfc8725#section-3.11"""

Claims = dict[str, Any]
Event = dict[str, Any]
Key = Callable[[str, str], jwt.PyJWK | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the component tells this function.

    Attributes:
        issuer: The ``iss`` that tokens must have.
        audience: Values of which a token's ``aud`` must have one.
        jwks_url: Address of the issuer's public keys.
        algorithms: Signature algorithms that are accepted, all of :data:`ASYMMETRIC`.
        user_claim: Claim that is the user id.
        group_claim: Claim with the groups that the user may connect to; empty for all groups.
        clock_skew: Seconds by which the issuer's clock and ours may differ.
    """

    issuer: str
    audience: frozenset[str]
    jwks_url: str
    algorithms: frozenset[str]
    user_claim: str
    group_claim: str
    clock_skew: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            KeyError: A variable is missing; its name is the argument.
            ValueError: A variable has no proper value, or an algorithm is none of :data:`ASYMMETRIC`.
        """
        algorithms = frozenset(json.loads(environment["JWT_ALGORITHMS"]))
        if not algorithms <= ASYMMETRIC:
            raise ValueError("JWT_ALGORITHMS has an algorithm that proves nothing")
        return cls(
            issuer=environment["JWT_ISSUER"],
            audience=frozenset(json.loads(environment["JWT_AUDIENCE"])),
            jwks_url=environment["JWT_JWKS_URL"],
            algorithms=algorithms,
            user_claim=environment["USER_CLAIM"],
            group_claim=environment["GROUP_CLAIM"],
            clock_skew=int(environment["CLOCK_SKEW_SECONDS"]),
        )


class Reason(Enum):
    """Why somebody is refused, for the log."""

    NO_TOKEN = "no token"  # noqa: S105 - no password
    SEVERAL_TOKENS = "several tokens"
    SUBPROTOCOL = "subprotocol"
    TOO_LARGE = "too large"
    MALFORMED = "malformed"
    TYPE = "type"
    CRITICAL_HEADER = "critical header"
    ALGORITHM = "algorithm"
    NO_KEY_ID = "no key id"
    UNKNOWN_KEY = "unknown key"
    UNFIT_KEY = "unfit key"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    ISSUER = "issuer"
    AUDIENCE = "audience"
    MISSING_CLAIM = "missing claim"
    USER = "user"
    GROUP = "group"


class RefusedError(Exception):
    """Somebody is refused."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """Who connects.

    Attributes:
        user_id: The user.
        expires_at: Second since 1970 at which the token is no longer accepted, clock skew included.
    """

    user_id: str
    expires_at: int


def find_token(event: Event) -> str:
    """Find the token of a handshake: parameter ``token`` of the query, or second of the subprotocols offered.

    Raises:
        RefusedError: There is none, or more than one, or it is too large.
    """
    tokens = [*query_values(event, "token"), *_offered_token(event)]
    if len(tokens) > 1:
        raise RefusedError(Reason.SEVERAL_TOKENS)
    if not tokens or not tokens[0]:
        raise RefusedError(Reason.NO_TOKEN)
    if len(tokens[0]) > MAX_TOKEN_BYTES:
        raise RefusedError(Reason.TOO_LARGE)
    if not tokens[0].isascii():
        raise RefusedError(Reason.MALFORMED)
    return tokens[0]


def _offered_token(event: Event) -> list[str]:
    offered = offered_subprotocols(event)
    if offered and offered[0] != SUBPROTOCOL:
        raise RefusedError(Reason.SUBPROTOCOL)
    return offered[1:]


def verify(token: str, settings: Settings, key: Key) -> Claims:
    """Verify a token.

    Args:
        token: The token, as the client gave it.
        settings: What is accepted.
        key: Finds the issuer's key by its id and the algorithm it is to be used with.

    Returns:
        What the token claims, which is what the issuer says.

    Raises:
        RefusedError: The token proves nothing.
        JwksUnavailableError: The issuer's keys cannot be had.
    """
    try:
        header = jwt.get_unverified_header(token)
        return jwt.decode(
            token,
            _named_key(header, settings, key),
            algorithms=sorted(settings.algorithms),
            issuer=settings.issuer,
            leeway=settings.clock_skew,
            options={
                "require": ["exp"],
                "verify_aud": False,  # In Cognito's access tokens it is another claim.
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.PyJWTError as error:
        raise RefusedError(_reason(error)) from None


def _named_key(header: Claims, settings: Settings, key: Key) -> jwt.PyJWK:
    if "crit" in header:
        raise RefusedError(Reason.CRITICAL_HEADER)
    if str(header.get("typ", "JWT")).lower().removeprefix("application/") not in _TYPES:
        raise RefusedError(Reason.TYPE)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in settings.algorithms:
        raise RefusedError(Reason.ALGORITHM)
    if not key_id:
        # A key that is not named could not be told from one that has come since.
        raise RefusedError(Reason.NO_KEY_ID)
    found = key(key_id, algorithm)
    if found is None:
        raise RefusedError(Reason.UNKNOWN_KEY)
    return found


_REASONS: dict[type[jwt.PyJWTError], Reason] = {
    jwt.InvalidSignatureError: Reason.SIGNATURE,
    jwt.InvalidKeyError: Reason.UNFIT_KEY,
    jwt.ExpiredSignatureError: Reason.EXPIRED,
    jwt.ImmatureSignatureError: Reason.NOT_YET_VALID,
    jwt.InvalidIssuerError: Reason.ISSUER,
    jwt.MissingRequiredClaimError: Reason.MISSING_CLAIM,
}


def _reason(error: jwt.PyJWTError) -> Reason:
    return _REASONS.get(type(error), Reason.MALFORMED)


def identify(claims: Claims, event: Event, settings: Settings) -> Identity:
    """Decide whether a verified token lets its user connect as the query asks.

    Raises:
        RefusedError: The token is for another audience, the user or the group is another than the token's.
    """
    if settings.audience.isdisjoint(_texts(_audience(claims))):
        raise RefusedError(Reason.AUDIENCE)
    user_id = claims.get(settings.user_claim)
    if not frames.is_id(user_id) or query_values(event, "userId") not in ([], [user_id]):
        raise RefusedError(Reason.USER)
    if settings.group_claim:
        asked = query_values(event, "groupId")
        if len(asked) != 1 or asked[0] not in _texts(claims.get(settings.group_claim)):
            raise RefusedError(Reason.GROUP)
    return Identity(str(user_id), int(claims["exp"]) + settings.clock_skew)


def _audience(claims: Claims) -> object:
    # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
    if "aud" not in claims and claims.get("token_use") == "access":
        return claims.get("client_id")
    return claims.get("aud")


def _texts(claim: object) -> list[str]:
    """The texts of a claim that may be a list of them, or one."""
    several = claim if isinstance(claim, list) else [claim]
    return [one for one in several if isinstance(one, str)]


@cache
def configured() -> tuple[Settings, Jwks]:
    """Settings of this execution environment, and the key set that it keeps."""
    settings = Settings.from_environment(os.environ)
    return settings, Jwks(settings.jwks_url)


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer API Gateway with a policy: whatever goes wrong, it is one that denies."""
    started = time.monotonic()
    about = event["requestContext"]
    log: dict[str, object] = {"connectionId": about["connectionId"], "route": about.get("routeKey"), "outcome": "OK"}
    identity, level = None, logging.INFO
    try:
        settings, jwks = configured()
        identity = identify(verify(find_token(event), settings, jwks.key), event, settings)
    except RefusedError as refused:
        log |= {"outcome": "FORBIDDEN", "reason": refused.reason.value}
    except JwksUnavailableError as error:
        level = logging.ERROR
        log |= {"outcome": "UNAVAILABLE", "reason": "keys"} | failure(error.__cause__ or error)
    except Exception as error:
        level = logging.ERROR
        log |= {"outcome": "INTERNAL"} | failure(error)
    log["durationMs"] = round((time.monotonic() - started) * 1000, 1)
    logger.log(level, "served", extra=log)
    return _answer(event["methodArn"], identity)


def _answer(method_arn: str, identity: Identity | None) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if identity else "Deny", "Resource": method_arn}
    return {
        "principalId": identity.user_id if identity else "refused",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"userId": identity.user_id, "expiresAt": str(identity.expires_at)} if identity else {},
    }
