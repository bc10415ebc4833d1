"""The functions as API Gateway calls them: its events, and a small chat that receives them."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from handlers import connect, default, disconnect, send_message
from handlers.protocol.errors import Code

from .management_api_server import Frame, ManagementApiServer, decode
from .tables import Tables

ANA, BOB, EVE = "AnaConnection=", "BobConnection=", "EveConnection="
"""Connections of the users ana and bob in the group red, and of eve in the group blue."""

NOW = 1763115330123
"""When API Gateway received the first event, in milliseconds since the epoch."""

FUNCTIONS = {
    "$connect": connect.handler,
    "$disconnect": disconnect.handler,
    "sendMessage": send_message.handler,
    "$default": default.handler,
}


@dataclass(frozen=True)
class Context:
    """Lambda's context, with the remaining time."""

    milliseconds: int = 25_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def event(route: str, event_type: str, connection_id: str, **rest: object) -> dict[str, Any]:
    """Make an event. Its domain is a custom domain, which does not serve ``@connections``."""
    return {
        "requestContext": {
            "routeKey": route,
            "eventType": event_type,
            "extendedRequestId": "RfX3mHzQoAMFoCQ=",
            "requestTime": "14/Nov/2025:10:15:30 +0000",
            "messageDirection": "IN",
            "stage": "production",
            "connectedAt": 1763115330000,
            "requestTimeEpoch": NOW,
            "identity": {"sourceIp": "192.0.2.7"},
            "requestId": "RfX3mHzQoAMFoCQ=",
            "domainName": "chat.example.com",
            "connectionId": connection_id,
            "apiId": "abcdefghij",
        },
        "isBase64Encoded": False,
    } | rest


@dataclass
class Chat:
    """Calls the functions as API Gateway does. Each call returns the status code of the function, or of the refusal."""

    tables: Tables
    gateway: ManagementApiServer
    context: Context = field(default_factory=Context)
    authorizer: dict[str, str] = field(default_factory=dict)
    """What API Gateway hands to every frame from the authorizer."""
    times: Iterator[int] = field(default_factory=lambda: count(NOW))

    def connect(
        self,
        connection_id: str,
        query: str,
        *,
        headers: dict[str, list[str]] | None = None,
        authorizer: dict[str, str] | None = None,
    ) -> int:
        return int(self.handshake(connection_id, query, headers=headers, authorizer=authorizer)["statusCode"])

    def handshake(
        self,
        connection_id: str,
        query: str,
        *,
        headers: dict[str, list[str]] | None = None,
        authorizer: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Connect, and return the whole answer. The authorizer's context contains only texts, as in API Gateway."""
        values = parse_qs(query, keep_blank_values=True)
        parameters: dict[str, object] = (
            {
                "queryStringParameters": {name: given[-1] for name, given in values.items()},
                "multiValueQueryStringParameters": values,
            }
            if values
            else {}
        )
        if headers is not None:
            parameters |= {
                "headers": {name: given[-1] for name, given in headers.items()},
                "multiValueHeaders": headers,
            }
        handshake = event("$connect", "CONNECT", connection_id, **parameters)
        if authorizer is not None:
            handshake["requestContext"]["authorizer"] = authorizer
        return FUNCTIONS["$connect"](handshake, self.context)

    def disconnect(self, connection_id: str) -> int:
        return self.call("$disconnect", event("$disconnect", "DISCONNECT", connection_id))

    def ask(self, connection_id: str, action: str, *, at_ms: int | None = None, **fields: object) -> list[Frame]:
        """Deliver a frame that ``WebSocketDefault`` serves. Returns what its sender is answered.

        Args:
            connection_id: The sender.
            action: The frame's action.
            at_ms: When API Gateway received it, in milliseconds since the epoch. By default, each frame is later.
            fields: The frame's other fields.
        """
        known = len(self.frames(connection_id))
        frame = event("$default", "MESSAGE", connection_id, body=json.dumps({"action": action} | fields))
        frame["requestContext"] |= {"requestTimeEpoch": at_ms or next(self.times), "authorizer": self.authorizer}
        self.call("$default", frame)
        return self.frames(connection_id)[known:]

    def receive(self, connection_id: str, body: str | bytes | None, *, route: str = "sendMessage") -> int:
        """Deliver a client's frame: text, or the bytes of a binary frame."""
        if isinstance(body, bytes):
            rest: dict[str, object] = {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        else:
            rest = {"body": body}
        before = len(self.gateway.delivered)
        frame = event(route, "MESSAGE", connection_id, **rest)
        if self.authorizer:
            frame["requestContext"]["authorizer"] = self.authorizer
        status = self.call(route, frame)
        for recipient, answer in self.gateway.delivered[before:]:
            frame = decode(answer)
            if recipient == connection_id and frame["action"] == "error":
                code = Code[frame["code"]].value
                # API Gateway counts 4xx as a fault of the function, too.
                assert status == (code if code >= 500 else 200)
                return code
        return status

    def send(self, connection_id: str, **fields: object) -> int:
        """Send a message from the connection's user to its group. ``fields`` add to the frame or replace its fields."""
        own = {
            ANA: {"groupId": "red", "senderId": "ana"},
            BOB: {"groupId": "red", "senderId": "bob"},
            EVE: {"groupId": "blue", "senderId": "eve"},
        }[connection_id]
        return self.receive(connection_id, json.dumps({"action": "sendMessage", "message": "Hi"} | own | fields))

    def call(self, function: str, event: dict[str, Any]) -> int:
        result = FUNCTIONS[function](event, self.context)
        assert list(result) == ["statusCode"]
        return int(result["statusCode"])

    def frames(self, connection_id: str) -> list[Frame]:
        return self.gateway.frames(connection_id)

    def pushes(self, connection_id: str) -> list[Frame]:
        return [frame for frame in self.frames(connection_id) if frame["action"] == "message"]

    def acks(self, connection_id: str) -> list[Frame]:
        return [frame for frame in self.frames(connection_id) if frame["action"] == "ack"]

    def refusal(self, connection_id: str) -> tuple[Frame, str]:
        """The fields and the text of the error frame for this connection. Fails if any other frame was delivered."""
        [(recipient, _)] = self.gateway.delivered
        assert recipient == connection_id
        [frame] = self.frames(connection_id)
        assert frame.pop("action") == "error"
        words = frame.pop("message")
        assert words
        return frame, words
