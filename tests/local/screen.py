"""A shell in a real terminal, that of tmux, in which ``python -m local.join`` runs."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.packages import find_or_install

from .joined import ROOT, environment

_PATIENCE_S, _PAUSE_S = 20, 0.05


class Screen:
    """A terminal with 20 rows."""

    def __init__(
        self, folder: Path, *arguments: str, columns: str = "40", term: str = "screen", after: str = ""
    ) -> None:
        """Run join in a shell.

        Args:
            folder: Where the files of this terminal are.
            arguments: The command line of join.
            columns: The width of the terminal.
            term: The kind of terminal, for TERM.
            after: What follows in the shell's command.
        """
        tmux = find_or_install(["tmux"], ["tmux"])
        if not tmux:
            pytest.fail("These tests need tmux: apt-get install tmux (Debian, Ubuntu), brew install tmux (macOS)")
        self._tmux = [tmux, "-u", "-f", os.devnull, "-L", f"chat-{uuid4()}"]
        self._folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        command = [
            f"TERM={term}",
            "sh",
            "-c",
            f'echo $$ > {folder}/pid; exec "$0" "$@"',
            sys.executable,
            "-m",
            "local.join",
        ]
        script = (
            "PS1='$ '",
            f"stty -g > {folder}/before",
            "env " + shlex.join([*command, *arguments]) + after,
            "status=$?",
            f"stty -g > {folder}/after",
            'echo "ended with $status"',
        )
        (folder / "join").write_text("\n".join(script) + "\n")
        environ = environment() | {"HOME": str(self.home)}
        size = ["-x", columns, "-y", "20"]
        subprocess.run([*self._tmux, "new-session", "-d", *size, "-c", ROOT, "sh"], env=environ, check=True)
        self._do("pipe-pane", f"cat > {folder}/raw")
        self.type(f". {folder}/join")
        self.press("Enter")

    @property
    def raw(self) -> str:
        """All that was written to the terminal."""
        return (self._folder / "raw").read_text(errors="replace")

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def paste(self, text: str) -> None:
        """Paste as the terminal does: with marks around the text if the program wants them."""
        self._do("load-buffer", "-", text=text)
        self._do("paste-buffer", "-p", "-d")

    def resize(self, columns: int) -> None:
        self._do("resize-window", "-x", str(columns))

    def terminate(self) -> None:
        os.kill(int((self._folder / "pid").read_text()), signal.SIGTERM)

    def lines(self, *, scrolled: bool = False) -> list[str]:
        """What is on the screen, each time as hh:mm. ``scrolled``: and above it, with wrapped lines in one."""
        shown = self._do("capture-pane", "-p", *(("-J", "-S", "-") if scrolled else ())).rstrip()
        return [re.sub(r"^\d\d:\d\d ", "hh:mm ", line.rstrip()) for line in shown.split("\n")]

    def see(self, *last: str) -> None:
        """Wait until these are the last lines on the screen."""
        self.wait(lambda: self.lines()[-len(last) :] == list(last), last)

    def see_typed(self, text: str, prompt: str = "> ") -> None:
        """Wait until a text stands between the prompt and the status line, and nowhere else. Blanks do not count."""

        def is_there() -> bool:
            lines = self.lines()
            begin = max((at for at, line in enumerate(lines) if (line + " ").startswith(prompt)), default=0)
            joined, sought = ("".join("".join(part).split()) for part in (lines[begin:-1], prompt + text))
            return joined == sought and "".join("".join(lines).split()).count(sought[:15]) == 1

        self.wait(is_there, text)

    def find(self, text: str) -> None:
        """Wait until a text is on the screen."""
        self.wait(lambda: text in "\n".join(self.lines()), text)

    def see_restored(self) -> None:
        """Wait until the terminal has the settings that it had before join."""

        def is_restored() -> bool:
            before, after = ((self._folder / when).read_text() for when in ("before", "after"))
            pastes_end, pastes_begin = (self.raw.rfind(f"\x1b[?2004{mode}") for mode in "lh")
            return (
                before == after and pastes_end > pastes_begin and self._do("display", "-p", "#{cursor_flag}") == "1\n"
            )

        self.wait(is_restored, "restored terminal")

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=True)

    def wait(self, seen: Callable[[], bool], sought: object) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while not seen():
            assert time.monotonic() < deadline, f"no {sought!r} in\n" + "\n".join(self.lines())
            time.sleep(_PAUSE_S)

    def _do(self, *command: str, text: str | None = None) -> str:
        done = subprocess.run([*self._tmux, *command], input=text, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout


OpenScreen = Callable[..., Screen]
"""Terminals that end with their test."""
