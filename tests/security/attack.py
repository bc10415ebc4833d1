"""The attacks' register, and the tools of an attacker."""

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
OWN_ALONE = "only its own group"
"""The answer if an attacker asks for another group and gets its own."""
NOTHING = "nothing"
"""The answer if an attacker listens and receives nothing."""


class Scene:
    """One attack on a chat. At its end the attacker disconnects, and its connections are removed.

    Attributes:
        chat: The chat that is attacked.
        member: An attacker who is a member of Alice's group and connected to it.
        stranger: An attacker who is connected to another group.
        user: Name of an attacker who is not connected yet.
        den: A group of that attacker.
        groups: The attackers' own groups, to which they may send.
        before: The rows of the messages and connections tables before the attack.
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
        """A valid handshake, by default of the attacker to its own group."""
        return self.chat.handshake(user or self.user, group or self.den)

    def join(self, user: str | None = None, group: str | None = None, handshake: Handshake | None = None) -> Client:
        """Connect. Fails if the chat refuses."""
        user, group = user or self.user, group or self.den
        if group != GROUP:
            self.groups.add(group)
        client = self._open.enter_context(Client(handshake or self.chat.handshake(user, group), user, group))
        self._clients.append(client)
        return client

    def new_member(self, protocol: str = "2") -> Client:
        """Connect the attacker as a member of Alice's group."""
        self.enroll(GROUP)
        return self.join(group=GROUP, handshake=self.handshake(group=GROUP).parameter("protocol", protocol))

    def visitor(self) -> Client:
        """Connect the attacker without a group. It may join its own."""
        self.enroll(self.den)
        return self.join(handshake=self.handshake().parameter("groupId"))

    def enroll(self, group: str) -> None:
        """Make the attacker a member of a group."""
        self.chat.add_member(self.user, group)
        self._open.callback(self.chat.remove_member, self.user, group)

    def removed_member(self, protocol: str = "2") -> Client:
        """Connect the attacker as a member of Alice's group, then end its membership."""
        client = self.new_member(protocol)
        self.ask(client, {"action": "getPresence"})
        self.chat.age(self.connection_id(self.user))
        self.chat.remove_member(self.user)
        time.sleep(1.1)  # The chat checks members again after a second.
        return client

    def knock(self, handshake: Handshake) -> str:
        """Try to connect. Returns the answer."""
        began = time.time()
        try:
            self.join(handshake=handshake)
        except InvalidStatus as refused:
            return self.chat.refusal(refused.response.status_code, began)
        return LET_IN

    def ask(self, client: Client, frame: Frame) -> Frame:
        """Send a frame. Returns the answer."""
        request_id = f"{uuid4()} {MARK}"
        client.send(frame | {"requestId": request_id})
        return client.receive(lambda answer: answer.get("requestId") == request_id)

    def error(self, client: Client, frame: Frame | str | bytes) -> str:
        """Send a frame. Returns the code of the error, or the action of any other answer."""
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
        """Ask for history and presence, with further fields. Tells whether the answers contain another group's data."""
        history = self.ask(client, {"action": "getHistory"} | fields)
        presence = self.ask(client, {"action": "getPresence"} | fields)
        if "code" in history or "code" in presence:
            return str(history.get("code", presence.get("code")))
        groups = {message["groupId"] for message in history["messages"]}
        users = {member["userId"] for member in presence["members"]}
        return OWN_ALONE if groups <= {client.group} and users == {client.user} else "another group"

    def tries_everything(self, client: Client) -> str:
        """Send a frame of every action. Returns the answers, each once."""
        frames = (
            client.message(f"let me {MARK}"),
            {"action": "getHistory"},
            {"action": "getPresence"},
            {"action": "typing", "isTyping": True},
            {"action": "ping"},
        )
        return ", ".join({self.error(client, frame) for frame in frames})

    def hears(self, client: Client) -> str:
        """Let Alice and Bob send and type. Returns what the client receives of it."""
        client.collect(0.1)
        known = len(client.received)
        self.victims_talk()
        self.chat.alice.send({"action": "typing", "isTyping": True})
        self.chat.bob.take("typing")
        self.accept()
        with suppress(ConnectionClosed):
            client.collect(0.3)
        heard = [frame for frame in client.received[known:] if frame["action"] != "presenceChanged"]
        return json.dumps(heard) if heard else NOTHING

    def victims_talk(self) -> None:
        """Let Alice and Bob send messages during the attack."""
        self.chat.talk()
        self.accept()

    def accept(self) -> None:
        """Count only what Alice and Bob have done as expected."""
        stored, connected = self.before
        unheard = self.chat.said.keys() - {row["message"] for row in stored.values()}
        for key, row in self.chat.messages().items():
            if row["message"] in unheard:
                unheard.remove(row["message"])  # If the message is stored twice, the second row stays unexpected.
                stored[key] = row
        now = self.chat.connections()
        self.before = stored, {key: now[key] for key in connected}

    def of_others(self, messages: Rows) -> Rows:
        """Leave out the messages in the attackers' own groups."""
        return {key: row for key, row in messages.items() if row["groupId"] not in self.groups}

    def last_message(self) -> dict[str, Any]:
        """Alice's last message."""
        hers = [row for row in self.chat.messages().values() if (row["groupId"], row["senderId"]) == (GROUP, ALICE)]
        return max(hers, key=lambda row: str(row["timestamp"]))

    def connection_id(self, user: str) -> str:
        """The id of a user's connection. On AWS the user does not know it."""
        return next(key for key, row in self.chat.connections().items() if row.get("userId") == user)

    def invoke(self, function: str, event: dict[str, Any]) -> str:
        """Invoke a function with an event of API Gateway that the emulator cannot produce. Returns the status."""
        answer = self.chat.world.emulator.client("lambda").invoke(
            FunctionName=self.chat.outputs["FunctionNames"][function], Payload=json.dumps(event)
        )
        return str(json.load(answer["Payload"])["statusCode"])

    def call_back(
        self, method: str, user: str, body: bytes | None = None, credentials: Credentials | None = None
    ) -> str:
        """Call the management API for a user's connection. Returns the status."""
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
        """Every frame that the attackers have received."""
        return json.dumps([frame for client in self._clients for frame in client.received], ensure_ascii=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()
        deadline = time.monotonic() + 30  # The function may start for it, and the machine may be busy.
        while self.chat.connections().keys() != self.before[1].keys() and time.monotonic() < deadline:
            time.sleep(0.05)  # The server learns of a disconnection a little later.


Run = Callable[[Scene], str]


@dataclass(frozen=True, kw_only=True)
class Attack:
    """An attack.

    Attributes:
        name: Its name.
        chat: Name of the chat that is attacked.
        story: Who does what, in one sentence.
        answer: The answer that the attacker must get.
        run: Runs the attack. Returns the answer that the attacker got.
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
    """Add the attack that a function runs. The function's name becomes the attack's name."""

    def register(run: Run) -> Run:
        add(run.__name__.replace("_", " "), chat, story, answer, run)
        return run

    return register
