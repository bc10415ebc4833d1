"""An asyncio client that loses and duplicates no message, as `docs/protocol.md` describes it.

Its parts have the names of those in `web/chat-client.js`: the client has a Link for each socket, and a Room for each
group. A room has a Place on the connection that has joined it.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from itertools import count
from urllib.parse import quote, urlencode, urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from .link import DisconnectedError, Frame, Link, RefusedError, backoff
from .room import CatchUp, Outgoing, Place, Room

_INDEX_LAG_S = 4.0
"""Time from the first recovery of a group until the client asks for its history once more."""
_RECOVER_EVERY_S = 240.0
_LASTED_S = 30.0
"""After a connection of this time, the pause before the next attempt is short again."""
_PAGE = 100
_BATCH = 25
"""The server takes this many groups in one frame."""
_PROTOCOL = 2
"""The version of `docs/protocol.md` that the client speaks."""

_REFUSALS = {
    "FORBIDDEN": "you are not a member of this group",
    "TOO_MANY_GROUPS": "this connection has joined as many groups as it may",
    "REMOVED": "you are not a member of this group any more",
}


class ReliableClient:
    """A user on one device. It reconnects for as long as :meth:`run` runs.

    It reports to its ``on_…`` methods. Override them.

    Attributes:
        url: The address to connect to, without the query.
        user_id: The user.
        group_id: The group of the handshake. Empty without one.
        sender_name: The name that others see.
        proxy: Address of the proxy that the environment names for it, with its password. Not set without a proxy.
        rooms: The groups that it is in or was in, by their ids.
        outbox: Messages that are not acknowledged yet, by ``clientMessageId``, oldest first.
    """

    def __init__(
        self,
        url: str,
        user_id: str,
        group_id: str = "",
        *,
        sender_name: str | None = None,
        token: str | None = None,
        first_pages: int | None = None,
        recover_every: float = _RECOVER_EVERY_S,
    ) -> None:
        """Set the user and the address.

        Args:
            url: The output ``WebSocketURL`` of the stack.
            user_id: The user of the connection.
            group_id: A group for the handshake. A client of one group needs nothing else. Others use :meth:`group`.
            sender_name: The name that others see. Default: the user id.
            token: For a chat with authentication. Sent with each handshake.
            first_pages: How many pages of 100 messages to read of a group at first. Default: all.
            recover_every: Most seconds between further recoveries. Each comes at a random moment in its last
                tenth. They find failed pushes, keep the connection below the idle limit, and notice a dead network.
        """
        self.url = url
        self.user_id = user_id
        self.group_id = group_id
        self.sender_name = sender_name
        self.rooms: dict[str, Room] = {}
        self.outbox: dict[str, Outgoing] = {}
        given = {"userId": user_id, "groupId": group_id, "name": sender_name, "protocol": _PROTOCOL, "token": token}
        query = urlencode({name: value for name, value in given.items() if value}, quote_via=quote)
        self._address = f"{url}{'&' if urlsplit(url).query else '?'}{query}"
        # A proxy cannot reach the emulator.
        self.proxy = None if _is_this_machine(urlsplit(url).hostname or "") else get_proxy(parse_uri(url))
        self._first_pages = first_pages
        self._recover_every = recover_every
        self._failures = 0
        self._life: asyncio.Task[None] | None = None
        self._link: Link | None = None
        self._changed = asyncio.Event()
        self._linked = asyncio.Event()
        if group_id:
            self.group(group_id)

    def on_frame(self, frame: Frame) -> None:
        """Receive every frame, before the client acts on it."""

    def on_message(self, message: Frame) -> None:
        """Receive each message once: of each group first those from history, oldest first, then new ones."""

    def on_change(self, message: Frame) -> None:
        """Receive each later version of a message once, in order. It may be of a message that did not come."""

    def on_reset(self, room: Room) -> None:
        """Learn that changes of a group's messages are missing. Its messages come again, as from the beginning."""

    async def on_recovered(self, *, first: bool) -> None:
        """Learn that no message is missing in any group. ``first``: for the first time on this connection."""

    def on_lost(self, reason: Exception | None) -> None:
        """Learn that there is no connection. ``reason``: why the handshake failed. None if an open connection ended."""

    def on_refused(self, room: Room, error: Frame) -> None:
        """Learn that the server keeps this user out of a group. Unless this is overridden, the client ends.

        Args:
            room: The group. It is closed.
            error: An error frame. Its code is REMOVED for a member who is removed.

        Raises:
            RefusedError: With the error frame.
        """
        raise RefusedError(error | {"groupId": room.group_id})

    def group(self, group_id: str) -> Room:
        """Join a group, and join it again after each reconnect, until its room closes."""
        room = self.rooms.setdefault(group_id, Room(self, group_id))
        room.open = True
        self.reconcile()
        return room

    def say(self, text: str) -> Outgoing:
        """Put a message for the handshake's group into the outbox.

        Raises:
            ValueError: The message is too long for a frame.
            TypeError: The handshake names no group.
        """
        if not self.group_id:
            raise TypeError("this client has many groups: take a room from group()")
        return self.rooms[self.group_id].say(text)

    def reconcile(self) -> None:
        """Act on what has changed in the rooms or in the outbox."""
        self._changed.set()

    async def run(self) -> None:
        """Stay connected until cancelled.

        Raises:
            RefusedError: The server refuses to send the history, or refuses a group (:meth:`on_refused`).
        """
        while True:
            self._life = asyncio.create_task(self._live())
            try:
                await asyncio.wait({self._life})
            finally:
                self._life.cancel()
            fault = None if self._life.cancelled() else self._life.exception()
            while isinstance(fault, BaseExceptionGroup):
                fault = fault.exceptions[0]
            if fault:
                raise fault
            await asyncio.sleep(backoff(self._failures))
            self._failures += 1

    async def ask(self, action: str, read: Callable[[Frame], None] | None = None, /, **fields: object) -> Frame:
        """Ask until there is an answer.

        Args:
            action: The action.
            read: Takes the pages of history that come before the answer.
            fields: The other fields of the frame.

        Raises:
            RefusedError: The server refuses, and a retry cannot help.
            DisconnectedError: There is no connection, or it ended.
        """
        if self._link is None:
            raise DisconnectedError
        return await self._link.ask(action, read, **fields)

    async def wait_for_connection(self) -> None:
        """Wait until there is a connection."""
        await self._linked.wait()

    async def _live(self) -> None:
        """Use one connection, from its handshake to its end."""
        try:
            connection = await connect(
                self._address, compression=None, proxy=self.proxy, ping_interval=None, open_timeout=60, close_timeout=1
            )
        except (OSError, WebSocketException, ValueError) as reason:  # ValueError: the proxy's address is no URL.
            self.on_lost(reason)
            return
        try:
            async with connection:
                await self._serve(Link(connection, self._receive))
        except* (OSError, WebSocketException, DisconnectedError):
            self.on_lost(None)

    async def _serve(self, link: Link) -> None:
        began = asyncio.get_running_loop().time()
        self._link = link
        self._linked.set()
        for room in self.rooms.values():
            # The handshake has joined its group.
            room.place = Place() if room.group_id == self.group_id else None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(link.receive())
                tasks.create_task(self._stay_joined())
                tasks.create_task(self._stay_complete())
                tasks.create_task(self._deliver(link))
        finally:
            self._link = None
            self._linked.clear()
            link.end()
            # A server or a proxy may end every connection soon.
            if asyncio.get_running_loop().time() - began >= _LASTED_S:
                self._failures = 0

    def _receive(self, frame: Frame) -> None:
        self.on_frame(frame)
        match frame.get("action"):
            case "message":
                room = self.rooms.get(frame["groupId"])
                # After it was asked to leave, the server may still push for some seconds.
                if room and room.open:
                    room.take(frame)
            case "messageChanged":
                room = self.rooms.get(frame["groupId"])
                if room and room.open:
                    room.take(frame["message"], changed=True)
            case "left" if frame.get("reason"):
                # The back end may have added this connection to a group that it did not ask for.
                for group_id in self.rooms.keys() & frame["groupIds"]:
                    self._exclude(self.rooms[group_id], _refusal({"code": frame["reason"]}))

    async def _deliver(self, link: Link) -> None:
        """Send the outbox, one message after the other, to keep their order. It waits until their groups are joined."""
        while True:
            self._changed.clear()
            waiting = self.outbox.values()
            # In a group that was left, the server decides whether the user may still write.
            outgoing = next((one for one in waiting if one.room.place or not one.room.open), None)
            if outgoing is None:
                await self._changed.wait()
                continue
            try:
                answer = await link.request(outgoing.client_message_id, outgoing.frame)
            except RefusedError as refused:
                answer = refused.error
            del self.outbox[outgoing.client_message_id]
            if not outgoing.answer.done():
                outgoing.answer.set_result(answer)

    async def _stay_joined(self) -> None:
        """Join and leave until the server has what this client wants.

        There is one frame at a time. So a frame that is repeated never undoes a later one.
        """
        attempt = 0
        while True:
            self._changed.clear()
            leaving = [room for room in self.rooms.values() if room.place and not room.open]
            joining = [room for room in self.rooms.values() if room.open and not room.place]
            if leaving:
                await self._leave(leaving[:_BATCH])
            elif joining:
                if await self._join(joining[:_BATCH]):
                    attempt = 0
                else:
                    await asyncio.sleep(backoff(attempt))
                    attempt += 1
            else:
                await self._changed.wait()

    async def _leave(self, rooms: list[Room]) -> None:
        with suppress(RefusedError):  # What the server still pushes is dropped.
            await self.ask("leaveGroup", groupIds=[room.group_id for room in rooms])
        for room in rooms:
            room.place = None

    async def _join(self, rooms: list[Room]) -> bool:
        """Join groups. Returns False if some have to be asked for again later."""
        name = {"name": self.sender_name} if self.sender_name else {}
        try:
            answer = await self.ask("joinGroup", groupIds=[room.group_id for room in rooms], events=True, **name)
        except RefusedError as refused:
            for room in rooms:
                self._exclude(room, refused.error)
            return True
        for group_id in answer["groupIds"]:
            self.rooms[group_id].place = Place()
        self.reconcile()
        final = [one for one in answer["refused"] if one["code"] != "UNAVAILABLE"]
        for one in final:
            self._exclude(self.rooms[one["groupId"]], _refusal(one))
        return len(final) == len(answer["refused"])

    def _exclude(self, room: Room, error: Frame) -> None:
        """Close a room that the server keeps this user out of."""
        room.place = None
        if room.open:
            room.close()
            self.on_refused(room, error)

    async def _stay_complete(self) -> None:
        """Catch up after each join, once more when the index has it, and then now and then."""
        now = asyncio.get_running_loop().time
        told = False
        while True:
            self._changed.clear()
            places = {room: room.place for room in self.rooms.values() if room.open and room.place}
            due = {room: place for room, place in places.items() if place.due <= now()}
            fresh = [place for place in due.values() if not place.synced]
            await self._catch_up(due)
            # Clients that connected together, such as after a failure, must not stay together.
            later = random.uniform(0.9, 1) * self._recover_every  # noqa: S311 - no secret
            for place in due.values():
                place.due = now() + (_INDEX_LAG_S if place in fresh else later)
            if (due or not told) and all(room.synced for room in self.rooms.values() if room.open):
                await self.on_recovered(first=not told)
                told = True
            elif not due:
                next_due = min((place.due for place in places.values()), default=None)
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_due):
                        await self._changed.wait()

    async def _catch_up(self, places: dict[Room, Place]) -> None:
        """Fetch everything after the rooms' cursors. Of a room without one, fetch the newest pages."""
        catch_up = CatchUp(places)
        for attempt in count():
            asked = catch_up.next(_BATCH)
            if not asked:
                return
            answer = await self._read(asked, catch_up.read)
            for room, page in catch_up.take_newest():
                if await self._read_back(room, page):
                    catch_up.complete(room.group_id, page["after"])
                else:
                    catch_up.drop(room.group_id)
            for final in catch_up.end(answer):
                self._exclude(self.rooms[final["groupId"]], _refusal(final))
            if catch_up.is_stuck(asked):
                await asyncio.sleep(backoff(attempt))

    async def _read(self, asked: list[Frame], take: Callable[[Frame], None]) -> Frame:
        """Read a page of some groups. Returns the frame that follows the pages of many groups.

        For one group it is the plain getHistory, which the functions of 0.1.0 know, too.
        """
        if len(asked) > 1:
            return await self.ask("getHistory", take, groups=asked, limit=_PAGE)
        [one] = asked
        group = {"groupId": one["groupId"]}
        try:
            page = await self.ask("getHistory", limit=_PAGE, **one)
        except RefusedError as refused:
            return {"groups": [], "refused": [refused.error | group]}
        take(page | group)
        return {"groups": [], "refused": []}

    async def _read_back(self, room: Room, newest: Frame) -> bool:
        """Read back from the newest page, then report the messages. Returns False if the room is closed meanwhile."""
        pages = [newest]
        try:
            while pages[-1]["more"] and len(pages) != self._first_pages:
                before = pages[-1]["before"]
                pages.append(await self.ask("getHistory", groupId=room.group_id, limit=_PAGE, before=before))
        except RefusedError as refused:
            self._exclude(room, refused.error)
        if not room.open:
            return False
        if newest.get("reset"):
            room.forget()
        if pages[-1]["more"] and pages[-1]["messages"]:
            # Reading on starts before the cursor's position, and may find messages older than those asked for.
            room.oldest = pages[-1]["messages"][0]["timestamp"]
        for page in reversed(pages):
            room.merge(page["messages"])
        return True


def _refusal(refused: Frame) -> Frame:
    """The error frame for a group that a frame about many groups refuses."""
    return {"action": "error", "message": _REFUSALS.get(refused["code"], "the server refuses this group")} | refused


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
