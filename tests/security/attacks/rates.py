"""Floods: of frames, connections and key ids."""

import json
import time
from collections.abc import Callable
from uuid import uuid4

from jwt.utils import base64url_encode

from tests.security.attack import Scene, add, attack
from tests.security.chats import BURST, CONNECTIONS_PER_USER, GROUP, MARK, RATE
from tests.security.client import Client, Frame

_FRAMES = 20
_LIMITED = "RATE_LIMITED"


def _floods(*make: Callable[[Client], Frame]) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client, other = scene.join(), scene.join(user=f"{scene.user} too")
        began = time.monotonic()
        for number in range(_FRAMES):
            client.send(make[number % len(make)](client) | {"requestId": f"{number} {MARK}"})
        scene.ask(client, {"action": "ping"})
        allowed = BURST + RATE * (time.monotonic() - began) + 1
        limited = [frame for frame in client.received if frame.get("code") == _LIMITED]
        answered = [
            frame for frame in client.received if "requestId" in frame and frame["action"] not in ("error", "pong")
        ]
        stored = [row for row in scene.chat.messages().values() if row["groupId"] == scene.den]
        typing = [frame for frame in other.collect(0.2) if frame["action"] == "typing"]
        assert len(answered) + len(stored) + len(typing) == _FRAMES - len(limited) <= allowed
        assert all(frame["retryable"] and 0 < frame["retryAfterMs"] <= 1_000 for frame in limited)
        return _LIMITED if limited else "all served"

    return run


def _message(client: Client) -> Frame:
    return client.message(f"buy {MARK}")


def _typing(_: Client) -> Frame:
    return {"action": "typing", "isTyping": True}


def _history(_: Client) -> Frame:
    return {"action": "getHistory"}


def _presence(_: Client) -> Frame:
    return {"action": "getPresence"}


for name, story, make in (
    ("messages", f"{_FRAMES} messages at once", (_message,)),
    ("typing", f"{_FRAMES} typing frames at once, which are not stored", (_typing,)),
    ("history", f"{_FRAMES} requests for the history at once, which cost the most to serve", (_history,)),
    ("presence", f"{_FRAMES} requests for the presence at once", (_presence,)),
    (
        "all kinds of frames",
        f"{_FRAMES} frames of all kinds at once, in case each kind has its own limit",
        (_message, _typing, _history, _presence),
    ),
):
    add(f"flood of {name}", "strict", f"Somebody sends {story}", _LIMITED, _floods(*make))


@attack("strict", "A connection joins and leaves 25 groups again and again", _LIMITED)
def flood_of_joins(scene: Scene) -> str:
    client = scene.visitor()
    group_ids = [f"{scene.den} {number}" for number in range(25)]
    frames = ({"action": action, "groupIds": group_ids} for action in ("joinGroup", "leaveGroup") * 3)
    return ", ".join(dict.fromkeys(answer for frame in frames if (answer := scene.error(client, frame)) == _LIMITED))


@attack(
    "strict", f"A user opens {CONNECTIONS_PER_USER + 1} connections where {CONNECTIONS_PER_USER} are allowed", "429"
)
def flood_of_connections(scene: Scene) -> str:
    for _ in range(CONNECTIONS_PER_USER):
        scene.join()
    return scene.knock(scene.handshake())


@attack("strict", "A user opens too many connections, each to another group", "429")
def flood_of_connections_over_groups(scene: Scene) -> str:
    for number in range(CONNECTIONS_PER_USER):
        scene.join(group=f"{scene.den} {number}")
    return scene.knock(scene.handshake())


@attack(
    "claims",
    "Somebody sends tokens with a new key id each time, so that the issuer's keys are fetched each time",
    "403 (unknown key)",
)
def flood_of_key_ids(scene: Scene) -> str:
    provider = scene.chat.world.provider
    fetched, began = provider.fetches, time.monotonic()
    answers = set()
    for _ in range(5):
        header = {"kid": f"{uuid4()} {MARK}", "alg": "RS256", "typ": "JWT"}
        token = ".".join(base64url_encode(json.dumps(part).encode()).decode() for part in (header, {}, "x"))
        answers.add(scene.knock(scene.handshake(group=GROUP).parameter("token", token)))
    assert provider.fetches - fetched <= 1 + (time.monotonic() - began) // 10
    return ", ".join(answers)
