"""The chats under attack: each has its own config, and Alice and Bob in a group."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import uuid4

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from handlers.protocol import times
from handlers.protocol.errors import Code
from local.deploy import deploy
from local.emulator import REGION, Emulator
from local.identity_provider import IdentityProvider
from tests.lambdas import MODERATOR, create_function
from tests.role import without

from .client import Client, Frame, Handshake

MARK = secrets.token_hex(6)
"""Part of every user, group, name, text, id and origin here. One search of the logs finds them all."""
GROUP = f"Café {MARK}"
ALICE, BOB = f"alice {MARK}", f"bob {MARK}"
MALLORY = f"mallory {MARK}"
"""The start of every attacker's name."""

MEMBERS_TABLE = "GroupMembers"
ORIGINS = [f"https://chat-{MARK}.example.com", f"https://*.{MARK}.example.org"]
_FRONT_END = ORIGINS[0]

RATE, BURST, CONNECTIONS_PER_USER = 2, 3, 3
"""Limits of the chat with low limits: frames per second, burst of frames, connections per user."""

Rows = dict[str, dict[str, Any]]


class CountingProvider(IdentityProvider):
    """An identity provider that counts.

    Attributes:
        fetches: How often its keys were fetched.
        minted: Every token that it has issued.
    """

    fetches = 0

    def __init__(self) -> None:
        super().__init__()
        self.minted: list[str] = []

    def mint(self, user: str, groups: Iterable[str] = (), **claims: object) -> str:
        self.minted.append(super().mint(user, groups, **claims))
        return self.minted[-1]

    def jwks(self) -> dict[str, Any]:
        self.fetches += 1
        return super().jwks()


@dataclass(frozen=True)
class World:
    """What all chats share."""

    emulator: Emulator
    provider: CountingProvider

    @cached_property
    def back_end(self) -> Credentials:
        """Credentials that may connect to every API."""
        return self.credentials("backend", "execute-api:Invoke")

    @cached_property
    def outsider(self) -> Credentials:
        """Credentials of the account with unrelated permissions."""
        return self.credentials("outsider", "dynamodb:ListTables")

    def credentials(self, name: str, action: str) -> Credentials:
        iam = self.emulator.client("iam")
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"])

    def with_tokens(self) -> dict[str, object]:
        """Config for a chat that verifies the identity provider's tokens."""
        return {
            "authentication": "jwt",
            "jwtIssuer": self.provider.issuer,
            "jwtAudience": [self.provider.audience],
            "clockSkew": 0,
        }


CONFIGS: Mapping[str, tuple[str, Callable[[World], dict[str, object]]]] = {
    "open": ("`authentication: none`, the default", lambda _: {}),
    "claims": (
        "`jwt`, groups from a claim of the token",
        lambda world: world.with_tokens() | {"groupClaim": world.provider.group_claim, "moderatorClaim": "moderates"},
    ),
    "members": (
        "`jwt`, groups from the members table, `membershipRecheck: 1`",
        lambda world: (
            world.with_tokens() | {"groupMembersTable": MEMBERS_TABLE, "membershipRecheck": 1, "moderatorRole": "admin"}
        ),
    ),
    "origins": ("`allowedOrigins`", lambda _: {"allowedOrigins": ORIGINS}),
    "strict": (
        "`allowedOrigins`, `requireOrigin`, low limits",
        lambda _: {
            "allowedOrigins": ORIGINS,
            "requireOrigin": True,
            "messageRate": RATE,
            "messageBurst": BURST,
            "connectionsPerUser": CONNECTIONS_PER_USER,
            "broadcastThreshold": 2,
        },
    ),
    "moderated": (
        "`moderationFunction`, `onModerationFailure: closed`, `eventBus`",
        lambda world: {
            "moderationFunction": create_function(world.emulator, "Moderator", MODERATOR),
            "onModerationFailure": "closed",
            "eventBus": "default",
        },
    ),
    "iam": ("`iam`", lambda _: {"authentication": "iam"}),
    "publish": ("`publish`", lambda _: {"publish": True}),
}
"""The chats by name: a description, and the config."""
SPLIT = "strict"
"""The chat whose groups are large enough for slices."""


def sign(credentials: Credentials, address: str) -> str:
    """Sign an address for the next minute, as the SDKs do for a WebSocket."""
    request = AWSRequest("GET", address.replace("ws", "http", 1))
    SigV4QueryAuth(credentials, "execute-api", REGION, expires=60).add_auth(request)
    return str(request.url).replace("http", "ws", 1)


class Chat:
    """A deployed chat.

    Attributes:
        outputs: Outputs of its stack.
        alice: A victim, connected to the group.
        bob: Another victim, connected to the same group.
        member: An attacker who is a member of the group and connected to it.
        stranger: An attacker who is connected to another group.
        said: The user who sent each text, by text: Alice or Bob.
    """

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        prefix = name.title()
        own = {"namePrefix": prefix, "messagesTable": f"{prefix}Messages", "createMessagesTable": True}
        own |= {"unread": True, "changes": True}
        # High limits, so that an attack never fails only because the tests send too fast.
        unhurried = {"messageRate": 1_000, "messageBurst": 1_000}
        self.outputs = deploy(world.emulator, own | unhurried | CONFIGS[name][1](world))
        self._open = ExitStack()
        self.alice, self.bob, self.member, self.stranger = (
            self._join(user, group)
            for user, group in (
                (ALICE, GROUP),
                (BOB, GROUP),
                (f"{MALLORY} inside", GROUP),
                (f"{MALLORY} outside", f"den {MARK}"),
            )
        )
        self.said: dict[str, str] = {}
        self._heard: set[tuple[str, str]] = set()

    def _join(self, user: str, group: str) -> Client:
        self.add_member(user, group)
        return self._open.enter_context(Client(self.handshake(user, group), user, group))

    def handshake(self, user: str, group: str) -> Handshake:
        """A valid handshake."""
        plain = Handshake(url=self.outputs["WebSocketURL"], query=[("groupId", group), ("protocol", "2")])
        match self.name:
            case "claims":
                return plain.parameter("token", self.world.provider.mint(user, [group]))
            case "members":
                return plain.parameter("token", self.world.provider.mint(user))
            case "iam":
                signing = replace(plain, sign=lambda address: sign(self.world.back_end, address))
                return signing.parameter("userId", user)
            case "origins" | "strict":
                return plain.parameter("userId", user).header("Origin", _FRONT_END)
            case _:
                return plain.parameter("userId", user)

    def add_member(self, user: str, group: str = GROUP, role: str = "member") -> None:
        row = {"memberId": f"{user}@{group}", "userId": user, "groupId": group, "role": role}
        self.world.emulator.client("dynamodb").put_item(TableName=MEMBERS_TABLE, Item=_typed(row))

    def remove_member(self, user: str, group: str = GROUP) -> None:
        self.world.emulator.client("dynamodb").delete_item(
            TableName=MEMBERS_TABLE, Key=_typed({"memberId": f"{user}@{group}"})
        )

    def forget(self, connection_id: str) -> None:
        """Delete a connection's row, as ``$disconnect`` does, but leave the connection open."""
        self.world.emulator.client("dynamodb").delete_item(
            TableName=self.outputs["ConnectionsTable"], Key=_typed({"connectionId": connection_id})
        )

    def expire(self, connection_id: str) -> None:
        """Set a connection's time to live to now. DynamoDB removes such a row within days."""
        self._change(connection_id, "expiresAt", {"N": str(int(time.time()))})

    def age(self, connection_id: str) -> None:
        """Set the time when a connection was opened to a minute ago."""
        self._change(connection_id, "connectedAt", {"S": times.earlier(times.timestamp(), 60)})

    def _change(self, connection_id: str, attribute: str, value: dict[str, str]) -> None:
        self.world.emulator.client("dynamodb").update_item(
            TableName=self.outputs["ConnectionsTable"],
            Key=_typed({"connectionId": connection_id}),
            UpdateExpression=f"SET {attribute} = :value",
            ExpressionAttributeValues={":value": value},
        )

    def without_statement(self, sid: str) -> AbstractContextManager[None]:
        """Remove a statement from the functions' policies while the context is open."""
        return without(self.world.emulator, f"{self.name.title()}LambdaRole", sid)

    def physical_names(self) -> list[str]:
        """Names of deployed resources, which no client may learn."""
        outputs = self.outputs
        return [
            outputs["ConnectionsTable"],
            outputs["MessagesTable"],
            f"{self.name.title()}ReadMarkers",
            MEMBERS_TABLE,
            *outputs["FunctionNames"].values(),
            *outputs["LogGroupNames"].values(),
        ]

    def connections(self) -> Rows:
        """Rows of the connections table by id, without the attackers' rate limit state."""
        rows = self._rows("ConnectionsTable", "connectionId")
        for row in rows.values():
            if str(row.get("userId") or row.get("member")).startswith(MALLORY):
                for name in ("busyUntil", "joinsBusyUntil"):
                    row.pop(name, None)
        return rows

    def messages(self) -> Rows:
        """Rows of the messages table by id."""
        return self._rows("MessagesTable", "messageId")

    def _rows(self, table: str, key: str) -> Rows:
        dynamodb = self.world.emulator.client("dynamodb")
        pages = dynamodb.get_paginator("scan").paginate(TableName=self.outputs[table], ConsistentRead=True)
        rows = [
            {name: next(iter(value.values())) for name, value in row.items()} for page in pages for row in page["Items"]
        ]
        return {row[key]: row for row in rows}

    def logged(self, function: str, since: float = 0) -> list[dict[str, Any]]:
        """The JSON lines that a function logged since a time (seconds since the epoch), in order."""
        # The emulator adds lines of its own: START, END and REPORT.
        return [json.loads(line) for line in self._log(function, since) if line.startswith("{")]

    def everything_logged(self) -> str:
        """Everything in any of the chat's log groups."""
        return "\n".join(line for function in self.outputs["LogGroupNames"] for line in self._log(function))

    def _log(self, function: str, since: float = 0) -> list[str]:
        pages = (
            self.world.emulator.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self.outputs["LogGroupNames"][function], startTime=int(since * 1000))
        )
        events = sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])
        return [event["message"] for event in events]

    def talk(self) -> None:
        """Let Alice and Bob send a message each, and wait until both have received both."""
        for speaker in (self.alice, self.bob):
            text = self.new_text(speaker)
            self._say(speaker, text)
            for listener in (self.alice, self.bob):
                if listener is not speaker:
                    listener.receive(lambda frame, text=text: frame.get("message") == text)  # type: ignore[misc]

    def _say(self, speaker: Client, text: str) -> None:
        while True:
            speaker.send(speaker.message(text))
            frame = speaker.receive(lambda frame: frame.get("message") == text or frame.get("code") == "UNAVAILABLE")
            if frame["action"] == "message":
                return
            # On a busy machine, moderation may not answer within its second. Clients then send again.
            assert self.name == "moderated", frame
            speaker.received.remove(frame)

    def new_text(self, speaker: Client) -> str:
        """Make a text for Alice or Bob to send."""
        text = f"{uuid4()} {MARK}"
        self.said[text] = speaker.user
        return text

    def unexpected(self) -> list[Frame]:
        """Every frame to Alice and Bob, except each of their messages once and who joins and leaves."""
        found = []
        for victim in (self.alice, self.bob):
            for frame in victim.received:
                if frame["action"] == "message" and self.said.get(frame["message"]) == frame["senderId"]:
                    heard = (victim.user, frame["messageId"])
                    if heard not in self._heard:
                        self._heard.add(heard)
                        continue
                if frame["action"] == "presenceChanged" and all(
                    member["userId"].startswith((ALICE, BOB, MALLORY)) for member in frame["joined"] + frame["left"]
                ):
                    continue
                found.append(frame)
            victim.received.clear()
        return found

    def refusal(self, status: int, since: float) -> str:
        """Why a handshake was refused. The emulator answers 403 for every refusal; the logs contain the reason."""
        if self.name == "iam" or status == 401:
            return str(status)
        if "authorizer" in self.outputs["LogGroupNames"]:
            line = self._line("authorizer", since)
            if line["outcome"] != "OK":
                return f"{status} ({line.get('reason', line['outcome'])})"
        return str(Code[self._line("$connect", since)["outcome"]].value)

    def _line(self, function: str, since: float) -> dict[str, Any]:
        deadline = time.monotonic() + 10
        while not (lines := self.logged(function, since)):
            assert time.monotonic() < deadline, f"{function} was not invoked"
            time.sleep(0.02)
        return lines[-1]

    def close(self) -> None:
        """Disconnect everyone."""
        self._open.close()


def _typed(row: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in row.items()}
