"""Moderation: what the function sees, what its answers do, and that nothing waits for it longer than a second."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from handlers.posting import delivery
from handlers.requests import moderation
from handlers.runtime import settings

from .chat import ANA, BOB, Chat, Context
from .conftest import Log
from .management_api_server import Frame
from .moderator import ARN, Moderator
from .tables import ProcessKilledError, aws_error

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@pytest.fixture(scope="module")
def server() -> Iterator[Moderator]:
    with Moderator() as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Moderator, variables: dict[str, str]) -> "LambdaClient | None":
    """The client, as the function builds it before its first call. Tests share it, because building it is slow."""
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        given = {"AWS_REGION": "eu-central-1", "MODERATION_FUNCTION": ARN, "AWS_ENDPOINT_URL_LAMBDA": server.url}
        for name, value in (variables | given).items():
            environment.setenv(name, value)
        settings.settings.cache_clear()
        built = moderation.moderation_client()
    settings.settings.cache_clear()
    moderation.moderation_client.cache_clear()
    return built


@pytest.fixture
def moderator(
    client: "LambdaClient",
    server: Moderator,
    chat: Chat,  # noqa: ARG001 - it comes first
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Moderator]:
    monkeypatch.setenv("MODERATION_FUNCTION", ARN)
    monkeypatch.setattr(moderation, "moderation_client", cache(lambda: client))
    settings.settings.cache_clear()
    server.reset()
    yield server
    server.released.set()


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ON_MODERATION_FAILURE", "closed")
    settings.settings.cache_clear()


def a_new_process() -> None:
    delivery._pushed.clear()  # noqa: SLF001 - a new process has pushed nothing


def drip(moderator: Moderator) -> None:
    moderator.drips = True


def hang(moderator: Moderator) -> None:
    moderator.hangs = True


def fail(moderator: Moderator) -> None:
    moderator.failed = True


def throttle(moderator: Moderator) -> None:
    moderator.status = 429


def answer(payload: bytes) -> Callable[[Moderator], None]:
    return lambda moderator: setattr(moderator, "answer", payload)


FAILURES: dict[str, Callable[[Moderator], None]] = {
    "hangs": hang,
    "drips": drip,
    "fails": fail,
    "is throttled": throttle,
    "answers nothing": answer(b""),
    "answers null": answer(b"null"),
    "answers no JSON": answer(b"allow"),
    "answers bytes": answer(b"\xff"),
    "answers a list": answer(b'["allow"]'),
    "answers nested lists": answer(b"[" * 100_000),
    "does not say": answer(b'{"message":"Hello"}'),
    "says 1": answer(b'{"allow":1}'),
    "says a text": answer(b'{"allow":"false"}'),
    "changes to nothing": answer(b'{"allow":true,"message":""}'),
    "changes to a number": answer(b'{"allow":true,"message":1}'),
    "changes to half a character": answer(rb'{"allow":true,"message":"\ud800"}'),
    "changes to a text that is too long": answer(json.dumps({"allow": True, "message": "x" * 28_672}).encode()),
}


def test_the_function_sees_what_the_client_sends(chat: Chat, moderator: Moderator) -> None:
    options = {"type": "image", "replyTo": "m1", "data": {"width": 7}, "clientMessageId": "c1"}
    chat.send(ANA, **options, senderName="Ana", extra="x")
    who = {"groupId": "red", "senderId": "ana", "senderName": "Ana", "message": "Hi"}
    assert moderator.asked == [who | options]
    assert moderator.regions == ["eu-west-1"]
    chat.send(BOB)
    assert moderator.asked[1] == {"groupId": "red", "senderId": "bob", "senderName": "bob", "message": "Hi"}
    assert [row["message"] for row in chat.tables.messages()] == ["Hi", "Hi"]
    assert all("firstDigest" not in row for row in chat.tables.messages())


@pytest.mark.parametrize(
    "frame",
    [
        {"senderId": "bob"},
        {"groupId": ""},
        {"message": "x" * 28_672},
        {"type": "system"},
    ],
    ids=["another sender", "no group", "too long", "not allowed"],
)
def test_the_function_does_not_see_what_is_refused_anyway(
    chat: Chat, moderator: Moderator, frame: dict[str, object]
) -> None:
    chat.tables.add_connection(ANA, "ana", "red", protocol=2)
    assert chat.send(ANA, **frame) != 200
    assert moderator.asked == []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("No insults, please", "No insults, please"),
        ("é" * 300, "é" * 256),
        *((odd, "the chat does not allow this message") for odd in (None, "", " ", 7, ["x"], "\ud800")),
    ],
)
def test_a_refused_message_is_neither_stored_nor_pushed(
    chat: Chat, moderator: Moderator, log: Log, reason: object, told: str
) -> None:
    moderator.says(allow=False, reason=reason)
    assert chat.send(ANA, clientMessageId="c1") == 403
    frame, words = chat.refusal(ANA)
    assert (frame, words) == ({"code": "FORBIDDEN", "retryable": False, "clientMessageId": "c1"}, told)
    assert chat.tables.messages() == []
    assert log.served()["reason"] == "moderation refused the message"
    assert log.warnings() == []


def test_a_reason_that_quotes_the_message_is_not_logged(chat: Chat, moderator: Moderator, log: Log) -> None:
    moderator.says(allow=False, reason="hush is not allowed")
    chat.send(ANA, message="hush")
    assert "hush" not in log.text()


def test_a_changed_text_is_what_everybody_sees(chat: Chat, moderator: Moderator) -> None:
    moderator.says(allow=True, message="H*")
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert [frame["message"] for frame in chat.pushes(ANA) + chat.pushes(BOB)] == ["H*", "H*"]
    [row] = chat.tables.messages()
    assert row["message"] == "H*"
    assert len(row["firstDigest"]) == 22
    assert "firstDigest" not in chat.pushes(BOB)[0]


ANSWERS: dict[str, Callable[[Moderator], None]] = {
    "allows": answer(b'{"allow":true}'),
    "changes": answer(b'{"allow":true,"message":"First"}'),
    "changes otherwise": answer(b'{"allow":true,"message":"Second"}'),
    "refuses": answer(b'{"allow":false,"reason":"No"}'),
    "hangs": hang,
    "fails": fail,
}


@pytest.mark.parametrize("later", ANSWERS)
@pytest.mark.parametrize("first", ["allows", "changes"])
@pytest.mark.usefixtures("closed")
def test_a_retry_is_acknowledged_whatever_the_function_answers_then(
    chat: Chat, moderator: Moderator, first: str, later: str
) -> None:
    ANSWERS[first](moderator)
    with suppress(ProcessKilledError), chat.tables.failing("Query", ProcessKilledError()):
        chat.send(ANA, clientMessageId="c1")
    a_new_process()
    [stored] = chat.tables.messages()
    ANSWERS[later](moderator)
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [True]
    assert [frame["message"] for frame in chat.pushes(BOB)] == [stored["message"]]
    assert [row["message"] for row in chat.tables.messages()] == [stored["message"]]


@pytest.mark.parametrize("later", ANSWERS)
@pytest.mark.usefixtures("closed")
def test_another_message_with_the_same_id_is_a_conflict(chat: Chat, moderator: Moderator, later: str) -> None:
    moderator.says(allow=True, message="First")
    chat.send(ANA, clientMessageId="c1")
    ANSWERS[later](moderator)
    assert chat.send(ANA, clientMessageId="c1", message="First") == 409


def test_a_refused_message_with_an_id_is_looked_up_with_one_call_that_writes_nothing(
    chat: Chat, moderator: Moderator
) -> None:
    moderator.says(allow=False)
    with chat.tables.counting("PutItem") as puts:
        chat.send(ANA)
        assert puts == []
        chat.send(ANA, clientMessageId="c1")
        assert puts == ["PutItem"]
    assert chat.tables.messages() == []


def test_a_refusal_waits_if_the_table_cannot_say_whether_the_message_is_stored(
    chat: Chat, moderator: Moderator
) -> None:
    moderator.says(allow=False)
    with chat.tables.failing("PutItem", aws_error("PutItem")):
        assert chat.send(ANA, clientMessageId="c1") == 503
    assert chat.frames(ANA)[0]["retryable"] is True


@pytest.mark.parametrize("trouble", FAILURES)
def test_if_open_the_message_is_stored_as_it_was_sent(chat: Chat, moderator: Moderator, log: Log, trouble: str) -> None:
    FAILURES[trouble](moderator)
    began = time.monotonic()
    assert chat.send(ANA, message="Text of Ana", clientMessageId="c1") == 200
    assert time.monotonic() - began < 4
    assert [row["message"] for row in chat.tables.messages()] == ["Text of Ana"]
    assert log.warnings() == ["message stored without moderation"]
    assert "Text of Ana" not in log.text()


@pytest.mark.parametrize("trouble", FAILURES)
@pytest.mark.usefixtures("closed")
def test_if_closed_the_client_sends_the_message_again(chat: Chat, moderator: Moderator, log: Log, trouble: str) -> None:
    FAILURES[trouble](moderator)
    began = time.monotonic()
    assert chat.send(ANA, message="Text of Ana") == 503
    assert time.monotonic() - began < 4
    assert chat.refusal(ANA)[0] == {"code": "UNAVAILABLE", "retryable": True}
    assert chat.tables.messages() == []
    assert "Text of Ana" not in log.text()
    moderator.reset()
    assert chat.send(ANA, message="Text of Ana") == 200


def test_calls_that_hang_leave_no_threads_and_do_not_hold_up_later_ones(chat: Chat, moderator: Moderator) -> None:
    hang(moderator)
    for _ in range(3):
        chat.send(ANA)
    moderator.hangs = False
    began = time.monotonic()
    chat.send(ANA)
    assert time.monotonic() - began < 0.5
    assert len(moderator.asked) == 4  # None was repeated.
    deadline = time.monotonic() + 3
    while any(thread.name == "call" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_function_gets_no_more_time_than_the_invocation_has(chat: Chat, moderator: Moderator) -> None:
    hang(moderator)
    chat.context = Context(milliseconds=2300)
    began = time.monotonic()
    chat.send(ANA)
    assert time.monotonic() - began < 0.9


def test_without_a_function_there_is_no_client(chat: Chat) -> None:
    chat.send(ANA)
    assert moderation.moderation_client() is None


@pytest.fixture
def sent(with_changes: None, modern_chat: Chat, moderator: Moderator) -> str:  # noqa: ARG001 - messages can be changed
    """Id of a message of ana's."""
    modern_chat.send(ANA, clientMessageId="c1", senderName="Ana")
    moderator.reset()
    message_id: str = modern_chat.acks(ANA)[0]["messageId"]
    return message_id


def edit(chat: Chat, message_id: str, connection_id: str = ANA, message: str = "Hello") -> Frame:
    [answer] = [
        frame
        for frame in chat.ask(connection_id, "editMessage", messageId=message_id, message=message, requestId="r1")
        if "requestId" in frame
    ]
    return answer


def test_the_function_sees_what_a_message_is_edited_to(modern_chat: Chat, moderator: Moderator, sent: str) -> None:
    assert edit(modern_chat, sent)["action"] == "changed"
    who = {"groupId": "red", "senderId": "ana", "senderName": "Ana", "message": "Hello", "clientMessageId": "c1"}
    assert moderator.asked == [who | {"messageId": sent}]
    assert [row["message"] for row in modern_chat.tables.messages()] == ["Hello"]


def test_a_refused_edit_changes_nothing(modern_chat: Chat, moderator: Moderator, sent: str) -> None:
    moderator.says(allow=False, reason="No")
    answer = edit(modern_chat, sent)
    assert (answer["code"], answer["message"], answer["retryable"]) == ("FORBIDDEN", "No", False)
    assert [row["message"] for row in modern_chat.tables.messages()] == ["Hi"]


def test_an_edit_is_stored_with_the_changed_text(modern_chat: Chat, moderator: Moderator, sent: str) -> None:
    moderator.says(allow=True, message="H*")
    first = edit(modern_chat, sent)
    [row] = modern_chat.tables.messages()
    assert row["message"] == "H*"
    assert edit(modern_chat, sent)["changedAt"] == first["changedAt"] == row["changedAt"]
    assert modern_chat.send(ANA, clientMessageId="c1") == 200  # A retry of the first text is no conflict.


def test_the_function_does_not_see_an_edit_that_is_refused_or_done_anyway(
    modern_chat: Chat, moderator: Moderator, sent: str
) -> None:
    assert edit(modern_chat, sent, BOB)["code"] == "FORBIDDEN"
    assert edit(modern_chat, "other")["code"] == "NOT_FOUND"
    assert edit(modern_chat, sent, message="x" * 28_672)["code"] == "TOO_LARGE"
    assert edit(modern_chat, sent, message="Hi")["action"] == "changed"
    assert moderator.asked == []


def test_an_edit_is_checked_once_however_often_it_is_tried(modern_chat: Chat, moderator: Moderator, sent: str) -> None:
    react = lambda: modern_chat.ask(BOB, "react", messageId=sent, reaction="👍", on=True)  # noqa: E731
    with modern_chat.tables.before("UpdateItem", [lambda: None, react]):
        assert edit(modern_chat, sent)["action"] == "changed"
    assert len(moderator.asked) == 1


@pytest.mark.usefixtures("closed")
def test_if_closed_an_edit_waits_for_the_function(modern_chat: Chat, moderator: Moderator, sent: str) -> None:
    fail(moderator)
    answer = edit(modern_chat, sent)
    assert (answer["code"], answer["retryable"]) == ("UNAVAILABLE", True)
    assert [row["message"] for row in modern_chat.tables.messages()] == ["Hi"]
