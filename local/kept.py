"""What a chat keeps from one start to the next, in a folder: its addresses and its messages."""

import json
import os
import secrets
import sys
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

USUAL_FOLDER = Path(__file__).resolve().parent.parent / ".chat"

FORMAT = 1
"""Of the file with the state. Raise it if an older file cannot be read any more."""
UNUSABLE_STATE = 3
"""Exit status of an emulator that cannot restore its state."""
EMULATOR = f"ministack {version('ministack')}"

_ENDING_SECONDS = 3
"""After a kill, the emulator of the chat before may still write what was said last."""


class FolderError(Exception):
    """The folder cannot be used."""


class ChatRunsError(Exception):
    """Another process runs the chat of this folder. The text is the address of its page, if it is known."""


class Kept:
    """A folder. As a context manager, it is this process's own, and that of the emulator that inherits ``lock``.

    Attributes:
        state: The file with the emulator's state.
        key: The file with the key that signs the chat's tokens.
        errors: The file for the details of an error.
        lock: The descriptor that makes the folder one's own.
    """

    def __init__(self, folder: Path) -> None:
        """Name the folder. It need not exist."""
        self.state = folder / "state.json"
        self.errors = folder / "error.log"
        self.key = folder / "key.pem"
        self.lock = -1
        self._folder = folder
        self._addresses = folder / "addresses.json"

    def addresses(self) -> dict[str, Any]:
        """Return the addresses of the last start, as far as they are known.

        They are ``apiId``, ``port`` of the emulator, ``pagePort``, ``page``, which is its whole
        address, and ``issuerPort`` of the identity provider.
        """
        return {"apiId": secrets.token_hex(4)} | self._known_addresses()

    def _known_addresses(self) -> dict[str, Any]:
        try:
            known = json.loads(self._addresses.read_text())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    def keep_addresses(self, addresses: dict[str, Any]) -> None:
        """Keep the addresses for the next start."""
        new = self._addresses.with_suffix(".new")
        new.write_text(json.dumps(addresses))
        new.replace(self._addresses)

    def deployment(self) -> tuple[dict[str, Any] | None, str]:
        """Return what the last start has deployed, or None, and then why its state cannot be used, if there is one."""
        if not self.state.exists():
            return None, ""
        try:
            state = json.loads(self.state.read_text())
            made, by = state["format"], state["emulator"]
            deployment: dict[str, Any] = state["deployment"]
            deployment["resources"].keys()
        except (ValueError, KeyError, TypeError, AttributeError, OSError):
            return None, "the file is damaged"
        if (made, by) != (FORMAT, EMULATOR):
            return None, f"it was kept by {by}, in form {made}. This is {EMULATOR}, which has form {FORMAT}"
        return deployment, ""

    def set_aside(self) -> Path:
        """Take the state away. Returns where it is now."""
        return self.state.replace(self.state.with_suffix(".unusable"))

    def __enter__(self) -> Self:
        """Make the folder, and make it one's own.

        Raises:
            ChatRunsError: It is another process's.
            FolderError: It cannot be written.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise FolderError(f"{self._folder} cannot be written: {error.strerror}") from error
        deadline = time.monotonic() + _ENDING_SECONDS
        while not _locked(self.lock):
            if time.monotonic() > deadline:
                os.close(self.lock)
                raise ChatRunsError(self._known_addresses().get("page", ""))
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let others have the folder."""
        os.close(self.lock)


def _locked(descriptor: int) -> bool:
    """Lock a file for this process and those that inherit the descriptor. False if it is locked already."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
