"""A client that catches up now and then has every message at the end, also late ones and those of other programs."""

import json
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, Chat
from .clock import Clock
from .tables import MESSAGES

LONGEST_DELAY_S = 59
"""From the timestamp of a message until a reader of the index finds it: less than the overlap of two catch-ups."""
FORMATS = ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S+00:00", "year %Y")
"""Of timestamps, ours first. One that sorts before ours, with a space in place of the T, is not found in time."""

Step = tuple[str, int]

PAUSED: list[Step] = [
    *[("read a page", 1), ("store", 3), ("store", 2), ("store", 1), ("read a page", 1)],
    *[("store", 59), ("pass", 400), ("store", 0)],
]
"""A message is stored late, before a position in the middle of a catch-up that goes on minutes later."""

steps = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.sampled_from([1, 30, 70, 400])),
        st.tuples(st.just("store"), st.integers(0, LONGEST_DELAY_S)),
        st.tuples(st.just("dated ahead"), st.sampled_from([1, 90, 3_600, 300_000_000])),
        st.tuples(st.just("read a page"), st.integers(1, 2)),
    ),
    max_size=12,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.protocol.times.datetime", Clock)
    monkeypatch.setenv("MESSAGE_BURST", "1000")


class Client:
    """Catches up page by page, and keeps only the cursor of a last page, as docs/protocol.md says."""

    def __init__(self, chat: Chat) -> None:
        self.seen: set[str] = set()
        self._chat = chat
        self._kept: str | None = None
        self._reading: str | None = None

    @property
    def catching_up(self) -> bool:
        return self._reading is not None

    def read_page(self, limit: int = 100) -> None:
        """Read a page, the first time all that is there."""
        self._chat.gateway.delivered.clear()
        frame = {"action": "getHistory", "after": self._reading or self._kept, "limit": limit if self._kept else 100}
        self._chat.receive(ANA, json.dumps(frame), route="$default")
        [page] = self._chat.frames(ANA)
        self.seen |= {message["messageId"] for message in page["messages"]}
        if page["more"]:
            self._reading = page["after"]
        else:
            self._kept, self._reading = page["after"], None


@settings(
    max_examples=50,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # Shrinking takes minutes, and the schedules are short.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(schedule=steps, form=st.sampled_from(FORMATS))
@example([("dated ahead", 3_600), ("read a page", 2), ("pass", 70), ("store", 0)], FORMATS[0])
@example([("read a page", 1), ("dated ahead", 3_600), ("read a page", 2), ("pass", 70), ("store", 0)], FORMATS[0])
@example([*PAUSED, ("read a page", 2)], FORMATS[0])
@example([*PAUSED, ("read a page", 1), ("read a page", 2)], FORMATS[0])
def test_a_client_that_catches_up_has_every_message(chat: Chat, schedule: list[Step], form: str) -> None:
    chat.tables.forget_messages()
    client, stored = Client(chat), set()
    numbers = count()

    def store(timestamp: str) -> None:
        stored.add(message_id := f"m{next(numbers)}")
        put_row(
            dynamodb(), MESSAGES, {"messageId": message_id, "groupId": "red", "message": "Hi", "timestamp": timestamp}
        )

    for step, number in schedule:
        if step == "pass":
            Clock.moment += timedelta(seconds=number)
        elif step == "store":
            store((Clock.moment - timedelta(seconds=number)).strftime(FORMATS[0]))
        elif step == "dated ahead":
            store((Clock.moment + timedelta(seconds=number)).strftime(form))
        else:
            client.read_page(number)
    while client.catching_up:
        client.read_page()
    client.read_page()
    assert client.seen == stored
