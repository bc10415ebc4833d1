"""Functions of the operator in the emulator, which the chat calls or which others call."""

import io
import json
import zipfile

from components.policy import assume_role_policy
from local.emulator import Emulator

MODERATOR = """
import time

def handler(message, context):
    text = message["message"]
    if "hang" in text:
        time.sleep(8 if "long" in text else 3)
    if "fail" in text:
        raise ValueError(text)
    if "odd" in text:
        return {"allowed": text}
    if "insult" in text:
        return {"allow": False, "reason": "No insults, please"}
    if "darn" in text:
        return {"allow": True, "message": text.replace("darn", "****")}
    return {"allow": True}
"""
"""A moderator that does what the text says."""


def create_function(emulator: Emulator, name: str, code: str) -> str:
    """Create a function. Returns its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("index.py", code)
    role = emulator.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(assume_role_policy()))
    created = emulator.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=10,
    )
    return str(created["FunctionArn"])
