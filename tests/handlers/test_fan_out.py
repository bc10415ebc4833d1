"""The recipients of a push, and the rows of connections that cannot be reached."""

import logging
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ConnectTimeoutError

from handlers import presence_events
from handlers.posting.posts import Post
from handlers.posting.retries import Retries
from handlers.protocol import times
from handlers.runtime import settings
from handlers.tables import connections
from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import GONE, GONE_AS_AWS_SAYS_IT, HANG, RESET, Answer
from .tables import CONNECTIONS, aws_error

BOBS_PHONE = "BobOtherConnection="


def test_every_page_of_a_group_above_one_megabyte_is_served(chat: Chat) -> None:
    members = [f"Member{number}=" for number in range(25)]
    for number, member in enumerate(members):
        chat.tables.add_connection(member, f"user{number}", "red", padding="x" * 100_000)
    with chat.tables.counting("Query") as queries:
        assert chat.send(ANA) == 200
    assert len(queries) >= 3
    assert sorted(recipient for recipient, _ in chat.gateway.delivered) == sorted([ANA, BOB, *members])


def test_an_expired_connection_gets_nothing_and_is_closed_so_that_its_client_notices(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(BOB, "bob", "red", expires_in=-1)
    chat.send(ANA)
    assert chat.gateway.recipients() == {ANA}
    assert chat.gateway.closed == [BOB]
    assert BOB not in chat.tables.connections()
    assert log.served()["recipients"] == 1
    assert log.warnings() == []


def test_a_connection_from_before_authentication_is_closed(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.tables.add_connection(ANA, "ana", "red", authentication="jwt")
    monkeypatch.setenv("AUTHENTICATION", "jwt")
    settings.settings.cache_clear()
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA}
    assert chat.gateway.closed == [BOB]


def test_one_message_closes_a_limited_number_of_expired_connections(chat: Chat) -> None:
    for number in range(30):
        chat.tables.add_connection(f"Expired{number}=", "bob", "red", expires_in=-1)
    chat.send(ANA)
    assert len(chat.gateway.closed) == 25
    chat.send(ANA)
    assert len(set(chat.gateway.closed)) == 30


@pytest.mark.parametrize("trouble", [aws_error("DeleteItem"), ConnectTimeoutError(endpoint_url="")])
def test_an_expired_connection_stays_open_while_its_row_cannot_be_deleted(
    chat: Chat, trouble: Exception, log: Log
) -> None:
    chat.tables.add_connection(BOB, "bob", "red", expires_in=-1)
    with chat.tables.failing("DeleteItem", trouble):
        assert chat.send(ANA) == 200
    assert chat.gateway.closed == []
    assert log.warnings() == ["expired connection not closed"]


def test_one_connection_that_cannot_be_closed_does_not_keep_the_others_open(chat: Chat, log: Log) -> None:
    for number in range(3):
        chat.tables.add_connection(f"Expired{number}=", "bob", "red", expires_in=-1)
    chat.gateway.not_closing.add("Expired1=")
    chat.send(ANA)
    assert sorted(chat.gateway.closed) == ["Expired0=", "Expired2="]
    assert log.warnings() == ["expired connection not closed"]


def test_a_connection_that_another_program_has_given_more_time_stays_open(chat: Chat) -> None:
    chat.tables.add_connection(BOB, "bob", "red", expires_in=-1)
    extend = [lambda: chat.tables.add_connection(BOB, "bob", "red", expires_in=60)]
    with chat.tables.before("GetItem", extend):
        chat.send(ANA)
    assert chat.gateway.closed == []
    assert BOB in chat.tables.connections()


def test_the_clean_up_leaves_time_to_mark_the_message(chat: Chat) -> None:
    for number in range(5):
        chat.tables.add_connection(f"Expired{number}=", "bob", "red", expires_in=-1)
    chat.context = Context(milliseconds=3000)
    with chat.tables.hanging("DeleteItem"):
        assert chat.send(ANA, clientMessageId="c1") == 200
    assert "pushedAt" in chat.tables.messages()[0]


def test_a_clean_up_that_hangs_ends_at_the_deadline(chat: Chat) -> None:
    chat.tables.add_connection(BOB, "bob", "red", expires_in=-1)
    chat.context = Context(milliseconds=2500)
    started = time.monotonic()
    with chat.tables.hanging("DeleteItem"):
        assert chat.send(ANA) == 200
        assert time.monotonic() - started < 1.5


def test_rows_without_an_expiry_are_served(chat: Chat) -> None:
    """Earlier versions of the functions wrote rows without an expiry."""
    chat.tables.add_connection(ANA, "ana", "red", expires_in=None)
    chat.tables.add_connection(BOB, "bob", "red", expires_in=None)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


@pytest.mark.parametrize("attribute", ["userId", "connectedAt"])
def test_incomplete_rows_of_other_programs_do_not_stop_a_message(chat: Chat, attribute: str) -> None:
    row = {"connectionId": "Foreign=", "groupId": "red", "userId": "bob", "connectedAt": times.timestamp()}
    put_row(dynamodb(), CONNECTIONS, {name: value for name, value in row.items() if name != attribute})
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


@pytest.mark.parametrize("connected_at", ["yesterday", ""])
def test_a_stale_row_without_a_readable_time_is_deleted(chat: Chat, connected_at: str) -> None:
    row = {"connectionId": "Foreign=", "groupId": "red", "userId": "bob", "connectedAt": connected_at}
    put_row(dynamodb(), CONNECTIONS, row)
    chat.gateway.answers["Foreign="] = GONE
    assert chat.send(ANA) == 200
    assert "Foreign=" not in chat.tables.connections()


@pytest.mark.parametrize("gone", [GONE, GONE_AS_AWS_SAYS_IT], ids=["bare", "with type and body"])
def test_a_connection_that_answers_410_is_deleted(chat: Chat, log: Log, gone: Answer) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers[BOB] = gone
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert chat.tables.connections().keys() == {ANA, BOBS_PHONE, EVE}
    assert len(chat.pushes(BOBS_PHONE)) == len(chat.acks(ANA)) == 1
    assert log.served().items() >= {"recipients": 3, "delivered": 2, "stale": 1, "failed": 0}.items()
    assert "pushedAt" in chat.tables.messages()[0]


def test_a_stale_sender_is_deleted_and_its_message_delivered(chat: Chat) -> None:
    chat.gateway.answers[ANA] = GONE
    assert chat.send(ANA) == 200
    assert chat.tables.connections().keys() == {BOB, EVE}
    assert len(chat.pushes(BOB)) == 1


@pytest.mark.parametrize(("age", "kept"), [(0, True), (5, True), (20, False), (7200, False)])
def test_a_young_connection_that_answers_410_is_kept_because_it_may_still_be_connecting(
    chat: Chat, log: Log, age: float, *, kept: bool
) -> None:
    chat.tables.add_connection(BOB, "bob", "red", age=age)
    chat.gateway.answers[BOB] = GONE
    assert chat.send(ANA) == 200
    assert (BOB in chat.tables.connections()) == kept
    assert log.served().items() >= {"delivered": 1, "stale": int(not kept), "failed": int(kept)}.items()


@pytest.mark.parametrize(
    "answer",
    [*[Answer(status) for status in (400, 403, 404, 413, 429, 500, 502, 503, 504)], RESET],
    ids=lambda answer: str(answer.status) if answer.status else "reset",
)
def test_a_connection_with_another_fault_is_kept_and_the_others_are_served(
    chat: Chat, log: Log, answer: Answer
) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers[BOB] = answer
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert chat.tables.connections().keys() == {ANA, BOB, BOBS_PHONE, EVE}
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOBS_PHONE)) == len(chat.acks(ANA)) == 1
    assert log.served().items() >= {"recipients": 3, "delivered": 2, "stale": 0, "failed": 1}.items()


def test_a_connection_that_hangs_is_given_up_and_the_others_are_served_at_once(chat: Chat, log: Log) -> None:
    chat.gateway.answers[BOB] = HANG
    served_after: list[float] = []
    chat.gateway.on_delivery = lambda *_: served_after.append(time.monotonic() - started)
    started = time.monotonic()
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert BOB in chat.tables.connections()
    assert len(chat.pushes(ANA)) == len(chat.acks(ANA)) == 1
    assert max(served_after) < 1
    served = log.served()
    assert served.items() >= {"recipients": 2, "delivered": 1, "stale": 0, "failed": 1}.items()
    assert 3000 <= served["durationMs"] < 5000

    started = time.monotonic()
    chat.send(ANA, clientMessageId="c2")  # The process remembers Bob's connection.
    assert time.monotonic() - started < 2


def test_forbidden_posts_are_logged_as_an_error(chat: Chat, log: Log) -> None:
    chat.gateway.answers[BOB] = Answer(403, {"x-amzn-errortype": "ForbiddenException"})
    chat.send(ANA)
    assert log.level_of("403 ForbiddenException") == logging.ERROR


def test_a_failed_deletion_of_a_stale_row_does_not_fail_the_message(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers |= {BOB: GONE, BOBS_PHONE: GONE}
    with chat.tables.failing("DeleteItem", aws_error("DeleteItem"), times=1):
        assert chat.send(ANA, clientMessageId="c1") == 200

    assert len(chat.tables.connections().keys() & {BOB, BOBS_PHONE}) == 1
    assert len(chat.pushes(ANA)) == len(chat.acks(ANA)) == 1
    assert log.served().items() >= {"delivered": 1, "stale": 2, "failed": 0}.items()
    assert log.level_of("stale row") == logging.WARNING


def test_no_stale_row_is_deleted_after_the_deadline(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers |= {BOB: GONE, BOBS_PHONE: GONE}
    late = [0.0]
    monkeypatch.setattr("handlers.posting.fan_out.time", SimpleNamespace(monotonic=lambda: time.monotonic() + late[0]))
    delete = connections.delete_row

    def delete_slowly(connection_id: str) -> None:
        delete(connection_id)
        late[0] = 60

    monkeypatch.setattr(connections, "delete_row", delete_slowly)
    assert chat.send(ANA) == 200
    # The next message deletes the other row.
    assert len(chat.tables.connections().keys() & {BOB, BOBS_PHONE}) == 1
    late[0] = 0
    assert chat.send(ANA) == 200
    assert chat.tables.connections().keys() == {ANA, EVE}


@pytest.mark.parametrize(("action", "waits"), [("sendMessage", [1, 2]), ("typing", []), ("presence", [])])
def test_only_messages_are_posted_again_after_429(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, action: str, waits: list[int]
) -> None:
    waited: list[int] = []
    for connection_id, user_id in ((ANA, "ana"), (BOB, "bob")):
        chat.tables.add_connection(connection_id, user_id, "red", protocol=2)
    push = Retries.push

    def push_due(self: Retries[Post], _due: float, post: Post, tries: int) -> None:
        waited.append(tries)
        push(self, 0, post, tries)

    monkeypatch.setattr(Retries, "push", push_due)
    chat.gateway.answers[BOB] = Answer(429)
    if action == "sendMessage":
        chat.send(ANA)
    elif action == "typing":
        chat.receive(ANA, '{"action":"typing","isTyping":true}', route="$default")
    else:
        image = chat.tables.connections()[ANA]
        record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": image}}
        presence_events.handler({"Records": [record]}, chat.context)
        assert len(chat.frames(ANA)) == 1
    assert waited == waits
