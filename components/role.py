"""The role of the functions, and the policies that say what it may do."""

import asyncio
import json
import os
from collections.abc import Callable

import pulumi
import pulumi_aws as aws

from . import policy
from .existing_table import AnyTable
from .functions import PUBLISH
from .part import Part

_WAIT = "WEBSOCKET_CHAT_IAM_WAIT_SECONDS"
"""Environment variable: how long a deployment waits after it has given the role a policy. The emulator needs no wait.
It is no argument, because it is a property of the cloud and not of the chat; and the provider's settings cannot say it,
because a program cannot read those of a provider that it is given."""
_DEFAULT_WAIT = 10
"""IAM takes some seconds until a policy holds everywhere.
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""


class Role(Part):
    """The role and its policies."""

    def role(self) -> aws.iam.Role:
        """Make the role."""
        args = aws.iam.RoleArgs(
            name=self.settings.role_name or f"{self.settings.name_prefix}LambdaRole",
            assume_role_policy=json.dumps(policy.assume_role_policy()),
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(delete_before_replace=False)
        return self.children.make(aws.iam.Role, "role", "role", args, opts)

    def publish_role(self) -> aws.iam.Role | None:
        """Make the role of the back end's function, if there is one.

        It has no name of ours: roles have no region, so a name made of the prefix would be taken in a second one.
        """
        if not self.settings.publish:
            return None
        args = aws.iam.RoleArgs(assume_role_policy=json.dumps(policy.assume_role_policy()), tags=self.settings.tags)
        return self.children.make(aws.iam.Role, "publish_role", "publish-role", args)

    def key_policy(self, role: aws.iam.Role) -> dict[str, aws.iam.RolePolicy]:
        """Allow the customer's key, if there is one. This comes before whatever the key encrypts."""
        key = self.settings.kms_key_arn
        return {"key": self._policy(role, "key", _known(policy.for_key, kms_key_arn=key))} if key else {}

    def logs_policy(self, log_groups: dict[str, aws.cloudwatch.LogGroup]) -> aws.iam.Policy:
        """Allow to write to the log groups.

        As an inline policy, it would take a fifth of what a role can have twice. It has no name of ours, and another
        text replaces it, as with the inline policies. Its name begins with that of the component, and has room for
        more characters than the name of the queue (128 and 80), so it adds no limit.
        """
        allowed = _known(
            policy.for_logs, log_group_arns=[one.arn for key, one in log_groups.items() if key != PUBLISH.key]
        )
        args = aws.iam.PolicyArgs(policy=allowed.apply(policy.document), tags=self.settings.tags)
        opts = pulumi.ResourceOptions(protect=False, replace_on_changes=["policy"])
        return self.children.make(aws.iam.Policy, "logs_policy", "logs-policy", args, opts)

    def logs_policy_attachment(self, role: aws.iam.Role, logs_policy: aws.iam.Policy) -> aws.iam.RolePolicyAttachment:
        """Attach the policy for logs to the role. This comes before the functions.

        The provider would delete the old attachment first, and until the new one is there, no function could write
        logs: ``aws_iam_role_policy_attachment`` in provider/resource_overrides.go of pulumi-aws.
        """
        args = aws.iam.RolePolicyAttachmentArgs(role=role.id, policy_arn=logs_policy.arn)
        opts = pulumi.ResourceOptions(protect=False, delete_before_replace=False, hooks=_after_iam())
        return self.children.make(
            aws.iam.RolePolicyAttachment, "logs_policy_attachment", "logs-policy-attachment", args, opts
        )

    def policies(
        self,
        role: aws.iam.Role,
        *,
        connections: AnyTable,
        messages_arn: pulumi.Input[str],
        members_arn: pulumi.Input[str] | None,
        read_markers: aws.dynamodb.Table | None,
        changes: aws.dynamodb.Table | None,
        table_key_arns: list[pulumi.Output[str]],
        event_bus: pulumi.Input[str],
        api: aws.apigatewayv2.Api,
    ) -> dict[str, aws.iam.RolePolicy]:
        """Allow what the functions use, on these resources only. This comes before the functions."""
        statements = self._shared_statements(
            connections=connections,
            joined_groups_are_listed=self.settings.unread and not members_arn,
            messages_arn=messages_arn,
            members_arn=members_arn,
            changes=changes,
            table_key_arns=table_key_arns,
            event_bus=event_bus,
            api=api,
        )
        if read_markers:
            statements["unread"] = _known(policy.for_unread, read_markers_table_arn=read_markers.arn)
        if self.settings.presence:
            statements["presence"] = _known(policy.for_presence, stream_arn=connections.stream_arn)
        if self.settings.moderation_function:
            statements["moderation"] = _known(policy.for_moderation, function_arn=self.settings.moderation_function)
        return {feature: self._policy(role, feature, allowed) for feature, allowed in statements.items()}

    def background_policy(
        self, role: aws.iam.Role, *, broadcast: aws.lambda_.Function, failures: aws.sqs.Queue
    ) -> dict[str, aws.iam.RolePolicy]:
        """Allow what background work uses. This comes after the function that it starts, and before its sources."""
        statements = _known(
            policy.for_background, broadcast_function_arn=broadcast.arn, failures_queue_arn=failures.arn
        )
        return {"background": self._policy(role, "background", statements)}

    def publish_policies(
        self,
        role: aws.iam.Role | None,
        *,
        log_groups: dict[str, aws.cloudwatch.LogGroup],
        connections: AnyTable,
        messages_arn: pulumi.Input[str],
        members_arn: pulumi.Input[str] | None,
        read_markers: aws.dynamodb.Table | None,
        changes: aws.dynamodb.Table | None,
        table_key_arns: list[pulumi.Output[str]],
        event_bus: pulumi.Input[str],
        failures: aws.sqs.Queue,
        api: aws.apigatewayv2.Api,
        broadcast: aws.lambda_.Function,
    ) -> dict[str, aws.iam.RolePolicy]:
        """Allow what the back end's function uses, if it has a role. This comes before that function."""
        if not role:
            return {}
        statements = self._shared_statements(
            connections=connections,
            joined_groups_are_listed=False,
            messages_arn=messages_arn,
            members_arn=members_arn,
            changes=changes,
            table_key_arns=table_key_arns,
            event_bus=event_bus,
            api=api,
        )
        statements |= {
            "logs": _known(policy.for_logs, log_group_arns=[log_groups[PUBLISH.key].arn]),
            "large-groups": _known(policy.for_large_groups, broadcast_function_arn=broadcast.arn),
            "user-data": _known(
                policy.for_user_data,
                messages_table_arn=messages_arn,
                read_markers_table_arn=read_markers.arn if read_markers else None,
            ),
        }
        if self.settings.event_bus:
            statements["failures"] = _known(policy.for_failures, failures_queue_arn=failures.arn)
        if key := self.settings.kms_key_arn:
            statements["key"] = _known(policy.for_key, kms_key_arn=key)
        return {
            feature: self._policy(role, f"publish-{feature}", allowed, kind="publish_policy")
            for feature, allowed in statements.items()
        }

    def _shared_statements(
        self,
        *,
        connections: AnyTable,
        joined_groups_are_listed: bool,
        messages_arn: pulumi.Input[str],
        members_arn: pulumi.Input[str] | None,
        changes: aws.dynamodb.Table | None,
        table_key_arns: list[pulumi.Output[str]],
        event_bus: pulumi.Input[str],
        api: aws.apigatewayv2.Api,
    ) -> dict[str, pulumi.Input[list[policy.Statement]]]:
        """What both roles allow, by feature."""
        statements: dict[str, pulumi.Input[list[policy.Statement]]] = {
            "serving": _known(
                policy.for_serving,
                connections_table_arn=connections.arn,
                connections_are_counted=self.settings.connections_per_user > 0,
                joined_groups_are_listed=joined_groups_are_listed,
                messages_table_arn=messages_arn,
                table_key_arns=table_key_arns,
                execution_arn=api.execution_arn,
                stage_name=self.settings.stage_name,
            )
        }
        if members_arn:
            statements["members"] = _known(policy.for_members, members_table_arn=members_arn)
        if changes:
            statements["changes"] = _known(
                policy.for_changes, changes_table_arn=changes.arn, messages_table_arn=messages_arn
            )
        if self.settings.event_bus:
            statements["events"] = _known(policy.for_events, event_bus_arn=event_bus)
        if self.settings.tracing:
            statements["tracing"] = policy.for_tracing()
        return statements

    def grant_publish(self, function: aws.lambda_.Function, caller: aws.iam.Role) -> aws.iam.RolePolicy:
        """Let another role of the program invoke the back end's function."""
        statements = _known(policy.for_callers, publish_function_arn=function.arn)
        return self._policy(caller, f"{caller.pulumi_resource_name}-may-publish", statements, kind="grant")

    def _policy(
        self,
        role: aws.iam.Role,
        feature: str,
        statements: pulumi.Input[list[policy.Statement]],
        *,
        kind: str = "policy",
    ) -> aws.iam.RolePolicy:
        """Make the policy of a feature.

        It has no name of ours, and another text replaces it. So an update creates the new policy before what uses it,
        and deletes the old one last, after what has used it.
        """
        args = aws.iam.RolePolicyArgs(role=role.id, policy=pulumi.Output.from_input(statements).apply(policy.document))
        opts = pulumi.ResourceOptions(protect=False, replace_on_changes=["policy"], hooks=_after_iam())
        return self.children.make(aws.iam.RolePolicy, kind, f"{feature}-policy", args, opts)


def _known(
    statements: Callable[..., list[policy.Statement]], **inputs: object
) -> pulumi.Output[list[policy.Statement]]:
    return pulumi.Output.all(**inputs).apply(lambda values: statements(**values))


def _after_iam() -> pulumi.ResourceHookBinding:
    return pulumi.ResourceHookBinding(after_create=[_wait_for_iam])


async def _wait_for_iam(_: pulumi.ResourceHookArgs) -> None:
    # Not time.sleep: Pulumi calls all hooks on one event loop, and the policies wait at the same time.
    await asyncio.sleep(float(os.environ.get(_WAIT, _DEFAULT_WAIT)))
