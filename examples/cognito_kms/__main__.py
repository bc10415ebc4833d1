"""A group chat for the users of a Cognito user pool, encrypted with a KMS key. Your members table says who may join."""

import json

import pulumi
import pulumi_aws as aws

from websocket_chat import Authentication, WebSocketChat

PREFIX = "Support"

users = aws.cognito.UserPool("users", auto_verified_attributes=["email"], username_attributes=["email"])
app = aws.cognito.UserPoolClient(
    "app",
    user_pool_id=users.id,
    explicit_auth_flows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    prevent_user_existence_errors="ENABLED",
)

account, region = aws.get_caller_identity().account_id, aws.get_region().region
statements = [
    {
        # The account's IAM policies decide, as for a key that is made in the console.
        "Sid": "AllowAccount",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    },
    {
        # CloudWatch Logs refuses to create an encrypted log group without this.
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
        "Sid": "AllowLogs",
        "Effect": "Allow",
        "Principal": {"Service": f"logs.{region}.amazonaws.com"},
        "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
        "Resource": "*",
        "Condition": {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{PREFIX}*"
            }
        },
    },
]
key = aws.kms.Key(
    "key",
    description="Tables, logs and queue of the chat",
    enable_key_rotation=True,
    policy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
)

chat = WebSocketChat(
    "chat",
    {
        "name_prefix": PREFIX,
        "create_messages_table": True,
        # This and the name of the members table must be plain values, because they decide which resources there are.
        "authentication": Authentication.JWT,
        "group_members_table": "GroupMembers",
        # These three come from resources above. The component checks them as soon as AWS has made those resources.
        "cognito_user_pool_id": users.id,
        "jwt_audience": [app.id],
        "kms_key_arn": key.arn,
    },
)

pulumi.export("WebSocketURL", chat.web_socket_url)
pulumi.export("UserPoolId", users.id)
pulumi.export("AppClientId", app.id)
