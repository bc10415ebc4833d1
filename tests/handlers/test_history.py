"""What the emulator cannot tell apart: rows of one microsecond, and times that other programs wrote."""

import json

from handlers.tables.aws import dynamodb
from tests.rows import put_row

from .chat import ANA, Chat
from .management_api_server import Frame
from .tables import MESSAGES


def put(message_id: str, timestamp: str) -> None:
    row = {"messageId": message_id, "groupId": "red", "message": "Hi", "timestamp": timestamp}
    put_row(dynamodb(), MESSAGES, row)


def history(chat: Chat, **fields: object) -> Frame:
    chat.receive(ANA, json.dumps({"action": "getHistory"} | fields), route="$default")
    return chat.frames(ANA)[-1]


def ids(page: Frame) -> list[str]:
    return [message["messageId"] for message in page["messages"]]


def test_messages_of_one_microsecond_are_in_the_order_of_their_ids(chat: Chat) -> None:
    for message_id in ("c", "a", "b"):
        put(message_id, "2026-01-01T00:00:00.000000Z")
    page = history(chat)
    assert ids(page) == ["a", "b", "c"]
    assert ids(history(chat, after=page["after"])) == ["a", "b", "c"]


def test_rows_behind_a_cursor_in_another_time_zone_are_found(chat: Chat) -> None:
    put("first", "2026-01-01T10:00:00-05:00")
    page = history(chat)
    put("second", "2026-01-01T10:00:05-05:00")
    assert "second" in ids(history(chat, after=page["after"]))
