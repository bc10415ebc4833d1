"""A chat on a connections table that existed already, next to the rows of other APIs."""

from collections.abc import Callable

import pytest

from local.deploy import deploy
from local.emulator import Emulator
from local.prerequisites import create_connections_table
from tests.rows import a_minute_ago, put_row

from .conftest import Chat

THEIRS = "TheirConnections"


@pytest.fixture(scope="module")
def adopting(emulator: Emulator, chat: Chat) -> Chat:
    """A second chat, beside the first one and with the same messages table."""
    assert chat.outputs["ConnectionsTable"] != THEIRS
    create_connections_table(emulator, THEIRS)
    config = {"connectionsTable": THEIRS, "presence": False, "connectionsPerUser": 0, "namePrefix": "Adopting"}
    return Chat(emulator, deploy(emulator, config))


def test_no_other_table_is_created(adopting: Chat) -> None:
    assert adopting.outputs["ConnectionsTable"] == THEIRS
    assert "AdoptingConnections" not in adopting.emulator.client("dynamodb").list_tables()["TableNames"]


def test_clients_chat_and_rows_of_other_apis_stay(adopting: Chat, eventually: Callable[..., None]) -> None:
    rows = adopting.emulator.client("dynamodb")
    old = {"userId": "eve", "groupId": "red", "connectedAt": a_minute_ago()}
    put_row(rows, THEIRS, old | {"connectionId": "Old="})
    put_row(rows, THEIRS, old | {"connectionId": "Another=", "apiId": "another"})
    with adopting.join("ana", "red") as ana, adopting.join("bob", "red") as bob:
        ana.say("Hello")
        assert ana.receive("message")["message"] == bob.receive("message")["message"] == "Hello"
        apis = {row["userId"]: row.get("apiId") for row in adopting.rows("ConnectionsTable")}
        assert apis["ana"] == apis["bob"] == adopting.outputs["ApiId"]
    # The old row's connection is gone for our API, but another API may have it.
    eventually(lambda: {row["connectionId"] for row in adopting.rows("ConnectionsTable")} == {"Old=", "Another="})
