"""Large groups: slices are handed over in time, and are served even if they come twice or fail."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import pytest

from handlers import broadcast
from handlers.posting import slices as handed_over
from handlers.requests.background import InvocationError
from handlers.runtime import settings
from handlers.tables import connections

from .chat import ANA, BOB, Chat, Context
from .conftest import Log
from .management_api_server import GONE, HANG, Answer

MEMBERS = [f"Member{number}=" for number in range(10)]
FRAME = '{"action":"message","messageId":"m1","message":"Hi"}'

Serve = Callable[[dict[str, Any]], dict[str, Any] | None]


@pytest.fixture
def slice_(chat: Chat) -> dict[str, Any]:
    """A slice as the function receives it."""
    for member in MEMBERS:
        chat.tables.add_connection(member, member, "red")
    rows = chat.tables.connections()
    return {"frame": FRAME, "recipients": [[member, rows[member]["connectedAt"]["S"]] for member in MEMBERS]}


@dataclass
class Slices:
    """The slices that were handed over.

    Attributes:
        made: All slices.
        seconds: Time that it takes to hand over one slice.
    """

    made: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0

    def invoke(self, *, Payload: str, **_: str) -> dict[str, Any]:  # noqa: N803 - the name in boto3
        time.sleep(self.seconds)
        self.made.append(json.loads(Payload))
        return {"Payload": BytesIO()}


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch, slice_: dict[str, Any]) -> Slices:  # noqa: ARG001 - the members are connected
    """What is handed over, beginning with the third recipient of a message."""
    slices = Slices()
    monkeypatch.setenv("BROADCAST_THRESHOLD", "2")
    settings.settings.cache_clear()
    monkeypatch.setattr(handed_over, "_lambda_client", lambda: slices)
    return slices


@pytest.fixture
def serve(chat: Chat) -> Serve:
    return lambda slice_: broadcast.handler(slice_, chat.context)


def messages_of(chat: Chat, member: str) -> list[str]:
    return [frame["messageId"] for frame in chat.pushes(member)]


def test_a_slice_is_served(chat: Chat, serve: Serve, slice_: dict[str, Any], log: Log) -> None:
    serve(slice_)
    assert sorted(chat.gateway.delivered) == [(member, FRAME.encode()) for member in MEMBERS]
    assert log.served().items() >= {"recipients": 10, "delivered": 10, "failed": 0, "complete": True}.items()


def test_a_repeated_slice_pushes_the_same_message_id_again(chat: Chat, serve: Serve, slice_: dict[str, Any]) -> None:
    serve(slice_)
    serve(slice_)
    for member in MEMBERS:
        assert messages_of(chat, member) == ["m1", "m1"]
    assert chat.tables.messages() == []


@pytest.mark.parametrize("status", [403, 500])
def test_a_slice_that_fails_for_most_recipients_is_repeated_for_these_alone(
    chat: Chat, serve: Serve, slice_: dict[str, Any], slices: Slices, status: int
) -> None:
    chat.gateway.answers = dict.fromkeys(MEMBERS[2:], Answer(status))
    serve(slice_)
    [rest] = slices.made
    assert sorted(recipient for recipient, _ in rest["recipients"]) == MEMBERS[2:]

    chat.gateway.answers = {}
    serve(rest)
    assert {member: messages_of(chat, member) for member in MEMBERS} == {member: ["m1"] for member in MEMBERS}
    assert len(slices.made) == 1


def test_a_slice_that_reaches_no_recipient_fails_so_that_lambda_repeats_it_later(
    chat: Chat, serve: Serve, slice_: dict[str, Any], slices: Slices
) -> None:
    chat.gateway.answers = dict.fromkeys(MEMBERS, Answer(403))
    with pytest.raises(InvocationError, match="DeliveryError"):
        serve(slice_)
    assert slices.made == []


def test_a_slice_is_handed_over_twice_at_most(chat: Chat, serve: Serve, slice_: dict[str, Any], slices: Slices) -> None:
    chat.gateway.answers = dict.fromkeys(MEMBERS[3:], Answer(403))
    serve(slice_)
    chat.gateway.answers.popitem()
    serve(slices.made[0])
    chat.gateway.answers.popitem()
    with pytest.raises(InvocationError, match="DeliveryError"):
        serve(slices.made[1])
    assert [len(one["recipients"]) for one in slices.made] == [7, 6]


def test_a_few_failed_recipients_do_not_repeat_the_slice(
    serve: Serve, slice_: dict[str, Any], chat: Chat, log: Log
) -> None:
    chat.gateway.answers = {MEMBERS[0]: Answer(500), MEMBERS[1]: GONE}
    serve(slice_)
    assert log.served().items() >= {"delivered": 8, "failed": 1, "stale": 1}.items()
    assert MEMBERS[1] not in chat.tables.connections()


def test_a_slice_that_runs_out_of_time_is_repeated_for_the_rest(
    chat: Chat, serve: Serve, slice_: dict[str, Any], slices: Slices
) -> None:
    chat.context = Context(milliseconds=2500)
    chat.gateway.answers[MEMBERS[-1]] = HANG
    serve(slice_)
    assert [one["recipients"] for one in slices.made] == [[slice_["recipients"][-1]]]


def test_a_slow_clean_up_does_not_repeat_a_served_slice(
    chat: Chat, serve: Serve, slice_: dict[str, Any], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    chat.context = Context(milliseconds=4000)
    chat.gateway.answers = {MEMBERS[0]: GONE, MEMBERS[1]: GONE}
    close = connections.delete_row

    def slowly(connection_id: str) -> None:
        time.sleep(2.1)
        close(connection_id)

    monkeypatch.setattr(connections, "delete_row", slowly)
    serve(slice_)
    assert log.served().items() >= {"delivered": 8, "stale": 2}.items()
    time.sleep(1.3)  # The first deletion ends after the invocation. The next message deletes the other row.
    assert len({MEMBERS[0], MEMBERS[1]} & chat.tables.connections().keys()) == 1


def test_every_recipient_is_served_or_handed_over_once(chat: Chat, slices: Slices) -> None:
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert [len(one["recipients"]) for one in slices.made] == [2] * 5
    sliced = [recipient for one in slices.made for recipient, _ in one["recipients"]]
    assert sorted([*chat.gateway.recipients(), *sliced]) == sorted([ANA, BOB, *MEMBERS])
    assert "pushedAt" in chat.tables.messages()[0]


def test_nothing_is_handed_over_after_the_deadline_but_a_retry_hands_over_all(chat: Chat, slices: Slices) -> None:
    chat.context, slices.seconds = Context(milliseconds=3000), 0.6
    assert chat.send(ANA, clientMessageId="c1") == 503
    in_time = len(slices.made)
    assert in_time < 5
    time.sleep(1.5)
    assert len(slices.made) <= in_time + 1  # The call that had already started.
    assert chat.frames(ANA)[-1].items() >= {"code": "UNAVAILABLE", "retryable": True, "clientMessageId": "c1"}.items()

    chat.context, slices.seconds = Context(), 0
    slices.made.clear()
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert len(slices.made) == 5
