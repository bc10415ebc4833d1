"""What an attack is, and what an attacker has to work with."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from websockets.exceptions import ConnectionClosed, InvalidStatus

from local.emulator import REGION

from .chats import ALICE, GROUP, MALLORY, MARK, Chat, Rows
from .client import Client, Frame, Handshake

_numbers = count(1)

LET_IN = "let in"
OWN_ALONE = "its own group alone"
"""The answer to who asks for more than its own, and gets that."""
NOTHING = "nothing"
"""The answer to who listens where it may not."""


class Scene:
    """One attack on a chat. At its end the attacker hangs up, and is forgotten.

    Attributes:
        chat: The chat that is attacked.
        member: An attacker who is connected to Alice's group as a proper member.
        stranger: An attacker who is connected to a group of its own.
        user: Name of an attacker who is not connected yet.
        den: A group of that attacker's own.
        groups: Groups of the attackers, in which they may write.
        before: The tables as they were.
    """

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        number = next(_numbers)
        self.user = f"{MALLORY} {number}"
        self.den = f"den {number} {MARK}"
        self.groups = {self.den, chat.stranger.group}
        self.before = chat.messages(), chat.connections()
        self.member = chat.member
        self.stranger = chat.stranger
        self._clients = [self.member, self.stranger]
        for client in self._clients:
            client.received.clear()
        self._open = ExitStack()

    def handshake(self, user: str | None = None, group: str | None = None) -> Handshake:
        """A proper handshake: the attacker's own, into the den, unless it is somebody else's."""
        return self.chat.handshake(user or self.user, group or self.den)

    def join(self, user: str | None = None, group: str | None = None, handshake: Handshake | None = None) -> Client:
        """Connect, which must succeed."""
        user, group = user or self.user, group or self.den
        if group != GROUP:
            self.groups.add(group)
        client = self._open.enter_context(Client(handshake or self.chat.handshake(user, group), user, group))
        self._clients.append(client)
        return client

    def new_member(self) -> Client:
        """The attacker, newly connected as a proper member of Alice's group."""
        self.enroll(GROUP)
        return self.join(group=GROUP)

    def enroll(self, group: str) -> None:
        """Make the attacker a member of a group."""
        self.chat.add_member(self.user, group)
        self._open.callback(self.chat.remove_member, self.user, group)

    def exile(self) -> Client:
        """The attacker, connected to Alice's group for a while, of which it was a member until a moment ago."""
        client = self.new_member()
        self.ask(client, {"action": "getPresence"})
        self.chat.age(self.connection_id(self.user))
        self.chat.remove_member(self.user)
        time.sleep(1.1)  # The chat looks again after a second.
        return client

    def knock(self, handshake: Handshake) -> str:
        """Try to connect; what it is answered."""
        began = time.time()
        try:
            self.join(handshake=handshake)
        except InvalidStatus as refused:
            return self.chat.refusal(refused.response.status_code, began)
        return LET_IN

    def ask(self, client: Client, frame: Frame) -> Frame:
        """Send a frame; the answer to it."""
        request_id = f"{uuid4()} {MARK}"
        client.send(frame | {"requestId": request_id})
        return client.receive(lambda answer: answer.get("requestId") == request_id)

    def error(self, client: Client, frame: Frame | str | bytes) -> str:
        """Send a frame; code of the error that it is answered with, or else the action of the answer."""
        request_id = f"{uuid4()} {MARK}"
        client.send({"requestId": request_id} | frame if isinstance(frame, dict) else frame)
        answer = client.receive(
            lambda answer: (
                answer["action"] == "error"
                or answer.get("requestId") == request_id
                or answer.get("senderId") == client.user
            )
        )
        return str(answer.get("code", answer["action"]))

    def looks_around(self, client: Client, **fields: object) -> str:
        """Ask for history and presence, with further fields; whether any of it is Alice's and Bob's."""
        history = self.ask(client, {"action": "getHistory"} | fields)
        presence = self.ask(client, {"action": "getPresence"} | fields)
        if "code" in history or "code" in presence:
            return str(history.get("code", presence.get("code")))
        groups = {message["groupId"] for message in history["messages"]}
        users = {member["userId"] for member in presence["members"]}
        return OWN_ALONE if groups <= {client.group} and users == {client.user} else "what is not its own"

    def tries_everything(self, client: Client) -> str:
        """Ask for all that a member can; the one answer to all of it."""
        frames = (
            client.message(f"let me {MARK}"),
            {"action": "getHistory"},
            {"action": "getPresence"},
            {"action": "typing", "isTyping": True},
            {"action": "ping"},
        )
        return ", ".join({self.error(client, frame) for frame in frames})

    def hears(self, client: Client) -> str:
        """Let Alice and Bob talk and type; what the client hears of it."""
        client.collect(0.1)
        known = len(client.received)
        self.victims_talk()
        self.chat.alice.send({"action": "typing", "isTyping": True})
        self.chat.bob.take("typing")
        self.accept()
        with suppress(ConnectionClosed):
            client.collect(0.3)
        heard = [frame for frame in client.received[known:] if frame["action"] != "presenceEvent"]
        return json.dumps(heard) if heard else NOTHING

    def victims_talk(self) -> None:
        """Let Alice and Bob talk during the attack."""
        self.chat.talk()
        self.accept()

    def accept(self) -> None:
        """Take for granted what Alice and Bob have done, and nothing else."""
        stored, connected = self.before
        unheard = self.chat.said.keys() - {row["message"] for row in stored.values()}
        for key, row in self.chat.messages().items():
            if row["message"] in unheard:
                unheard.remove(row["message"])  # Once: stored twice, it is one too many.
                stored[key] = row
        now = self.chat.connections()
        self.before = stored, {key: now[key] for key in connected}

    def of_others(self, messages: Rows) -> Rows:
        """Leave out what the attackers may have said to themselves."""
        return {key: row for key, row in messages.items() if row["groupId"] not in self.groups}

    def last_message(self) -> dict[str, Any]:
        """The last message of Alice."""
        hers = [row for row in self.chat.messages().values() if (row["groupId"], row["senderId"]) == (GROUP, ALICE)]
        return max(hers, key=lambda row: str(row["timestamp"]))

    def connection_id(self, user: str) -> str:
        """Id of a user's connection, which the user does not know on AWS."""
        return next(key for key, row in self.chat.connections().items() if row["userId"] == user)

    def invoke(self, function: str, event: dict[str, Any]) -> str:
        """Call a function with an event as API Gateway makes it, where the emulator makes another; its status."""
        answer = self.chat.world.emulator.client("lambda").invoke(
            FunctionName=self.chat.outputs["FunctionNames"][function], Payload=json.dumps(event)
        )
        return str(json.load(answer["Payload"])["statusCode"])

    def call_back(
        self, method: str, user: str, body: bytes | None = None, credentials: Credentials | None = None
    ) -> str:
        """Call the management API for a user's connection; its status."""
        url = f"{self.chat.outputs['CallbackURL']}/@connections/{self.connection_id(user)}"
        request = AWSRequest(method, url, data=body)
        if credentials:
            SigV4Auth(credentials, "execute-api", REGION).add_auth(request)
        address = urlsplit(url)
        connection = HTTPConnection(str(address.hostname), address.port, timeout=10)
        with closing(connection):
            connection.request(method, address.path, body, dict(request.headers))
            return str(connection.getresponse().status)

    def received(self) -> str:
        """All that the attacker has received."""
        return json.dumps([frame for client in self._clients for frame in client.received], ensure_ascii=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        deadline = time.monotonic() + 5
        while self.chat.connections().keys() != self.before[1].keys() and time.monotonic() < deadline:
            time.sleep(0.02)  # The server is told of a disconnection after it.


Run = Callable[[Scene], str]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An attack.

    Attributes:
        name: What it is called.
        chat: Name of the chat that is attacked.
        story: Who does what.
        answer: What the attacker is to get for it.
        run: Does it, and returns what the attacker got.
    """

    name: str
    chat: str
    story: str
    answer: str
    run: Run


ATTACKS: dict[str, Attack] = {}


def add(name: str, chat: str, story: str, answer: str, run: Run) -> None:
    """Add an attack to the suite."""
    assert name not in ATTACKS, f"there are two attacks called {name}"
    ATTACKS[name] = Attack(name=name, chat=chat, story=story, answer=answer, run=run)


def attack(chat: str, story: str, answer: str) -> Callable[[Run], Run]:
    """Add the attack that a function does, under the function's name."""

    def register(run: Run) -> Run:
        add(run.__name__.replace("_", " "), chat, story, answer, run)
        return run

    return register
