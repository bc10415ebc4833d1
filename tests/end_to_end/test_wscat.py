"""The wscat session of the earlier guide, line by line, with the real wscat."""

import json
import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.end_to_end.conftest import Chat

WSCAT = Path(__file__).parent.parent.parent / "node_modules" / ".bin" / "wscat"


class Terminal:
    """wscat in a terminal."""

    def __init__(self, url: str) -> None:
        ours, theirs = pty.openpty()
        self._terminal = ours
        self.process = subprocess.Popen([WSCAT, "--no-color", "-c", url], stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self._screen = ""

    def type(self, line: str) -> None:
        os.write(self._terminal, f"{line}\r".encode())

    def see(self, pattern: str, seconds: float = 20) -> str:
        """Wait for a pattern on the screen and return the match. The next call searches only what comes after it."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self._screen)):
            assert time.monotonic() < deadline, f"no {pattern!r} on the screen: {self._screen!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                self._screen += os.read(self._terminal, 65536).decode()
        self._screen = self._screen[found.end() :]
        return found.group()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        os.close(self._terminal)


@contextmanager
def wscat(chat: Chat, user_id: str) -> Iterator[Terminal]:
    terminal = Terminal(f"{chat.url}?userId={user_id}&groupId=group456")
    try:
        terminal.see("Connected")
        yield terminal
    finally:
        terminal.close()


def test_the_session_of_the_earlier_guide_works(chat: Chat) -> None:
    with wscat(chat, "user123") as first, wscat(chat, "user789") as second:
        first.type(
            '{"action":"sendMessage","groupId":"group456","senderId":"user123","senderName":"Test User",'
            '"message":"Hello World","timestamp":"2025-01-01T00:00:00Z"}'
        )
        for terminal in (first, second):
            pushed = json.loads(terminal.see(r'\{"action":"message".*\}'))
            assert (pushed["message"], pushed["senderName"]) == ("Hello World", "Test User")


def test_connection_without_a_group_is_refused(chat: Chat) -> None:
    terminal = Terminal(f"{chat.url}?userId=user123")
    try:
        terminal.see("Unexpected server response")
    finally:
        terminal.close()
