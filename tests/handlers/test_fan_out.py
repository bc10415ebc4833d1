"""Who is pushed to, and what becomes of the rows of those who cannot be reached."""

import logging
import time
from types import SimpleNamespace

import pytest

from handlers.tables import connections
from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import GONE, GONE_AS_AWS_SAYS_IT, HANG, RESET, Answer
from .tables import CONNECTIONS, aws_error

BOBS_PHONE = "BobOtherConnection="


def test_every_page_of_a_group_index_beyond_one_megabyte_is_served(chat: Chat) -> None:
    members = [f"Member{number}=" for number in range(25)]
    for number, member in enumerate(members):
        chat.tables.add_connection(member, f"user{number}", "red", padding="x" * 100_000)
    with chat.tables.counting("Query") as queries:
        assert chat.send(ANA) == 200
    assert len(queries) >= 3
    assert sorted(recipient for recipient, _ in chat.gateway.delivered) == sorted([ANA, BOB, *members])


def test_expired_rows_are_skipped_and_left_to_the_table(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(BOB, "bob", "red", expires_in=-1)
    chat.send(ANA)
    assert chat.gateway.recipients() == {ANA}
    assert BOB in chat.tables.connections()
    assert log.served()["recipients"] == 1


def test_rows_without_an_expiry_are_served(chat: Chat) -> None:
    """Rows that were written before the functions gave them one."""
    chat.tables.add_connection(ANA, "ana", "red", expires_in=None)
    chat.tables.add_connection(BOB, "bob", "red", expires_in=None)
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


@pytest.mark.parametrize("attribute", ["userId", "connectedAt"])
def test_rows_of_other_programs_that_are_no_connections_cost_nobody_a_message(chat: Chat, attribute: str) -> None:
    row = {"connectionId": "Foreign=", "groupId": "red", "userId": "bob", "connectedAt": "2026-01-01T00:00:00Z"}
    put_row(dynamodb(), CONNECTIONS, {name: value for name, value in row.items() if name != attribute})
    assert chat.send(ANA) == 200
    assert chat.gateway.recipients() == {ANA, BOB}


@pytest.mark.parametrize("connected_at", ["2026-01-01T00:00:00", "yesterday", ""])
def test_stale_row_whose_age_cannot_be_told_is_old(chat: Chat, connected_at: str) -> None:
    row = {"connectionId": "Foreign=", "groupId": "red", "userId": "bob", "connectedAt": connected_at}
    put_row(dynamodb(), CONNECTIONS, row)
    chat.gateway.answers["Foreign="] = GONE
    assert chat.send(ANA) == 200
    assert "Foreign=" not in chat.tables.connections()


@pytest.mark.parametrize("gone", [GONE, GONE_AS_AWS_SAYS_IT], ids=["bare", "with type and body"])
def test_stale_connection_that_answers_410_is_deleted(chat: Chat, log: Log, gone: Answer) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers[BOB] = gone
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert chat.tables.connections().keys() == {ANA, BOBS_PHONE, EVE}
    assert len(chat.pushes(BOBS_PHONE)) == len(chat.acks(ANA)) == 1
    assert log.served().items() >= {"recipients": 3, "delivered": 2, "stale": 1, "failed": 0}.items()
    assert "pushedAt" in chat.tables.messages()[0]


def test_stale_sender_is_deleted_and_its_message_delivered(chat: Chat) -> None:
    chat.gateway.answers[ANA] = GONE
    assert chat.send(ANA) == 200
    assert chat.tables.connections().keys() == {BOB, EVE}
    assert len(chat.pushes(BOB)) == 1


@pytest.mark.parametrize(("age", "kept"), [(0, True), (5, True), (20, False), (7200, False)])
def test_young_connection_that_answers_410_may_be_still_connecting_and_is_kept(
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
def test_connection_with_any_other_trouble_is_kept_and_costs_the_others_nothing(
    chat: Chat, log: Log, answer: Answer
) -> None:
    chat.tables.add_connection(BOBS_PHONE, "bob", "red")
    chat.gateway.answers[BOB] = answer
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert chat.tables.connections().keys() == {ANA, BOB, BOBS_PHONE, EVE}
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOBS_PHONE)) == len(chat.acks(ANA)) == 1
    assert log.served().items() >= {"recipients": 3, "delivered": 2, "stale": 0, "failed": 1}.items()


def test_connection_that_hangs_is_given_up_in_time_and_costs_the_others_nothing(chat: Chat, log: Log) -> None:
    chat.context = Context(milliseconds=4000)
    chat.gateway.answers[BOB] = HANG
    assert chat.send(ANA, clientMessageId="c1") == 200

    assert BOB in chat.tables.connections()
    assert len(chat.pushes(ANA)) == len(chat.acks(ANA)) == 1
    served = log.served()
    assert served.items() >= {"recipients": 2, "delivered": 1, "stale": 0, "failed": 1}.items()
    assert served["durationMs"] < 4000


def test_refused_posts_are_our_own_misconfiguration_and_loud_in_the_log(chat: Chat, log: Log) -> None:
    chat.gateway.answers[BOB] = Answer(403, {"x-amzn-errortype": "ForbiddenException"})
    chat.send(ANA)
    assert log.level_of("403 ForbiddenException") == logging.ERROR


def test_stale_row_that_cannot_be_deleted_stops_nothing(chat: Chat, log: Log) -> None:
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
    delete = connections.close_connection

    def delete_slowly(connection_id: str) -> None:
        delete(connection_id)
        late[0] = 60

    monkeypatch.setattr(connections, "close_connection", delete_slowly)
    assert chat.send(ANA) == 200
    # The next message finds the other.
    assert len(chat.tables.connections().keys() & {BOB, BOBS_PHONE}) == 1
    late[0] = 0
    assert chat.send(ANA) == 200
    assert chat.tables.connections().keys() == {ANA, EVE}
