"""Sending as somebody else."""

from uuid import uuid4

from tests.security.attack import Scene, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Client, Frame

_OWN_MESSAGE = "a message of its own"
_DUPLICATE = "an ack, duplicate"


def captured(scene: Scene) -> Frame:
    """Let Alice send a message. Returns her frame, as somebody on the network sees it."""
    alice = scene.chat.alice
    frame = alice.message(scene.chat.new_text(alice), clientMessageId=f"{uuid4()} {MARK}")
    alice.send(frame)
    alice.take("ack")
    scene.victims_talk()
    return frame


@attack("open", "A member sends under Alice's name", "FORBIDDEN")
def spoofed_sender(scene: Scene) -> str:
    client = scene.member
    return scene.error(client, client.message(f"I am Alice {MARK}", senderId=ALICE))


@attack("open", "A member sends under Alice's name with a zero width space, which looks the same", "FORBIDDEN")
def lookalike_sender(scene: Scene) -> str:
    client = scene.member
    return scene.error(client, client.message(f"I am Alice {MARK}", senderId=f"{ALICE}\u200b"))


@attack("open", "A member names two senders in one frame: itself, then Alice", "FORBIDDEN")
def two_senders_in_a_frame(scene: Scene) -> str:
    text = (
        f'{{"action":"sendMessage","senderId":"{scene.member.user}","senderId":"{ALICE}","groupId":"{GROUP}",'
        f'"message":"I am Alice {MARK}"}}'
    )
    return scene.error(scene.member, text)


@attack("open", "A member sends a list as the sender: its own name and Alice's", "BAD_REQUEST")
def list_of_senders(scene: Scene) -> str:
    client = scene.member
    return scene.error(client, client.message(f"I am Alice {MARK}", senderId=[client.user, ALICE]))


@attack("open", "A member leaves out the sender and names Alice in `__proto__` and `constructor`", "BAD_REQUEST")
def sender_in_the_prototype(scene: Scene) -> str:
    client = scene.member
    inherited = {name: {"senderId": ALICE} for name in ("__proto__", "constructor", "prototype")}
    frame = client.message(f"I am Alice {MARK}") | inherited
    del frame["senderId"]
    return scene.error(client, frame)


@attack("open", "A member sends as Alice, with a `requestContext` in the frame that names Alice too", "FORBIDDEN")
def smuggled_request_context(scene: Scene) -> str:
    client = scene.member
    context = {
        "connectionId": scene.connection_id(ALICE),
        "authorizer": {"userId": ALICE, "principalId": ALICE, "expiresAt": 9_999_999_999},
    }
    frame = client.message(f"I am Alice {MARK}", senderId=ALICE) | context | {"requestContext": context}
    return scene.error(client, frame)


@attack("claims", "A member sends as Alice, with Alice's own valid token in the frame", "FORBIDDEN")
def token_of_another_user_in_a_frame(scene: Scene) -> str:
    client = scene.member
    token = scene.chat.world.provider.mint(ALICE, [GROUP])
    return scene.error(client, client.message(f"I am Alice {MARK}", senderId=ALICE, token=token, Authorization=token))


@attack("claims", "Mallory has her own token and names Alice in the query: `userId=alice`", "403 (user)")
def query_names_another_user(scene: Scene) -> str:
    return scene.knock(scene.handshake(group=GROUP).parameter("userId", ALICE))


@attack("claims", "Mallory has her own token and names two users in the query: herself, then Alice", "403 (user)")
def two_users_with_a_token(scene: Scene) -> str:
    return scene.knock(scene.handshake(group=GROUP).parameter("userId", scene.user, ALICE))


@attack("claims", "Mallory has her own token and names herself in capitals, to count as two users", "403 (user)")
def user_in_capitals_with_a_token(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("userId", scene.user.upper()))


@attack("open", "A stranger names two users in the query: itself, then Alice", "400")
def two_users_in_the_query(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("userId", scene.user, ALICE))


@attack("open", "A stranger's name has 257 bytes, in 129 characters", "400")
def oversized_user(scene: Scene) -> str:
    return scene.knock(scene.handshake("é" * 128 + "x"))


@attack("open", "A stranger in another group sends a frame that it captured from Alice", "FORBIDDEN")
def replay_from_outside(scene: Scene) -> str:
    return scene.error(scene.stranger, captured(scene))


@attack("open", "A member sends a frame that it captured from Alice", "FORBIDDEN")
def replay_from_inside(scene: Scene) -> str:
    return scene.error(scene.member, captured(scene))


@attack("open", "Somebody between Alice and the server sends her frame twice", _DUPLICATE)
def replay_on_the_same_connection(scene: Scene) -> str:
    scene.chat.alice.send(captured(scene))
    ack = scene.chat.alice.take("ack")
    scene.accept()
    return _DUPLICATE if ack["duplicate"] else "an ack"


@attack("open", "Somebody between Alice and the server sends another text with the id of her message", "CONFLICT")
def replay_with_another_text(scene: Scene) -> str:
    scene.chat.alice.send(captured(scene) | {"message": f"another text {MARK}"})
    answer = scene.chat.alice.take("error")
    scene.accept()
    return str(answer["code"])


@attack(
    "open",
    "A stranger sends with the `clientMessageId` of Alice's message, to find out whether it exists",
    _OWN_MESSAGE,
)
def message_id_of_another_user(scene: Scene) -> str:
    hers = captured(scene)
    client = scene.stranger
    return _stored(scene, client, client.message(hers["message"], clientMessageId=hers["clientMessageId"]))


@attack(
    "open",
    "A stranger takes a group, user and message id that, joined to one text, equal those of Alice's message",
    _OWN_MESSAGE,
)
def ids_that_join_to_the_same_text(scene: Scene) -> str:
    hers = captured(scene)
    message_id = hers["clientMessageId"]
    client = scene.join(user=ALICE[3:] + message_id[:3], group=GROUP + ALICE[:3])
    return _stored(scene, client, client.message(hers["message"], clientMessageId=message_id[3:]))


def _stored(scene: Scene, client: Client, frame: Frame) -> str:
    client.send(frame)
    answer = client.receive(lambda frame: frame["action"] in ("ack", "error"))
    row = scene.chat.messages().get(answer.get("messageId", ""), {})
    return _OWN_MESSAGE if not answer.get("duplicate") and row.get("groupId") == client.group else "Alice's"
