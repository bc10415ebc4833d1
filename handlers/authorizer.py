"""Function ``WebSocketAuthorize``: decides by the token which user may connect, to which group, and until when.

API Gateway calls it before every ``$connect``.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import json
import logging
import os
import time
from functools import cache
from typing import Any

from .identity.jwks import Jwks, JwksUnavailableError
from .identity.tokens import Event, Identity, RefusedError, find_token, identify, verify
from .runtime.log import failure, logger
from .runtime.settings import TokenSettings, read


@cache
def configured() -> tuple[TokenSettings, Jwks]:
    """Settings of this execution environment, and the key set that it keeps."""
    settings = read(TokenSettings, os.environ)
    return settings, Jwks(settings.jwt_jwks_url)


def handler(event: Event, _context: object) -> dict[str, Any]:
    """Answer API Gateway with a policy. If anything goes wrong, the policy denies."""
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


def _context(identity: Identity) -> dict[str, str]:
    """What the functions get with the handshake and with every later frame. API Gateway takes only texts."""
    context = {"userId": identity.user_id, "expiresAt": str(identity.expires_at)}
    if identity.name:
        context["name"] = identity.name
    if identity.groups is not None:
        context["groups"] = json.dumps(identity.groups, ensure_ascii=False)
    if identity.moderated:
        context["moderated"] = json.dumps(identity.moderated, ensure_ascii=False)
    return context


def _answer(method_arn: str, identity: Identity | None) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": "Allow" if identity else "Deny", "Resource": method_arn}
    return {
        "principalId": identity.user_id if identity else "refused",
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": _context(identity) if identity else {},
    }
