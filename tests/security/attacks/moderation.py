"""Texts that moderation refuses."""

from tests.security.attack import Scene, attack
from tests.security.chats import MARK


@attack("moderated", "A member sends a text that the moderation function refuses", "FORBIDDEN")
def refused_text(scene: Scene) -> str:
    return scene.error(scene.member, scene.member.message(f"insult {MARK}"))


@attack("moderated", "A member sends a refused text under the `clientMessageId` of an allowed message", "CONFLICT")
def refused_text_under_an_allowed_id(scene: Scene) -> str:
    client = scene.visitor()
    client.send(client.message(f"hello {MARK}", clientMessageId=f"id {MARK}"))
    client.receive(lambda frame: frame["action"] == "message")
    return scene.error(client, client.message(f"insult {MARK}", clientMessageId=f"id {MARK}"))


@attack(
    "moderated", "A member sends a refused text until the moderation function has refused it three times", "FORBIDDEN"
)
def refused_text_again_and_again(scene: Scene) -> str:
    frame = scene.member.message(f"insult {MARK}", clientMessageId=f"id {MARK}")
    return ", ".join({scene.error(scene.member, frame) for _ in range(3)})


@attack("moderated", "A member edits an allowed message into one that the moderation function refuses", "FORBIDDEN")
def allowed_text_edited_into_a_refused_one(scene: Scene) -> str:
    client = scene.visitor()
    client.send(client.message(f"hello {MARK}", clientMessageId=f"id {MARK}"))
    allowed = client.receive(lambda frame: frame["action"] == "message")
    edit = {"action": "editMessage", "groupId": client.group, "messageId": allowed["messageId"]}
    return scene.error(client, edit | {"message": f"insult {MARK}"})


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
