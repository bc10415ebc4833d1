"""Reads the arguments from the stack's config."""

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, cast

import pulumi
from pulumi.runtime.config import CONFIG

from .authentication import Authentication
from .generated import WebSocketChatArgs
from .rules import InvalidArgumentError, config_key
from .table import ARGUMENTS

_KEYS = {key.lower(): key for key in map(config_key, ARGUMENTS)}
"""The keys of the config, by their names in lower case."""


class UnknownKeyError(pulumi.RunError):
    """The config has keys that nothing reads. Pulumi prints this error without a stack trace.

    Attributes:
        keys: The full names of these keys.
    """

    def __init__(self, keys: Collection[str], namespace: str) -> None:
        """Name every key, with the nearest known one.

        Args:
            keys: The full names of the keys.
            namespace: Where the known keys are.
        """
        lines = "\n".join(f"  {key}{_nearest(key, namespace)}" for key in keys)
        super().__init__(
            f"The config has keys that the chat does not know, so they would have no effect:\n{lines}\n"
            "Rename each key, or remove it with pulumi config rm KEY. README.md lists the known keys. Does your own "
            'program read the key? Then give the chat a namespace of its own: args_from_config(pulumi.Config("chat")) '
            "reads chat:memorySize and so on."
        )
        self.keys = tuple(keys)


def args_from_config(config: pulumi.Config) -> WebSocketChatArgs:
    """Read every argument that the config sets, and refuse keys that would have no effect.

    Every key in the config's namespace must be an argument of the chat. If your program has keys of its own, give the
    chat another namespace: ``pulumi.Config("chat")``. If the namespace is the project's, it may be that the project was
    renamed. So keys of arguments are then refused in other namespaces too, except in those of installed packages.

    Raises:
        UnknownKeyError: The config has a key that is no argument.
        ConfigTypeError: A value has the wrong type.
        InvalidArgumentError: The authentication is unknown, or a tag is not written ``Key=Value``.
    """
    unknown = list(_unknown_keys(config.name))
    if unknown:
        raise UnknownKeyError(unknown, config.name)
    values = {name: _read(config, config_key(name), argument.rule.type) for name, argument in ARGUMENTS.items()}
    return cast("WebSocketChatArgs", {name: value for name, value in values.items() if value is not None})


def _unknown_keys(namespace: str) -> Iterator[str]:
    for full in sorted(CONFIG.get()):
        space, _, key = full.rpartition(":")
        if space == namespace:
            if key not in _KEYS.values():
                yield full
        elif namespace == pulumi.get_project() and key.lower() in _KEYS and not _is_of_a_package(space):
            yield full


def _is_of_a_package(namespace: str) -> bool:
    """Whether the keys of a namespace configure Pulumi or an installed package, such as ``aws-native``."""
    module = f"pulumi_{namespace.replace('-', '_')}"
    return namespace == "pulumi" or (module.isidentifier() and find_spec(module) is not None)


def _nearest(full: str, namespace: str) -> str:
    near = get_close_matches(full.rpartition(":")[2].lower(), _KEYS, n=1)
    return f" (did you mean {namespace}:{_KEYS[near[0]]}?)" if near else ""


def _read(config: pulumi.Config, key: str, type_: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    """The value of a key. None if it is not set."""
    if type_ is bool:
        return config.get_bool(key)
    if type_ is int:
        return config.get_int(key)
    if type_ == list[str]:
        return config.get_object(key)
    if type_ == dict[str, str]:
        texts = config.get_object(key)
        return None if texts is None else _pairs(key, texts)
    text = config.get(key)
    return Authentication(text) if type_ is Authentication and text is not None else text


def _pairs(key: str, texts: object) -> dict[str, str]:
    """Read a map from a list of ``Key=Value``: the config schema of Pulumi has no maps."""
    if not isinstance(texts, list):
        raise InvalidArgumentError(key, texts, "a list of texts, each written Key=Value")
    found = {}
    for text in texts:
        name, equals, value = str(text).partition("=")
        if not equals:
            raise InvalidArgumentError(key, text, "written Key=Value")
        if name in found:
            raise InvalidArgumentError(key, texts, f"without a second tag {name}", part=text)
        found[name] = value
    return found
