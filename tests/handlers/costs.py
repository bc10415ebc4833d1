"""What each thing that a client does costs: AWS calls, units of DynamoDB, and frames of API Gateway."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

from handlers import presence_events
from handlers.protocol import cursors, times
from handlers.protocol.cursors import Position
from handlers.requests import side_by_side
from handlers.runtime.settings import settings

from .chat import ANA, BOB, EVE, Chat
from .meter import Meter
from .program import Call

POST = "POST @connections"
READ, WRITE, FRAMES = "read units", "write units", "frames"
THRESHOLD, LARGE_GROUP = 10, 25
"""``broadcastThreshold``, and the number of connections in eve's group, which speak protocol 1, and in fay's."""
DORA, FAY = "DoraConnection=", "FayConnection="
PINGS_PER_HOUR = 15
"""Of a client that pings every 4 minutes, as ours do."""
LARGE_TEXT = "x" * 27_500

Costs = dict[str, float]


def _ask(chat: Chat, action: str, connection_id: str = ANA, **fields: Any) -> None:
    chat.ask(connection_id, action, **fields)


def _tell(chat: Chat, event: str) -> None:
    """Serve the record that the table's stream has of a connection in fay's group."""
    user = {"userId": {"S": "dora"}, "groupId": {"S": "gold"}, "connectedAt": {"S": times.timestamp()}}
    image = {"connectionId": {"S": "New="}, "apiId": {"S": settings().api_id}} | user
    stored = {"SequenceNumber": event, "NewImage" if event == "INSERT" else "OldImage": image}
    presence_events.handler({"Records": [{"eventName": event, "dynamodb": stored}]}, chat.context)


def _end(chat: Chat) -> None:
    """Close dora's connection, and serve the record that the table's stream has of it."""
    image = chat.tables.connections()[DORA]
    chat.disconnect(DORA)
    record = {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "end", "OldImage": image}}
    presence_events.handler({"Records": [record]}, chat.context)


def _idle_hour(chat: Chat) -> None:
    for _ in range(PINGS_PER_HOUR):
        _ask(chat, "ping")


def _catch_up(chat: Chat) -> None:
    """Catch up after the newest message, with changes."""
    position = Position(timestamp=times.timestamp(), message_id="m", changes=times.timestamp())
    _ask(chat, "getHistory", after=cursors.encode("red", position), limit=100)


CASES: dict[str, tuple[int, Callable[[Chat], object]]] = {
    "connect": (0, lambda chat: chat.connect("New=", "userId=dora&groupId=green&protocol=2")),
    "disconnect": (0, lambda chat: chat.disconnect("New=")),
    "join a group": (1, lambda chat: _ask(chat, "joinGroup", DORA, groupId="joined")),
    "join 24 more with one frame": (
        1,
        lambda chat: _ask(chat, "joinGroup", DORA, groupIds=[f"group {number}" for number in range(24)]),
    ),
    "join 25 more with one frame": (
        1,
        lambda chat: _ask(chat, "joinGroup", DORA, groupIds=[f"group {number}" for number in range(24, 49)]),
    ),
    "send to a group of one, in 50 groups": (
        1,
        lambda chat: chat.receive(
            DORA, json.dumps({"action": "sendMessage", "groupId": "joined", "senderId": "dora", "message": "Hi"})
        ),
    ),
    "catch up in 25 groups without news": (
        1,
        lambda chat: _ask(chat, "getHistory", DORA, groups=[{"groupId": f"group {number}"} for number in range(25)]),
    ),
    "mark as read in a group of two": (
        1,
        lambda chat: _ask(chat, "markRead", BOB, messageId="m1", timestamp=times.timestamp()),
    ),
    "mark as read what was read": (1, lambda chat: _ask(chat, "markRead", BOB, messageId="m1", timestamp="2026-01-01")),
    "who has read in a group of two": (1, lambda chat: _ask(chat, "getReads", BOB)),
    "list 25 of 50 groups without news": (1, lambda chat: _ask(chat, "getGroups", DORA)),
    "list 25 of 50 groups with 2 unread messages in each": (
        1,
        lambda chat: _ask(chat, "getGroups", DORA),
    ),
    "leave a group": (1, lambda chat: _ask(chat, "leaveGroup", DORA, groupId="joined")),
    "end a connection with 49 group rows": (0, _end),
    "an hour without messages": (PINGS_PER_HOUR, _idle_hour),
    "send to two members, without `clientMessageId`": (1, lambda chat: chat.send(ANA)),
    "send to two members of protocol 2": (1, lambda chat: chat.send(ANA, clientMessageId="c1")),
    "send 28 KB to two members of protocol 2": (
        1,
        lambda chat: chat.send(ANA, clientMessageId="c2", message=LARGE_TEXT),
    ),
    "the same 28 KB again, as a retry": (1, lambda chat: chat.send(ANA, clientMessageId="c2", message=LARGE_TEXT)),
    "send to 25 members of protocol 1, with `broadcastThreshold: 10`": (
        1,
        lambda chat: chat.send(EVE, clientMessageId="c1"),
    ),
    "a send that is refused": (1, lambda chat: chat.send(ANA, senderId="bob")),
    "a page of 50 short messages": (1, lambda chat: _ask(chat, "getHistory")),
    "edit a message in a group of two": (1, lambda chat: _ask(chat, "editMessage", messageId="0", message="Hello")),
    "delete a message in a group of two": (1, lambda chat: _ask(chat, "deleteMessage", messageId="0")),
    "react to a message in a group of two": (
        1,
        lambda chat: _ask(chat, "react", messageId="1", reaction="👍", on=True),
    ),
    "react to it again": (1, lambda chat: _ask(chat, "react", messageId="1", reaction="👍", on=True)),
    "catch up with two changed messages": (1, _catch_up),
    "a page of 1 message of 28 KB, of 60": (1, lambda chat: _ask(chat, "getHistory")),
    "who is connected": (1, lambda chat: _ask(chat, "getPresence")),
    "tell 25 members who joined within 5 s": (0, lambda chat: _tell(chat, "INSERT")),
    "tell 25 members who left within 5 s": (0, lambda chat: _tell(chat, "REMOVE")),
    "tell 25 members who is typing": (1, lambda chat: _ask(chat, "typing", FAY, isTyping=True)),
    "a program sends to a group of two and one of 25": (
        0,
        lambda _: Call()(groupIds=["red", "blue"], message="Hi", clientMessageId="c1"),
    ),
    "a program asks who is connected": (0, lambda _: Call()("getPresence", groupId="red")),
    "a program adds two connections of a user to a group": (
        0,
        lambda _: Call()("addToGroup", userId="user1", groupId="red"),
    ),
    "a program disconnects two connections of a user": (0, lambda _: Call()("disconnectUser", userId="user1")),
    "a program exports a user with 60 messages of 28 KB": (0, lambda _: Call()("exportUser", userId="ana")),
    "a program erases that user in a group of three": (0, lambda _: Call()("eraseUser", userId="ana")),
}
"""What is measured, in this order, each with the number of frames that the client sends. Each case has what the ones
before it left."""


def measure(chat: Chat) -> dict[str, Costs]:
    """Measure every case.

    Args:
        chat: A chat without messages. Its functions have ``broadcastThreshold`` :data:`THRESHOLD`.
    """
    chat.tables.create_read_markers()
    chat.tables.create_changes()
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.connect(connection_id, f"userId={user_id}&groupId=red&protocol=2")
    chat.connect(DORA, "userId=dora&protocol=2")
    for connection_id, query in ((EVE, "groupId=blue"), (FAY, "groupId=gold&protocol=2")):
        chat.connect(connection_id, f"userId={connection_id[:3].lower()}&{query}")
        for number in range(LARGE_GROUP - 1):
            chat.connect(f"Member{number}-{connection_id}", f"userId=user{number}&{query}")
    # The meter reads moto's tables, which another thread must not change meanwhile.
    with ThreadPoolExecutor(1) as one_thread, patch.object(side_by_side, "_threads", lambda: one_thread):
        return {case: _measure_one(chat, case) for case in CASES}


def _measure_one(chat: Chat, case: str) -> Costs:
    if case.startswith("a page of"):
        chat.tables.forget_messages()
        for number in range(60):
            chat.tables.add_message(str(number), "red", times.timestamp(), LARGE_TEXT if "28 KB" in case else "Hi")
    if "unread messages" in case:
        for number in range(50 * 2):
            chat.tables.add_message(str(number), f"group {number % 50}", times.timestamp(), "Hi")
    chat.gateway.delivered.clear()
    meter = Meter()
    received, act = CASES[case]
    with meter.running(chat.tables):
        act(chat)
    posts = len(chat.gateway.delivered)
    counted = {**meter.calls, POST: posts, READ: meter.read_units, WRITE: meter.write_units, FRAMES: received + posts}
    return {name: value for name, value in counted.items() if value}
