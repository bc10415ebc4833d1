"""The messages that ``python -m local.join`` has shown, and the numbers by which the user names them."""

from collections.abc import Callable
from itertools import islice

from .link import Frame

_MOST = 1000
"""How many messages are kept."""


class Shown:
    """The newest version of each message that was shown."""

    def __init__(self) -> None:
        """Begin without messages."""
        self._messages: dict[str, Frame] = {}
        self._numbers: list[str] = []

    def keep(self, message: Frame) -> None:
        """Keep a message."""
        self._messages[message["messageId"]] = message
        if len(self._messages) > _MOST:
            del self._messages[next(iter(self._messages))]

    def replace(self, message: Frame) -> Frame | None:
        """Keep a later version. Returns the one before it. None if the message is not here."""
        before = self.get(message["messageId"])
        if before:
            self.keep(message)
        return before

    def forget(self, group_id: str) -> None:
        """Drop the messages of a group."""
        self._messages = {each: one for each, one in self._messages.items() if one["groupId"] != group_id}

    def get(self, message_id: str) -> Frame | None:
        """Return the message with this id."""
        return self._messages.get(message_id)

    def last(self, group_id: str, most: int, chosen: Callable[[Frame], bool] = bool) -> list[Frame]:
        """Return the last messages of a group, of those that are chosen, oldest first."""
        found = (one for one in reversed(self._messages.values()) if one["groupId"] == group_id and chosen(one))
        return [*islice(found, most)][::-1]

    def number(self, message: Frame) -> int:
        """Return the number of a message. It stays the same."""
        if message["messageId"] not in self._numbers:
            self._numbers.append(message["messageId"])
        return self._numbers.index(message["messageId"]) + 1

    def numbered(self, number: int) -> Frame | None:
        """Return the message with this number."""
        return self.get(self._numbers[number - 1]) if 0 < number <= len(self._numbers) else None
