"""One group of a client: its messages, those that wait to be sent, and how far its history is read."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from uuid import uuid4

from .link import Frame

if TYPE_CHECKING:
    from .reliable_client import ReliableClient

MAX_FRAME_BYTES = 32 * 1024
"""API Gateway would close the connection on a larger frame, and again on each retry.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""


@dataclass(eq=False, frozen=True, slots=True)
class Outgoing:
    """A message that the client is sending.

    Attributes:
        room: Its group.
        text: The text of the message.
        client_message_id: Its id. Every repetition has the same one.
        frame: The frame, the same each time.
        answer: The ack, or the error frame if no retry can help.
    """

    room: "Room"
    text: str
    client_message_id: str
    frame: str
    answer: asyncio.Future[Frame]


@dataclass(eq=False, slots=True)
class Place:
    """What one connection knows of a group that it has joined.

    Attributes:
        due: When to catch up, in the time of the event loop.
        synced: Whether the room has caught up since it was joined.
    """

    due: float = 0
    synced: bool = False


class Room:
    """One group of a client.

    Attributes:
        group_id: The group.
        open: Whether the client wants to be in it. False after :meth:`close`, and if the server refuses it.
        place: Not set while the connection has not joined it.
        cursor: The end of the last complete history.
        oldest: The time of the first message to show.
    """

    def __init__(self, client: "ReliableClient", group_id: str) -> None:
        """Begin without messages. A client makes its rooms."""
        self.group_id = group_id
        self.open = False
        self.place: Place | None = None
        self.cursor: str | None = None
        self.oldest = ""
        self._client = client
        self._aside: list[Frame] = []
        self._known: set[str] = set()

    @property
    def synced(self) -> bool:
        """Whether no message is missing."""
        return self.place is not None and self.place.synced

    def say(self, text: str) -> Outgoing:
        """Put a message into the outbox. The client sends the outbox in order, over as many connections as it takes.

        Raises:
            ValueError: The message is too long for a frame.
        """
        client_message_id = str(uuid4())
        own = {"groupId": self.group_id, "senderId": self._client.user_id}
        sender = {"senderName": self._client.sender_name} if self._client.sender_name else {}
        message = {"message": text, "clientMessageId": client_message_id}
        frame = json.dumps({"action": "sendMessage"} | own | sender | message, ensure_ascii=False)
        if (excess := len(frame.encode()) - MAX_FRAME_BYTES) > 0:
            raise ValueError(f"the message is {excess} bytes too long")
        outgoing = Outgoing(self, text, client_message_id, frame, asyncio.get_running_loop().create_future())
        self._client.outbox[client_message_id] = outgoing
        self._client.reconcile()
        return outgoing

    def close(self) -> None:
        """Leave the group. What is in the outbox is still sent."""
        self.open = False
        self._client.reconcile()

    def take(self, message: Frame) -> None:
        """Take a live message. While history is missing, it waits."""
        if self.open and not self.synced:
            self._aside.append(message)
        else:
            self.merge([message])

    def merge(self, messages: list[Frame]) -> None:
        """Report the messages that are not known yet."""
        for message in messages:
            if message["messageId"] not in self._known and message["timestamp"] >= self.oldest:
                self._known.add(message["messageId"])
                self._client.on_message(message)

    def caught_up(self, place: Place, cursor: str) -> None:
        """Learn that history is complete up to a cursor, for the connection that had this place when it asked."""
        self.cursor = cursor
        place.synced = True
        if self.synced:
            aside, self._aside = self._aside, []
            self.merge(aside)


class CatchUp:
    """A read of the history of several rooms, 25 or fewer groups in one frame."""

    def __init__(self, places: dict[Room, Place]) -> None:
        """Begin at the rooms' cursors."""
        self._places = {room.group_id: (room, place) for room, place in places.items()}
        self._rest = {room.group_id: room.cursor for room in places}
        self._newest: dict[str, Frame] = {}

    def next(self, most: int) -> list[Frame]:
        """What to ask for next, as ``groups`` of getHistory. Nothing if all rooms are complete or closed."""
        self._rest = {group_id: after for group_id, after in self._rest.items() if self._places[group_id][0].open}
        return [
            {"groupId": group_id} | ({"after": after} if after else {})
            for group_id, after in islice(self._rest.items(), most)
        ]

    def read(self, page: Frame) -> None:
        """Take a page."""
        group_id = page["groupId"]
        room, _ = self._places[group_id]
        if not room.open:
            # The page's messages come again when the client joins again.
            self.drop(group_id)
            return
        if not self._rest.get(group_id):
            self._newest[group_id] = page
            return
        room.merge(page["messages"])
        if page["more"]:
            self._rest[group_id] = page["after"]
        else:
            self.complete(group_id, page["after"])

    def take_newest(self) -> Iterator[tuple[Room, Frame]]:
        """Take the newest pages of rooms that had no cursor. Older pages may have to be reported before them."""
        newest, self._newest = self._newest, {}
        return ((self._places[group_id][0], page) for group_id, page in newest.items() if group_id in self._rest)

    def end(self, answer: Frame) -> list[Frame]:
        """Take the frame after the pages. Returns the refusals that a retry cannot help."""
        for one in answer["groups"]:
            self.complete(one["groupId"], one["after"])
        final = []
        for refused in answer["refused"]:
            if refused["code"] == "BAD_REQUEST" and self._rest.get(refused["groupId"]):
                # A new deployment does not know the cursors of the one before it.
                self._rest[refused["groupId"]] = None
            elif refused["code"] != "UNAVAILABLE":
                self.drop(refused["groupId"])
                final.append(refused)
        return final

    def complete(self, group_id: str, cursor: str) -> None:
        """The history of a group is complete.

        Only the last page's cursor may come here. After any other, the server does not look again for rows that its
        index lacked.
        """
        if group_id in self._rest:
            del self._rest[group_id]
            room, place = self._places[group_id]
            room.caught_up(place, cursor)

    def drop(self, group_id: str) -> None:
        """Read no more of a group."""
        self._rest.pop(group_id, None)

    def is_stuck(self, asked: list[Frame]) -> bool:
        """Whether an answer brought a group no further."""
        return any(one["groupId"] in self._rest and self._rest[one["groupId"]] == one.get("after") for one in asked)
