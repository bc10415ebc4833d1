"""The policies of a deployed role, and how to take a permission away from it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.emulator import Emulator

Document = dict[str, Any]


def policies(emulator: Emulator, role: str) -> dict[str, Document]:
    """The policies of a role, by name. Checks that it has no others."""
    iam = emulator.client("iam")
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


@contextmanager
def without(emulator: Emulator, role: str, statement: str, action: str | None = None) -> Iterator[None]:
    """Take a statement away, or one of its actions, while the context is open."""
    iam = emulator.client("iam")
    ((name, whole),) = (
        (name, document)
        for name, document in policies(emulator, role).items()
        if statement in [allowed["Sid"] for allowed in document["Statement"]]
    )
    left = []
    for allowed in whole["Statement"]:
        taken = allowed["Action"] if action is None else [action]
        actions = [one for one in allowed["Action"] if allowed["Sid"] != statement or one not in taken]
        left += [allowed | {"Action": actions}] if actions else []
    if left:
        document = json.dumps(whole | {"Statement": left})
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(whole))
