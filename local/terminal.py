"""The terminal of ``python -m local.join``: the lines that are typed, and those that are shown above them."""

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

try:
    import readline
    import termios
except ImportError:  # Windows: there, the line that you are typing is not shown again below a new message.
    _EDITING = False
else:
    _EDITING = sys.stdin.isatty() and sys.stdout.isatty()

_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# What fonts leave out (Unicode's property Default_Ignorable_Code_Point), and the blank of Braille.
# https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
"""Characters that join emoji, and letters in several scripts."""


def harmless(text: object) -> str:
    """Replace every character that breaks the line, controls a terminal, or changes the direction of writing."""
    return "".join(
        "\ufffd" if unicodedata.category(one) in _HARMFUL and one not in _JOINERS else one
        for one in str(text).replace("\t", " ")
    )


def is_visible(text: str) -> bool:
    """Return whether a person can see something of a text. ``isVisible`` of the browser client has the same rule."""
    return any(not one.isspace() and unicodedata.category(one) != "Cc" and not _UNSEEN.match(one) for one in text)


class Terminal:
    """Standard input, output and error.

    Attributes:
        echoes: Whether a line stays visible where it was typed.
        prompt: What stands before the next line that is typed.
    """

    def __init__(self) -> None:
        """Use the streams of the process."""
        self.echoes = _EDITING
        self.prompt = "> "
        self._shown_prompt = ""  # Empty while no line is typed.

    def show(self, text: str, stream: TextIO) -> bool:
        """Show text, above the line that the user is typing. Returns False if the reader of the stream has gone."""
        try:
            if _EDITING:
                stream = sys.stdout
                typed = self._shown_prompt + readline.get_line_buffer() if self._shown_prompt else ""
                text = f"\r\x1b[K{text}\n{typed}"
                print(text, end="", file=stream, flush=True)
            else:
                print(text, file=stream, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            return False
        return True

    def read(self, take: Callable[[str], None]) -> asyncio.Future[None]:
        """Pass each line of the input to ``take``, in the event loop. The future is done when the input ends."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def hand_over(line: str, taken: threading.Event) -> None:
            try:
                take(line)
            finally:
                taken.set()

        def read() -> None:
            with suppress(RuntimeError):  # The loop has ended.
                for line in self._lines():
                    taken = threading.Event()
                    loop.call_soon_threadsafe(hand_over, line, taken)
                    taken.wait()  # A line can change the prompt of the next one.
                loop.call_soon_threadsafe(ended.set_result, None)

        # A daemon, because nothing can stop a thread that waits for a line.
        threading.Thread(target=read, daemon=True).start()
        return ended

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Restore the terminal at the end, although `input` still waits."""
        if not _EDITING:
            yield
            return
        before = termios.tcgetattr(sys.stdin)
        try:
            yield
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
            print()

    def _lines(self) -> Iterator[str]:
        if _EDITING:
            with suppress(EOFError):
                while True:
                    self._shown_prompt = self.prompt
                    line = input(self._shown_prompt)
                    self._shown_prompt = ""
                    yield line
            return
        # Open a second file: sys.stdin could not be closed at the end while the thread waits for a line.
        yield from open(os.dup(sys.stdin.fileno()), encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115
