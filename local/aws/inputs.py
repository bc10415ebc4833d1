"""The inputs of a resource. What no code takes is an error, so that nothing is dropped silently."""

from collections.abc import Mapping
from typing import Any

Properties = dict[str, Any]
Names = Mapping[str, str]
"""Names of properties: Pulumi's by the AWS API's."""


class UnsupportedError(Exception):
    """The program uses something that the emulator's provider cannot do."""


class Inputs:
    """The inputs of a resource, or those that change. Take each of them, then close."""

    def __init__(self, what: str, values: Properties) -> None:
        """Wrap the inputs.

        Args:
            what: The resource or its part, for error messages.
            values: Inputs by name. None for an input that is taken away.
        """
        self._what = what
        self._values = values
        self._left = set(values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def take(self, name: str) -> Any:  # noqa: ANN401 - inputs are of any type
        """Return the value of an input, or ``None`` if it is not given."""
        self._left.discard(name)
        return self._values.get(name)

    def part(self, name: str) -> "Inputs":
        """Return a nested object, empty if it is not given. Close it as well."""
        return Inputs(f"{self._what}.{name}", self.take(name) or {})

    def parts(self, name: str) -> list["Inputs"]:
        """Return a list of nested objects. Close each."""
        return [Inputs(f"{self._what}.{name}[{n}]", part) for n, part in enumerate(self.take(name) or [])]

    def taken(self, names: Names) -> Properties:
        """Take inputs under the names of the AWS API. Inputs that are not given are left out."""
        return {api: value for api, name in names.items() if (value := self.take(name)) is not None}

    def close(self) -> None:
        """Check that every input was taken.

        Raises:
            UnsupportedError: An input was not taken.
        """
        if self._left:
            raise UnsupportedError(
                f"{self._what}: the emulator would not get {', '.join(sorted(self._left))}. Pass it on in local/aws/"
            )


def only(part: Inputs, names: Names) -> Properties:
    """Return all inputs of a part under the names of the AWS API."""
    properties = part.taken(names)
    part.close()
    return properties


def named(answer: Mapping[str, Any], names: Names) -> Properties:
    """Return the properties in an answer of the AWS API under Pulumi's names. What is not in it is left out."""
    return {name: answer[api] for api, name in names.items() if api in answer}
