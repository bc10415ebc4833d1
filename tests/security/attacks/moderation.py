"""Texts that moderation refuses, and events of other people's groups."""

import json
import time

from handlers.protocol import times
from tests.security.attack import NOTHING, Scene, attack
from tests.security.chats import ALICE, BOB, GROUP, MARK
from tests.security.client import Client, Frame


def judged(scene: Scene, client: Client, frame: Frame) -> str:
    """What a frame is answered once moderation does. On a busy machine, it may not do so within its second."""
    while (answer := scene.error(client, frame)) == "UNAVAILABLE":
        pass
    return answer


def allowed(client: Client) -> Frame:
    """Send a message, again if moderation does not answer within its second. Returns it as it is pushed."""
    while True:
        client.send(client.message(f"hello {MARK}", clientMessageId=f"id {MARK}"))
        frame = client.receive(lambda frame: frame["action"] in {"message", "error"})
        if frame["action"] == "message":
            return frame
        assert frame["code"] == "UNAVAILABLE"


@attack("moderated", "A member sends a text that the moderation function refuses", "FORBIDDEN")
def refused_text(scene: Scene) -> str:
    return judged(scene, scene.member, scene.member.message(f"insult {MARK}"))


@attack("moderated", "A member sends a refused text under the `clientMessageId` of an allowed message", "CONFLICT")
def refused_text_under_an_allowed_id(scene: Scene) -> str:
    client = scene.visitor()
    allowed(client)
    return judged(scene, client, client.message(f"insult {MARK}", clientMessageId=f"id {MARK}"))


@attack(
    "moderated", "A member sends a refused text until the moderation function has refused it three times", "FORBIDDEN"
)
def refused_text_again_and_again(scene: Scene) -> str:
    frame = scene.member.message(f"insult {MARK}", clientMessageId=f"id {MARK}")
    return ", ".join({judged(scene, scene.member, frame) for _ in range(3)})


@attack("moderated", "A member edits an allowed message into one that the moderation function refuses", "FORBIDDEN")
def allowed_text_edited_into_a_refused_one(scene: Scene) -> str:
    client = scene.visitor()
    edit = {"action": "editMessage", "groupId": client.group, "messageId": allowed(client)["messageId"]}
    return judged(scene, client, edit | {"message": f"insult {MARK}"})


@attack("moderated", "A member sends a text that makes the moderation function hang", "UNAVAILABLE")
def text_that_makes_the_moderation_function_hang(scene: Scene) -> str:
    answer = scene.error(scene.member, scene.member.message(f"hang {MARK}"))
    scene.victims_talk()
    return answer


@attack("moderated", "A member sends a text that makes the moderation function fail", "UNAVAILABLE")
def text_that_makes_the_moderation_function_fail(scene: Scene) -> str:
    return scene.error(scene.member, scene.member.message(f"fail {MARK}"))


@attack("moderated", "A member sends a text that makes the moderation function answer something odd", "UNAVAILABLE")
def text_that_makes_the_moderation_function_answer_oddly(scene: Scene) -> str:
    return scene.error(scene.member, scene.member.message(f"odd {MARK}"))


@attack("moderated", "A stranger sends to Alice's group. A program reads the events of that group", NOTHING)
def event_of_another_group(scene: Scene) -> str:
    events, sqs = (scene.chat.world.emulator.client(service) for service in ("events", "sqs"))
    queue = sqs.create_queue(QueueName="Events")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"detail-type": ["messageStored"], "detail": {"groupId": [GROUP]}}
    events.put_rule(Name="Events", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="Events", Targets=[{"Id": "queue", "Arn": arn}])
    began = times.timestamp()
    assert scene.error(scene.stranger, scene.stranger.message(f"hello {MARK}", groupId=GROUP)) == "FORBIDDEN"
    scene.victims_talk()
    senders: list[str] = []
    deadline = time.monotonic() + 10
    while len(senders) < len((ALICE, BOB)):
        assert time.monotonic() < deadline
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        told = [json.loads(message["Body"])["detail"] for message in found]
        # Events of what they said before may come late.
        senders += [detail["senderId"] for detail in told if detail["timestamp"] > began]
    return NOTHING if sorted(senders) == [ALICE, BOB] else str(senders)
