"""Acting as the back end: its function, its user and its type of message."""

import json

import boto3
from botocore.exceptions import ClientError

from local.emulator import REGION
from tests.security.attack import Scene, attack
from tests.security.chats import ALICE, GROUP, MARK


def _asks(scene: Scene, action: str) -> str:
    frame = {"action": action, "groupIds": [GROUP], "userId": ALICE, "message": f"Prize {MARK}"}
    return scene.error(scene.member, frame)


@attack("publish", "A member names the function as the action of a frame: `Publish`", "UNKNOWN_ACTION")
def function_as_an_action(scene: Scene) -> str:
    return _asks(scene, "Publish")


@attack("publish", "A member names the function's key as the action of a frame: `publish`", "UNKNOWN_ACTION")
def key_of_the_function_as_an_action(scene: Scene) -> str:
    return _asks(scene, "publish")


@attack("publish", "A member sends what only the back end may ask: `disconnectUser` for Alice", "UNKNOWN_ACTION")
def action_of_the_back_end(scene: Scene) -> str:
    return _asks(scene, "disconnectUser")


@attack("publish", "A member sends a message of type `system`", "FORBIDDEN")
def message_of_type_system(scene: Scene) -> str:
    return scene.error(scene.member, scene.member.message(f"Prize {MARK}", type="system"))


@attack("publish", "A member sends as the user `system`", "FORBIDDEN")
def message_of_the_system(scene: Scene) -> str:
    return scene.error(scene.member, scene.member.message(f"Prize {MARK}", senderId="system"))


@attack("publish", "Mallory connects as the user `system`", "403")
def connects_as_the_system(scene: Scene) -> str:
    return scene.knock(scene.handshake("system", GROUP))


@attack("publish", "A user of the AWS account with unrelated permissions invokes the function", "AccessDeniedException")
def function_invoked_without_permission(scene: Scene) -> str:
    world = scene.chat.world
    functions = boto3.client(
        "lambda",
        REGION,
        endpoint_url=world.emulator.endpoint,
        aws_access_key_id=world.outsider.access_key,
        aws_secret_access_key=world.outsider.secret_key,
    )
    event = json.dumps({"action": "sendMessage", "groupId": GROUP, "message": f"Prize {MARK}"})
    try:
        functions.invoke(FunctionName=scene.chat.outputs["PublishFunction"], Payload=event)
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    return "served"
