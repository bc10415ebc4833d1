"""Access to other people's groups."""

import unicodedata
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from handlers.protocol import cursors
from tests.security.attack import NOTHING, OWN_ALONE, Scene, add, attack
from tests.security.chats import ALICE, BOB, GROUP, MARK
from tests.security.client import Client, Frame

LOOKALIKES = {
    "in capitals": GROUP.replace("Café", "CAFÉ"),
    "in decomposed Unicode": unicodedata.normalize("NFD", GROUP),
    "with a homoglyph": GROUP.replace("a", "а", 1),
    "in full width": GROUP.replace("C", "Ｃ"),
    "with a zero width joiner": GROUP.replace("Caf", "Caf\u200d"),
    "with a trailing space": f"{GROUP} ",
    "with a trailing NUL": f"{GROUP}\0",
}


def _joins(group: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.join(group=group)
        client.send(client.message(f"anybody here {MARK}"))
        client.receive(lambda frame: frame["action"] == "message")
        return scene.hears(client)

    return run


def _asks_for(group: str) -> Callable[[Scene], str]:
    # The token is genuine: anyone may create a group under any name.
    return lambda scene: scene.knock(scene.handshake(group=group).parameter("groupId", GROUP))


for look, lookalike in LOOKALIKES.items():
    add(
        f"lookalike group {look}",
        "open",
        f"A stranger joins a group with the same name as Alice's, {look}, then sends and listens",
        NOTHING,
        _joins(lookalike),
    )
for look in ("in capitals", "in decomposed Unicode", "with a trailing space"):
    add(
        f"token for a lookalike group {look}",
        "claims",
        f"Mallory asks for Alice's group; her token is for a group with the same name, {look}",
        "403 (group)",
        _asks_for(LOOKALIKES[look]),
    )


def _with_claim(claim: Callable[[Scene], object]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        provider = scene.chat.world.provider
        token = provider.mint(scene.user, (), **{provider.group_claim: claim(scene)})
        return scene.knock(scene.handshake(group=GROUP).parameter("token", token))

    return run


for name, story, claim in (
    ("token for another group", "names only her own group", lambda scene: [scene.den]),
    ("token for a longer group name", "is one text that contains the name of Alice's group", lambda _: f"{GROUP}s"),
    ("token with groups as an object", "is an object with the name of Alice's group as a key", lambda _: {GROUP: True}),
    ("token with a nested list of groups", "is a list in a list", lambda _: [[GROUP]]),
    ("token for all groups", "is a list of wildcards", lambda _: ["*", "%", ".*"]),
    ("token without groups", "is missing", lambda _: None),
):
    add(
        name,
        "claims",
        f"Mallory asks for Alice's group; the group claim of her token {story}",
        "403 (group)",
        _with_claim(claim),
    )


@attack("claims", "Mallory has a token for her own group and names two groups: her own, then Alice's", "403 (group)")
def two_groups_with_a_token(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("groupId", scene.den, GROUP))


@attack("open", "A stranger names two groups in the query: its own, then Alice's", "400")
def two_groups_in_the_query(scene: Scene) -> str:
    return scene.knock(scene.handshake().parameter("groupId", scene.den, GROUP))


@attack("open", "A stranger sends a message to Alice's group", "FORBIDDEN")
def message_to_another_group(scene: Scene) -> str:
    client = scene.stranger
    return scene.error(client, client.message(f"let me in {MARK}", groupId=GROUP))


@attack("open", "A stranger names two groups in one frame: its own, then Alice's", "FORBIDDEN")
def two_groups_in_a_frame(scene: Scene) -> str:
    text = (
        f'{{"action":"sendMessage","senderId":"{scene.stranger.user}","groupId":"{scene.stranger.group}","groupId":"{GROUP}",'
        f'"message":"let me in {MARK}"}}'
    )
    return scene.error(scene.stranger, text)


@attack("open", "A stranger asks for history and presence, and names Alice's group, connection and user", "FORBIDDEN")
def history_and_presence_of_another_group(scene: Scene) -> str:
    return scene.looks_around(
        scene.stranger, groupId=GROUP, userId=ALICE, connectionId=scene.connection_id(ALICE), senderId=ALICE
    )


@attack("open", "A stranger sends a typing frame that names Alice's group, and Bob as the user", "FORBIDDEN")
def typing_in_another_group(scene: Scene) -> str:
    frame = {"action": "typing", "isTyping": True, "groupId": GROUP, "userId": BOB}
    return scene.error(scene.stranger, frame)


@attack("members", "A stranger with a valid token, who is not a member of any group, connects", "403")
def not_a_member(scene: Scene) -> str:
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A member of another group connects to Alice's group", "403")
def member_of_another_group(scene: Scene) -> str:
    scene.enroll(scene.den)
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A member of a group with the same name, in decomposed Unicode, connects to Alice's group", "403")
def member_of_a_lookalike_group(scene: Scene) -> str:
    scene.enroll(LOOKALIKES["in decomposed Unicode"])
    return scene.knock(scene.handshake(group=GROUP))


@attack("members", "A user whose name is Alice's in capitals connects", "403")
def name_of_a_member_in_capitals(scene: Scene) -> str:
    return scene.knock(scene.handshake(ALICE.upper(), GROUP))


def _is_removed(frame: Frame) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.removed_member(protocol="1")
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
    ("removed member types", "sends a typing frame", {"action": "typing", "isTyping": True}),
    ("removed member pings", "sends a ping", {"action": "ping"}),
):
    add(
        name,
        "members",
        f"A connected member is removed from its only group, and {doing} (protocol 1)",
        "FORBIDDEN, and the connection closed",
        _is_removed(frame),
    )


def _as_visitor(frame: Frame) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.visitor()
        answer = scene.error(client, client.message(f"let me in {MARK}") | frame)
        if answer == "left":
            answer = scene.error(client, {"action": "getHistory", "groupId": GROUP})
        return answer if scene.hears(client) == NOTHING else "overheard"

    return run


for chat in ("claims", "members"):
    for name, doing, frame in (
        ("joins", "joins Alice's group", {"action": "joinGroup", "groupId": GROUP, "events": True}),
        ("sends without joining", "sends a message to Alice's group", {"action": "sendMessage", "groupId": GROUP}),
        ("reads without joining", "asks for the history of Alice's group", {"action": "getHistory", "groupId": GROUP}),
        ("looks around without joining", "asks who is in Alice's group", {"action": "getPresence", "groupId": GROUP}),
        (
            "marks as read",
            "marks a message of Alice's group as read",
            {"action": "markRead", "groupId": GROUP, "messageId": "m", "timestamp": "2026-01-01"},
        ),
        (
            "asks who has read",
            "asks how far Alice and Bob have read",
            {"action": "getReads", "groupId": GROUP, "userId": ALICE},
        ),
        ("leaves", "leaves Alice's group, then reads its history", {"action": "leaveGroup", "groupId": GROUP}),
    ):
        add(
            f"{chat}: visitor {name}",
            chat,
            f"A stranger connects without a group, and {doing}",
            "FORBIDDEN",
            _as_visitor(frame),
        )


@attack("members", "A connected member is removed from the group, and listens without sending", NOTHING)
def removed_member_listens(scene: Scene) -> str:
    return scene.hears(scene.removed_member())


@attack("members", "A member is removed from the group, and connects again with a token that is still valid", "403")
def removed_member_returns(scene: Scene) -> str:
    scene.removed_member().close()
    return scene.knock(scene.handshake(group=GROUP))


@attack(
    "members",
    "A member of two groups is removed from one of them, and reads on there",
    "FORBIDDEN, and served in the other",
)
def removed_member_of_two_groups(scene: Scene) -> str:
    client = scene.removed_member()
    scene.enroll(scene.den)
    joined = scene.ask(client, {"action": "joinGroup", "groupId": scene.den})
    answer = scene.error(client, {"action": "getHistory", "groupId": GROUP})
    other = scene.error(client, {"action": "getHistory", "groupId": scene.den})
    served = "served" if (joined["action"], other) == ("joined", "history") else "refused"
    return f"{answer}, and {served} in the other"


@attack("members", "A removed member joins the group again over a connection that is still open", "FORBIDDEN")
def removed_member_joins_again(scene: Scene) -> str:
    client = scene.removed_member()
    return scene.error(client, {"action": "joinGroup", "groupId": GROUP})


@attack("claims", "A stranger joins its own group and Alice's in one frame, then listens", "only its own group")
def batch_with_another_group(scene: Scene) -> str:
    client = scene.visitor()
    answer = scene.ask(client, {"action": "joinGroup", "groupIds": [GROUP, scene.den, GROUP], "events": True})
    refused = [(each["groupId"], each["code"]) for each in answer["refused"]]
    own_alone = answer["groupIds"] == [scene.den] and refused == [(GROUP, "FORBIDDEN")]
    return OWN_ALONE if own_alone and scene.hears(client) == NOTHING else str(answer)


@attack("claims", "A stranger catches up in its own group and in Alice's with one frame", "only its own group")
def catch_up_in_another_group(scene: Scene) -> str:
    client = scene.visitor()
    answer = scene.ask(client, {"action": "getHistory", "groups": [{"groupId": GROUP}, {"groupId": scene.den}]})
    read = [each["groupId"] for each in answer["groups"]]
    return OWN_ALONE if (answer["action"], read) == ("upToDate", [scene.den]) else str(answer)


def _lists(scene: Scene, client: Client, **fields: object) -> str:
    answer = scene.ask(client, {"action": "getGroups"} | fields)
    listed = {group["groupId"] for group in answer.get("groups", [])}
    return OWN_ALONE if answer["action"] == "groups" and listed <= {scene.den, client.group} else str(answer)


@attack("claims", "A member reads in Alice's group, then lists its groups with a token for its own group", OWN_ALONE)
def list_with_a_marker_of_another_group(scene: Scene) -> str:
    with_claim = scene.handshake(group=GROUP).parameter("token", scene.chat.world.provider.mint(scene.user, [GROUP]))
    reader = scene.join(group=GROUP, handshake=with_claim)
    scene.ask(reader, {"action": "markRead", "messageId": "m", "timestamp": "2026-01-01"})
    for victim in (scene.chat.alice, scene.chat.bob):
        victim.take("read")
    reader.close()
    return _lists(scene, scene.visitor())


@attack("members", "A removed member lists its groups", OWN_ALONE)
def list_of_a_removed_member(scene: Scene) -> str:
    client = scene.removed_member()
    answer = scene.ask(client, {"action": "getGroups"})
    return OWN_ALONE if answer.get("groups") == [] else str(answer)


@attack("open", "A stranger lists its groups, and names Alice as the user and her group in the cursor", OWN_ALONE)
def list_of_another_user(scene: Scene) -> str:
    cursor = cursors.encode_group(GROUP[:-1])
    return _lists(scene, scene.stranger, userId=ALICE, senderId=ALICE, groupId=GROUP, after=cursor)


@attack("open", "A stranger marks a message in its own group as read, and names Alice as the reader", "its own marker")
def mark_as_another_user(scene: Scene) -> str:
    client = scene.stranger
    answer = scene.ask(
        client,
        {"action": "markRead", "userId": ALICE, "senderId": ALICE, "messageId": "m", "timestamp": "2026-01-01"},
    )
    return "its own marker" if answer["userId"] == client.user else str(answer)


@attack("open", "A stranger joins a group as Alice", "FORBIDDEN")
def join_as_another_user(scene: Scene) -> str:
    return scene.error(scene.visitor(), {"action": "joinGroup", "groupId": scene.den, "senderId": ALICE})


@attack(
    "open", "A stranger's join names the attributes of a row: another user, another group, another connection", NOTHING
)
def attributes_of_a_row_in_a_join(scene: Scene) -> str:
    client = scene.visitor()
    row = {"member": ALICE, "userId": ALICE, "connectionId": scene.connection_id(ALICE), "groups": [GROUP]}
    joined = scene.ask(client, {"action": "joinGroup", "groupId": scene.den} | row)
    return scene.hears(client) if joined["action"] == "joined" else str(joined)


@attack("open", "A stranger joins groups whose names look like the key of Alice's row", NOTHING)
def group_named_like_a_row(scene: Scene) -> str:
    client, alice = scene.visitor(), scene.connection_id(ALICE)
    named = [alice, f"{alice}#", f"#{GROUP}", f"{alice}#{GROUP}"]
    joined = scene.ask(client, {"action": "joinGroup", "groupIds": named})
    return scene.hears(client) if joined.get("groupIds") == named else str(joined)


@attack("open", "A stranger joins Alice's group, which is open, leaves it, and listens on", NOTHING)
def left_member_listens(scene: Scene) -> str:
    client = scene.visitor()
    joined = scene.ask(client, {"action": "joinGroup", "groupId": GROUP, "events": True})
    scene.victims_talk()
    client.take("message")
    scene.ask(client, {"action": "leaveGroup", "groupId": GROUP})
    client.collect(0.3)
    client.received.clear()
    return scene.hears(client) if joined["action"] == "joined" else str(joined)
