"""The rules for the values of arguments, and the error for a value that is not allowed."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

OWN_TAGS = "websocket-chat:"
"""Start of the keys of the component's own tags."""

_MAX_TAGS = 49  # AWS allows 50. One is the component's own.
_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256


class InvalidArgumentError(pulumi.RunError):
    """An argument is not allowed. Pulumi prints this error without a stack trace.

    Attributes:
        key: Name of the argument.
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        """Say which argument is wrong, and what is allowed.

        Args:
            key: Name of the argument in Python. The message adds its name in the config.
            value: The value that was given.
            allowed: What is allowed, in words.
        """
        spelling = key if key == config_key(key) else f"{key} (in config: {config_key(key)})"
        super().__init__(f"{spelling} = {value!r} is not allowed: it must be {allowed}")
        self.key = key


def config_key(name: str) -> str:
    """The name of an argument in the config: ``memorySize`` for ``memory_size``."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule for the value of an argument.

    Attributes:
        type: Type of the value, such as ``int`` or ``list[str]``.
        allowed: What is allowed, in words that follow "it must be", with the unit.
        accepts: Whether a value is allowed. It gets values of every type.
    """

    type: Any
    allowed: str
    accepts: Callable[[Any], bool]


BOOLEAN = Rule(bool, "true or false", lambda value: isinstance(value, bool))


def is_integer(value: object) -> bool:
    """Whether a value is an integer. In Python a boolean is one too; here it is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def integer(low: int, high: int, unit: str) -> Rule:
    """An integer from ``low`` to ``high``, both included."""
    return Rule(
        int, f"an integer from {low} to {high} ({unit})", lambda value: is_integer(value) and low <= value <= high
    )


def text(pattern: str, allowed: str) -> Rule:
    """A text that matches the whole pattern."""
    return Rule(str, allowed, lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None)


def texts(pattern: str, most: int, allowed: str, *, least: int = 0, together: int = 1_024) -> Rule:
    """A list of texts.

    Args:
        pattern: Every text matches it as a whole.
        most: The list has at most this many texts.
        allowed: See :class:`Rule`.
        least: The list has at least this many texts.
        together: All texts together have at most this many characters.
    """

    def accepts(value: object) -> bool:
        return (
            isinstance(value, list)
            and least <= len(value) <= most
            and all(isinstance(one, str) and re.fullmatch(pattern, one) for one in value)
            and sum(map(len, value)) <= together
        )

    return Rule(list[str], allowed, accepts)


def _are_tags(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= _MAX_TAGS
        and all(
            isinstance(key, str)
            and isinstance(one, str)
            and 0 < len(key) <= _MAX_TAG_KEY
            and len(one) <= _MAX_TAG_VALUE
            and not key.lower().startswith(("aws:", OWN_TAGS))
            for key, one in value.items()
        )
    )


# https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
TAGS = Rule(
    dict[str, str],
    f"up to {_MAX_TAGS}, with keys of 1 to {_MAX_TAG_KEY} and values of up to {_MAX_TAG_VALUE} characters, "
    f"no key starting aws: (AWS reserves these) or {OWN_TAGS} (the component's own)",
    _are_tags,
)
