"""Frames when users join or leave, and who receives them."""

from itertools import count
from typing import Any

import pytest

from handlers import presence_events
from handlers.posting.events import small_group
from handlers.runtime import settings
from handlers.tables import connections
from handlers.tables.aws import dynamodb

from .chat import ANA, BOB, EVE, Chat, Context
from .conftest import Log
from .management_api_server import HANG, Answer, Frame
from .tables import CONNECTIONS, Row, aws_error

DORA, DORAS_PHONE = "DoraConnection=", "DoraOtherConnection="

Record = dict[str, Any]

_numbers = count(10**20)


@pytest.fixture
def chat(modern_chat: Chat) -> Chat:
    return modern_chat


def row(chat: Chat, connection_id: str) -> Row:
    return chat.tables.connections()[connection_id]


def joined(*rows: Row) -> list[Record]:
    return [record("INSERT", NewImage=each) for each in rows]


def left(*rows: Row) -> list[Record]:
    return [record("REMOVE", OldImage=each) for each in rows]


def record(kind: str, **images: dict[str, Any]) -> Record:
    return {"eventName": kind, "dynamodb": {"SequenceNumber": str(next(_numbers))} | images}


def serve(chat: Chat, records: list[Record]) -> list[Record]:
    """Serve a batch once. Returns the records that Lambda would repeat: all from the first that failed."""
    answer = presence_events.handler({"Records": records}, chat.context) or {"batchItemFailures": []}
    failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    numbers = [each["dynamodb"]["SequenceNumber"] for each in records]
    assert failed <= {*numbers}
    return records[min(map(numbers.index, failed)) :] if failed else []


def end(chat: Chat, connection_id: str) -> Row:
    """Delete a connection's row, and return what it was."""
    before = row(chat, connection_id)
    connections.delete_row(connection_id)
    return before


def changed(group_id: str = "red", *, joined: tuple[str, ...] = (), left: tuple[str, ...] = ()) -> Frame:
    lists = {"joined": joined, "left": left}
    members = {name: [{"userId": user_id} for user_id in user_ids] for name, user_ids in lists.items()}
    return {"action": "presenceChanged", "groupId": group_id} | members


def put_back_in_time(connection_id: str, connected_at: str) -> None:
    dynamodb().update_item(
        TableName=CONNECTIONS,
        Key={"connectionId": {"S": connection_id}},
        UpdateExpression="SET connectedAt = :at",
        ExpressionAttributeValues={":at": {"S": connected_at}},
    )


def test_everybody_is_told_who_joins_and_leaves(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    serve(chat, left(end(chat, DORA)))
    assert chat.frames(ANA) == chat.frames(BOB) == [changed(joined=("dora",)), changed(left=("dora",))]
    assert chat.frames(DORA) == [changed(joined=("dora",))]
    assert chat.gateway.recipients() == {ANA, BOB, DORA}


def test_a_batch_is_one_frame_in_each_group(chat: Chat) -> None:
    for name, group in (("dora", "red"), ("fred", "blue"), ("gina", "red")):
        chat.tables.add_connection(f"{name}=", name, group)
    rows = [row(chat, f"{name}=") for name in ("dora", "fred", "gina")]
    gone = end(chat, BOB)
    with chat.tables.counting("Query") as queries:
        serve(chat, joined(*rows) + left(gone))
    assert chat.frames(ANA) == [changed(joined=("dora", "gina"), left=("bob",))]
    assert chat.frames(EVE) == [changed("blue", joined=("fred",))]
    assert len(queries) == 2


def test_200_members_who_come_back_in_five_batches_get_1_000_frames_at_most(chat: Chat) -> None:
    for connection_id in (ANA, BOB):
        end(chat, connection_id)
    for batch in range(5):
        new = [f"User{batch}-{number}=" for number in range(40)]
        for connection_id in new:
            chat.tables.add_connection(connection_id, connection_id, "red", age=0)
        serve(chat, joined(*(row(chat, connection_id) for connection_id in new)))
    assert len(chat.gateway.recipients()) == 200
    assert len(chat.gateway.delivered) == 40 + 80 + 120 + 160 + 200


def test_a_frame_that_would_be_too_large_is_split(chat: Chat) -> None:
    names = [f"{number:0256}" for number in range(150)]
    for name in names:
        chat.tables.add_connection(name, name, "red", age=0)
    serve(chat, joined(*(row(chat, name) for name in names)) + left(end(chat, BOB)))
    told = chat.frames(ANA)
    assert [len(body) < 32 * 1024 for _, body in chat.gateway.delivered] == [True] * 2 * 151
    assert [member["userId"] for frame in told for member in frame["joined"]] == names
    assert [member["userId"] for frame in told for member in frame["left"]] == ["bob"]
    assert len(told) == 2


@pytest.mark.parametrize("order", ["leaves first", "joins first"])
def test_a_user_who_reconnects_within_a_batch_is_not_announced(chat: Chat, order: str) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    before = row(chat, DORA)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    records = left(end(chat, DORA)), joined(row(chat, DORAS_PHONE))
    with chat.tables.counting("Query") as queries:
        serve(chat, [one for part in (records if order == "leaves first" else records[::-1]) for one in part])
        serve(chat, joined(before) + left(before))  # There for a moment only.
    assert chat.gateway.delivered == []
    assert queries == []


def test_the_last_record_of_a_row_decides(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    dora = row(chat, DORA)
    serve(chat, joined(dora) + left(dora) + joined(dora))
    assert chat.frames(ANA) == [changed(joined=("dora",))]
    end(chat, DORA)
    serve(chat, left(dora) + joined(dora) + left(dora))
    assert chat.frames(ANA)[1:] == [changed(left=("dora",))]


def test_if_devices_join_together_only_the_earliest_is_announced(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    serve(chat, joined(row(chat, DORAS_PHONE)))
    assert chat.gateway.delivered == []
    serve(chat, joined(row(chat, DORA)))
    assert chat.frames(ANA) == chat.frames(BOB) == [changed(joined=("dora",))]


@pytest.mark.parametrize("together", [True, False])
def test_if_devices_join_in_the_same_microsecond_only_one_is_announced(chat: Chat, *, together: bool) -> None:
    for device in (DORA, DORAS_PHONE):
        chat.tables.add_connection(device, "dora", "red")
        put_back_in_time(device, "2026-01-01T00:00:00.000000Z")
    records = joined(row(chat, DORA), row(chat, DORAS_PHONE))
    for batch in [records] if together else [records[:1], records[1:]]:
        serve(chat, batch)
    assert chat.frames(ANA) == [changed(joined=("dora",))]


def test_a_user_leaves_with_the_last_device(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    serve(chat, left(end(chat, DORA)))
    assert chat.gateway.delivered == []
    serve(chat, left(end(chat, DORAS_PHONE)))
    assert chat.frames(ANA) == chat.frames(BOB) == [changed(left=("dora",))]


@pytest.mark.parametrize("state", ["gone", "expired", "has left the group"])
def test_a_device_that_is_only_in_the_lagging_index_does_not_count(
    chat: Chat, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    listed = small_group("red")
    monkeypatch.setattr("handlers.presence_events.small_group", lambda _group_id: listed)
    last = end(chat, DORA)
    if state == "gone":
        connections.delete_row(DORAS_PHONE)
    elif state == "expired":
        chat.tables.add_connection(DORAS_PHONE, "dora", "red", expires_in=-1)
    else:
        chat.ask(DORAS_PHONE, "leaveGroup", groupId="red")
        chat.gateway.delivered.clear()
    serve(chat, left(last))
    assert changed(left=("dora",)) in chat.frames(ANA)


def test_a_device_in_another_group_does_not_count(chat: Chat) -> None:
    chat.tables.add_connection(EVE, "dora", "blue", age=100)
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    serve(chat, left(end(chat, DORA)))
    assert chat.frames(ANA) == [changed(joined=("dora",)), changed(left=("dora",))]
    assert chat.frames(EVE) == []


def test_nothing_is_sent_above_event_member_limit(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_MEMBER_LIMIT", "3")
    settings.settings.cache_clear()
    chat.tables.add_connection(DORA, "dora", "red")
    serve(chat, joined(row(chat, DORA)))
    assert len(chat.frames(ANA)) == 1
    chat.tables.add_connection("Fred=", "fred", "red")
    serve(chat, joined(row(chat, "Fred=")))
    assert len(chat.frames(ANA)) == 1


def test_an_incomplete_push_is_repeated_for_those_whom_it_has_not_reached(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    chat.gateway.answers[BOB] = HANG
    chat.context = Context(milliseconds=2500)
    again = serve(chat, joined(row(chat, DORA)))
    chat.gateway.answers, chat.context = {}, Context()
    assert serve(chat, again) == []
    assert [chat.frames(each) for each in (ANA, BOB, DORA)] == [[changed(joined=("dora",))]] * 3


def test_one_failed_recipient_does_not_repeat_the_push(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    chat.gateway.answers[BOB] = Answer(403)
    assert serve(chat, joined(row(chat, DORA))) == []
    assert chat.frames(ANA) == [changed(joined=("dora",))]


def test_only_groups_that_failed_are_told_again(chat: Chat, log: Log) -> None:
    users = {"dora": "green", "fred": "blue", "gina": "red"}
    for name, group in users.items():
        chat.tables.add_connection(f"{name}=", name, group)
    records = joined(*(row(chat, f"{name}=") for name in users))
    with chat.tables.failing("Query", aws_error("Query"), after=1, times=1):
        again = serve(chat, records)
    assert again == records[1:]
    assert log.warnings() == ["failed in part"]
    assert serve(chat, again) == []
    assert [len(chat.frames(each)) for each in ("dora=", EVE, ANA)] == [1, 1, 1]


def test_what_cannot_succeed_is_not_repeated(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    records = joined(row(chat, DORA) | {"groupId": {"S": "x" * 3000}}, row(chat, DORA))
    error = aws_error("Query", code="ValidationException")
    with chat.tables.failing("Query", error, times=1):
        assert serve(chat, records) == []
    assert chat.frames(ANA) == [changed(joined=("dora",))]
    assert log.warnings() == ["group not told, and not tried again"]


def test_a_batch_without_a_table_is_repeated_whole(chat: Chat) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    records = joined(row(chat, DORA)) + left(end(chat, EVE))
    with chat.tables.failing("Query", aws_error("Query")):
        assert serve(chat, records) == records
    chat.context = Context(milliseconds=1000)
    assert serve(chat, records) == records  # There was no time.
    chat.context = Context()
    assert serve(chat, records) == []


def test_odd_records_do_not_affect_the_others(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(DORA, "dora", "red")
    dora = row(chat, DORA)
    odd = [
        record("INSERT"),
        record("MODIFY", NewImage=dora, OldImage=dora),
        record("INSERT", NewImage={"connectionId": {"S": "x"}}),
        record("REMOVE", OldImage={**dora, "userId": {"M": {}}}),
        record("REMOVE", OldImage={name: value for name, value in dora.items() if name != "groupId"}),
        *({"eventName": kind, "dynamodb": {"SequenceNumber": kind, "Keys": {}}} for kind in ("INSERT", "REMOVE")),
    ]
    assert serve(chat, odd + joined(dora) + odd) == []
    assert chat.frames(ANA) == [changed(joined=("dora",))]
    assert log.warnings() == ["row skipped"] * 2


def test_the_process_remembers_a_limited_number_of_records(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_events, "_MOST_TOLD", 2)
    chat.tables.add_connection(DORA, "dora", "red")
    for _ in range(3):
        serve(chat, joined(row(chat, DORA)))
    assert len(presence_events._told) == 1  # noqa: SLF001 - the memory has no other trace


def test_the_log_has_the_number_of_records_and_of_groups_told(chat: Chat, log: Log) -> None:
    chat.tables.add_connection(DORA, "dora", "red", age=1)
    chat.tables.add_connection(DORAS_PHONE, "dora", "red", age=0)
    chat.tables.add_connection("Lone=", "lone", "green")
    serve(chat, joined(row(chat, DORA), row(chat, DORAS_PHONE)) + left(end(chat, "Lone=")))
    served = log.served()
    assert served.pop("durationMs") >= 0
    assert served == {"route": "presence", "outcome": "OK", "records": 3, "told": 1}
