"""Programs that the tests need, and that packages of Debian bring."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_INSTALLING = Path(tempfile.gettempdir(), f"websocket-chat-tests-{os.geteuid()}.lock")


def find(names: list[str]) -> str | None:
    """Path of the first of these programs that is here."""
    return next(filter(None, map(shutil.which, names)), None)


def find_or_install(names: list[str], packages: list[str]) -> str | None:
    """Like :func:`find`. If the program is missing and this process is root, install the packages first."""
    with _INSTALLING.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Another test process may be installing it.
        if not find(names) and shutil.which("apt-get") and os.geteuid() == 0:
            subprocess.run(["apt-get", "update", "-qq"], check=False)  # noqa: S607 - its path depends on the system
            install = ["apt-get", "install", "-qq", "--no-install-recommends", *packages]
            subprocess.run(install, check=False, stdout=subprocess.DEVNULL)
        return find(names)
