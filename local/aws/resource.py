"""What every type of resource can do in the emulator."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from local.emulator import Emulator

from .inputs import Inputs, Properties


class Resource(ABC):
    """A type of resource."""

    @abstractmethod
    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        """Create a resource. Returns its id in Pulumi's state."""

    @abstractmethod
    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        """Read all properties of a resource, inputs and outputs.

        Args:
            emulator: Where to look.
            resource_id: Its id in Pulumi's state, or the id of an import.
            known: Its properties as far as they are known. Empty for an import.

        Returns:
            The properties, with ``id`` where the id in the state is another than that of the import. None if it does
            not exist.
        """

    @abstractmethod
    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        """Change a resource in place.

        Args:
            emulator: Where it is.
            resource_id: Its id in Pulumi's state.
            known: All its properties, as they will be.
            changed: The inputs that change. Only those that this method takes can change.
        """

    @abstractmethod
    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        """Delete a resource. Called only while it exists."""


def retag(
    changed: Inputs,
    tags: Callable[[], dict[str, str]],
    tag: Callable[[dict[str, str]], object],
    untag: Callable[[list[str]], object],
) -> None:
    """Change the tags, if they are among the changed inputs.

    Args:
        changed: The inputs that change.
        tags: Reads the tags that the resource has.
        tag: Adds tags, or changes their values.
        untag: Removes tags by their keys.
    """
    if "tags" not in changed:
        return
    new: dict[str, str] = changed.take("tags") or {}
    if gone := sorted(own_tags(tags()).keys() - new.keys()):
        untag(gone)
    if new:
        tag(new)


def own_tags(tags: Properties) -> Properties:
    """Leave out the tags that AWS services have set, such as CloudFormation. The provider ignores them.

    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/tags/key_value_tags.go
    """
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


def tag_list(tags: Properties | None) -> list[dict[str, str]]:
    """Return tags as DynamoDB and IAM have them: a list."""
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Return tags as Pulumi has them: a map."""
    return {tag["Key"]: tag["Value"] for tag in tags}
