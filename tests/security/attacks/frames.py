"""Frames that are none, that name what they should not, or that break their reader."""

import base64
import json
from collections.abc import Callable
from typing import Any

from tests.security.attack import Scene, add, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Frame

_NOT_REFLECTED = "an answer without it"


def _sends(frame: Frame | str | bytes) -> Callable[[Scene], str]:
    return lambda scene: scene.error(scene.stranger, frame)


_INTO_GROUP = {"groupId": GROUP, "senderId": ALICE, "message": f"hello {MARK}"}

for name, story, answer, frame in (
    (
        "action of the server",
        "A stranger sends a frame of the server's own, a message from Alice",
        "UNKNOWN_ACTION",
        {"action": "message", "messageId": MARK, "timestamp": "2026-01-01T00:00:00.000000Z"} | _INTO_GROUP,
    ),
    (
        "action of the language",
        "A stranger names an attribute of Python, `__class__`, as the action",
        "UNKNOWN_ACTION",
        {"action": "__class__"},
    ),
    ("action list", "A stranger names a list of actions", "BAD_REQUEST", {"action": ["sendMessage", "ping"]}),
    ("no body", "A stranger sends an empty frame", "BAD_REQUEST", ""),
    (
        "no JSON",
        "A stranger sends a frame that is cut off",
        "BAD_REQUEST",
        '{"action":"sendMessage","message":"' + MARK,
    ),
    (
        "not a number",
        "A stranger gives the limit `NaN`, which Python reads and other parsers do not",
        "BAD_REQUEST",
        '{"action":"getHistory","limit":NaN}',
    ),
    (
        "number of 10,000 digits",
        "A stranger sends a number that takes long to read",
        "BAD_REQUEST",
        f'{{"action":"ping","n":{"9" * 10_000}}}',
    ),
    (
        "half a surrogate pair",
        "A stranger sends text that is no Unicode, and can be neither stored nor sent on",
        "BAD_REQUEST",
        '{"action":"ping","requestId":"\\ud800"}',
    ),
    ("NUL in the frame", "A stranger sends a NUL", "BAD_REQUEST", '{"action":"ping\0"}'),
    ("binary garbage", "A stranger sends bytes that are no text", "BAD_REQUEST", b"\xff\xfe\x00{"),
):
    add(name, "open", story, answer, _sends(frame))


def _names(action: str) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        about_alice = {"userId": ALICE, "connectionId": scene.connection_id(ALICE)}
        return scene.error(scene.stranger, {"action": action} | about_alice | _INTO_GROUP)

    return run


for action in ("$connect", "$disconnect", "$default"):
    add(
        f"action {action}",
        "open",
        f"A stranger's frame names the route `{action}` as its action, with Alice's connection and Alice's group",
        "UNKNOWN_ACTION",
        _names(action),
    )


def _members(**fields: Any) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.member
        return scene.error(client, client.message(f"hello {MARK}") | fields)

    return run


for name, story, answer, fields in (
    ("oversized text", "The message is of 29,000 bytes", "TOO_LARGE", {"message": "x" * 29_000}),
    ("oversized frame", "The frame is of 200,000 bytes", "TOO_LARGE", {"message": "x" * 200_000}),
    (
        "text that grows",
        "The message is of 15,000 characters that JSON doubles",
        "TOO_LARGE",
        {"message": '"' * 15_000},
    ),
    ("oversized name", "The name is of 257 bytes", "BAD_REQUEST", {"senderName": "x" * 257}),
    (
        "oversized message id",
        "The `clientMessageId` is of 20,000 bytes",
        "BAD_REQUEST",
        {"clientMessageId": "x" * 20_000},
    ),
    ("group that is a condition", 'The group is `{"$ne": null}`', "BAD_REQUEST", {"groupId": {"$ne": None}}),
):
    add(name, "open", f"A member sends to the group. {story}", answer, _members(**fields))


@attack("open", "A member sends as Alice in a binary frame, which other checks may not read", "FORBIDDEN")
def binary_spoof(scene: Scene) -> str:
    client = scene.member
    return scene.error(client, json.dumps(client.message(f"I am Alice {MARK}", senderId=ALICE)).encode())


def _as_on_aws(scene: Scene, body: str, *, encoded: bool = False) -> str:
    client = scene.stranger
    about = {"connectionId": scene.connection_id(client.user), "eventType": "MESSAGE", "routeKey": "$default"}
    scene.invoke("$default", {"requestContext": about, "body": body, "isBase64Encoded": encoded})
    return str(client.receive(lambda frame: frame["action"] == "error")["code"])


@attack(
    "open", "A stranger sends 20,000 nested lists (handed to the function: the emulator itself gives up)", "BAD_REQUEST"
)
def deep_nesting(scene: Scene) -> str:
    return _as_on_aws(scene, "[" * 20_000)


@attack("open", "A stranger sends a field of 20,000 nested objects (handed to the function)", "BAD_REQUEST")
def deep_field(scene: Scene) -> str:
    return _as_on_aws(scene, '{"action":"ping","x":' + '{"x":' * 20_000 + "1" + "}" * 20_001)


@attack(
    "open", "A stranger's binary frame is no UTF-8 (handed to the function as API Gateway encodes it)", "BAD_REQUEST"
)
def binary_as_encoded_on_aws(scene: Scene) -> str:
    return _as_on_aws(scene, base64.b64encode(b'{"action":"\xff"}').decode(), encoded=True)


def _reflects(request_id: object) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.stranger
        client.send({"action": "ping", "requestId": request_id})
        pong = client.receive(lambda frame: frame["action"] != "presenceEvent")
        client.send({"action": "dance", "requestId": request_id})
        error = client.receive(lambda frame: frame["action"] == "error")
        return "an answer with it" if {"requestId"} & (pong.keys() | error.keys()) else _NOT_REFLECTED

    return run


for name, story, request_id in (
    ("reflected text", "of 25,000 bytes", "x" * 25_000),
    ("reflected object", "that is an object with half an error in it", {"action": "error", "code": "INTERNAL"}),
):
    add(name, "open", f"A stranger wants back a `requestId` {story}", _NOT_REFLECTED, _reflects(request_id))


@attack(
    "open",
    "A member makes the database fail (its permission is taken away), to read what the error says",
    "UNAVAILABLE",
)
def provoked_failure(scene: Scene) -> str:
    client = scene.member
    with scene.chat.without_statement("StoreMessages"):
        client.send(client.message(f"hello {MARK}"))
        return str(client.receive(lambda frame: frame["action"] == "error")["code"])
