"""KMS: keys. The program only asks for them."""

from local.emulator import Emulator

from .inputs import Properties, named


def look_up(emulator: Emulator, key_id: str) -> Properties:
    """Answer ``aws.kms.get_key``.

    Raises:
        LookupError: There is no such key.
    """
    keys = emulator.client("kms")
    try:
        key = keys.describe_key(KeyId=key_id)["KeyMetadata"]
    except keys.exceptions.NotFoundException:
        raise LookupError("couldn't find resource") from None
    names = {
        "Arn": "arn",
        "Enabled": "enabled",
        "KeyManager": "keyManager",
        "KeySpec": "keySpec",
        "KeyState": "keyState",
    }
    return named(key, names | {"KeyUsage": "keyUsage"})
