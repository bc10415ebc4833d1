from .chat import ANA, BOB, EVE, Chat
from .tables import aws_error


def test_disconnect_deletes_the_row_and_no_other(chat: Chat) -> None:
    assert chat.disconnect(ANA) == 200
    assert chat.tables.connections().keys() == {BOB, EVE}


def test_disconnect_may_come_twice(chat: Chat) -> None:
    assert [chat.disconnect(ANA), chat.disconnect(ANA)] == [200, 200]
    assert chat.tables.connections().keys() == {BOB, EVE}


def test_disconnect_of_an_unknown_connection_changes_nothing(chat: Chat) -> None:
    assert chat.disconnect("UnknownConnection=") == 200
    assert chat.tables.connections().keys() == {ANA, BOB, EVE}


def test_a_failed_disconnect_posts_nothing_to_the_closed_connection(chat: Chat) -> None:
    with chat.tables.failing("DeleteItem", aws_error("DeleteItem")):
        assert chat.disconnect(ANA) == 503
    assert chat.frames(ANA) == []
