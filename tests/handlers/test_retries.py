"""The same frame sent again with its ``clientMessageId``: stored once, and pushed again only if needed."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import pytest

from handlers.posting import delivery
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat, Context
from .management_api_server import GONE, HANG, RESET, Answer, Frame
from .tables import MESSAGES, ProcessKilledError, aws_error


@contextmanager
def bob_answers(chat: Chat, answer: Answer) -> Iterator[None]:
    chat.gateway.answers[BOB] = answer
    yield
    del chat.gateway.answers[BOB]


@contextmanager
def bob_hangs(chat: Chat) -> Iterator[None]:
    chat.context = Context(milliseconds=3500)
    with bob_answers(chat, HANG):
        yield
    chat.context = Context()


@contextmanager
def bob_is_still_connecting(chat: Chat) -> Iterator[None]:
    chat.tables.add_connection(BOB, "bob", "red", age=0)
    with bob_answers(chat, GONE):
        yield


UNFINISHED: dict[str, Callable[[Chat], AbstractContextManager[None]]] = {
    "a recipient is throttled": lambda chat: bob_answers(chat, Answer(429)),
    "a recipient is refused": lambda chat: bob_answers(chat, Answer(403)),
    "a recipient fails": lambda chat: bob_answers(chat, Answer(500)),
    "a recipient is reset": lambda chat: bob_answers(chat, RESET),
    "a recipient hangs": bob_hangs,
    "a recipient is still connecting": bob_is_still_connecting,
    "the group cannot be read": lambda chat: chat.tables.failing("Query", aws_error("Query")),
    "the mark cannot be written": lambda chat: chat.tables.failing("UpdateItem", aws_error("UpdateItem"), after=1),
    "killed after storing": lambda chat: chat.tables.failing("Query", ProcessKilledError()),
    "killed after pushing": lambda chat: chat.tables.failing("UpdateItem", ProcessKilledError(), after=1),
    "a bug after storing": lambda chat: chat.tables.failing("Query", ZeroDivisionError()),
}


def test_a_retry_is_acknowledged_with_the_stored_message_and_changes_nothing(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1", senderName="Ana")
    before = chat.tables.messages()
    assert chat.send(ANA, clientMessageId="c1", senderName="Another Name", requestId="again") == 200

    assert chat.tables.messages() == before
    first, second = chat.acks(ANA)
    assert second == first | {"duplicate": True, "requestId": "again"}


@pytest.mark.parametrize("protocol_of_bob", [1, 2])
def test_retry_of_a_finished_push_is_not_pushed_again_by_the_same_process(chat: Chat, protocol_of_bob: int) -> None:
    chat.tables.add_connection(ANA, "ana", "red", protocol=2)
    chat.tables.add_connection(BOB, "bob", "red", protocol=protocol_of_bob)
    for _ in range(3):
        chat.send(ANA, clientMessageId="c1")
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOB)) == 1
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [False, True, True]


@pytest.mark.parametrize("protocols", [(1, 2), (2, 1), (1, 1)])
def test_no_process_pushes_a_message_again_to_a_client_that_would_show_it_twice(
    chat: Chat, protocols: tuple[int, int]
) -> None:
    for (connection_id, user_id), protocol in zip({ANA: "ana", BOB: "bob"}.items(), protocols, strict=True):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=protocol)
    chat.send(ANA, clientMessageId="c1")
    delivery._pushed.clear()  # noqa: SLF001 - another process serves the retry
    chat.send(ANA, clientMessageId="c1")
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOB)) == 1


def test_among_clients_of_protocol_2_a_message_is_written_once(chat: Chat) -> None:
    """A mark that all were served would cost as much as the message. They drop the second copy of a message."""
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=2)
    chat.send(ANA, clientMessageId="c1")
    assert "pushedAt" not in chat.tables.messages()[0]


def test_without_its_ack_a_sender_retries_so_the_push_is_marked(chat: Chat) -> None:
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=2)
    chat.gateway.answers[ANA] = GONE
    chat.send(ANA, clientMessageId="c1")
    assert "pushedAt" in chat.tables.messages()[0]


def test_a_mark_that_hangs_ends_at_the_deadline(chat: Chat) -> None:
    chat.context = Context(milliseconds=2500)
    started = time.monotonic()
    with chat.tables.hanging("UpdateItem", after=1):
        assert chat.send(ANA, clientMessageId="c1") == 200
        assert time.monotonic() - started < 1.5
    assert len(chat.acks(ANA)) == 1


@pytest.mark.parametrize("trouble", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_retry_pushes_again_if_the_first_push_may_not_have_finished(
    chat: Chat, trouble: Callable[[Chat], AbstractContextManager[None]]
) -> None:
    with trouble(chat), suppress(ProcessKilledError):
        chat.send(ANA, clientMessageId="c1", senderName="Ana")
    [stored] = chat.tables.messages()
    assert "pushedAt" not in stored

    chat.gateway.delivered.clear()
    delivery._pushed.clear()  # noqa: SLF001 - another process serves the retry
    assert chat.send(ANA, clientMessageId="c1", senderName="Another Name") == 200
    assert chat.pushes(ANA) == chat.pushes(BOB) == [{"action": "message"} | stored]
    [ack] = chat.acks(ANA)
    assert (ack["messageId"], ack["timestamp"], ack["duplicate"]) == (stored["messageId"], stored["timestamp"], True)

    chat.gateway.delivered.clear()
    chat.send(ANA, clientMessageId="c1")
    assert [frame["action"] for frame in chat.frames(ANA)] == ["ack"]
    assert chat.frames(BOB) == []
    assert len(chat.tables.messages()) == 1


@pytest.mark.parametrize("client_message_id", [{}, {"clientMessageId": "c1"}])
def test_a_put_that_the_sdk_repeats_is_not_a_duplicate(chat: Chat, client_message_id: Frame) -> None:
    with chat.tables.losing_the_first_answer("PutItem"):
        assert chat.send(ANA, **client_message_id) == 200
    assert len(chat.tables.messages()) == len(chat.pushes(BOB)) == 1
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [False] * len(client_message_id)


def test_a_message_that_another_program_deleted_is_pushed_again_with_its_retry(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1")
    chat.tables.forget_messages()
    chat.send(ANA, clientMessageId="c1")
    assert len(chat.pushes(BOB)) == 2
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [False, False]


def test_another_text_with_a_used_client_message_id_is_a_conflict(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1", message="first")
    before = chat.tables.messages()
    chat.gateway.delivered.clear()

    assert chat.send(ANA, clientMessageId="c1", message="second", requestId="r1") == 409
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "CONFLICT", "retryable": False, "clientMessageId": "c1", "requestId": "r1"}
    assert "clientMessageId" in words
    assert chat.tables.messages() == before


@pytest.mark.parametrize("other", [BOB, EVE], ids=["user", "user and group"])
def test_same_client_message_id_of_another_user_or_group_is_another_message(chat: Chat, other: str) -> None:
    for connection_id, text in [(ANA, "first"), (other, "second")]:
        assert chat.send(connection_id, clientMessageId="c1", message=text) == 200
    assert sorted(row["message"] for row in chat.tables.messages()) == ["first", "second"]
    assert [ack["duplicate"] for ack in chat.acks(other)] == [False]


def test_same_client_message_id_of_the_same_user_in_another_group_is_another_message(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1", message="first")
    chat.tables.add_connection(ANA, "ana", "blue")
    assert chat.send(ANA, clientMessageId="c1", message="second", groupId="blue") == 200
    assert len(chat.tables.messages()) == 2


def test_a_message_that_another_program_deletes_stays_deleted(chat: Chat) -> None:
    chat.gateway.on_delivery = lambda _connection_id, _frame: chat.tables.forget_messages()
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert chat.tables.messages() == []


def change(attribute: str, value: Any) -> None:
    """Change an attribute of the only message, as another program could. None removes it."""
    [key] = [{"messageId": row["messageId"]} for row in dynamodb().scan(TableName=MESSAGES)["Items"]]
    names = {"#name": attribute}
    if value is None:
        dynamodb().update_item(
            TableName=MESSAGES, Key=key, UpdateExpression="REMOVE #name", ExpressionAttributeNames=names
        )
        return
    dynamodb().update_item(
        TableName=MESSAGES,
        Key=key,
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":value": value},
    )


@pytest.mark.parametrize("attribute", ["timestamp", "senderName", "senderId", "groupId", "clientMessageId"])
@pytest.mark.parametrize("value", [None, {"S": "other"}, {"N": "42"}, {"M": {}}], ids=str)
def test_a_message_that_another_program_changed_is_still_sent_by_its_sender_to_its_group(
    chat: Chat, attribute: str, value: Any
) -> None:
    with chat.tables.failing("Query", ProcessKilledError()), suppress(ProcessKilledError):
        chat.send(ANA, clientMessageId="c1", message="42")
    change(attribute, value)
    assert chat.send(ANA, clientMessageId="c1", message="42") == 200

    [push] = chat.pushes(BOB)
    own = {"groupId": "red", "senderId": "ana", "message": "42", "clientMessageId": "c1"}
    assert push.items() >= own.items()
    [ack] = chat.acks(ANA)
    assert ack["duplicate"]
    assert (ack["messageId"], ack["timestamp"]) == (push["messageId"], push["timestamp"])
    assert chat.gateway.recipients() == {ANA, BOB}


def test_a_text_that_another_program_changed_to_the_same_digits_is_a_duplicate(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1", message="42")
    change("message", {"N": "42"})
    assert chat.send(ANA, clientMessageId="c1", message="42") == 200
    assert chat.send(ANA, clientMessageId="c1", message="43") == 409


def test_a_message_that_another_program_deleted_is_stored_again(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1")
    chat.tables.forget_messages()
    assert chat.send(ANA, clientMessageId="c1") == 200
    assert [ack["duplicate"] for ack in chat.acks(ANA)] == [False, False]
    assert len(chat.tables.messages()) == 1
