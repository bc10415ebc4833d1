"""The checked arguments, as the component uses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from .authentication import Authentication
from .generated import CheckedArguments, WebSocketChatArgs
from .rules import InvalidArgumentError, is_integer
from .table import ARGUMENTS, Argument


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(CheckedArguments):
    """The arguments, checked and with their defaults, and what follows from them."""

    @property
    def issuer(self) -> pulumi.Output[str]:
        """The value that a token's ``iss`` must have.

        https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
        """
        if self.jwt_issuer:
            return pulumi.Output.from_input(self.jwt_issuer)
        return pulumi.Output.from_input(self.cognito_user_pool_id).apply(_cognito_issuer)

    @property
    def jwks_url(self) -> pulumi.Output[str]:
        """Address of the issuer's public keys."""
        if self.jwt_jwks_url:
            return pulumi.Output.from_input(self.jwt_jwks_url)
        return self.issuer.apply(lambda issuer: f"{issuer.rstrip('/')}/.well-known/jwks.json")

    @classmethod
    def of(cls, args: WebSocketChatArgs) -> "Settings":
        """Check the arguments and fill in the defaults. ``None`` stands for the default.

        An ``Output``, whose value is known only during the deployment, is checked when its value is known.

        Raises:
            InvalidArgumentError: An argument is unknown or not allowed.
        """
        settings = cls(**{name: _checked(name, value) for name, value in args.items() if value is not None})
        _check_together(settings)
        return settings


def _cognito_issuer(pool_id: str) -> str:
    region = pool_id.partition("_")[0]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://cognito-idp.{region}.{suffix}/{pool_id}"


def _checked(name: str, value: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    if name not in ARGUMENTS:
        raise InvalidArgumentError(
            name, value, f"left out, because no argument has this name. The arguments are {', '.join(ARGUMENTS)}"
        )
    argument = ARGUMENTS[name]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if any(isinstance(part, pulumi.Output) for part in parts):
        value = pulumi.Output.from_input(value)
    if isinstance(value, pulumi.Output):
        if argument.plain:
            raise InvalidArgumentError(name, pulumi.Output, "a plain value, known before the deployment")
        return value.apply(lambda known: _checked(name, _given(argument, known)))
    checked = _with_digits(argument, _integer(value))
    if not argument.rule.accepts(checked):
        raise argument.rule.refusal(name, value, checked)
    return checked


def _integer(value: Any) -> Any:  # noqa: ANN401 - the same
    """Pulumi's wire format has one kind of number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _with_digits(argument: Argument, value: Any) -> Any:  # noqa: ANN401 - the same
    """In a list or map of texts, an integer stands for its digits: an audience or an account may look like a number."""
    if argument.rule.type == list[str] and isinstance(value, list):
        return [_digits(one) for one in value]
    if argument.rule.type == dict[str, str] and isinstance(value, Mapping):
        return {key: _digits(one) for key, one in value.items()}
    return value


def _digits(value: Any) -> Any:  # noqa: ANN401 - the same
    value = _integer(value)
    return str(value) if is_integer(value) else value


def _given(argument: Argument, known: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    """Refuse an Output that turns out to be empty: by then there are resources that exist only if a value is given."""
    if not known and not argument.has_default:
        raise InvalidArgumentError(
            argument.name, known, f"{argument.rule.allowed}. Leave the argument out, in place of an empty Output"
        )
    return known


def _check_together(settings: Settings) -> None:
    """Refuse arguments that contradict each other, or that suggest a protection that they would not give.

    Raises:
        InvalidArgumentError: It names the argument to change.
    """
    for name, argument in ARGUMENTS.items():
        value = getattr(settings, name)
        # If the default is not empty, the code cannot tell whether the value was given.
        if argument.only_for not in ("", settings.authentication) and not argument.default and value:
            raise InvalidArgumentError(name, value, f"left out unless authentication is {argument.only_for}")
    if settings.authentication == Authentication.JWT:
        if bool(settings.jwt_issuer) == bool(settings.cognito_user_pool_id):
            raise InvalidArgumentError(
                "jwt_issuer",
                settings.jwt_issuer,
                "set for jwt, unless you set cognito_user_pool_id. Set one of the two, not both",
            )
        if not settings.jwt_audience:
            raise InvalidArgumentError("jwt_audience", settings.jwt_audience, "set for jwt")
    _check_moderators(settings)
    _check_domain(settings)
    if settings.create_messages_table and not isinstance(settings.messages_table, str):
        raise InvalidArgumentError(
            "messages_table", pulumi.Output, "a plain value if create_messages_table is true: it names the new table"
        )
    if settings.group_claim and settings.group_members_table:
        raise InvalidArgumentError("group_claim", settings.group_claim, "left out if group_members_table is set")
    if settings.on_moderation_failure != "open" and not settings.moderation_function:
        raise InvalidArgumentError(
            "on_moderation_failure", settings.on_moderation_failure, "open unless moderation_function is set"
        )
    if settings.require_origin and not settings.allowed_origins:
        raise InvalidArgumentError("require_origin", settings.require_origin, "false unless allowed_origins is set")


def _check_moderators(settings: Settings) -> None:
    for name in ("moderator_role", "moderator_claim"):
        if (value := getattr(settings, name)) and not settings.changes:
            raise InvalidArgumentError(name, value, "left out unless changes is true")
    if settings.moderator_role and not settings.group_members_table:
        raise InvalidArgumentError(
            "moderator_role", settings.moderator_role, "left out unless group_members_table is set"
        )


def _check_domain(settings: Settings) -> None:
    for name in ("certificate_arn", "hosted_zone_id"):
        if (value := getattr(settings, name)) and not settings.domain_name:
            raise InvalidArgumentError(name, value, "left out unless domain_name is set")
    if settings.domain_name and not settings.certificate_arn:
        raise InvalidArgumentError("certificate_arn", settings.certificate_arn, "set if domain_name is set")
