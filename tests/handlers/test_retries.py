"""The same frame sent again under its ``clientMessageId``: stored once, pushed again only where that may be needed."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from .chat import ANA, BOB, EVE, Chat, Context
from .management_api_server import GONE, HANG, RESET, Answer
from .tables import ProcessKilledError, aws_error


def test_retry_is_acknowledged_with_what_was_stored_first_and_changes_nothing(chat: Chat) -> None:
    chat.send(ANA, clientMessageId="c1", senderName="Ana")
    before = chat.tables.messages()
    assert chat.send(ANA, clientMessageId="c1", senderName="Ana the Second", requestId="again") == 200

    assert chat.tables.messages() == before
    first, second = chat.acks(ANA)
    assert second == first | {"duplicate": True, "requestId": "again"}


def test_retry_of_a_finished_push_is_not_pushed_again(chat: Chat) -> None:
    for _ in range(3):
        chat.send(ANA, clientMessageId="c1")
    assert len(chat.pushes(ANA)) == len(chat.pushes(BOB)) == 1


@contextlib.contextmanager
def _killed(dying: AbstractContextManager[None]) -> "contextlib._GeneratorContextManager[None]":
    with dying, contextlib.suppress(ProcessKilledError):
        yield
