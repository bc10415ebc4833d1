"""Which of the issuer's public keys can verify a token."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from handlers.identity.jwks import Jwk, fitting

KEY: Jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True) | {"kid": "k1"}


def fits(*keys: Jwk) -> bool:
    return fitting(keys, "k1", "ES256") is not None


@pytest.mark.parametrize("fields", [{}, {"use": "sig"}, {"alg": "ES256"}])
def test_a_key_for_signatures_verifies(fields: Jwk) -> None:
    assert fits(KEY | fields)
    assert fits({"kid": "k1", "kty": "?"}, KEY | {"kid": "k2"}, KEY | fields)


@pytest.mark.parametrize(
    "fields",
    [
        *[{"use": use} for use in ("enc", "SIG", "", None, "other")],
        *[{"alg": alg} for alg in ("ES384", "RS256", None)],
        {"kid": "k2"},
        {"d": "AA"},
        {"crv": "P-384"},
    ],
    ids=str,
)
def test_no_other_key_verifies(fields: Jwk) -> None:
    assert not fits(KEY | fields)


def test_two_keys_with_the_same_id_verify_nothing() -> None:
    assert not fits(KEY, KEY)
