"""The ways in which a client can prove who it is."""

from enum import Enum
from typing import NoReturn

from .rules import InvalidArgumentError


class Authentication(str, Enum):  # noqa: UP042 - the schema for other languages is inferred from this form
    """How a client proves who it is."""

    NONE = "none"
    """It does not: the query string says who connects. For old clients, and for chats that anyone may read."""
    JWT = "jwt"
    """By a token, which a Lambda authorizer verifies when the client connects."""
    IAM = "iam"
    """By a request signed with AWS credentials that may invoke the API. For back ends, which are trusted to name the
    user and the group in the query string."""

    @classmethod
    def _missing_(cls, value: object) -> NoReturn:
        raise InvalidArgumentError("authentication", value, ", ".join(cls))
