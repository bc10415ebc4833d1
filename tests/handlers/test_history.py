"""``getHistory``: pages in both directions, and the cursors between them."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, EVE, Chat
from .management_api_server import Frame
from .tables import MESSAGES, aws_error

Page = tuple[list[str], bool]


def put(message_id: str, timestamp: str) -> None:
    put_row(dynamodb(), MESSAGES, row(message_id, timestamp))


def row(message_id: str, timestamp: str, text: str = "Hi") -> dict[str, str]:
    return {"messageId": message_id, "groupId": "red", "message": text, "timestamp": timestamp}


def put_seconds(seconds: Iterable[int]) -> None:
    """Store one message for each second. Its id is the number of the second."""
    for second in seconds:
        put(str(second), f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000000Z")


def forget(message_id: str) -> None:
    """Delete a message, as another program could."""
    dynamodb().delete_item(TableName=MESSAGES, Key={"messageId": {"S": message_id}})


def history(chat: Chat, **fields: object) -> Frame:
    chat.receive(ANA, json.dumps({"action": "getHistory"} | fields), route="$default")
    return chat.frames(ANA)[-1]


def ids(page: Frame) -> list[str]:
    return [message["messageId"] for message in page["messages"]]


def read(chat: Chat, direction: str, cursor: str | None, limit: int) -> list[Page]:
    """Read pages until there are no more."""
    pages: list[Page] = []
    while not pages or pages[-1][1]:
        page = history(chat, **{direction: cursor, "limit": limit})
        pages.append((ids(page), page["more"]))
        cursor = page[direction]
    return pages


def test_without_a_cursor_the_newest_page_is_returned(chat: Chat) -> None:
    put_seconds(range(3))
    page = history(chat, limit=2, requestId="r1")
    assert page.keys() == {"action", "requestId", "messages", "before", "after", "more"}
    assert (page["action"], page["requestId"], page["more"]) == ("history", "r1", True)
    assert page["messages"] == [row("1", "2026-01-01T00:00:01.000000Z"), row("2", "2026-01-01T00:00:02.000000Z")]
    assert chat.gateway.recipients() == {ANA}


@pytest.mark.parametrize(("limit", "size"), [({}, 50), ({"limit": None}, 50), ({"limit": 1}, 1), ({"limit": 100}, 100)])
def test_the_limit_sets_the_number_of_messages_per_page(chat: Chat, limit: Frame, size: int) -> None:
    put_seconds(range(101))
    assert ids(history(chat, **limit)) == [str(second) for second in range(101)][-size:]


@pytest.mark.parametrize("limit", [0, 101, -1, 1.0, "5", True, []])
def test_a_limit_out_of_range_is_refused(chat: Chat, limit: object) -> None:
    refusal = history(chat, limit=limit, requestId="r1")
    assert (refusal["code"], refusal["requestId"]) == ("BAD_REQUEST", "r1")
    assert "limit must be an integer from 1 to 100" in refusal["message"]


@pytest.mark.parametrize("direction", ["before", "after"])
def test_a_cursor_of_another_group_is_refused(chat: Chat, direction: str) -> None:
    put_seconds([0])
    cursor = history(chat)["after"]
    chat.gateway.delivered.clear()
    chat.receive(EVE, json.dumps({"action": "getHistory", direction: cursor}), route="$default")
    assert chat.refusal(EVE)[0] == {"code": "BAD_REQUEST", "retryable": False}


def test_before_and_after_together_are_refused(chat: Chat) -> None:
    put_seconds([0])
    page = history(chat)
    chat.gateway.delivered.clear()
    history(chat, before=page["after"], after=page["after"])
    refusal, words = chat.refusal(ANA)
    assert refusal == {"code": "BAD_REQUEST", "retryable": False}
    assert {"before", "after"} <= set(words.split())


@pytest.mark.parametrize("operation", ["UpdateItem", "Query"])
def test_a_failed_read_is_retryable(chat: Chat, operation: str) -> None:
    with chat.tables.failing(operation, aws_error(operation)):
        history(chat)
    assert chat.refusal(ANA)[0] == {"code": "UNAVAILABLE", "retryable": True}


def test_pages_lead_back_to_the_first_message(chat: Chat) -> None:
    put_seconds(range(5))
    assert read(chat, "before", None, 2) == [(["3", "4"], True), (["1", "2"], True), (["0"], False)]
    assert history(chat, limit=5)["before"] is None


def test_a_page_read_backwards_has_a_cursor_forwards(chat: Chat) -> None:
    put_seconds(range(0, 500, 100))
    middle = history(chat, limit=2, before=history(chat, limit=2)["before"])
    assert ids(middle) == ["100", "200"]
    assert ids(history(chat, after=middle["after"])) == [
        "200",
        "300",
        "400",
    ]  # Reading starts a minute before the cursor.


def test_before_the_first_message_there_is_an_empty_page(chat: Chat) -> None:
    start = history(chat)
    assert (start["messages"], start["before"], start["more"]) == ([], None, False)
    put_seconds(range(3))
    page = history(chat, before=start["after"])
    assert (page["messages"], page["before"], page["after"], page["more"]) == ([], None, start["after"], False)


def test_an_empty_page_before_a_message_has_a_cursor_to_the_message(chat: Chat) -> None:
    put_seconds([0, 100])
    first = history(chat, limit=1, before=history(chat, limit=1)["before"])
    forget("0")
    page = history(chat, before=first["after"])
    assert (page["messages"], page["before"], page["after"], page["more"]) == ([], None, first["after"], False)
    assert ids(history(chat, after=page["after"])) == ["100"]


@pytest.mark.parametrize("known", [0, 1])
def test_pages_read_forwards_do_not_overlap(chat: Chat, known: int) -> None:
    put_seconds(range(known))
    cursor = history(chat)["after"]
    put_seconds(range(5))
    assert read(chat, "after", cursor, 2) == [(["0", "1"], True), (["2", "3"], True), (["4"], False)]


def test_every_page_read_forwards_has_a_cursor_to_earlier_messages(chat: Chat) -> None:
    put_seconds(range(0, 600, 100))
    page = history(chat, limit=1, before=history(chat, limit=5)["before"])
    for second in (0, 200, 400):  # This includes the last page.
        page = history(chat, limit=2, after=page["after"])
        assert ids(page) == [str(second), str(second + 100)]
        assert ids(history(chat, before=page["before"])) == [str(each) for each in range(0, second, 100)]


def test_a_message_that_reaches_the_index_late_is_found_after_a_stored_cursor(chat: Chat) -> None:
    put_seconds([60])
    cursor = history(chat)["after"]
    put_seconds([0, 59])
    page = history(chat, after=cursor)
    assert ids(page) == ["0", "59", "60"]  # Reading starts 60 seconds before the cursor.
    put("late", "2025-12-31T23:59:59.999999Z")
    assert ids(history(chat, after=page["after"])) == ["0", "59", "60"]


def test_a_late_message_is_found_after_several_pages(chat: Chat) -> None:
    cursor = history(chat)["after"]
    put_seconds([10, 20, 30])
    while (page := history(chat, after=cursor, limit=2))["more"]:
        cursor = page["after"]
    put_seconds([25])
    assert "25" in ids(history(chat, after=page["after"]))


def test_a_late_message_is_found_after_an_empty_last_page(chat: Chat) -> None:
    cursor = history(chat)["after"]
    put_seconds([10, 20, 30])
    cursor = history(chat, after=cursor, limit=2)["after"]
    forget("30")
    page = history(chat, after=cursor)
    assert (page["messages"], page["more"]) == ([], False)
    put_seconds([15])
    assert "15" in ids(history(chat, after=page["after"]))


def test_a_cursor_never_moves_backwards(chat: Chat) -> None:
    put_seconds([0, 100])
    cursor = history(chat)["after"]
    assert history(chat, after=cursor)["after"] == cursor
    forget("100")
    page = history(chat, after=cursor)
    assert (page["messages"], page["after"], page["more"]) == ([], cursor, False)
    put_seconds([90])
    page = history(chat, after=cursor)
    assert (ids(page), page["after"]) == (["90"], cursor)


def test_a_page_ends_at_the_largest_frame_and_the_next_continues(chat: Chat) -> None:
    for number in range(4):
        put_row(dynamodb(), MESSAGES, row(str(number), f"2026-01-01T00:00:0{number}.000000Z", "x" * 10_000))
    assert read(chat, "before", None, 100) == [(["2", "3"], True), (["0", "1"], False)]
    put_seconds([200])
    start = history(chat, before=history(chat, limit=1)["before"])
    assert (ids(start), start["before"] is None) == (["2", "3"], False)


def test_a_message_too_large_for_a_frame_comes_without_its_text(chat: Chat) -> None:
    put_row(dynamodb(), MESSAGES, row("large", "2026-01-01T00:00:00.000000Z", "x" * 40_000))
    expected = row("large", "2026-01-01T00:00:00.000000Z") | {"omitted": True}
    expected.pop("message")
    assert history(chat)["messages"] == [expected]


def test_messages_with_the_same_timestamp_are_sorted_by_id(chat: Chat) -> None:
    for message_id in ("c", "a", "b"):
        put(message_id, "2026-01-01T00:00:00.000000Z")
    page = history(chat)
    assert ids(page) == ["a", "b", "c"]
    assert ids(history(chat, after=page["after"])) == ["a", "b", "c"]


def test_rows_with_another_time_zone_are_found_after_a_cursor(chat: Chat) -> None:
    put("first", "2026-01-01T10:00:00-05:00")
    page = history(chat)
    put("second", "2026-01-01T10:00:05-05:00")
    assert "second" in ids(history(chat, after=page["after"]))


def test_what_another_program_stored_is_shown_or_named(chat: Chat) -> None:
    odd: dict[str, Any] = {
        "message": {"N": "42"},
        "senderId": {"N": "1E+2"},
        "senderName": {"M": {"first": {"S": "Dora"}}},
        "clientMessageId": {"NULL": True},
        "attachments": {"L": []},
    }
    texts = {"messageId": "m1", "groupId": "red", "timestamp": "2026-01-01T00:00:00.000000Z"}
    dynamodb().put_item(TableName=MESSAGES, Item=odd | {name: {"S": value} for name, value in texts.items()})
    shown = {"message": "42", "senderId": "100", "senderName": "(not text)"}
    assert history(chat)["messages"] == [texts | shown]


@pytest.mark.parametrize("value", [{"L": []}, {"M": {}}, {"B": b"x"}, {"BOOL": False}, {"SS": ["x"]}, {"NS": ["1"]}])
def test_a_message_that_is_not_text_is_named(chat: Chat, value: Any) -> None:
    put("m1", "2026-01-01T00:00:00.000000Z")
    dynamodb().update_item(
        TableName=MESSAGES,
        Key={"messageId": {"S": "m1"}},
        UpdateExpression="SET message = :value",
        ExpressionAttributeValues={":value": value},
    )
    assert history(chat)["messages"] == [row("m1", "2026-01-01T00:00:00.000000Z", "(not text)")]
