"""The rules for the values of arguments, and the error for a value that is not allowed."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pulumi

from .urls import wrong_part_of_url

OWN_TAGS = "websocket-chat:"
"""Start of the keys of the component's own tags."""

_MAX_TAGS = 49  # AWS allows 50. One is the component's own.
_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256
_MAX_URL = 512


class InvalidArgumentError(pulumi.RunError):
    """An argument is not allowed. Pulumi prints this error without a stack trace.

    Attributes:
        key: Name of the argument in Python.
        value: The value that was given. The class ``Output`` stands for one that is not known yet.
        reason: What is wrong with it, in a sentence that does not repeat the name and the value.
    """

    def __init__(self, key: str, value: object, allowed: str, *, part: object = None) -> None:
        """Say which argument is wrong, and what is allowed.

        Args:
            key: Name of the argument in Python. The message adds its name in the config.
            value: See above.
            allowed: What is allowed, in words that follow "it must be".
            part: The part of the value that is wrong, if it is not all of it.
        """
        spelling = key if key == config_key(key) else f"{key} (in config: {config_key(key)})"
        given = "an Output" if value is pulumi.Output else repr(value)
        because = "" if part is None or part == value else f" because of {part!r}"
        super().__init__(f"{spelling} = {given} is not allowed{because}: it must be {allowed}")
        self.key = key
        self.value = value
        self.reason = f"it must be {allowed}{because and f', so {part!r} is not allowed'}"


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
        wrong_part: The part of a value that is wrong, or None if that is all of it. If the type is a list or a map, it
            gets lists or maps.
    """

    type: Any
    allowed: str
    accepts: Callable[[Any], bool]
    wrong_part: Callable[[Any], object] = lambda _: None

    def refusal(self, key: str, value: object, checked: object) -> InvalidArgumentError:
        """The error for a value that is not allowed.

        Args:
            key: Name of the argument in Python.
            value: The value that was given.
            checked: What stands for it, and was checked.
        """
        kind = {list[str]: "a list", dict[str, str]: "an object"}.get(self.type)
        if kind and kind != _kind(value):
            return InvalidArgumentError(key, value, f"{kind}, not {_kind(value)}: {self.allowed}")
        return InvalidArgumentError(key, value, self.allowed, part=self.wrong_part(checked))


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, Mapping) else "a single value"


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


def matches(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches a pattern."""
    return lambda value: re.fullmatch(pattern, value) is not None


def url(*, query: bool = False) -> Rule:
    """An https URL, or an empty text. All environment variables of a function share 4 KB, so it is short.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """

    def wrong_part(value: object) -> str | None:
        return wrong_part_of_url(value, query=query) if isinstance(value, str) and value else None

    return Rule(
        str,
        f"an https URL of up to {_MAX_URL} characters",
        lambda value: isinstance(value, str) and len(value) <= _MAX_URL and wrong_part(value) is None,
        wrong_part,
    )


def texts(accepts: Callable[[str], object], most: int, allowed: str, *, least: int = 0, together: int = 1_024) -> Rule:
    """A list of texts.

    Args:
        accepts: Whether a text is allowed.
        most: The list has at most this many texts.
        allowed: See :class:`Rule`.
        least: The list has at least this many texts.
        together: All texts together have at most this many characters.
    """

    def is_wrong(value: object) -> bool:
        return not (isinstance(value, str) and accepts(value))

    return Rule(
        list[str],
        allowed,
        lambda value: (
            isinstance(value, list)
            and least <= len(value) <= most
            and not any(map(is_wrong, value))
            and sum(map(len, value)) <= together
        ),
        lambda value: next(filter(is_wrong, value), None),
    )


def _is_tag_text(text: object, *, least: int, most: int) -> bool:
    return (
        isinstance(text, str)
        and least <= len(text) <= most
        and all(unicodedata.category(one)[0] in "LNZ" or one in "_.:/=+-@" for one in text)
    )


def _wrong_in_tags(tags: Mapping[Any, Any]) -> Iterator[object]:
    keys = Counter(str(key).lower() for key in tags)
    for key, value in tags.items():
        reserved = str(key).lower().startswith(("aws:", OWN_TAGS))
        if not _is_tag_text(key, least=1, most=_MAX_TAG_KEY) or reserved or keys[key.lower()] > 1:
            yield key
        if not _is_tag_text(value, least=0, most=_MAX_TAG_VALUE):
            yield value


# A role has the narrowest rules. https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html has its characters,
# and https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html says that its keys do not tell upper and lower case
# apart.
TAGS = Rule(
    dict[str, str],
    f"up to {_MAX_TAGS}, with keys of 1 to {_MAX_TAG_KEY} and values of up to {_MAX_TAG_VALUE} characters. These are "
    f"letters, digits, spaces and _.:/=+-@. No two keys may differ only in upper and lower case. No key may start with "
    f"aws: (AWS reserves these) or {OWN_TAGS} (the component's own)",
    lambda value: isinstance(value, Mapping) and len(value) <= _MAX_TAGS and not [*_wrong_in_tags(value)],
    lambda value: next(_wrong_in_tags(value), None),
)
