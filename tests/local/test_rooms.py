"""The client of `make join` in many groups, against a chat in this process that is as unreliable as it may be."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from local import link, reliable_client, room
from local.link import Frame, RefusedError
from local.reliable_client import ReliableClient
from local.room import Room

LAG_S = 0.05


class Chat:
    """Serves any number of clients. It follows docs/protocol.md, and does the worst that it allows.

    Attributes:
        chance: Probability with which a push fails, an answer is lost, or a frame is refused for now.
        lag_s: How much later than its answer a join or a leave decides who is pushed to, in seconds.
        refuses: Codes of groups that cannot be joined.
        at_once: Most groups in one frame that it saw.
        stored: The messages of each group.
        joined: The connections that are pushed to, also those that ended.
        actions: The actions of all frames, in order.
        epoch: What each cursor begins with. After a change, it does not know the cursors of before.
        on_history: Called with the group whose messages a client asks for.
        changes: Ids of the changed messages of each group, in the order of the changes. None: they are not listed.
        resets: Whether the cursors of clients are too old.
        lost: Texts whose next frame is lost.
    """

    def __init__(self, *, chance: float = 0, lag_s: float = LAG_S) -> None:
        self.chance = chance
        self.lag_s = lag_s
        self.refuses: dict[str, str] = {}
        self.at_once = 0
        self.stored: defaultdict[str, list[Frame]] = defaultdict(list)
        self.joined: defaultdict[str, set[ServerConnection]] = defaultdict(set)
        self.actions: list[str] = []
        self.epoch = "1"
        self.on_history: Callable[[str], None] = lambda _: None
        self.changes: defaultdict[str, list[str]] | None = defaultdict(list)
        self.resets = False
        self.lost: set[str] = set()
        self._dice = random.Random(1)
        self._server: Server

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve. Gives the URL."""
        async with serve(self._serve, "127.0.0.1", 0) as self._server:
            yield f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def store(self, group_id: str, text: str, **more: object) -> Frame:
        """Store a message without a push."""
        number = sum(map(len, self.stored.values()))
        message = {"messageId": f"m{number}", "groupId": group_id, "senderId": "x", "message": text, **more}
        self.stored[group_id].append(message | {"timestamp": f"2026-01-01T00:00:00.{number:06}Z"})
        return self.stored[group_id][-1]

    def alter(self, group_id: str, message_id: str, **fields: object) -> Frame:
        """Change a message without a push. Returns it as it is then."""
        changes = self.changes if self.changes is not None else defaultdict(list)
        messages = self.stored[group_id]
        at = next(at for at, one in enumerate(messages) if one["messageId"] == message_id)
        version = f"2026-01-02T00:00:00.{sum(map(len, changes.values())):06}Z"
        messages[at] = messages[at] | fields | {"changedAt": version}
        changes[group_id].append(message_id)
        return messages[at]

    async def remove(self, group_id: str) -> None:
        """Remove everybody from a group."""
        for connection in self.joined.pop(group_id, set()):
            await self._post(connection, {"action": "left", "groupIds": [group_id], "reason": "REMOVED"})

    async def push(self, message: Frame, *, changed: bool = False) -> None:
        change: Frame = {"action": "messageChanged", "groupId": message["groupId"], "message": message}
        frame = change if changed else {"action": "message"} | message
        for connection in list(self.joined[message["groupId"]]):
            if self._dice.random() >= self.chance:
                await self._post(connection, frame)

    async def _serve(self, connection: ServerConnection) -> None:
        async for text in connection:
            frame = json.loads(text)
            self.actions.append(frame["action"])
            if frame.get("message") in self.lost:
                self.lost.remove(frame["message"])
                continue
            same = {name: frame[name] for name in ("requestId", "clientMessageId") if name in frame}
            if self._dice.random() < self.chance:
                refusal = {"action": "error", "code": "UNAVAILABLE", "message": "later", "retryable": True}
                await self._post(connection, refusal | same)
                continue
            for answer in await self._answers(connection, frame):
                if self._dice.random() < self.chance / 4:
                    connection.transport.abort()
                await self._post(connection, answer | same)

    async def _answers(self, connection: ServerConnection, frame: Frame) -> list[Frame]:
        group_ids = frame.get("groupIds", [])
        self.at_once = max(self.at_once, len(group_ids), len(frame.get("groups", [])))
        match frame["action"]:
            case "joinGroup":
                refused = [{"groupId": each, "code": self.refuses[each]} for each in group_ids if each in self.refuses]
                joined = [each for each in group_ids if each not in self.refuses]
                for each in joined:
                    asyncio.get_running_loop().call_later(self.lag_s, self.joined[each].add, connection)
                return [{"action": "joined", "groupIds": joined, "refused": refused}]
            case "leaveGroup":
                for each in group_ids:
                    asyncio.get_running_loop().call_later(self.lag_s, self.joined[each].discard, connection)
                return [{"action": "left", "groupIds": group_ids}]
            case "sendMessage":
                return [await self._take(frame)]
            case "editMessage":
                return [await self._edit(frame)]
            case "getHistory" if "groups" not in frame:
                return [self._history(frame)]
        pages = [page for asked in frame["groups"] if (page := self._news(asked, frame["limit"]))]
        ends = [{"groupId": page["groupId"], "after": page["after"]} for page in pages if page.pop("end")]
        wrong = [asked["groupId"] for asked in frame["groups"] if self._is_wrong(asked)]
        refused = [{"groupId": each, "code": "BAD_REQUEST"} for each in wrong]
        return [
            *(page for page in pages if page["messages"] or page["changes"] or page["more"]),
            {"action": "upToDate", "groups": ends, "refused": refused},
        ]

    def _history(self, frame: Frame) -> Frame:
        group_id = frame["groupId"]
        if "before" in frame:
            number = int(frame["before"])
            older = self.stored[group_id][max(0, number - frame["limit"]) : number]
            more = number > len(older)
            return self._page(group_id, older, before=number - len(older), after=number, more=more)
        refusal = {"action": "error", "code": "BAD_REQUEST", "message": "not a cursor", "retryable": False}
        return self._news(frame, frame["limit"]) or refusal

    def _is_wrong(self, asked: Frame) -> bool:
        return not asked.get("after", self.epoch).startswith(self.epoch)

    def _news(self, asked: Frame, limit: int) -> Frame | None:
        self.on_history(asked["groupId"])
        if self._is_wrong(asked):
            return None
        all_messages = self.stored[asked["groupId"]]
        if "after" not in asked:
            page = all_messages[-limit:]
            first = len(all_messages) - len(page)
            seen = len((self.changes or {}).get(asked["groupId"], []))
            end = len(all_messages)
            newest = self._page(asked["groupId"], page, before=first, after=end, seen=seen, more=first > 0)
            return newest | {"end": True}
        _, end, seen = map(int, asked["after"].split(" "))
        if self.resets:
            self.resets = False
            newest = self._news({"groupId": asked["groupId"]}, limit) or {}
            return newest | {"more": False, "reset": True}
        after = max(0, end - 2)  # It reads again what it may have missed.
        page = all_messages[after : after + limit]
        if after + limit < len(all_messages):
            return self._page(asked["groupId"], page, before=after, after=after + len(page), seen=seen, more=True) | {
                "end": False
            }
        changes = (self.changes or {}).get(asked["groupId"], [])
        listed = changes[max(0, seen - 2) :][: limit + 2]
        seen = max(0, seen - 2) + len(listed)
        more = seen < len(changes)
        answer = self._page(
            asked["groupId"], page, before=after, after=after + len(page), seen=seen, changed=listed, more=more
        )
        return answer | {"end": not more}

    def _page(
        self,
        group_id: str,
        page: list[Frame],
        *,
        before: int,
        after: int,
        more: bool,
        seen: int = 0,
        changed: Iterable[str] = (),
    ) -> Frame:
        cursors = {"before": str(before) if before else None, "after": f"{self.epoch} {after} {seen}", "more": more}
        changes = [one for one in self.stored[group_id] if one["messageId"] in changed]
        listed = {"changes": None if self.changes is None else changes}
        return {"action": "history", "groupId": group_id, "messages": page} | listed | cursors

    async def _edit(self, frame: Frame) -> Frame:
        same = {"groupId": frame["groupId"], "messageId": frame["messageId"]}
        found = [one for one in self.stored[frame["groupId"]] if one["messageId"] == frame["messageId"]]
        if not found:
            return {"action": "error", "code": "NOT_FOUND", "message": "no such message", "retryable": False}
        if found[0]["message"] != frame["message"]:
            found = [self.alter(*same.values(), message=frame["message"])]
            await self.push(found[0], changed=True)
        return {"action": "changed", "changedAt": found[0].get("changedAt")} | same

    async def _take(self, frame: Frame) -> Frame:
        known = (one for one in self.stored[frame["groupId"]] if one["clientMessageId"] == frame["clientMessageId"])
        message = next(known, None)
        if duplicate := message is not None:
            stored = message
        else:
            more = {"senderId": frame["senderId"], "clientMessageId": frame["clientMessageId"]}
            stored = self.store(frame["groupId"], frame["message"], **more)
            await self.push(stored)
        ids = {name: stored[name] for name in ("messageId", "timestamp")}
        return {"action": "ack", "groupId": frame["groupId"], "duplicate": duplicate} | ids

    async def _post(self, connection: ServerConnection, frame: Frame) -> None:
        with suppress(ConnectionClosed):
            await connection.send(json.dumps(frame))


class Recorder(ReliableClient):
    """Records what comes.

    Attributes:
        heard: The texts of each group, in the order in which they came.
        refusals: Groups with the code of their refusal.
        recovered: Connections that were complete.
        now: Texts of the messages of each group as they are now, by their ids.
        changes: Later versions of each message, in the order in which they came.
        resets: Groups of which changes are missing.
    """

    def __init__(self, url: str, user_id: str, *groups: str, **options: Any) -> None:
        super().__init__(url, user_id, **options)
        self.heard: defaultdict[str, list[str]] = defaultdict(list)
        self.refusals: list[tuple[str, str]] = []
        self.recovered = 0
        self.now: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.changes: defaultdict[str, list[str]] = defaultdict(list)
        self.resets: list[str] = []
        for group in groups:
            self.group(group)

    def on_message(self, message: Frame) -> None:
        self.heard[message["groupId"]].append(message["message"])
        assert message["messageId"] not in self.now[message["groupId"]]
        self.now[message["groupId"]][message["messageId"]] = message["message"]

    def on_change(self, message: Frame) -> None:
        self.changes[message["messageId"]].append(message["changedAt"])
        self.now[message["groupId"]][message["messageId"]] = message["message"]

    def on_reset(self, room: Room) -> None:
        self.resets.append(room.group_id)
        self.heard[room.group_id].clear()
        self.now[room.group_id].clear()

    def on_refused(self, room: Room, error: Frame) -> None:
        self.refusals.append((room.group_id, error["code"]))

    async def on_recovered(self, *, first: bool) -> None:
        self.recovered += first

    def cut(self) -> None:
        if self._life:
            self._life.cancel()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_INDEX_LAG_S", 2 * LAG_S)
    monkeypatch.setattr(link, "_MAX_BACKOFF_S", 0.3)


@asynccontextmanager
async def running(*clients: ReliableClient) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(client.run()) for client in clients]
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - the clients have no event for each thing that a test waits for
            await asyncio.sleep(0.01)


GROUPS = ("red", "blue")


async def chatter(chat: Chat, clients: list[Recorder], dice: random.Random) -> dict[str, list[str]]:
    """Say texts, edit, lose connections, leave and join. Returns what was said in each group."""
    edits = []
    said: dict[str, list[str]] = {group: [] for group in GROUPS}
    answers = []
    for number in range(120):
        client, group = dice.choice(clients), dice.choice(GROUPS)
        if client.rooms[group].open:
            said[group].append(f"{number}")
            answers.append(client.rooms[group].say(f"{number}").answer)
        match dice.randrange(12):
            case 0:
                client.cut()
            case 1:
                client.rooms[group].close()
            case 2 | 3:
                client.group(group)
            case 4 | 5 | 6 if chat.stored[group]:
                message_id = dice.choice(chat.stored[group])["messageId"]
                change = client.rooms[group].change("editMessage", message_id, message=f"edited {number}")
                edits.append(asyncio.create_task(change))
        await asyncio.sleep(dice.random() / 50)
    for client in clients:
        for group in GROUPS:
            client.group(group)
    assert {answer["action"] for answer in await asyncio.gather(*answers)} == {"ack"}
    assert {answer["action"] for answer in await asyncio.gather(*edits)} == {"changed"}
    return said


@pytest.mark.parametrize("seed", range(3))
def test_each_message_comes_once_in_each_group_through_every_fault(seed: int) -> None:
    chat = Chat(chance=0.1)

    async def play() -> None:
        async with chat.running() as url:
            clients = [Recorder(url, f"user-{number}", *GROUPS, recover_every=0.5) for number in range(3)]
            async with running(*clients):
                said = await chatter(chat, clients, random.Random(seed))
                now = {group: {one["messageId"]: one["message"] for one in chat.stored[group]} for group in GROUPS}
                heard = [client.heard[group] for client in clients for group in GROUPS]
                await until(lambda: sum(map(len, heard)) >= 3 * sum(map(len, said.values())))
                await until(lambda: all(client.now == now for client in clients))
                await asyncio.sleep(0.3)  # What comes twice comes now.
        for group in GROUPS:
            assert [len(client.heard[group]) for client in clients] == [len(said[group])] * 3
            assert len(chat.stored[group]) == len(said[group])
        assert sum(len(client.changes) for client in clients) > 3
        for client in clients:
            assert client.now == now
            assert all(versions == sorted(set(versions)) for versions in client.changes.values())

    asyncio.run(play())
    assert "leaveGroup" in chat.actions


def test_a_version_comes_once_whatever_the_order_and_an_older_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 3)
    chat = Chat()
    ids = [chat.store("red", f"text {number}")["messageId"] for number in range(8)]
    chat.alter("red", ids[7], message="already edited")

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red", first_pages=1)
            early = chat.alter("red", ids[1], message="edited 1")
            ann.rooms["red"].take(early, changed=True)
            async with running(ann):
                await until(lambda: ann.rooms["red"].synced and chat.joined["red"])
                assert ann.now["red"].pop(ids[1]) == "edited 1"
                assert ann.now["red"] == {ids[5]: "text 5", ids[6]: "text 6", ids[7]: "already edited"}
                old = chat.stored["red"][6]
                second = chat.alter("red", ids[6], message="second")
                third = chat.alter("red", ids[6], message="third")
                before_the_page = chat.alter("red", ids[0], message="edited 0")
                for message in (third, second, before_the_page, third, before_the_page):
                    await chat.push(message, changed=True)
                for message in (chat.stored["red"][2], old, second, third):
                    await chat.push(message)
                unheard = chat.store("red", "unheard")
                await chat.push(chat.alter("red", unheard["messageId"], message="heard"), changed=True)
                await until(lambda: unheard["messageId"] in ann.now["red"])
                fourth = chat.alter("red", ids[6], message="fourth")
                await chat.push(fourth)  # A retry repeats the message as it is now.
                await until(lambda: ann.now["red"][ids[6]] == "fourth")
                assert ann.heard["red"] == ["text 5", "text 6", "already edited", "heard"]
                assert ann.changes == {
                    ids[6]: [third["changedAt"], fourth["changedAt"]],
                    ids[0]: [before_the_page["changedAt"]],
                    ids[1]: [early["changedAt"]],
                }

    asyncio.run(play())


def test_changes_are_read_page_by_page_after_a_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 3)
    chat = Chat()
    ids = [chat.store("red", f"text {number}")["messageId"] for number in range(9)]

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            async with running(ann):
                await until(lambda: ann.rooms["red"].synced)
                ann.cut()
                for message_id in ids:
                    chat.alter("red", message_id, message="edited")
                await until(lambda: ann.recovered == 2)
                assert set(ann.now["red"].values()) == {"edited"}
                assert len(ann.heard["red"]) == 9
                assert {len(versions) for versions in ann.changes.values()} == {1}

    asyncio.run(play())


def test_after_too_long_an_absence_the_messages_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 3)
    chat = Chat()
    ids = [chat.store("red", f"text {number}")["messageId"] for number in range(5)]

    async def be_away_for_long(client: Recorder) -> None:
        async with running(client):
            await until(lambda: client.rooms["red"].synced)
            client.cut()
            chat.alter("red", ids[4], message="edited")
            chat.resets = True
            await until(lambda: client.recovered == 2)
            assert client.resets == ["red"]
            await chat.push(chat.alter("red", ids[0], message="last"), changed=True)
            await until(lambda: client.now["red"].get(ids[0]) == "last")

    async def play() -> None:
        async with chat.running() as url:
            everything, page = Recorder(url, "ann", "red"), Recorder(url, "bob", "red", first_pages=1)
            await be_away_for_long(everything)
            await be_away_for_long(page)
            assert everything.heard["red"] == [*(f"text {number}" for number in range(4)), "edited"]
            assert page.heard["red"] == ["text 2", "text 3", "edited"]

    asyncio.run(play())


def test_a_chat_without_changes_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 3)
    chat = Chat()
    chat.changes = None
    for number in range(5):
        chat.store("red", f"text {number}")

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            async with running(ann):
                await until(lambda: ann.rooms["red"].synced)
                ann.cut()
                chat.store("red", "text 5")
                await until(lambda: ann.recovered == 2)
                assert ann.heard["red"] == [f"text {number}" for number in range(6)]

    asyncio.run(play())


def test_a_change_whose_push_does_not_come_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PUSH_S", 0.1)
    chat = Chat()
    message_id = chat.store("red", "text")["messageId"]

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            async with running(ann):
                await until(lambda: ann.rooms["red"].synced)
                await asyncio.sleep(6 * LAG_S)  # The second recovery is over.
                chat.joined.clear()
                await ann.rooms["red"].change("editMessage", message_id, message="edited")
                await until(lambda: ann.now["red"][message_id] == "edited")

    asyncio.run(play())


def test_a_change_is_made_after_a_reconnect_or_refused_or_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat()
    message_id = chat.store("red", "text")["messageId"]

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            early = asyncio.create_task(ann.rooms["red"].change("editMessage", message_id, message="early"))
            async with running(ann):
                assert (await early)["messageId"] == message_id
                with pytest.raises(RefusedError) as refused:
                    await ann.rooms["red"].change("editMessage", "of another group", message="x")
                assert refused.value.error["code"] == "NOT_FOUND"
                ann.cut()
                await asyncio.gather(
                    *(ann.rooms["red"].change("editMessage", message_id, message=text) for text in ("one", "two"))
                )
                assert chat.stored["red"][0]["message"] == "two"
                monkeypatch.setattr(link, "_PATIENCE_S", 0.2)
                chat.lost.add("three")
                await asyncio.gather(
                    *(ann.rooms["red"].change("editMessage", message_id, message=text) for text in ("three", "four"))
                )
                assert chat.stored["red"][0]["message"] == "four"
                monkeypatch.setattr(room, "CHANGE_S", 0.3)
                chat.chance = 1
                with pytest.raises(TimeoutError):
                    await ann.rooms["red"].change("editMessage", message_id, message="never")
                asked = chat.actions.count("editMessage")
                await asyncio.sleep(0.5)
                assert chat.actions.count("editMessage") == asked

    asyncio.run(play())


def test_sixty_groups_are_joined_and_read_in_batches_and_only_the_asked_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 3)
    chat = Chat()
    groups = [f"g{number}" for number in range(60)]
    for number in range(8):
        chat.store("g0", f"old {number}")
        chat.store("g59", f"old {number}")

    async def play() -> None:
        async with chat.running() as url:
            everything, page = Recorder(url, "ann", *groups), Recorder(url, "bob", *groups, first_pages=1)
            async with running(everything, page):
                await until(lambda: all(room.synced for one in (everything, page) for room in one.rooms.values()))
            assert everything.heard["g0"] == everything.heard["g59"] == [f"old {number}" for number in range(8)]
            assert page.heard["g0"] == page.heard["g59"] == [f"old {number}" for number in range(5, 8)]

    asyncio.run(play())
    assert chat.at_once == 25
    assert chat.actions.count("joinGroup") == 6


def test_a_long_absence_is_read_page_by_page_and_a_cursor_that_is_not_known_any_more_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reliable_client, "_PAGE", 5)
    chat = Chat()
    chat.store("red", "0")
    chat.store("blue", "0")

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red", "blue")
            async with running(ann):
                await until(lambda: ann.heard == {"red": ["0"], "blue": ["0"]} and ann.rooms["blue"].synced)
                for number in range(1, 13):
                    chat.store("red", f"{number}")
                ann.cut()
                await until(lambda: len(ann.heard["red"]) == 13)
                chat.epoch = "2"
                chat.store("blue", "1")
                ann.cut()
                await until(lambda: ann.heard["blue"] == ["0", "1"])
            assert ann.heard["red"] == [f"{number}" for number in range(13)]

    asyncio.run(play())


def test_a_refused_group_leaves_the_others_alone_and_one_that_is_refused_for_now_is_joined_later() -> None:
    chat = Chat()
    chat.refuses = {"secret": "FORBIDDEN", "one more": "TOO_MANY_GROUPS", "later": "UNAVAILABLE"}

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "secret", "one more", "later", "red")
            async with running(ann):
                await until(lambda: ann.refusals and ann.rooms["red"].synced)
                assert not ann.rooms["later"].synced
                del chat.refuses["later"]
                await until(lambda: ann.rooms["later"].synced)
                await until(lambda: chat.joined["red"])
                chat.joined["not asked for"] = set(chat.joined["red"])
                await chat.remove("not asked for")
                await chat.remove("red")
                await until(lambda: not ann.rooms["red"].open)
                ann.cut()
                await ann.rooms["later"].say("hello").answer
                await until(lambda: ann.heard == {"later": ["hello"]})
            assert ann.refusals == [("secret", "FORBIDDEN"), ("one more", "TOO_MANY_GROUPS"), ("red", "REMOVED")]
            assert chat.joined["red"] == set()

    asyncio.run(play())


def test_a_refused_group_ends_a_client_that_does_not_take_the_refusal() -> None:
    chat = Chat()
    chat.refuses = {"secret": "FORBIDDEN"}

    async def play() -> None:
        async with chat.running() as url:
            client = ReliableClient(url, "ann")
            client.group("secret")
            with pytest.raises(RefusedError, match="you are not a member of this group"):
                await asyncio.wait_for(client.run(), 10)

    asyncio.run(play())


def test_a_message_of_a_group_that_was_left_is_dropped_and_read_when_it_is_joined_again() -> None:
    chat = Chat()

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red", "blue")
            async with running(ann):
                await until(lambda: chat.joined["red"] and chat.joined["blue"])
                ann.rooms["red"].close()
                await chat.push(chat.store("red", "too late"))
                await chat.push(chat.store("blue", "in time"))
                await until(lambda: ann.heard["blue"])
                assert ann.heard["red"] == []
                await until(lambda: not chat.joined["red"])
                ann.group("red")
                await until(lambda: ann.heard["red"] == ["too late"])

    asyncio.run(play())


@pytest.mark.parametrize("groups", [("red",), ("red", "blue")])
def test_history_that_comes_after_a_group_was_left_is_dropped_and_read_when_it_is_joined_again(
    groups: tuple[str, ...],
) -> None:
    chat = Chat()
    chat.store("red", "old")

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", *groups)
            async with running(ann):
                await until(lambda: all(room.synced for room in ann.rooms.values()))
                chat.store("red", "while away")
                chat.on_history = lambda group_id: ann.rooms[group_id].close() if group_id == "red" else None
                ann.cut()
                await until(lambda: "leaveGroup" in chat.actions)
                assert ann.heard["red"] == ["old"]
                chat.on_history = lambda _: None
                ann.group("red")
                await until(lambda: ann.heard["red"] == ["old", "while away"])

    asyncio.run(play())


def test_a_message_that_comes_before_the_index_has_the_join_is_read_some_seconds_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reliable_client, "_INDEX_LAG_S", 1)
    chat = Chat(lag_s=3600)

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            async with running(ann):
                await until(lambda: ann.rooms["red"].synced)
                await chat.push(chat.store("red", "early"))
                await until(lambda: ann.heard["red"] == ["early"])
                ann.cut()
                await until(lambda: chat.actions.count("joinGroup") == 2)

    asyncio.run(play())


def test_pauses_grow_although_each_connection_is_complete_until_one_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    chat, attempts = Chat(), []

    def backoff(attempt: int) -> float:
        attempts.append(attempt)
        return 0

    monkeypatch.setattr(reliable_client, "backoff", backoff)

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "red")
            async with running(ann):
                for number in range(6):
                    await until(lambda number=number: ann.recovered > number)  # type: ignore[misc]
                    if number == 3:
                        monkeypatch.setattr(reliable_client, "_LASTED_S", 0.0)
                    ann.cut()
                await until(lambda: len(attempts) == 6)

    asyncio.run(play())
    assert attempts == [0, 1, 2, 0, 0, 0]


def test_a_client_of_one_group_names_it_in_the_handshake() -> None:
    chat = Chat()

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", group_id="red")
            async with running(ann):
                assert (await ann.say("hello").answer)["action"] == "ack"
            with pytest.raises(TypeError, match="take a room from group"):
                Recorder(url, "ann", "red").say("hello")

    asyncio.run(play())
    assert "joinGroup" not in chat.actions


def test_a_message_waits_until_its_group_is_joined_unless_the_group_is_left() -> None:
    """A connection whose handshake named a group may not write to others before it joined them."""
    chat = Chat()
    chat.refuses = {"blue": "UNAVAILABLE"}

    async def play() -> None:
        async with chat.running() as url:
            ann = Recorder(url, "ann", "blue", "green", group_id="red")
            in_blue, in_green = ann.rooms["blue"].say("hello").answer, ann.rooms["green"].say("goodbye").answer
            ann.rooms["green"].close()
            async with running(ann):
                await in_green
                assert not in_blue.done()
                chat.refuses.clear()
                await in_blue

    asyncio.run(play())
