"""IAM: roles and their policies."""

import json
from urllib.parse import unquote

from local.emulator import Emulator

from .inputs import Inputs, Properties, named
from .resource import Resource, retag, tag_list, tag_map

_POLICY = {"RoleName": "role", "PolicyName": "name", "PolicyDocument": "policy"}


class Role(Resource):
    """A role."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        names = {"RoleName": "name", "AssumeRolePolicyDocument": "assumeRolePolicy"}
        created = emulator.client("iam").create_role(**inputs.taken(names), Tags=tag_list(inputs.take("tags")))
        return str(created["Role"]["RoleName"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        roles = emulator.client("iam")
        try:
            role = roles.get_role(RoleName=resource_id)["Role"]
        except roles.exceptions.NoSuchEntityException:
            return None
        return named(role, {"RoleName": "name", "Arn": "arn", "RoleId": "uniqueId"}) | {
            "assumeRolePolicy": _text(role["AssumeRolePolicyDocument"]),
            "tags": tag_map(role.get("Tags", [])),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        roles = emulator.client("iam")
        retag(
            changed,
            lambda: tag_map(roles.list_role_tags(RoleName=resource_id)["Tags"]),
            lambda new: roles.tag_role(RoleName=resource_id, Tags=tag_list(new)),
            lambda gone: roles.untag_role(RoleName=resource_id, TagKeys=gone),
        )
        if document := changed.take("assumeRolePolicy"):
            roles.update_assume_role_policy(RoleName=resource_id, PolicyDocument=document)

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("iam").delete_role(RoleName=resource_id)


class RolePolicy(Resource):
    """A policy inside a role."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        policy = inputs.taken(_POLICY)
        emulator.client("iam").put_role_policy(**policy)
        return f"{policy['RoleName']}:{policy['PolicyName']}"

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        role, _, name = resource_id.partition(":")
        policies = emulator.client("iam")
        try:
            found = policies.get_role_policy(RoleName=role, PolicyName=name)
        except policies.exceptions.NoSuchEntityException:
            return None
        return named(found, _POLICY) | {"policy": _text(found["PolicyDocument"])}

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        emulator.client("iam").put_role_policy(
            RoleName=known["role"], PolicyName=known["name"], PolicyDocument=changed.take("policy")
        )

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("iam").delete_role_policy(RoleName=known["role"], PolicyName=known["name"])


def _text(document: str | Properties) -> str:
    """Return a policy as text. botocore decodes it."""
    return unquote(document) if isinstance(document, str) else json.dumps(document)


TYPES: dict[str, Resource] = {"aws:iam/role:Role": Role(), "aws:iam/rolePolicy:RolePolicy": RolePolicy()}
