"""Other programs that write into both tables at full speed, while a group chats over real sockets."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import uuid4

from local.logs import read
from tests.clients import ChatClient, Frame
from tests.rows import a_minute_ago, put_row

from .conftest import Chat

MESSAGES = 20


@contextmanager
def running(*programs: Callable[[int], object]) -> Iterator[None]:
    """Call each program again and again, on a thread of its own."""
    ended, failures = threading.Event(), []

    def repeat(program: Callable[[int], object]) -> None:
        for number in count():
            if ended.is_set():
                return
            try:
                program(number)
            except Exception as error:
                failures.append(error)
                raise

    threads = [threading.Thread(target=repeat, args=[program]) for program in programs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not failures


def ask(client: ChatClient, action: str, **fields: object) -> Frame:
    """Ask as often as the rate limit wants, and return the reply."""
    while (reply := client.ask(action, **fields)).get("code") == "RATE_LIMITED":
        time.sleep(reply["retryAfterMs"] / 1_000)
    return reply


def read_all(client: ChatClient, limit: int) -> set[str]:
    """Read the history back to its start, then forwards to its end. Returns what was found on both ways."""
    page = ask(client, "getHistory", limit=limit)
    found = {message["messageId"] for message in page["messages"]}
    while page["before"]:
        page = ask(client, "getHistory", before=page["before"], limit=limit)
        found |= {message["messageId"] for message in page["messages"]}
    again = {message["messageId"] for message in page["messages"]}
    page["more"] = True
    while page["more"]:
        page = ask(client, "getHistory", after=page["after"], limit=limit)
        again |= {message["messageId"] for message in page["messages"]}
    return found & again


def test_a_group_loses_nothing_while_other_programs_write(chat: Chat) -> None:
    started = int(time.time() * 1_000)
    group, dynamodb = f"group-{uuid4()}", chat.emulator.client("dynamodb")
    connections, messages = chat.outputs["ConnectionsTable"], chat.outputs["MessagesTable"]
    own = {row["connectionId"] for row in chat.rows("ConnectionsTable")}

    def change_messages(number: int) -> None:
        key = {"messageId": {"S": f"{group}-{number % 5}"}}
        if number % 2:
            dynamodb.delete_item(TableName=messages, Key=key)
        else:
            times = [a_minute_ago(), "2026-01-01 10:00", "2999-01-01T00:00:00Z"]
            texts = {"groupId": group, "timestamp": times[number % 3], "message": "loose"}
            dynamodb.put_item(TableName=messages, Item=key | {name: {"S": text} for name, text in texts.items()})

    with (
        chat.join("alice", group) as alice,
        chat.join("bob", group) as bob,
        chat.join("carol", group) as carol,
        chat.join("eve", f"other-{group}") as eve,
        chat.join("fred", group) as fred,
    ):
        rows = {row["userId"]: row for row in chat.rows("ConnectionsTable") if row["connectionId"] not in own}
        types = {"expiresAt": "N", "protocol": "N", "events": "BOOL"}
        carols: dict[str, Any] = {name: {types.get(name, "S"): value} for name, value in rows["carol"].items()}
        bobs_id = rows["bob"]["connectionId"]

        def change_connections(number: int) -> None:
            stray = {"connectionId": f"{group}-{number % 3}", "groupId": group, "userId": "dora"}
            steps: list[Callable[[], object]] = [
                lambda: dynamodb.delete_item(TableName=connections, Key={"connectionId": carols["connectionId"]}),
                lambda: put_row(dynamodb, connections, stray),
                lambda: dynamodb.put_item(
                    TableName=connections, Item=carols | {"groupId": {"S": f"other-{group}"}, "expiresAt": {"S": "x"}}
                ),
                lambda: put_row(dynamodb, connections, stray | {"connectedAt": a_minute_ago()}),
                lambda: put_row(
                    dynamodb,
                    connections,
                    {"connectionId": f"{bobs_id}#x", "groupId": group, "member": "bob", "connectedAt": a_minute_ago()},
                ),
                lambda: dynamodb.put_item(TableName=connections, Item=carols),
            ]
            steps[number % len(steps)]()

        with running(change_messages, change_connections):
            sent = set()
            for number in range(MESSAGES):
                frame = {"groupId": group, "senderId": "alice", "message": "Hi", "clientMessageId": f"c{number}"}
                acks = [ask(alice, "sendMessage", **frame) for _ in range(2)]  # The second one is a retry.
                assert [ack["duplicate"] for ack in acks] == [False, True]
                sent.add(acks[0]["messageId"])
            assert sent <= read_all(bob, 3)
            assert ask(bob, "getPresence")["action"] == "presence"
        dynamodb.put_item(TableName=connections, Item=carols)  # The program may have ended after it deleted the row.
        assert ask(carol, "ping")["action"] == "pong"
        eve.receive_nothing("message")
        pushed: set[str] = set()
        while not sent <= pushed:
            pushed.add(fred.receive("message")["messageId"])
    lines = [line for name in chat.outputs["LogGroupNames"].values() for line in read(chat.emulator, name, started)]
    assert not [line for line in lines if line.get("level") == "ERROR"]
