"""One group of a client: its messages, those that wait to be sent, and how far its history is read."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING
from uuid import uuid4

from .link import DisconnectedError, Frame, backoff, encode

if TYPE_CHECKING:
    from .reliable_client import ReliableClient

MAX_FRAME_BYTES = 32 * 1024
"""API Gateway would close the connection on a larger frame, and again on each retry.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""


CHANGE_S = 60.0
"""How long a change of a message is repeated, in seconds."""
PUSH_S = 4.0
"""How long the push of a change may take until the client reads the history for it."""


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
        self._aside: list[tuple[Frame, bool]] = []
        self._versions: dict[str, str] = {}  # When each message that is known was changed. Empty: never.
        self._changing = asyncio.Lock()

    @property
    def synced(self) -> bool:
        """Whether no message is missing."""
        return self.place is not None and self.place.synced

    def say(self, text: str, **options: object) -> Outgoing:
        """Put a message into the outbox. The client sends the outbox in order, over as many connections as it takes.

        Args:
            text: The text.
            options: ``type``, ``replyTo`` and ``data`` of the message.

        Raises:
            ValueError: The message is too long for a frame.
        """
        client_message_id = str(uuid4())
        own = {"groupId": self.group_id, "senderId": self._client.user_id}
        sender = {"senderName": self._client.sender_name} if self._client.sender_name else {}
        message = {"message": text, "clientMessageId": client_message_id}
        frame = _require_room({"action": "sendMessage"} | own | sender | message | options)
        outgoing = Outgoing(self, text, client_message_id, frame, asyncio.get_running_loop().create_future())
        self._client.outbox[client_message_id] = outgoing
        self._client.reconcile()
        return outgoing

    async def change(self, action: str, message_id: str, **fields: object) -> Frame:
        """Change a message, over as many connections as it takes.

        There is one change at a time. So a change that is repeated never undoes a later one.

        Args:
            action: ``editMessage``, ``deleteMessage`` or ``react``.
            message_id: The message.
            fields: The other fields of the frame.

        Returns:
            The answer ``changed``.

        Raises:
            RefusedError: The server refuses, and a retry cannot help.
            ValueError: The change is too long for a frame.
            TimeoutError: There is no answer within :data:`CHANGE_S`. The server may have made the change.
        """
        whole = {"groupId": self.group_id, "messageId": message_id} | fields
        _require_room({"action": action, "requestId": str(uuid4())} | whole)
        async with asyncio.timeout(CHANGE_S), self._changing:
            for attempt in count():
                await self._client.wait_for_connection()
                with suppress(DisconnectedError):
                    answer = await self._client.ask(action, **whole)
                    asyncio.get_running_loop().call_later(PUSH_S, self._expect, answer)
                    return answer
                await asyncio.sleep(backoff(attempt))
        raise AssertionError  # For the type checker: the loop has no end.

    def _expect(self, answer: Frame) -> None:
        """Catch up if a change has not come. Its push may fail, and reactions in a large group are not pushed."""
        if self.place and self._versions.get(answer["messageId"], "") < answer.get("changedAt", ""):
            self.place.due = 0
            self._client.reconcile()

    def close(self) -> None:
        """Leave the group. What is in the outbox is still sent."""
        self.open = False
        self._client.reconcile()

    def take(self, message: Frame, *, changed: bool = False) -> None:
        """Take a live message, or one that was ``changed``. While history is missing, it waits."""
        if self.open and not self.synced:
            self._aside.append((message, changed))
        else:
            self.merge([message], changed=changed)

    def merge(self, messages: list[Frame], *, changed: bool = False) -> None:
        """Report the messages that are not known yet, and newer versions of those that are.

        Args:
            messages: Messages of the group.
            changed: Whether they come because they were changed. Then they may be from before :attr:`oldest`.
        """
        for message in messages:
            message_id, version = message["messageId"], str(message.get("changedAt") or "")
            known = self._versions.get(message_id)
            is_shown = message["timestamp"] >= self.oldest
            if known is None and is_shown:
                report = self._client.on_message
            elif version > known if known is not None else changed:
                report = self._client.on_change
            else:
                continue
            self._versions[message_id] = version
            report(message)

    def forget(self) -> None:
        """Forget all messages, because changes of them are missing."""
        self._versions.clear()
        self.oldest = ""
        self._client.on_reset(self)

    def caught_up(self, place: Place, cursor: str) -> None:
        """Learn that history is complete up to a cursor, for the connection that had this place when it asked."""
        self.cursor = cursor
        place.synced = True
        if self.synced:
            aside, self._aside = self._aside, []
            for message, changed in aside:
                self.merge([message], changed=changed)


def _require_room(frame: Frame) -> str:
    """Encode a frame.

    Raises:
        ValueError: It is too long.
    """
    text = encode(frame)
    if (excess := len(text.encode()) - MAX_FRAME_BYTES) > 0:
        raise ValueError(f"the message is {excess} bytes too long")
    return text


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
        if page.get("reset"):
            # It is the newest page, and says that nothing is newer.
            page = page | {"more": page["before"] is not None}
        if not self._rest.get(group_id) or page.get("reset"):
            self._newest[group_id] = page
            return
        room.merge(page["messages"])
        room.merge(page.get("changes") or [], changed=True)
        if page["more"]:
            self._rest[group_id] = page["after"]
        else:
            self.complete(group_id, page["after"])

    def take_newest(self) -> Iterator[tuple[Room, Frame]]:
        """Take the newest pages of rooms that had no cursor, or one that is too old.

        Older pages may have to be reported before them.
        """
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
