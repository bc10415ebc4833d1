"""Many groups over one socket, in the deployed program."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from local.deploy import deploy
from local.identity_provider import IdentityProvider
from tests.clients import ChatClient

from .conftest import Chat

Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        yield provider


@pytest.fixture
def group() -> str:
    return f"group-{uuid4()}"


@pytest.fixture(scope="module")
def with_tokens(chat: Chat, provider: IdentityProvider) -> Chat:
    """A chat whose users prove with a token who they are, which groups they may join, and their names.

    It shares the messages table with the other chat.
    """
    config: dict[str, Any] = {
        "namePrefix": "Tokens",
        "authentication": "jwt",
        "jwtIssuer": provider.issuer,
        "jwtAudience": [provider.audience],
        "groupClaim": provider.group_claim,
        "nameClaim": "name",
    }
    return Chat(chat.emulator, deploy(chat.emulator, config))


def test_groups_are_joined_and_left_over_one_socket(chat: Chat, group: str, eventually: Eventually) -> None:
    second = f"{group}, second"
    with (
        chat.join("alice", None, protocol=2, name="Alice A.") as alice,
        chat.join("bob", group, protocol=2) as bob,
        chat.join("carol", second) as carol,
    ):
        assert alice.ask("joinGroup", groupIds=[group, second], events=True)["groupIds"] == [group, second]
        assert bob.receive("presenceChanged")["joined"] == [{"userId": "alice", "name": "Alice A."}]
        bob.say("from bob")
        carol.say("from carol")
        assert {alice.receive("message")["groupId"] for _ in range(2)} == {group, second}
        alice.say("to the second", groupId=second, clientMessageId="c1")
        assert carol.receive("message")["senderId"] == "carol"
        assert carol.receive("message")["message"] == "to the second"
        assert alice.receive("ack")["groupId"] == second
        assert alice.ask("leaveGroup", groupId=group)["action"] == "left"
        assert bob.receive("presenceChanged")["left"] == [{"userId": "alice"}]
        bob.say("again")
        assert bob.receive("message")["message"] == "again"
        alice.receive_nothing("message")
        rows = [row for row in chat.rows("ConnectionsTable") if "alice" in (row.get("userId"), row.get("member"))]
        assert len(rows) == 2
    names = {row["connectionId"].partition("#")[0] for row in rows}
    eventually(lambda: not any(row["connectionId"].partition("#")[0] in names for row in chat.rows("ConnectionsTable")))


def test_groups_that_are_joined_without_waiting_are_all_joined(chat: Chat, group: str) -> None:
    """Several functions serve the frames at the same time. An old front end does not send a refused join again."""
    groups = {f"{group} {number}" for number in range(25)}
    with chat.join("alice", None, protocol=2) as alice:
        for each in groups:
            alice.send("joinGroup", groupId=each)
        answers = [alice.receive("joined") for _ in groups]
        assert {each for answer in answers for each in answer["groupIds"]} == groups
        assert {row["groupId"] for row in chat.rows("ConnectionsTable") if row.get("member") == "alice"} >= groups


def test_the_group_is_told_when_a_client_leaves_the_group_of_its_handshake(chat: Chat, group: str) -> None:
    with chat.join("alice", group, protocol=2) as alice, chat.join("bob", group, protocol=2) as bob:
        assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]
        assert bob.ask("leaveGroup", groupId=group)["groupIds"] == [group]
        assert alice.receive("presenceChanged")["left"] == [{"userId": "bob"}]
        assert bob.ask("joinGroup", groupId=group, events=True)["groupIds"] == [group]
        assert alice.receive("presenceChanged")["joined"] == [{"userId": "bob"}]


def test_a_token_says_which_groups_can_be_joined_in_every_frame(
    with_tokens: Chat, provider: IdentityProvider, group: str
) -> None:
    token = provider.mint("alice", [group, "other"], name="Alice A.")
    with ChatClient(with_tokens.url, "alice", None, token=token, protocol=2) as alice:
        answer = alice.ask("joinGroup", groupIds=[group, f"{group} "])
        assert answer["groupIds"] == [group]
        assert answer["refused"] == [{"groupId": f"{group} ", "code": "FORBIDDEN"}]
        alice.say("Hi", groupId=group, senderName="Mallory")
        assert alice.receive("message")["senderName"] == "Alice A."
        alice.say("Hi", groupId="others")
        assert alice.receive("error")["code"] == "FORBIDDEN"


class OldFrontEnd:
    """The front end that the chat is built for.

    It opens one socket with a token alone, joins the group of each chat that is opened and does not wait, takes every
    frame that has a ``groupId`` for a message of that group, and connects again five times.

    Attributes:
        shown: What it shows in each group.
        reconnects: How often it will connect again.
    """

    def __init__(self, url: str, user_id: str, token: str) -> None:
        self.user_id = user_id
        self.shown: dict[str, list[Any]] = {}
        self.groups: list[str] = []
        self._address = f"{url}?{urlencode({'token': token})}"
        self.reconnects = 5
        self._ended = False
        self._socket: ClientConnection
        self._connect()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def open(self, group_id: str) -> None:
        self.groups.append(group_id)
        self._send("joinGroup", group_id)

    def leave(self, group_id: str) -> None:
        self.groups.remove(group_id)
        self._send("leaveGroup", group_id)

    def say(self, group_id: str, text: str) -> None:
        self._send("sendMessage", group_id, message=text)

    def lose_the_connection(self) -> None:
        self._socket.close()

    def end(self) -> None:
        self._ended = True
        self._socket.close()
        self._thread.join(timeout=10)

    def _send(self, action: str, group_id: str, **fields: object) -> None:
        own = {"groupId": group_id, "senderId": self.user_id, "senderName": self.user_id.title()}
        self._socket.send(json.dumps({"action": action} | own | fields))

    def _connect(self) -> None:
        self._socket = connect(self._address, close_timeout=1, ping_interval=None, legacy=True)
        for group_id in self.groups:
            self._send("joinGroup", group_id)

    def _read(self) -> None:
        while True:
            try:
                frame = json.loads(self._socket.recv())
            except ConnectionClosed:
                if self._ended or not self.reconnects:
                    return
                self.reconnects -= 1
                self._connect()
                continue
            if "groupId" in frame:
                self.shown.setdefault(frame["groupId"], []).append(frame.get("message"))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [20, pytest.param(180, marks=pytest.mark.soak)])
def test_old_front_ends_show_exactly_the_messages_of_their_groups(
    with_tokens: Chat, provider: IdentityProvider, group: str, eventually: Eventually, seconds: int
) -> None:
    """While modern clients join, leave, type and reconnect around them."""
    groups = [f"{group} {number}" for number in range(3)]
    tokens = {user_id: provider.mint(user_id, groups) for user_id in ("ann", "ben", "cleo", "max")}
    old = [OldFrontEnd(with_tokens.url, user_id, tokens[user_id]) for user_id in ("ann", "ben", "cleo")]
    opened = {"ann": groups, "ben": groups[:2], "cleo": groups[2:]}
    for client in old:
        for each in opened[client.user_id]:
            client.open(each)
    eventually(lambda: sum(len(_rows(with_tokens, client)) for client in old) == 6)
    expected: dict[str, list[str]] = {each: [] for each in groups}
    choose = random.Random(1)
    ends = time.monotonic() + seconds
    with ChatClient(with_tokens.url, "max", None, token=tokens["max"], protocol=2) as modern:
        number = 0
        while time.monotonic() < ends:
            number += 1
            time.sleep(0.1)  # Below the rate limit: it does not send again what was refused.
            target = choose.choice(groups)
            modern.ask(choose.choice(["joinGroup", "leaveGroup"]), groupId=target, events=True)
            modern.send("typing", groupId=target, isTyping=True)
            sender = choose.choice([client for client in old if target in client.groups])
            sender.say(target, f"{number}")
            expected[target].append(f"{number}")
            eventually(
                lambda target=target: all(  # type: ignore[misc]
                    client.shown.get(target) == expected[target] for client in old if target in client.groups
                )
            )
            client = choose.choice(old)
            if number % 15 == 0 and client.reconnects:
                # It has no history, so it shows nothing of the time in between.
                before = _rows(with_tokens, client)
                client.lose_the_connection()
                eventually(
                    lambda client=client, before=before: len(_rows(with_tokens, client) - before) == len(client.groups)  # type: ignore[misc]
                )
    for client in old:
        client.end()
        assert client.shown == {each: expected[each] for each in opened[client.user_id] if expected[each]}


def _rows(chat: Chat, client: OldFrontEnd) -> set[str]:
    """The keys of a client's group rows."""
    return {row["connectionId"] for row in chat.rows("ConnectionsTable") if row.get("member") == client.user_id}
