"""The access logs of the stage: who connects, and what each request ends with.

API Gateway writes them with a role of the account, which all its APIs in a region share. A new account does not have
this role, and AWS then refuses the stage.
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
"""

import json

import pulumi
import pulumi_aws as aws

from .part import Part

FIELDS = {
    "requestId": "$context.requestId",
    "time": "$context.requestTimeEpoch",
    "eventType": "$context.eventType",
    "routeKey": "$context.routeKey",
    "connectionId": "$context.connectionId",
    "sourceIp": "$context.identity.sourceIp",
    "domainName": "$context.domainName",
    "status": "$context.status",
    "errorType": "$context.error.responseType",
    "authorizerStatus": "$context.authorizer.status",
    "integrationLatency": "$context.integrationLatency",
}
"""The fields of a line. They leave out query strings, headers, claims and texts of errors, because these may have a
token. AWS needs ``requestId``.
https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html"""
FORMAT = json.dumps(FIELDS, separators=(",", ":"))
"""Each value is a text, because API Gateway writes ``-`` for a missing one."""


class AccessLogs(Part):
    """The log group of the access logs, and the role that writes it, as far as the settings want them."""

    def log_group(self) -> aws.cloudwatch.LogGroup | None:
        """Make the log group, unless the logs are off."""
        if self.settings.access_logs == "off":
            return None
        args = aws.cloudwatch.LogGroupArgs(
            name=f"/aws/apigateway/{self.settings.name_prefix}Access",
            retention_in_days=self.settings.log_retention_days,
            kms_key_id=self.kms_key_arn,
            tags=self.settings.tags,
        )
        opts = pulumi.ResourceOptions(delete_before_replace=False)
        return self.children.make(aws.cloudwatch.LogGroup, "access_log_group", "access-logs", args, opts)

    def role(self) -> aws.iam.Role | None:
        """Make the role of the account's API Gateway, if this chat owns it.

        It stays when it is removed from the program, with its policy: other APIs of the account log with it.
        """
        if self.settings.access_logs != "managed":
            return None
        trusted = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
        args = aws.iam.RoleArgs(
            assume_role_policy=json.dumps({"Version": "2012-10-17", "Statement": [trusted]}), tags=self.settings.tags
        )
        opts = pulumi.ResourceOptions(retain_on_delete=True)
        return self.children.make(aws.iam.Role, "gateway_role", "gateway-role", args, opts)

    def policy_attachment(
        self, role: aws.iam.Role | None, log_group: aws.cloudwatch.LogGroup | None
    ) -> aws.iam.RolePolicyAttachment | None:
        """Let the role write the logs of every API, with the policy that AWS has made for this.

        https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAPIGatewayPushToCloudWatchLogs.html

        Args:
            role: The role. None: there is nothing to attach.
            log_group: The log group, whose ARN says in which partition of AWS this is.
        """
        if not role or not log_group:
            return None
        policy = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
        args = aws.iam.RolePolicyAttachmentArgs(
            role=role.id, policy_arn=log_group.arn.apply(lambda arn: f"arn:{arn.split(':')[1]}:{policy}")
        )
        opts = pulumi.ResourceOptions(protect=False, retain_on_delete=True)
        return self.children.make(
            aws.iam.RolePolicyAttachment, "gateway_policy_attachment", "gateway-policy-attachment", args, opts
        )

    def account(
        self, role: aws.iam.Role | None, attachment: aws.iam.RolePolicyAttachment | None
    ) -> aws.apigateway.Account | None:
        """Give the role to the account's API Gateway. A deletion would take it from all other APIs, so it stays.

        The provider repeats this until IAM knows the role and its policy.
        https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/apigateway/account.go
        """
        if not role or not attachment:
            return None
        args = aws.apigateway.AccountArgs(cloudwatch_role_arn=role.arn)
        opts = pulumi.ResourceOptions(depends_on=[attachment], protect=False, retain_on_delete=True)
        return self.children.make(aws.apigateway.Account, "gateway_account", "gateway-account", args, opts)
