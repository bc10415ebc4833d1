"""Reads the arguments from the stack's config."""

from typing import Any, cast

import pulumi

from .authentication import Authentication
from .generated import WebSocketChatArgs
from .rules import InvalidArgumentError, config_key
from .table import ARGUMENTS


def args_from_config(config: pulumi.Config) -> WebSocketChatArgs:
    """Read every argument from the config. ``Pulumi.yaml`` declares the keys and their defaults.

    Raises:
        ConfigMissingError: A key has no value.
        ConfigTypeError: A value has the wrong type.
        InvalidArgumentError: The authentication is unknown, or a tag is not written ``Key=Value``.
    """
    args = {name: _read(config, config_key(name), argument.rule.type) for name, argument in ARGUMENTS.items()}
    return cast("WebSocketChatArgs", args)


def _read(config: pulumi.Config, key: str, type_: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    if type_ is bool:
        return config.require_bool(key)
    if type_ is int:
        return config.require_int(key)
    if type_ is Authentication:
        return Authentication(config.require(key))
    if type_ == dict[str, str]:
        return _pairs(key, config.require_object(key))
    if type_ == list[str]:
        return config.require_object(key)
    return config.require(key)


def _pairs(key: str, texts: list[object]) -> dict[str, str]:
    """Read a map from a list of ``Key=Value``: the config schema of Pulumi has no maps."""
    found = {}
    for text in texts:
        name, equals, value = str(text).partition("=")
        if not equals:
            raise InvalidArgumentError(key, text, "written Key=Value")
        found[name] = value
    return found
