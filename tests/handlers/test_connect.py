import re
import time

import pytest

from .chat import Chat
from .conftest import CONNECTION_TTL
from .tables import aws_error

NEW = "NewConnection="


def test_connect_stores_a_row_of_exactly_these_fields(chat: Chat) -> None:
    before = time.time()
    assert chat.connect(NEW, "userId=dora&groupId=red&token=secret") == 200
    row = chat.tables.connections()[NEW]

    connected_at, expires_at = row.pop("connectedAt")["S"], row.pop("expiresAt")["N"]
    assert row == {"connectionId": {"S": NEW}, "userId": {"S": "dora"}, "groupId": {"S": "red"}}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", connected_at)
    assert int(before) <= int(expires_at) - CONNECTION_TTL <= time.time()


def test_nothing_is_posted_to_a_connection_that_is_not_open_yet(chat: Chat) -> None:
    chat.connect(NEW, "userId=dora&groupId=red")
    assert chat.frames(NEW) == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "userId=dora",
        "groupId=red",
        "userId=&groupId=red",
        "userId=dora&groupId=",
        "userid=dora&groupid=red",
        "userId=dora&userId=ana&groupId=red",
        "userId=dora&groupId=red&groupId=red",
        f"userId={'x' * 257}&groupId=red",
        f"userId=dora&groupId={'x' * 257}",
        f"userId={'é' * 128}x&groupId=red",
        f"userId=dora&groupId={'😀' * 64}x",
    ],
)
def test_connect_without_exactly_one_proper_user_and_group_is_refused(chat: Chat, query: str) -> None:
    assert chat.connect(NEW, query) == 400
    assert NEW not in chat.tables.connections()
    assert chat.frames(NEW) == []


@pytest.mark.parametrize("longest", ["x" * 256, "é" * 128, "😀" * 64])
def test_ids_of_256_bytes_connect(chat: Chat, longest: str) -> None:
    assert chat.connect(NEW, f"userId={longest}&groupId={longest}") == 200
    assert chat.tables.connections()[NEW]["groupId"] == {"S": longest}


def test_connect_that_cannot_be_stored_is_refused(chat: Chat) -> None:
    with chat.tables.failing("PutItem", aws_error("PutItem")):
        assert chat.connect(NEW, "userId=dora&groupId=red") == 503
    assert NEW not in chat.tables.connections()
    assert chat.frames(NEW) == []
