"""Tokens: which user a client is, which group it may join, and until when.

A refusal tells the client nothing but 403. The log has the reason.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import jwt

from handlers.protocol.frames import is_id
from handlers.runtime.settings import TokenSettings

from .handshake import SUBPROTOCOL, offered_subprotocols, query_values

MAX_TOKEN_BYTES = 8_192
"""Largest token. The headers and the query string of a handshake may have 10,240 bytes together.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

_MAX_GROUPS_BYTES = 6_144
"""Largest list of groups that is handed on. API Gateway allows 8 KB for all that an authorizer hands on.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html"""

_TYPES = {"jwt", "at+jwt"}
"""Types of token that identify a user. Issuers sign other types, such as ``logout+jwt``, with the same keys.
https://www.rfc-editor.org/rfc/rfc8725#section-3.11"""

Claims = dict[str, Any]
Event = dict[str, Any]
Key = Callable[[str, str], jwt.PyJWK | None]


class Reason(Enum):
    """Reasons for a refusal, for the log."""

    NO_TOKEN = "no token"  # noqa: S105 - not a password
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
    TOO_MANY_GROUPS = "more groups than the functions can be told: use groupMembersTable in place of claims"


class RefusedError(Exception):
    """A client is refused."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """The user of a token.

    Attributes:
        user_id: The user's id.
        expires_at: Second since 1970 at which the token is no longer accepted, clock skew included.
        name: The user's display name. Empty if the token has none, or none is read.
        groups: Groups that the user may join. None if the token does not say.
        moderated: Groups that the user moderates.
    """

    user_id: str
    expires_at: int
    name: str
    groups: list[str] | None
    moderated: list[str]


def find_token(event: Event) -> str:
    """Find the token of a handshake: the query parameter ``token``, or the second subprotocol that is offered.

    Raises:
        RefusedError: There is no token, more than one, or it is too large.
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


def verify(token: str, settings: TokenSettings, key: Key) -> Claims:
    """Verify a token.

    Args:
        token: The token, as the client gave it.
        settings: Which tokens are accepted.
        key: Finds the issuer's key by key id and algorithm.

    Returns:
        The token's claims.

    Raises:
        RefusedError: The token is not valid.
        JwksUnavailableError: The issuer's keys cannot be fetched.
    """
    try:
        header = jwt.get_unverified_header(token)
        return jwt.decode(
            token,
            _named_key(header, settings, key),
            algorithms=sorted(settings.jwt_algorithms),
            issuer=settings.jwt_issuer,
            leeway=settings.clock_skew_seconds,
            options={
                "require": ["exp"],
                "verify_aud": False,  # Cognito's access tokens name their audience in another claim.
                "verify_sub": False,  # Another claim may name the user, and some issuers number their users.
                "verify_jti": False,  # It is not used.
                "enforce_minimum_key_length": True,
            },
        )
    except jwt.PyJWTError as error:
        raise RefusedError(_reason(error)) from None


def _named_key(header: Claims, settings: TokenSettings, key: Key) -> jwt.PyJWK:
    if "crit" in header:
        raise RefusedError(Reason.CRITICAL_HEADER)
    if str(header.get("typ", "JWT")).lower().removeprefix("application/") not in _TYPES:
        raise RefusedError(Reason.TYPE)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in settings.jwt_algorithms:
        raise RefusedError(Reason.ALGORITHM)
    if not key_id:
        # Without a key id, the key could be one that the issuer added later.
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


def identify(claims: Claims, event: Event, settings: TokenSettings) -> Identity:
    """Decide whether a verified token lets its user connect as the query string asks.

    Raises:
        RefusedError: The token is for another audience, or the query string names another user or group.
    """
    if settings.jwt_audience.isdisjoint(_texts(_audience(claims))):
        raise RefusedError(Reason.AUDIENCE)
    user_id = _text(_claim(claims, settings.user_claim))
    if not is_id(user_id) or query_values(event, "userId") not in ([], [user_id]):
        raise RefusedError(Reason.USER)
    name = _text(_claim(claims, settings.name_claim)) if settings.name_claim else None
    groups = _groups(claims, event, settings) if settings.group_claim else None
    return Identity(
        str(user_id),
        int(claims["exp"]) + settings.clock_skew_seconds,
        str(name) if is_id(name) else "",
        groups,
        _moderated(claims, event, settings, beside=groups or []) if settings.moderator_claim else [],
    )


def _groups(claims: Claims, event: Event, settings: TokenSettings) -> list[str]:
    """The groups of a token. Without a group in the query string, all of them have to fit into the answer."""
    groups = _texts(_claim(claims, settings.group_claim))
    asked = query_values(event, "groupId")
    if asked and (len(asked) > 1 or asked[0] not in groups):
        raise RefusedError(Reason.GROUP)
    if _size(groups) <= _MAX_GROUPS_BYTES:
        return groups
    if not asked:
        raise RefusedError(Reason.TOO_MANY_GROUPS)
    return asked


def _moderated(claims: Claims, event: Event, settings: TokenSettings, *, beside: list[str]) -> list[str]:
    """The groups that a user moderates. They have to fit into the answer beside the groups that the user may join."""
    moderated, asked = _texts(_claim(claims, settings.moderator_claim)), query_values(event, "groupId")
    if _size(moderated) + _size(beside) <= _MAX_GROUPS_BYTES:
        return moderated
    if not asked:
        raise RefusedError(Reason.TOO_MANY_GROUPS)
    return [group_id for group_id in moderated if group_id in asked]


def _size(groups: list[str]) -> int:
    return len(json.dumps(groups, ensure_ascii=False).encode())


def _audience(claims: Claims) -> object:
    # https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
    if "aud" not in claims and claims.get("token_use") == "access":
        return claims.get("client_id")
    return claims.get("aud")


def _claim(claims: object, name: str) -> object:
    """The claim of this name, or at this path: ``realm_access.roles`` is ``roles`` inside ``realm_access``."""
    if not isinstance(claims, dict):
        return None
    if name in claims:  # Names can have dots, too: https://app.example.com/groups
        return claims[name]
    parts = name.split(".")
    paths = ((".".join(parts[:end]), ".".join(parts[end:])) for end in range(1, len(parts)))
    return next((inner for outer, rest in paths if (inner := _claim(claims.get(outer), rest)) is not None), None)


def _texts(claim: object) -> list[str]:
    """The texts in a claim, which is one text or a list of texts."""
    several = claim if isinstance(claim, list) else [claim]
    return [text for one in several if (text := _text(one)) is not None]


def _text(value: object) -> str | None:
    """A text. A number is its digits: some issuers number users and groups."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None
