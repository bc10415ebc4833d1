"""The base of the component's parts: their settings, and the method that creates children."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import pulumi
from pulumi._types import is_input_type

from .arguments import Settings
from .names import claim_name
from .transforms import Transforms, apply_transform, check_fixed

Child = TypeVar("Child", bound=pulumi.CustomResource)


class Children:
    """Makes the component's children.

    Attributes:
        component: The parent of every child.
        arguments: What each child was created with, after its transform, by the child's name within the component.
        claims: They fail if the name of a child is taken. See :func:`claim_name`.
    """

    def __init__(self, component: pulumi.ComponentResource, name: str, transforms: Transforms) -> None:
        self.component = component
        self.arguments: dict[str, dict[str, Any]] = {}
        self.claims: list[pulumi.Output[None]] = []
        self._name = name
        self._transforms: dict[str, Any] = {**transforms}

    def make(
        self,
        type_: Callable[..., Child],
        kind: str,
        name: str,
        args: object,
        opts: pulumi.ResourceOptions | None = None,
        *,
        fixed: Mapping[str, Any] = MappingProxyType({}),
    ) -> Child:
        """Create a child.

        Args:
            type_: The resource's class.
            kind: Key of its transform: see :class:`Transforms`.
            name: Its name within the component. Its name in the stack is ``{component}-{name}``.
            args: Its arguments, as an object of ``pulumi_aws``: ``QueueArgs`` for a ``Queue``. A transform gets them as
                plain dicts and lists that it may change.
            opts: Its options. The parent is added to them. With ``delete_before_replace=False``, a child whose name an
                argument gives can be renamed without a gap: the new one is created first. Pulumi deletes a child with
                a given name first, because it does not know whether the name or something else changes. If something
                else replaces such a child, the update fails, because its name exists already. With ``protect=False``,
                it does not take over the component's protection, which would refuse updates that replace or remove it.
            fixed: Arguments that its transform must leave as they are, because other resources rely on them. The
                transform may add entries to a mapping.

        Raises:
            TransformError: Its transform returned something, or changed what is fixed.
        """
        arguments: dict[str, Any] = _plain(args)
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=self.component))
        full_name = f"{self._name}-{name}"
        if kind in self._transforms:
            apply_transform(self._transforms[kind], arguments, opts, full_name)
            check_fixed(fixed, arguments, full_name)
        self.arguments[name] = _plain(arguments)
        child = type_(full_name, opts=opts, **arguments)
        if claim := claim_name(child, full_name, self.component):
            self.claims.append(claim)
        return child


@dataclass(frozen=True)
class Part:
    """A part of the component. It has one method for each resource, or for each group of equal ones."""

    children: Children
    settings: Settings

    @property
    def protected(self) -> bool | None:
        """The option ``protect`` of what ``deletion_protection`` protects. None: as the component is protected."""
        return self.settings.deletion_protection or None

    @property
    def kms_key_arn(self) -> pulumi.Input[str] | None:
        """The customer's key, or None: AWS's own keys."""
        return self.settings.kms_key_arn or None


def _plain(value: Any) -> Any:  # noqa: ANN401 - arguments are of many types
    """Copy arguments, with a dict in place of each object of ``pulumi_aws``."""
    if is_input_type(type(value)):
        value = vars(value)
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value
