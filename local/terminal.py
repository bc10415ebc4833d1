"""The input and output of ``python -m local.join``: plain lines, as for pipes and files."""

import asyncio
import os
import re
import sys
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

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


def harmless_lines(text: str, indent: str) -> str:
    """Make each line harmless. The indent keeps all but the first from looking like another user's message."""
    return f"\n{indent}".join(harmless(line) for line in text.replace("\r\n", "\n").split("\n"))


def is_visible(text: str) -> bool:
    """Return whether a person can see something of a text. ``isVisible`` of the browser client has the same rule."""
    return any(not one.isspace() and unicodedata.category(one) != "Cc" and not _UNSEEN.match(one) for one in text)


class Terminal:
    """Standard input, output and error.

    Attributes:
        echoes: Whether a line stays visible where it was typed.
        prompt: What stands before the next line that is typed. Plain lines have none.
        status: Returns what stands below it.
    """

    def __init__(self) -> None:
        """Use the streams of the process."""
        self.echoes = sys.stdin.isatty() and sys.stdout.isatty()
        self.prompt = "> "
        self.status: Callable[[], str] = str

    def show(self, text: str, stream: TextIO) -> bool:
        """Show text. Returns False if the reader of the stream has gone."""
        try:
            print(text, file=stream, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            return False
        return True

    def refresh(self) -> None:
        """Show the prompt and the status again, because they may have changed."""

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
            # Open a second file: sys.stdin could not be closed at the end while the thread waits for a line.
            lines = open(os.dup(sys.stdin.fileno()), encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115
            with suppress(RuntimeError):  # The loop has ended.
                for line in lines:
                    taken = threading.Event()
                    loop.call_soon_threadsafe(hand_over, line, taken)
                    taken.wait()  # What a command has begun goes on before the next line.
                loop.call_soon_threadsafe(ended.set_result, None)

        # A daemon, because nothing can stop a thread that waits for a line.
        threading.Thread(target=read, daemon=True).start()
        return ended
