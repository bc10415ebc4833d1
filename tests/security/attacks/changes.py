"""Edits, deletions and reactions of messages that the attacker may not change."""

from collections.abc import Callable

from tests.security.attack import Scene, add
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Client, Frame

EDIT: Frame = {"action": "editMessage", "message": f"I never said that {MARK}"}
DELETE: Frame = {"action": "deleteMessage"}
REACT: Frame = {"action": "react", "reaction": f"👎 {MARK}", "on": True}


def _changes(
    frame: Frame, client: Callable[[Scene], Client] = lambda scene: scene.stranger, **fields: object
) -> Callable[[Scene], str]:
    """Change Alice's last message. Her row must stay as it is: the test compares all rows of others at the end."""

    def run(scene: Scene) -> str:
        scene.victims_talk()
        message_id = scene.last_message()["messageId"]
        return str(scene.error(client(scene), frame | {"messageId": message_id} | fields))

    return run


for doing, frame in (("edits", EDIT), ("deletes", DELETE), ("reacts to", REACT)):
    add(
        f"stranger {doing} a message",
        "open",
        f"A stranger {doing} Alice's message, and names its own group",
        "NOT_FOUND",
        _changes(frame),
    )
    add(
        f"stranger {doing} a message of another group",
        "open",
        f"A stranger {doing} Alice's message, and names her group",
        "FORBIDDEN",
        _changes(frame, groupId=GROUP),
    )
    add(
        f"removed member {doing} a message",
        "members",
        f"A member is removed from the group, and {doing} Alice's message",
        "FORBIDDEN",
        _changes(frame, lambda scene: scene.removed_member()),
    )
for chat in ("open", "claims", "members"):
    for doing, frame in (("edits", EDIT), ("deletes", DELETE)):
        add(
            f"{chat}: member {doing} another's message",
            chat,
            f"A member {doing} Alice's message, and names her as the sender and as a moderator",
            "FORBIDDEN",
            _changes(frame, lambda scene: scene.member, senderId=ALICE, role="admin", moderated=[GROUP]),
        )


def _with_claim(scene: Scene) -> Client:
    """Connect with a token that lets its user moderate another group."""
    token = scene.chat.world.provider.mint(scene.user, [GROUP, scene.den], moderates=[scene.den])
    return scene.join(group=GROUP, handshake=scene.handshake(group=GROUP).parameter("token", token))


add(
    "moderator of another group",
    "claims",
    "A member moderates her own group by her token, and deletes Alice's message",
    "FORBIDDEN",
    _changes(DELETE, _with_claim),
)


def _with_role(scene: Scene) -> Client:
    """Connect as a member of Alice's group who moderates another one."""
    client = scene.new_member()
    scene.chat.add_member(scene.user, scene.den, role="admin")
    return client


add(
    "moderator of another group by the members table",
    "members",
    "A member has the moderators' role in another group, and deletes Alice's message",
    "FORBIDDEN",
    _changes(DELETE, _with_role),
)
