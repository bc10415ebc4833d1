"""``getHistory`` with changes: a client that catches up has every edit, deletion and reaction at the end."""

from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from handlers.protocol import cursors
from handlers.protocol.cursors import Position
from handlers.runtime import settings
from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, Chat
from .clock import Clock
from .management_api_server import Frame
from .tables import MESSAGES, aws_error

pytestmark = pytest.mark.usefixtures("with_changes")

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_S = 24 * 60 * 60


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.protocol.times.datetime", Clock)
    monkeypatch.setenv("MESSAGE_BURST", "1000")
    settings.settings.cache_clear()


def wait(seconds: float) -> None:
    Clock.moment += timedelta(seconds=seconds)


def store(message_id: str, text: str = "Hi") -> None:
    at = Clock.moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    row = {"messageId": message_id, "groupId": "red", "senderId": "ana", "message": text, "timestamp": at}
    put_row(dynamodb(), MESSAGES, row)
    wait(0.001)


def edit(chat: Chat, message_id: str, text: str) -> None:
    chat.ask(ANA, "editMessage", messageId=message_id, message=text)
    wait(0.001)


def history(chat: Chat, connection_id: str = ANA, **fields: Any) -> Frame:
    return chat.ask(connection_id, "getHistory", **fields)[-1]


def settle(chat: Chat) -> str:
    """Store one more message, so long after the others that a catch-up does not read them again. Returns the cursor."""
    wait(100)
    store("last")
    wait(300)
    return str(history(chat)["after"])


def ids(page: Frame) -> list[str]:
    return [message["messageId"] for message in page["messages"]]


def changed(page: Frame) -> dict[str, str]:
    """The changed messages of a page, and their texts."""
    return {message["messageId"]: message["message"] for message in page["changes"]}


def test_changes_come_after_a_cursor_each_message_once(modern_chat: Chat) -> None:
    for message_id in ("m1", "m2"):
        store(message_id)
    cursor = settle(modern_chat)
    edit(modern_chat, "m2", "second")
    edit(modern_chat, "m1", "first")
    edit(modern_chat, "m2", "second again")
    page = history(modern_chat, after=cursor)
    assert (ids(page), page["more"]) == (["last"], False)
    assert list(changed(page).items()) == [("m1", "first"), ("m2", "second again")]
    # The next catch-up reads again what was changed within a minute before this one.
    wait(100)
    again = history(modern_chat, after=page["after"])
    assert changed(again) == changed(page)
    assert history(modern_chat, after=again["after"])["changes"] == []


def test_a_page_without_a_cursor_has_no_changes(modern_chat: Chat) -> None:
    store("m1")
    edit(modern_chat, "m1", "first")
    page = history(modern_chat)
    assert page["changes"] == []
    assert page["messages"][0]["message"] == "first"


def test_changes_are_paged_with_the_messages(modern_chat: Chat) -> None:
    for number in range(5):
        store(f"m{number}")
    cursor = settle(modern_chat)
    for number in range(5):
        edit(modern_chat, f"m{number}", "edited")
    for number in range(5, 8):
        store(f"m{number}")
    pages: list[Frame] = []
    while not pages or pages[-1]["more"]:
        pages.append(history(modern_chat, after=pages[-1]["after"] if pages else cursor, limit=2))
    assert [(ids(page), [*changed(page)]) for page in pages] == [
        (["last", "m5"], []),
        (["m6", "m7"], ["m0", "m1"]),
        ([], ["m2", "m3"]),
        ([], ["m4"]),
    ]


def test_changes_that_do_not_fit_beside_the_messages_come_with_the_next_page(modern_chat: Chat) -> None:
    for number in range(3):
        store(f"m{number}", "x" * 9_000)
    cursor = settle(modern_chat)
    for number in range(3):
        edit(modern_chat, f"m{number}", "y" * 20_000)
    store("new", "z" * 15_000)
    pages: list[Frame] = []
    while not pages or pages[-1]["more"]:
        pages.append(history(modern_chat, after=pages[-1]["after"] if pages else cursor))
    assert [[*changed(page)] for page in pages] == [[], ["m0"], ["m1"], ["m2"]]
    assert [ids(page) for page in pages] == [["last", "new"], [], [], []]


def test_many_groups_are_told_their_changes(modern_chat: Chat) -> None:
    store("m1")
    wait(300)
    cursor = history(modern_chat)["after"]
    edit(modern_chat, "m1", "first")
    modern_chat.gateway.delivered.clear()
    modern_chat.ask(ANA, "getHistory", groups=[{"groupId": "red", "after": cursor}])
    page, end = [frame for frame in modern_chat.frames(ANA) if frame["action"] in ("history", "upToDate")]
    assert changed(page) == {"m1": "first"}
    assert end["groups"] == [{"groupId": "red", "after": page["after"]}]


def test_a_catch_up_without_news_says_whether_the_chat_has_changes(
    modern_chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    cursor = history(modern_chat)["after"]
    modern_chat.tables.add_connection("Old=", "ana", "red", protocol=1)

    def told(connection_id: str) -> object:
        modern_chat.gateway.delivered.clear()
        modern_chat.ask(connection_id, "getHistory", groups=[{"groupId": "red", "after": cursor}])
        (end,) = modern_chat.frames(connection_id)
        return end.get("changes")

    assert (told(ANA), told("Old=")) == (True, None)
    monkeypatch.setenv("CHANGES_TABLE", "")
    settings.settings.cache_clear()
    assert (told(ANA), told("Old=")) == (False, None)


def test_with_changes_off_they_are_null(modern_chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    store("m1")
    monkeypatch.setenv("CHANGES_TABLE", "")
    settings.settings.cache_clear()
    page = history(modern_chat)
    assert page["changes"] is None
    assert history(modern_chat, after=page["after"])["changes"] is None


def test_protocol_1_gets_no_changes_and_no_deleted_messages(modern_chat: Chat) -> None:
    modern_chat.tables.add_connection("Old=", "ana", "red", protocol=1)
    for number in range(60):
        store(f"m{number:02}")
    wait(300)
    cursor = history(modern_chat)["after"]
    store("new")
    for number in range(10, 60):
        modern_chat.ask(ANA, "deleteMessage", messageId=f"m{number}")
    edit(modern_chat, "m09", "edited")
    shown: list[str] = []
    pages: list[Frame] = []
    while not pages or pages[-1]["more"]:
        pages.append(history(modern_chat, "Old=", limit=20, before=pages[-1]["before"] if pages else None))
        shown = ids(pages[-1]) + shown
    assert shown == [*(f"m{number:02}" for number in range(10)), "new"]
    # A page of deleted messages alone is empty, and has a cursor all the same.
    assert [len(page["messages"]) for page in pages] == [1, 0, 9, 1]
    assert "changes" not in pages[0]
    after = history(modern_chat, "Old=", after=cursor, limit=100)
    assert ids(after)[-1] == "new"
    assert "changes" not in after


@pytest.mark.parametrize(("days", "is_reset"), [(28, False), (29.1, True)])
def test_after_a_month_the_client_starts_again(modern_chat: Chat, days: float, is_reset: bool) -> None:  # noqa: FBT001
    store("m1")
    store("m2")
    cursor = settle(modern_chat)
    wait(days * DAY_S)
    store("new")
    page = history(modern_chat, after=cursor, limit=3)
    assert page.get("reset", False) == is_reset
    assert ids(page) == (["m2", "last", "new"] if is_reset else ["last", "new"])
    assert not page["more"]
    assert "reset" not in history(modern_chat, after=page["after"])


def test_a_reset_of_many_groups_is_posted_even_if_the_group_is_empty_now(modern_chat: Chat) -> None:
    store("m1")
    cursor = history(modern_chat)["after"]
    modern_chat.tables.forget_messages()
    wait(30 * DAY_S)
    modern_chat.gateway.delivered.clear()
    modern_chat.ask(ANA, "getHistory", groups=[{"groupId": "red", "after": cursor}])
    page, _ = modern_chat.frames(ANA)
    assert (page["messages"], page["reset"]) == ([], True)


def test_a_cursor_from_before_changes_were_listed_still_works(modern_chat: Chat) -> None:
    store("m1")
    old = cursors.encode("red", Position(timestamp=_stored("m1")["timestamp"]["S"], message_id="m1"))
    wait(300)
    edit(modern_chat, "m1", "first")
    assert changed(history(modern_chat, after=old)) == {"m1": "first"}


def _stored(message_id: str) -> Any:
    return dynamodb().get_item(TableName=MESSAGES, Key={"messageId": {"S": message_id}})["Item"]


def test_a_change_that_was_listed_but_not_stored_is_left_out(modern_chat: Chat) -> None:
    store("m1")
    cursor = history(modern_chat)["after"]
    with modern_chat.tables.failing("UpdateItem", aws_error("UpdateItem"), after=1):
        edit(modern_chat, "m1", "first")
    assert len(modern_chat.tables.changes()) == 1
    assert history(modern_chat, after=cursor)["changes"] == []


def test_a_message_that_another_program_deleted_is_left_out(modern_chat: Chat) -> None:
    store("m1")
    store("m2")
    cursor = history(modern_chat)["after"]
    edit(modern_chat, "m1", "first")
    edit(modern_chat, "m2", "second")
    dynamodb().delete_item(TableName=MESSAGES, Key={"messageId": {"S": "m1"}})
    assert changed(history(modern_chat, after=cursor)) == {"m2": "second"}


Step = tuple[str, int]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([1, 30, 70, 400])),
        st.tuples(st.just("store"), st.just(0)),
        st.tuples(st.sampled_from(["edit", "delete", "react", "unreact"]), st.integers(0, 3)),
        # Stored so many seconds after it was listed. Meanwhile the reader reads a page.
        st.tuples(st.just("slow edit"), st.integers(0, 28)),
        # By a function whose clock differs.
        st.tuples(st.just("skewed edit"), st.integers(-25, 25)),
        st.tuples(st.just("read a page"), st.integers(1, 2)),
        st.tuples(st.just("hear"), st.just(0)),
    ),
    max_size=14,
)


class Reader:
    """Keeps the newest version of each message, as docs/protocol.md says. It hears pushes only when it listens."""

    def __init__(self, chat: Chat) -> None:
        self.kept: dict[str, Frame] = {}
        self._chat = chat
        self._cursor: str | None = None
        self._reading: str | None = None

    @property
    def catching_up(self) -> bool:
        return self._reading is not None

    def take(self, message: Frame) -> None:
        known = self.kept.get(message["messageId"])
        if not known or known.get("changedAt", "") <= message.get("changedAt", ""):
            self.kept[message["messageId"]] = message

    def hear(self) -> None:
        """Take the pushes since it last did something."""
        for frame in self._chat.frames(BOB):
            if frame["action"] == "messageChanged":
                self.take(frame["message"])
        self._chat.gateway.delivered.clear()

    def read_page(self, limit: int = 100) -> None:
        """Read a page, the first time all that is there."""
        page = history(self._chat, BOB, after=self._reading or self._cursor, limit=limit if self._cursor else 100)
        self._chat.gateway.delivered.clear()
        for message in (*page["messages"], *page["changes"]):
            self.take(message)
        if page["more"]:
            self._reading = page["after"]
        else:
            self._cursor, self._reading = page["after"], None


@profile(
    max_examples=60,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # Shrinking takes minutes, and the schedules are short.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=steps)
@example([("store", 0), ("read a page", 1), ("slow edit", 28), ("pass", 400)])
@example([("store", 0), ("read a page", 1), ("pass", 70), ("skewed edit", -25), ("read a page", 1), ("pass", 400)])
@example(
    [*[("store", 0)] * 3, ("read a page", 1), ("edit", 0), ("edit", 1), ("edit", 2), ("read a page", 1), ("edit", 0)]
)
def test_a_client_that_catches_up_has_every_change(modern_chat: Chat, schedule: list[Step]) -> None:
    modern_chat.tables.forget_messages()
    reader, numbers = Reader(modern_chat), count()
    stored: list[str] = []

    def act(action: str, number: int, **fields: Any) -> None:
        if stored:
            modern_chat.ask(ANA, action, messageId=stored[number % len(stored)], **fields)

    def slow_edit(seconds: int) -> None:
        def meanwhile() -> None:
            wait(seconds)
            reader.read_page()

        # The first update counts the frame, the second one is that of the message.
        with modern_chat.tables.before("UpdateItem", [lambda: None, meanwhile]):
            act("editMessage", 0, message=f"edit {next(numbers)}")

    def skewed_edit(seconds: int) -> None:
        wait(seconds)
        act("editMessage", 0, message=f"edit {next(numbers)}")
        wait(-seconds)

    def add(_: int) -> None:
        stored.append(f"m{next(numbers)}")
        store(stored[-1])

    todo: dict[str, Callable[[int], None]] = {
        "pass": wait,
        "store": add,
        "edit": lambda number: act("editMessage", number, message=f"edit {next(numbers)}"),
        "delete": lambda number: act("deleteMessage", number),
        "react": lambda number: act("react", number, reaction="👍", on=True),
        "unreact": lambda number: act("react", number, reaction="👍", on=False),
        "slow edit": slow_edit,
        "skewed edit": skewed_edit,
        "read a page": reader.read_page,
        "hear": lambda _: reader.hear(),
    }
    for step, number in schedule:
        todo[step](number)
        wait(0.001)
    while reader.catching_up:
        reader.read_page()
    reader.read_page()
    while reader.catching_up:
        reader.read_page()
    newest = history(modern_chat, limit=100)["messages"]
    assert {message["messageId"]: message for message in newest} == reader.kept
