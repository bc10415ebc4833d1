"""Reading what is not one's own with a cursor, and breaking the reader."""

import base64
import json
from collections.abc import Callable

from handlers.protocol import cursors
from handlers.protocol.cursors import Position
from tests.security.attack import OWN_ALONE, Scene, add, attack
from tests.security.chats import GROUP, MARK

_EPOCH = "2000-01-01T00:00:00.000000Z"


def _cursor(*fields: object, settled: bool = True) -> str:
    """A cursor of any fields: who reads the code can make one."""
    return base64.urlsafe_b64encode(json.dumps([*fields, settled]).encode()).decode().rstrip("=")


def _digest(group: str) -> str:
    cursor = cursors.encode(group, Position(timestamp="t", message_id="m", settled=True))
    return str(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0])


def _with(make: Callable[[Scene], object]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.stranger
        cursor = make(scene)
        answers = {scene.looks_around(client, **{name: cursor}) for name in ("before", "after")}
        return ", ".join(sorted(answers))

    return run


@attack("open", "A stranger reads on from a cursor that a member was given", "BAD_REQUEST")
def cursor_of_another_group(scene: Scene) -> str:
    cursor = scene.ask(scene.member, {"action": "getHistory"})["after"]
    return scene.looks_around(scene.stranger, after=cursor)


@attack("open", "A stranger puts the place of Alice's last message into a cursor of its own group", OWN_ALONE)
def forged_cursor_to_her_message(scene: Scene) -> str:
    scene.victims_talk()
    row = scene.last_message()
    place = _cursor(_digest(scene.stranger.group), row["timestamp"], row["messageId"], settled=False)
    return scene.looks_around(scene.stranger, before=place)


for name, story, answer, make in (
    (
        "forged cursor of her group",
        "A stranger makes a cursor for the start of Alice's group, whose digest it can compute",
        "BAD_REQUEST",
        lambda _: _cursor(_digest(GROUP), _EPOCH, "m"),
    ),
    (
        "cursor with two groups",
        "A stranger makes a cursor with a list of two digests, its own group's and that of Alice's",
        "BAD_REQUEST",
        lambda scene: _cursor([_digest(scene.stranger.group), _digest(GROUP)], _EPOCH, "m"),
    ),
    (
        "cursor with expressions",
        "A stranger writes DynamoDB expressions into a cursor of its own group",
        OWN_ALONE,
        lambda scene: _cursor(
            _digest(scene.stranger.group), f"{_EPOCH} OR groupId = :group", "x OR attribute_exists(a)", settled=False
        ),
    ),
    (
        "cursor with typed values",
        "A stranger writes DynamoDB's typed values into a cursor of its own group",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), {"S": _EPOCH}, {"S": "m"}),
    ),
    (
        "cursor with half a surrogate pair",
        "A stranger writes text that is no Unicode into a cursor of its own group",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), "\ud800", "m"),
    ),
    (
        "huge cursor",
        "A stranger makes a cursor of its own group with 20 KB of timestamp, above what a key may have",
        "BAD_REQUEST",
        lambda scene: _cursor(_digest(scene.stranger.group), _EPOCH + "0" * 20_000, "m"),
    ),
    (
        "deep cursor",
        "A stranger makes a cursor of 15,000 nested lists",
        "BAD_REQUEST",
        lambda _: base64.urlsafe_b64encode(b"[" * 15_000).decode(),
    ),
    (
        "cursor that is an operator",
        "A stranger gives an operator of a query language as the cursor",
        "BAD_REQUEST",
        lambda _: {"$gt": ""},
    ),
):
    add(name, "open", story, answer, _with(make))


@attack("open", "A stranger asks for a billion messages at once", "BAD_REQUEST")
def boundless_history(scene: Scene) -> str:
    return scene.error(scene.stranger, {"action": "getHistory", "limit": 10**9})


@attack("open", "A stranger joins groups named like wildcards and conditions, and looks around", OWN_ALONE)
def group_named_like_a_condition(scene: Scene) -> str:
    names = (f'{MARK}" OR groupId = "{GROUP}', f":group {MARK}", f"#groupId <> {MARK}", "*", f'{{"S":"{GROUP}"}}')
    return ", ".join({scene.looks_around(scene.join(group=name)) for name in names})
