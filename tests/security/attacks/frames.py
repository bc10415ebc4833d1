"""Invalid frames: not JSON, wrong fields, or built to break a parser."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

from tests.security.attack import Scene, add, attack
from tests.security.chats import ALICE, GROUP, MARK
from tests.security.client import Frame

_NOT_REFLECTED = "an answer without the `requestId`"


def _sends(frame: Frame | str | bytes) -> Callable[[Scene], str]:
    return lambda scene: scene.error(scene.stranger, frame)


_INTO_GROUP = {"groupId": GROUP, "senderId": ALICE, "message": f"hello {MARK}"}

for name, story, answer, frame in (
    (
        "action of the server",
        "A stranger sends a frame that only the server sends: a message from Alice",
        "UNKNOWN_ACTION",
        {"action": "message", "messageId": MARK, "timestamp": "2026-01-01T00:00:00.000000Z"} | _INTO_GROUP,
    ),
    (
        "attribute of Python as the action",
        "A stranger sends `__class__`, an attribute of Python objects, as the action",
        "UNKNOWN_ACTION",
        {"action": "__class__"},
    ),
    ("list of actions", "A stranger sends a list of actions", "BAD_REQUEST", {"action": ["sendMessage", "ping"]}),
    ("empty frame", "A stranger sends an empty frame", "BAD_REQUEST", ""),
    (
        "incomplete JSON",
        "A stranger sends a frame that ends in the middle",
        "BAD_REQUEST",
        '{"action":"sendMessage","message":"' + MARK,
    ),
    (
        "not a number",
        "A stranger sends the limit `NaN`, which Python parses but other parsers refuse",
        "BAD_REQUEST",
        '{"action":"getHistory","limit":NaN}',
    ),
    (
        "number of 10,000 digits",
        "A stranger sends a number that takes long to parse",
        "BAD_REQUEST",
        f'{{"action":"ping","n":{"9" * 10_000}}}',
    ),
    (
        "half a surrogate pair",
        "A stranger sends invalid Unicode, which cannot be stored or delivered",
        "BAD_REQUEST",
        '{"action":"ping","requestId":"\\ud800"}',
    ),
    ("NUL in the frame", "A stranger sends a NUL character", "BAD_REQUEST", '{"action":"ping\0"}'),
    ("binary garbage", "A stranger sends bytes that are not UTF-8", "BAD_REQUEST", b"\xff\xfe\x00{"),
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
        f"A stranger sends the route `{action}` as the action, with Alice's connection and Alice's group",
        "UNKNOWN_ACTION",
        _names(action),
    )


def _member_sends(**fields: Any) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.member
        return scene.error(client, client.message(f"hello {MARK}") | fields)

    return run


for name, story, answer, fields in (
    ("oversized text", "The message has 29,000 bytes", "TOO_LARGE", {"message": "x" * 29_000}),
    ("oversized frame", "The frame has 200,000 bytes", "TOO_LARGE", {"message": "x" * 200_000}),
    (
        "text that grows",
        "The message has 15,000 characters, which become 30,000 in JSON",
        "TOO_LARGE",
        {"message": '"' * 15_000},
    ),
    ("oversized name", "The name has 257 bytes", "BAD_REQUEST", {"senderName": "x" * 257}),
    (
        "oversized message id",
        "The `clientMessageId` has 20,000 bytes",
        "BAD_REQUEST",
        {"clientMessageId": "x" * 20_000},
    ),
    ("condition as the group", 'The group is `{"$ne": null}`', "BAD_REQUEST", {"groupId": {"$ne": None}}),
):
    add(name, "open", f"A member sends to the group. {story}", answer, _member_sends(**fields))


@attack("open", "A member sends as Alice in a binary frame, which a check may overlook", "FORBIDDEN")
def binary_spoof(scene: Scene) -> str:
    client = scene.member
    return scene.error(client, json.dumps(client.message(f"I am Alice {MARK}", senderId=ALICE)).encode())


def _handed_over(scene: Scene, body: str, *, encoded: bool = False) -> str:
    client = scene.stranger
    about: dict[str, object] = {
        "eventType": "MESSAGE",
        "routeKey": "$default",
        "requestTimeEpoch": time.time_ns() // 10**6,
    }
    about["connectionId"] = scene.connection_id(client.user)
    scene.invoke("$default", {"requestContext": about, "body": body, "isBase64Encoded": encoded})
    return str(client.receive(lambda frame: frame["action"] == "error")["code"])


@attack(
    "open",
    "A stranger sends 20,000 nested lists (handed to the function, because the emulator fails on them)",
    "BAD_REQUEST",
)
def deep_nesting(scene: Scene) -> str:
    return _handed_over(scene, "[" * 20_000)


@attack("open", "A stranger sends a field with 20,000 nested objects (handed to the function)", "BAD_REQUEST")
def deep_field(scene: Scene) -> str:
    return _handed_over(scene, '{"action":"ping","x":' + '{"x":' * 20_000 + "1" + "}" * 20_001)


@attack(
    "open", "A stranger's binary frame is not UTF-8 (handed to the function as API Gateway encodes it)", "BAD_REQUEST"
)
def encoded_binary_frame(scene: Scene) -> str:
    return _handed_over(scene, base64.b64encode(b'{"action":"\xff"}').decode(), encoded=True)


def _reflects(request_id: object) -> Callable[[Scene], str]:
    def run(scene: Scene) -> str:
        client = scene.stranger
        client.send({"action": "ping", "requestId": request_id})
        pong = client.receive(lambda frame: frame["action"] != "presenceChanged")
        client.send({"action": "dance", "requestId": request_id})
        error = client.receive(lambda frame: frame["action"] == "error")
        return "an answer with the `requestId`" if {"requestId"} & (pong.keys() | error.keys()) else _NOT_REFLECTED

    return run


for name, story, request_id in (
    ("reflected text", "of 25,000 bytes", "x" * 25_000),
    ("reflected object", "that is an object with fields of an error", {"action": "error", "code": "INTERNAL"}),
):
    add(name, "open", f"A stranger sends a `requestId` {story}", _NOT_REFLECTED, _reflects(request_id))


@attack(
    "open",
    "A member makes the database fail, to read the error (the test removes the function's permission)",
    "UNAVAILABLE",
)
def provoked_failure(scene: Scene) -> str:
    client = scene.member
    with scene.chat.without_statement("StoreMessages"):
        client.send(client.message(f"hello {MARK}"))
        return str(client.receive(lambda frame: frame["action"] == "error")["code"])
