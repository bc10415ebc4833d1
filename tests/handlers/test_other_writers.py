"""Another program deletes and changes rows between any two calls of the functions to the tables."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from handlers.tables.aws import dynamodb

from . import protocol
from .chat import ANA, BOB, Chat
from .tables import CONNECTIONS, MEMBERS, MESSAGES
from .test_any_input import repeatable
from .test_presence_events import joined, left, serve

DORA, FRED = "DoraConnection=", "FredConnection="
LOOSE = "loose"
"""Text of the messages that the other program changes and deletes."""


WRITES = [
    *["delete a message", "delete a message's time", "move a message back", "move a message ahead"],
    *["move a message to another group", "change a sender", "store a message"],
    *["delete the sender", "put the sender back", "spoil the sender", "spoil the rate"],
    *["delete a recipient", "put a recipient back", "move a recipient", "spoil a recipient"],
    *["delete a member", "put a member back"],
]
STEPS = ["send", "send loose", "retry", "forwards", "backwards", "presence", "typing", "ping", "connect", "stream"]


class OtherProgram:
    """Writes into the tables. It leaves alone Bob, Eve and the messages whose text is not :data:`LOOSE`."""

    def __init__(self, chat: Chat) -> None:
        self.writes: dict[str, Callable[[], object]] = {
            "delete a message": lambda: self._on_messages(self._delete),
            "delete a message's time": lambda: self._on_messages(self._set, "timestamp", None),
            "move a message back": lambda: self._on_messages(self._set, "timestamp", {"S": "2026-01-01 10:00"}),
            "move a message ahead": lambda: self._on_messages(self._set, "timestamp", {"S": "2999-01-01T00:00:00Z"}),
            "move a message to another group": lambda: self._on_messages(self._set, "groupId", {"S": "green"}),
            "change a sender": lambda: self._on_messages(self._set, "senderId", {"N": "42"}),
            "store a message": self._store,
            "delete the sender": lambda: self._delete(CONNECTIONS, {"connectionId": {"S": ANA}}),
            "put the sender back": lambda: chat.tables.add_connection(ANA, "ana", "red"),
            "spoil the sender": lambda: self._set(CONNECTIONS, {"connectionId": {"S": ANA}}, "userId", None),
            "spoil the rate": lambda: self._set(CONNECTIONS, {"connectionId": {"S": ANA}}, "busyUntil", {"S": "x"}),
            "delete a recipient": lambda: self._delete(CONNECTIONS, {"connectionId": {"S": DORA}}),
            "put a recipient back": lambda: chat.tables.add_connection(DORA, "dora", "red"),
            "move a recipient": lambda: self._set(CONNECTIONS, {"connectionId": {"S": DORA}}, "groupId", {"S": "blue"}),
            "spoil a recipient": lambda: self._set(CONNECTIONS, {"connectionId": {"S": DORA}}, "connectedAt", None),
            "delete a member": lambda: chat.tables.remove_member("dora", "red"),
            "put a member back": lambda: chat.tables.add_member("dora", "red"),
            "": lambda: None,
        }
        self._numbers = count()
        self._own = threading.local()

    @contextmanager
    def at_work(self, plan: list[str]) -> Iterator[None]:
        """Write before every call of the functions, in the order of the plan, again and again."""
        turns = count()

        def write(**_: object) -> None:
            if not getattr(self._own, "writing", False):
                self._own.writing = True
                self.writes[plan[next(turns) % len(plan)]]()
                self._own.writing = False

        events = dynamodb().meta.events
        events.register_first("before-call.dynamodb", write)
        try:
            yield
        finally:
            events.unregister("before-call.dynamodb", write)

    def _store(self) -> None:
        at = (datetime.now(UTC) - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        row = {"messageId": f"their{next(self._numbers)}", "groupId": "red", "timestamp": at, "message": LOOSE}
        dynamodb().put_item(TableName=MESSAGES, Item={name: {"S": value} for name, value in row.items()})

    def _on_messages(self, act: Callable[..., None], *how: Any) -> None:
        rows = dynamodb().scan(TableName=MESSAGES)["Items"]
        for row in [row for row in rows if row.get("message") == {"S": LOOSE}][-2:]:
            act(MESSAGES, {"messageId": row["messageId"]}, *how)

    @staticmethod
    def _delete(table: str, key: dict[str, Any]) -> None:
        dynamodb().delete_item(TableName=table, Key=key)

    @staticmethod
    def _set(table: str, key: dict[str, Any], attribute: str, value: Any) -> None:
        """Change an attribute, or remove it, if there is the row."""
        row = dynamodb().get_item(TableName=table, Key=key).get("Item")
        if row:
            rest = {name: old for name, old in row.items() if name != attribute}
            dynamodb().put_item(TableName=table, Item=rest | ({attribute: value} if value else {}))


class Reader:
    """Bob, who pages through the history in both directions while rows change."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._cursor: str | None = None
        self._back: str | None = None
        self.seen: set[str] = set()

    def forwards(self, limit: int) -> bool:
        """Read a page after the last one. Returns whether there is more."""
        page = self._ask(after=self._cursor, limit=limit)
        self._cursor = page["after"]
        return bool(page["more"])

    def backwards(self, limit: int) -> bool:
        """Read a page before the last one. Returns whether there is more."""
        page = self._ask(before=self._back, limit=limit)
        self._back = page["before"]
        return self._back is not None

    def _ask(self, **fields: object) -> dict[str, Any]:
        self._chat.receive(BOB, json.dumps({"action": "getHistory"} | fields), route="$default")
        page: dict[str, Any] = self._chat.frames(BOB)[-1]
        assert page["action"] == "history"
        self.seen |= {message["messageId"] for message in page["messages"]}
        return page


class Users:
    """Ana sends, Bob asks, and Fred connects. Every step must be served, whatever the other program does."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self.reader = Reader(chat)
        self.kept: set[str] = set()
        """Messages that were answered with 200, and that the other program leaves alone."""
        self._numbers = count(1)
        self._last = {"clientMessageId": "c0", "message": LOOSE}
        self._image = chat.tables.connections()[DORA]
        self.steps: dict[str, Callable[[], object]] = {
            "send": lambda: self._send("kept"),
            "send loose": lambda: self._send(LOOSE),
            "retry": self._retry,
            "forwards": lambda: self.reader.forwards(1),
            "backwards": lambda: self.reader.backwards(1),
            "presence": lambda: self._ask("getPresence"),
            "typing": lambda: self._ask("typing"),
            "ping": lambda: self._ask("ping"),
            "connect": self._connect,
            "stream": self._stream,
        }

    def _send(self, text: str) -> None:
        self._last = {"clientMessageId": f"c{next(self._numbers)}", "message": text}
        self._retry()

    def _retry(self) -> None:
        status = self._chat.send(ANA, **self._last)
        assert status in (200, 403, 410)  # The other program may have deleted or changed the sender's row.
        if status == 200 and self._last["message"] != LOOSE:
            self.kept.add(self._last["clientMessageId"])

    def _ask(self, action: str) -> None:
        assert self._chat.receive(BOB, json.dumps({"action": action, "isTyping": True}), route="$default") == 200

    def _connect(self) -> None:
        assert self._chat.connect(FRED, "userId=fred&groupId=red") == 200

    def _stream(self) -> None:
        assert serve(self._chat, left(self._image) + joined(self._image)) == []


@pytest.fixture(autouse=True)
def settings_of_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESSAGE_BURST", "1000")
    monkeypatch.setenv("MEMBERS_TABLE", MEMBERS)
    monkeypatch.setenv("MEMBERSHIP_RECHECK_SECONDS", "0")


@pytest.mark.parametrize("write", WRITES)
def test_every_step_is_served_while_another_program_repeats_a_write(chat: Chat, write: str) -> None:
    go_on(chat, ["send loose", "retry", *STEPS, "send loose", "retry", "forwards", "backwards"], [write, ""])


@settings(repeatable, max_examples=12, phases=[Phase.generate])  # Shrinking takes minutes.
@given(
    steps=st.lists(st.sampled_from(STEPS), min_size=5, max_size=10),
    plan=st.lists(st.sampled_from(WRITES), min_size=3, max_size=8),
)
def test_the_chat_goes_on_while_another_program_writes(chat: Chat, steps: list[str], plan: list[str]) -> None:
    go_on(chat, steps, plan)


def go_on(chat: Chat, steps: list[str], plan: list[str]) -> None:
    """Take steps while the other program writes, then check what everybody got."""
    prepare(chat)
    other, users = OtherProgram(chat), Users(chat)
    with other.at_work(plan):
        for step in steps:
            users.steps[step]()
        for _ in range(20):  # The other program may store as many messages as the pages have.
            if not users.reader.forwards(10):
                break
    while users.reader.forwards(100):
        pass
    while users.reader.backwards(10):
        pass

    assert users.kept <= {frame.get("clientMessageId") for frame in chat.pushes(BOB)}
    stored = {row["messageId"]["S"]: row["message"]["S"] for row in dynamodb().scan(TableName=MESSAGES)["Items"]}
    assert {message_id for message_id, text in stored.items() if text == "kept"} <= users.reader.seen
    for recipient, body in chat.gateway.delivered:
        frame = protocol.check(body)
        assert recipient in (ANA, BOB, DORA, FRED)
        assert frame.get("code") in (None, "NOT_CONNECTED", "FORBIDDEN")
        assert frame.get("groupId", "red") == "red"


def prepare(chat: Chat) -> None:
    """Start with ana, bob and dora in red, and no messages."""
    if MEMBERS not in dynamodb().list_tables()["TableNames"]:
        chat.tables.create_members(red=["ana", "bob", "fred"], blue=["eve"])
    chat.tables.add_member("dora", "red")
    for connection_id, user_id in ((ANA, "ana"), (DORA, "dora")):
        chat.tables.add_connection(connection_id, user_id, "red")
    dynamodb().delete_item(TableName=CONNECTIONS, Key={"connectionId": {"S": FRED}})
    for row in dynamodb().scan(TableName=MESSAGES)["Items"]:
        dynamodb().delete_item(TableName=MESSAGES, Key={"messageId": row["messageId"]})
    chat.gateway.delivered.clear()
