"""Forged and broken cursors: they try to read another group, or to break the parser."""

import base64
import json
from collections.abc import Callable

from handlers.protocol import cursors
from handlers.protocol.cursors import Position
from tests.security.attack import OWN_ALONE, Scene, add, attack
from tests.security.chats import GROUP, MARK

_EPOCH = "2000-01-01T00:00:00.000000Z"


def _cursor(*fields: object, began: str | None = None) -> str:
    """A cursor with any fields. Anyone who reads the code can make one."""
    return base64.urlsafe_b64encode(json.dumps([*fields, began]).encode()).decode().rstrip("=")


def _digest(group: str) -> str:
    cursor = cursors.encode(group, Position(timestamp="t", message_id="m"))
    return str(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0])


def _with(make: Callable[[Scene], object]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.stranger
        cursor = make(scene)
        answers = {scene.looks_around(client, **{name: cursor}) for name in ("before", "after")}
        return ", ".join(sorted(answers))

    return run


@attack("open", "A stranger continues reading from a cursor that a member received", "BAD_REQUEST")
def cursor_of_another_group(scene: Scene) -> str:
    cursor = scene.ask(scene.member, {"action": "getHistory"})["after"]
    return scene.looks_around(scene.stranger, after=cursor)


@attack("open", "A stranger puts the position of Alice's last message into a cursor of its own group", OWN_ALONE)
def forged_cursor_to_a_message_of_another_group(scene: Scene) -> str:
    scene.victims_talk()
    row = scene.last_message()
    cursor = _cursor(_digest(scene.stranger.group), row["timestamp"], row["messageId"], began=_EPOCH)
    return scene.looks_around(scene.stranger, before=cursor)


for name, story, answer, make in (
    (
        "forged cursor of Alice's group",
        "A stranger computes the digest of Alice's group and makes a cursor for the start of that group",
        "BAD_REQUEST",
        lambda _: _cursor(_digest(GROUP), _EPOCH, "m"),
    ),
    (
        "cursor with two groups",
        "A stranger makes a cursor with a list of two digests: of its own group and of Alice's group",
        "BAD_REQUEST",
        lambda scene: _cursor([_digest(scene.stranger.group), _digest(GROUP)], _EPOCH, "m"),
    ),
    (
        "cursor with expressions",
        "A stranger writes DynamoDB expressions into a cursor of its own group",
        OWN_ALONE,
        lambda scene: _cursor(
            _digest(scene.stranger.group), f"{_EPOCH} OR groupId = :group", "x OR attribute_exists(a)", began=_EPOCH
        ),
    ),
    (
        "cursor with typed values",
        "A stranger writes typed DynamoDB values into a cursor of its own group",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), {"S": _EPOCH}, {"S": "m"}),
    ),
    (
        "cursor with half a surrogate pair",
        "A stranger writes invalid Unicode into a cursor of its own group",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), "\ud800", "m"),
    ),
    (
        "huge cursor",
        "A stranger makes a cursor of its own group with a timestamp of 20 KB, which is too long for a key",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), _EPOCH + "0" * 20_000, "m"),
    ),
    (
        "deep cursor",
        "A stranger sends a cursor with 15,000 nested lists",
        "BAD_REQUEST",
        lambda _: base64.urlsafe_b64encode(b"[" * 15_000).decode(),
    ),
    (
        "operator as the cursor",
        "A stranger sends an operator of a query language as the cursor",
        "BAD_REQUEST",
        lambda _: {"$gt": ""},
    ),
):
    add(name, "open", story, answer, _with(make))


@attack("open", "A stranger asks for a billion messages at once", "BAD_REQUEST")
def history_without_a_limit(scene: Scene) -> str:
    return scene.error(scene.stranger, {"action": "getHistory", "limit": 10**9})


@attack(
    "open", "A stranger joins groups whose names are wildcards and conditions, and reads everything there", OWN_ALONE
)
def condition_as_a_group_name(scene: Scene) -> str:
    names = (f'{MARK}" OR groupId = "{GROUP}', f":group {MARK}", f"#groupId <> {MARK}", "*", f'{{"S":"{GROUP}"}}')
    return ", ".join({scene.looks_around(scene.join(group=name)) for name in names})
