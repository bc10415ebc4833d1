"""The customer's key: it is looked up, so that the preview refuses a key that cannot encrypt."""

import pulumi
import pulumi_aws as aws

from .arguments import InvalidArgumentError
from .arguments.table import ARGUMENTS


def check_key(arn: pulumi.Input[str], component: pulumi.Resource) -> None:
    """Refuse a key that the tables, the logs or the queue could not use. AWS would do so in the middle of the update.

    Nothing may be registered before. The key of an Output is not looked up: the same update may create or change it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html

    Args:
        arn: The argument ``kms_key_arn``. An empty text is no key.
        component: The component, whose provider is asked.

    Raises:
        InvalidArgumentError: There is no such key in the region of the chat, or it cannot be used.
    """
    if not isinstance(arn, str) or not arn:
        return
    try:
        key = aws.kms.get_key(key_id=arn, opts=pulumi.InvokeOptions(parent=component))
    except Exception as error:  # Pulumi raises no narrower one.
        raise _refusal(arn, f"Pulumi could not look it up: {error}") from error
    usable = {
        "managed by AWS": key.key_manager == "CUSTOMER",
        f"in the state {key.key_state}": key.enabled,
        f"for {key.key_usage}": key.key_usage == "ENCRYPT_DECRYPT",
        f"of the kind {key.key_spec}": key.key_spec == "SYMMETRIC_DEFAULT",
    }
    if wrong := [what for what, is_right in usable.items() if not is_right]:
        raise _refusal(arn, f"This key is {' and '.join(wrong)}")


def _refusal(arn: str, reason: str) -> InvalidArgumentError:
    allowed = f"{ARGUMENTS['kms_key_arn'].rule.allowed} of yours that is enabled, symmetric, and in the chat's region"
    return InvalidArgumentError("kms_key_arn", arn, f"{allowed}. {reason}")
