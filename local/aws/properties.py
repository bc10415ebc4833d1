"""Compares the properties of a resource: the program's, those of Pulumi's state, and those in the emulator."""

import json
import secrets
from typing import Any

from .inputs import Properties
from .schema import ResourceType

_MAPS = frozenset({"inputPaths", "tags", "triggers", "variables"})
"""Objects whose keys are the user's own. Elsewhere a key that the program does not set does not count."""

DEFAULTS = "__defaults"
"""The input that lists what Check filled in."""
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
"""What marks an archive on the wire, under the key that all special values have.

https://pulumi-developer-docs.readthedocs.io/latest/docs/references/rpc-property-values.html
"""
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def changes(declared: ResourceType, old: Properties, new: Properties) -> set[str]:
    """Compare the inputs in the state with the program's.

    Args:
        declared: The resource's type.
        old: Inputs of the state.
        new: Inputs of the program.

    Returns:
        Paths of the inputs that differ, such as ``ttl.enabled``. An input that is left out has its default, or keeps
        its value if the type says so.
    """
    return _changes(declared, old, new, "")


def _changes(declared: ResourceType, old: Properties, new: Properties, within: str) -> set[str]:
    changed: set[str] = set()
    for name in (old.keys() | new.keys()) - {DEFAULTS}:
        path = within + name
        default = declared.defaults.get(path)
        before, after = _given(old.get(name), default), _given(new.get(name), default)
        if _same(before, after) or (after is None and path in declared.keeps):
            continue
        if isinstance(before, dict) and isinstance(after, dict) and name not in _MAPS:
            changed |= _changes(declared, before, after, f"{path}.")
        else:
            changed.add(path)
    return changed


def _same(before: object, after: object) -> bool:
    """Whether two values are equal. Of two policies, white space and order do not count, as in the provider.

    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/verify/json.go
    """
    if not isinstance(before, str) or not isinstance(after, str) or not before.startswith("{"):
        return before == after
    return bool(_meaning(before) == _meaning(after))


def _given(value: Any, default: object) -> Any:  # noqa: ANN401 - properties are of any type
    if value is None or value == {}:
        return default
    # The state has only the hash of an archive.
    if isinstance(value, dict) and value.get(_SIGNATURE) == _ARCHIVE:
        return value["hash"]
    return value


def refreshed(declared: ResourceType, inputs: Properties, found: Properties) -> Properties:
    """Bring the inputs of the state up to date with the emulator.

    Args:
        declared: The resource's type.
        inputs: Inputs of the state. Empty for an import: then all that the type has are taken.
        found: Properties in the emulator.

    Returns:
        The inputs. One that the emulator cannot tell, such as a function's code, stays as it is.
    """
    if not inputs:
        return {name: value for name, value in found.items() if name in declared.inputs and value not in _UNSET}
    known = {name: value for name, value in inputs.items() if name not in found}
    for name, value in inputs.items():
        if name in found and (now := _refreshed(name, value, found[name])) is not None:
            known[name] = now
    return known


_UNSET: tuple[object, ...] = (None, "", [], {}, False)


def _refreshed(name: str, old: Any, now: Any) -> Any:  # noqa: ANN401 - properties are of any type
    if old in _UNSET and now in _UNSET:
        return old
    if isinstance(old, dict) and isinstance(now, dict) and name not in _MAPS:
        parts = {key: _refreshed(key, value, now.get(key)) for key, value in old.items()}
        return {key: value for key, value in parts.items() if value is not None}
    if isinstance(old, list) and isinstance(now, list):
        # The order does not count: what is there already keeps its place.
        kept = [one for one in old if any(_refreshed(name, one, other) == one for other in now)]
        return kept + [other for other in now if all(_refreshed(name, one, other) != one for one in old)]
    return old if _same(old, now) else now


def _meaning(text: str) -> Any:  # noqa: ANN401 - JSON is of any type
    try:
        return json.loads(text)
    except ValueError:
        return text


def with_name(declared: ResourceType, name: str, inputs: Properties, old: Properties) -> Properties:
    """Fill in the name of a new resource, or the one that it has, if the program gives none.

    Args:
        declared: The resource's type.
        name: Name of the resource in the program.
        inputs: Inputs of the program.
        old: Inputs of the state. Empty if it is a new resource.

    Returns:
        The inputs, with the list of what was filled in.
    """
    key = declared.autonamed
    if not key or inputs.get(key) is not None:
        return inputs | {DEFAULTS: []}
    kept = old.get(key) if key in old.get(DEFAULTS, []) else None
    return inputs | {key: kept or f"{name}-{secrets.token_hex(4)[:7]}", DEFAULTS: [key]}


def with_integers(value: Any) -> Any:  # noqa: ANN401 - properties are of any type
    """Return a value with integers for whole numbers. Pulumi's wire format has floats only."""
    if isinstance(value, dict):
        return {key: with_integers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
