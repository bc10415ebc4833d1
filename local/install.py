"""``python3 local/install.py FOLDER REQUIREMENTS``: makes a Python environment, and shows how far it is.

It runs before anything is installed, so it uses the standard library alone.
"""

import queue
import re
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

_AT_ONCE = 2
"""One pip mostly waits, for the network or for one processor."""
_BAR = 24
_SECONDS = 2
"""Without a terminal there is no bar. Then a line says how far it is, this often."""


def main() -> None:
    """Install the packages that a file with hashes names, and no others, into an environment."""
    folder, requirements = (Path(argument) for argument in sys.argv[1:])
    try:
        _install(folder, requirements)
    except KeyboardInterrupt:
        sys.exit("\nStopped. To go on, run the command again.")


def _install(folder: Path, requirements: Path) -> None:
    if not (folder / "pyvenv.cfg").exists():
        print(f"Making a Python environment in {folder}", file=sys.stderr, flush=True)
        # Its own pip would take as long as a third of the packages. Another one can install into it.
        venv.create(folder, symlinks=sys.platform != "win32")
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip = [
        *(*_pip(python), "install", "--require-hashes", "--no-deps"),
        # Python compiles what the program imports. All of it would take twice the time and the room.
        *("--no-compile", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"),
    ]
    packages = re.split(r"^(?=[\w.-]+==)", requirements.read_text(), flags=re.MULTILINE)[1:]
    commands = []
    for number in range(_AT_ONCE):
        part = folder / f"install-{number}.txt"
        part.write_text("".join(packages[number::_AT_ONCE]))
        commands.append([*pip, "--requirement", str(part)])
    log = folder / "install.log"
    if error := _run(commands, len(packages), log):
        sys.exit(f"The packages are not installed: {error}. Fix this and run the command again. Details: {log}")


def _pip(python: Path) -> list[str]:
    """Return a pip that installs for an interpreter: this Python's, if it has one that can, or one of its own."""
    ours = [sys.executable, "-m", "pip", "--python", str(python)]
    if _succeeds(*ours, "--version"):
        return ours
    if not _succeeds(str(python), "-m", "ensurepip"):
        sys.exit("This Python has no pip. Install it (Debian, Ubuntu: apt install python3-venv), then run this again.")
    return [str(python), "-m", "pip"]


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own


def _run(commands: list[list[str]], total: int, log: Path) -> str:
    """Run several pips at once, and show how far they are. Returns why one has failed, or an empty text."""
    running = [
        subprocess.Popen(  # noqa: S603 - our own
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        for command in commands
    ]
    progress, error = _Progress(total), ""
    try:
        with log.open("w") as kept:
            for line in _lines(running, progress.show):
                kept.write(line)
                progress.read(line)
                if line.startswith("ERROR: "):
                    error = error or line.removeprefix("ERROR: ").strip().rstrip(".")
    finally:
        for pip in running:
            pip.kill()
        failed = [pip for pip in running if pip.wait()]
        progress.close()
    return (error or "pip failed") if failed else ""


def _lines(running: list["subprocess.Popen[str]"], tick: Callable[[], None]) -> Iterator[str]:
    """Yield what the processes print until they end, and call ``tick`` several times a second."""
    said: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read(process: "subprocess.Popen[str]") -> None:
        for line in process.stdout or ():
            said.put(line)
        process.wait()
        said.put(None)

    for process in running:
        threading.Thread(target=read, args=(process,), daemon=True).start()
    left = len(running)
    while left:
        tick()
        try:
            line = said.get(timeout=0.2)
        except queue.Empty:
            continue
        if line is None:
            left -= 1
        else:
            yield line


class _Progress:
    """How many packages are there, as pip tells: a bar in a terminal, else a line now and then."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._fetched = 0
        self._text = ""
        self._last = 0.0

    def read(self, line: str) -> None:
        """Take a line that pip has printed."""
        if line.startswith("Ignoring "):  # It is for another system.
            self._total -= 1
        elif line.startswith(("Collecting ", "Requirement already satisfied: ")):
            self._fetched += 1

    def show(self) -> None:
        """Show where it is, if that is due."""
        fetched = min(self._fetched, self._total)
        text = f"{fetched} of {self._total} packages" if fetched < self._total else "unpacking, some seconds"
        now = time.monotonic()
        if sys.stderr.isatty():
            done = _BAR * fetched // max(1, self._total)
            text = f"\r\x1b[KInstalling [{'#' * done}{'.' * (_BAR - done)}] {text}"
            if text != self._text:
                print(text, end="", file=sys.stderr, flush=True)
        elif now >= self._last + _SECONDS:
            print(f"Installing: {text}", file=sys.stderr, flush=True)
            self._last = now
        self._text = text

    def close(self) -> None:
        """Leave the line of the bar."""
        if sys.stderr.isatty():
            print(file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
