"""A program of the operator, which calls the back end's function."""

import json
from typing import Any

from .conftest import Chat


def call(chat: Chat, action: str, **fields: object) -> dict[str, Any]:
    """Call the function as a program does."""
    answer = chat.emulator.client("lambda").invoke(
        FunctionName=chat.outputs["PublishFunction"], Payload=json.dumps({"action": action} | fields)
    )
    assert "FunctionError" not in answer
    found: dict[str, Any] = json.load(answer["Payload"])
    return found


def role_of(chat: Chat) -> str:
    """Name of the function's role, which Pulumi makes up."""
    about = chat.emulator.client("lambda").get_function_configuration(FunctionName=chat.outputs["PublishFunction"])
    return str(about["Role"].rpartition("/")[2])
