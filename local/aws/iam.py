"""IAM: roles and their policies."""

import json
from urllib.parse import unquote

from local.emulator import Emulator

from .inputs import Inputs, Properties, named
from .resource import Resource, retag, tag_list, tag_map

_POLICY = {"RoleName": "role", "PolicyName": "name", "PolicyDocument": "policy"}
_ATTACHMENT = {"RoleName": "role", "PolicyArn": "policyArn"}


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


class Policy(Resource):
    """A managed policy. Its text cannot change: the program replaces it."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        names = {"PolicyName": "name", "PolicyDocument": "policy"}
        created = emulator.client("iam").create_policy(**inputs.taken(names), Tags=tag_list(inputs.take("tags")))
        return str(created["Policy"]["Arn"])

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        policies = emulator.client("iam")
        try:
            policy = policies.get_policy(PolicyArn=resource_id)["Policy"]
        except policies.exceptions.NoSuchEntityException:
            return None
        version = policies.get_policy_version(PolicyArn=resource_id, VersionId=policy["DefaultVersionId"])
        names = {"PolicyName": "name", "Arn": "arn", "PolicyId": "policyId", "AttachmentCount": "attachmentCount"}
        return named(policy, names) | {
            "policy": _text(version["PolicyVersion"]["Document"]),
            "tags": tag_map(policy.get("Tags", [])),
        }

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        policies = emulator.client("iam")
        retag(
            changed,
            lambda: tag_map(policies.list_policy_tags(PolicyArn=resource_id)["Tags"]),
            lambda new: policies.tag_policy(PolicyArn=resource_id, Tags=tag_list(new)),
            lambda gone: policies.untag_policy(PolicyArn=resource_id, TagKeys=gone),
        )

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("iam").delete_policy(PolicyArn=resource_id)


class RolePolicyAttachment(Resource):
    """The attachment of a managed policy to a role."""

    def create(self, emulator: Emulator, inputs: Inputs) -> str:
        attached = inputs.taken(_ATTACHMENT)
        emulator.client("iam").attach_role_policy(**attached)
        return f"{attached['RoleName']}/{attached['PolicyArn']}"

    def read(self, emulator: Emulator, resource_id: str, known: Properties) -> Properties | None:
        role, _, arn = resource_id.partition("/")
        roles = emulator.client("iam")
        try:
            attached = roles.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        except roles.exceptions.NoSuchEntityException:
            return None
        there = arn in [policy["PolicyArn"] for policy in attached]
        return {"role": role, "policyArn": arn} if there else None

    def update(self, emulator: Emulator, resource_id: str, known: Properties, changed: Inputs) -> None:
        """Every change replaces an attachment."""

    def delete(self, emulator: Emulator, resource_id: str, known: Properties) -> None:
        emulator.client("iam").detach_role_policy(RoleName=known["role"], PolicyArn=known["policyArn"])


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


TYPES: dict[str, Resource] = {
    "aws:iam/policy:Policy": Policy(),
    "aws:iam/role:Role": Role(),
    "aws:iam/rolePolicy:RolePolicy": RolePolicy(),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": RolePolicyAttachment(),
}
