"""Programs that tests need and that pip and npm do not have."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_INSTALLING = Path(tempfile.gettempdir(), f"websocket-chat-tests-{os.geteuid()}.lock")


def install(program: str, *packages: str) -> None:
    """Install packages of Debian or Ubuntu if a program is missing and that works without a password."""
    with _INSTALLING.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Another test process may be installing it.
        if not shutil.which(program) and shutil.which("apt-get") and os.geteuid() == 0:
            subprocess.run(["apt-get", "update", "-qq"], check=False)  # noqa: S607 - its path depends on the system
            command = ["apt-get", "install", "-qq", "--no-install-recommends", *packages]
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
