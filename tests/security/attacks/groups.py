"""Getting into, or out of, a group where one does not belong."""

import unicodedata
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from tests.security.attack import NOTHING, OWN_ALONE, Scene, add, attack
from tests.security.chats import ALICE, BOB, GROUP, MARK
from tests.security.client import Frame

LOOK_ALIKES = {
    "in capitals": GROUP.replace("Café", "CAFÉ"),
    "decomposed": unicodedata.normalize("NFD", GROUP),
    "with a homoglyph": GROUP.replace("a", "а", 1),
    "in full width": GROUP.replace("C", "Ｃ"),
    "with a zero width joiner": GROUP.replace("Caf", "Caf\u200d"),
    "with a space at its end": f"{GROUP} ",
    "with a NUL at its end": f"{GROUP}\0",
}


def _joins(group: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.join(group=group)
        client.send(client.message(f"anybody here {MARK}"))
        client.receive(lambda frame: frame["action"] == "message")
        return scene.hears(client)

    return run


def _asks_for(group: str) -> Callable[[Scene], str]:
    # An honest token, for a group that anybody may found under a name of their choice.
    return lambda scene: scene.knock(scene.handshake(group=group).parameter("groupId", GROUP))


for look, look_alike in LOOK_ALIKES.items():
    add(
        f"listens in the group's name {look}",
        "open",
        f"A stranger joins a group whose name is that of Alice's {look}, speaks and listens",
        NOTHING,
        _joins(look_alike),
    )
for look in ("in capitals", "decomposed", "with a space at its end"):
    add(
        f"token for the group's name {look}",
        "claims",
        f"Mallory's token is for a group whose name is that of Alice's {look}; she asks for Alice's",
        "403 (group)",
        _asks_for(LOOK_ALIKES[look]),
    )


def _with_claim(claim: Callable[[Scene], object]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        provider = scene.chat.world.provider
        token = provider.mint(scene.user, (), **{provider.group_claim: claim(scene)})
        return scene.knock(scene.handshake(group=GROUP).parameter("token", token))

    return run


for name, story, claim in (
    ("token for another group", "only her own group", lambda scene: [scene.den]),
    ("token for a longer group name", "one text, in which the name of Alice's group is a part", lambda _: f"{GROUP}s"),
    ("token with groups as an object", "an object, with the name of Alice's group as a key", lambda _: {GROUP: True}),
    ("token with a nested list of groups", "a list within a list", lambda _: [[GROUP]]),
    ("token for all groups", "`*`", lambda _: ["*", "%", ".*"]),
    ("token without groups", "missing", lambda _: None),
):
    add(
        name,
        "claims",
        f"Mallory asks for Alice's group; the group claim of her token is {story}",
        "403 (group)",
        _with_claim(claim),
    )


@attack("claims", "Mallory, whose token is for her own group, names two groups: her own, then Alice's", "403 (group)")
def group_twice_beside_a_token(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("groupId", scene.den, GROUP))


@attack("open", "A stranger names two groups in the query, its own and then Alice's", "400")
def group_twice_in_the_query(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("groupId", scene.den, GROUP))


@attack("open", "A stranger sends into Alice's group", "FORBIDDEN")
def message_to_a_foreign_group(scene: Scene) -> str:
    client = scene.stranger
    return scene.error(client, client.message(f"let me in {MARK}", groupId=GROUP))


@attack("open", "A stranger names two groups in one frame, its own and then Alice's", "FORBIDDEN")
def group_twice_in_a_frame(scene: Scene) -> str:
    text = (
        f'{{"action":"sendMessage","senderId":"{scene.stranger.user}","groupId":"{scene.stranger.group}","groupId":"{GROUP}",'
        f'"message":"let me in {MARK}"}}'
    )
    return scene.error(scene.stranger, text)


@attack("open", "A stranger names Alice's group, connection and user in what it asks for", OWN_ALONE)
def history_and_presence_of_a_foreign_group(scene: Scene) -> str:
    return scene.looks_around(
        scene.stranger, groupId=GROUP, userId=ALICE, connectionId=scene.connection_id(ALICE), senderId=ALICE
    )


@attack("open", "A stranger says that it types in Alice's group, as Bob", OWN_ALONE)
def typing_in_a_foreign_group(scene: Scene) -> str:
    client, other = scene.stranger, scene.join(group=scene.stranger.group)
    client.send({"action": "typing", "isTyping": True, "groupId": GROUP, "userId": BOB})
    typing = other.receive(lambda frame: frame["action"] == "typing")
    return OWN_ALONE if (typing["groupId"], typing["userId"]) == (client.group, client.user) else str(typing)


@attack("members", "A stranger with a valid token, but no member of any group, connects", "403")
def no_member(scene: Scene) -> str:
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A member of another group connects to Alice's", "403")
def member_of_another_group(scene: Scene) -> str:
    scene.enroll(scene.den)
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A member of a group whose name is that of Alice's, decomposed, connects to Alice's", "403")
def member_of_a_look_alike(scene: Scene) -> str:
    scene.enroll(LOOK_ALIKES["decomposed"])
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A user connects whose name is Alice's in capitals", "403")
def member_in_capitals(scene: Scene) -> str:
    return scene.knock(scene.handshake(ALICE.upper(), GROUP))


def _is_shut_out(frame: Frame) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.exile()
        answer = scene.error(client, client.message(f"still here {MARK}") | frame)
        try:
            client.collect(2)
        except ConnectionClosed:
            return f"{answer}, and the connection closed"
        return answer

    return run


for name, doing, frame in (
    ("removed member sends", "sends a message", {}),
    ("removed member reads history", "reads the history", {"action": "getHistory"}),
    ("removed member asks who is there", "asks who is there", {"action": "getPresence"}),
    ("removed member types", "types", {"action": "typing", "isTyping": True}),
    ("removed member pings", "keeps the connection alive", {"action": "ping"}),
):
    add(
        name,
        "members",
        f"Somebody who was removed from the group while connected {doing}",
        "FORBIDDEN, and the connection closed",
        _is_shut_out(frame),
    )


@attack("members", "Somebody who was removed from the group while connected stays silent and listens", NOTHING)
def removed_member_listens(scene: Scene) -> str:
    return scene.hears(scene.exile())


@attack("members", "Somebody who was removed from the group connects again, with a token that is still valid", "403")
def removed_member_returns(scene: Scene) -> str:
    scene.exile().close()
    return scene.knock(scene.handshake(group=GROUP))
