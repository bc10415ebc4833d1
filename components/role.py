"""The role of the functions, and the policy that says what it may do."""

import json

import pulumi
import pulumi_aws as aws

from .existing_table import AnyTable
from .functions import BROADCAST
from .part import Part
from .policy import assume_role_policy, policy


class Role(Part):
    """The role and its policy."""

    def role(self) -> aws.iam.Role:
        """Make the role."""
        args = aws.iam.RoleArgs(
            name=f"{self.settings.name_prefix}LambdaRole",
            assume_role_policy=json.dumps(assume_role_policy()),
            tags=self.settings.tags,
        )
        return self.children.make(aws.iam.Role, "role", "role", args)

    def policy(
        self,
        role: aws.iam.Role,
        *,
        log_groups: dict[str, aws.cloudwatch.LogGroup],
        connections: AnyTable,
        messages_arn: pulumi.Input[str],
        members_arn: pulumi.Input[str] | None,
        api: aws.apigatewayv2.Api,
        failures: aws.sqs.Queue,
    ) -> aws.iam.RolePolicy:
        """Make the policy: only what the functions use, on these resources only."""
        known = pulumi.Output.all(
            log_group_arns=[log_group.arn for log_group in log_groups.values()],
            connections_table_arn=connections.arn,
            connections_are_counted=self.settings.connections_per_user > 0,
            messages_table_arn=messages_arn,
            members_table_arn=members_arn,
            execution_arn=api.execution_arn,
            stage_name=self.settings.stage_name,
            broadcast_function_arn=self._broadcast_function_arn(connections),
            failures_queue_arn=failures.arn,
            # A table keeps the ARN of a disabled stream.
            stream_arn=connections.stream_arn if self.settings.presence else None,
            kms_key_arn=self.settings.kms_key_arn,
            tracing=self.settings.tracing,
        )
        args = aws.iam.RolePolicyArgs(
            name=f"{self.settings.name_prefix}Policy",
            role=role.id,
            policy=known.apply(lambda arns: json.dumps(policy(**arns))),
        )
        return self.children.make(aws.iam.RolePolicy, "policy", "policy", args)

    def _broadcast_function_arn(self, connections: AnyTable) -> pulumi.Output[str]:
        """ARN of the function, built from its name, because the function itself waits for the policy."""
        name = BROADCAST.physical_name(self.settings)

        def in_account_and_region_of(table_arn: str) -> str:
            _, partition, _, region, account, _ = table_arn.split(":", 5)
            return f"arn:{partition}:lambda:{region}:{account}:function:{name}"

        return connections.arn.apply(in_account_and_region_of)
