"""The policies of a deployed role, and how to take a permission away from it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from local.emulator import Emulator

Document = dict[str, Any]


def policies(emulator: Emulator, role: str) -> dict[str, Document]:
    """The policies of a role: inline ones by name, managed ones by ARN."""
    iam = emulator.client("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    found = {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}
    for arn in (policy["PolicyArn"] for policy in attached):
        version = iam.get_policy_version(PolicyArn=arn, VersionId=_version(iam, arn))
        found[arn] = version["PolicyVersion"]["Document"]
    return found


def permissions(emulator: Emulator, role: str) -> set[tuple[str, str]]:
    """What a role allows: each action with each resource. A condition is not considered."""
    statements = [one for document in policies(emulator, role).values() for one in document["Statement"]]
    return {
        (action, resource)
        for one in statements
        for action in one["Action"]
        for resource in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
    }


def _version(iam: Any, arn: str) -> str:
    return str(iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"])


def _put(iam: Any, role: str, name: str, document: Document) -> None:
    if not name.startswith("arn:"):
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))
        return
    old = _version(iam, name)
    iam.create_policy_version(PolicyArn=name, PolicyDocument=json.dumps(document), SetAsDefault=True)
    iam.delete_policy_version(PolicyArn=name, VersionId=old)


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
        _put(iam, role, name, whole | {"Statement": left})
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        yield
    finally:
        _put(iam, role, name, whole)
