"""Runs the emulator in this process until its standard input ends: when the parent process ends, no matter how."""

import os
import shutil
import signal
import sys
import threading
from contextlib import suppress

from ministack.app import main
from ministack.core import lambda_runtime


def _end_with_input(directory: str) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    with suppress(Exception):
        lambda_runtime.reset()  # Ask the functions to end, so that a coverage measurement can write its result.
    shutil.rmtree(directory, ignore_errors=True)
    if sys.platform != "win32":
        os.killpg(0, signal.SIGKILL)  # End the functions' processes too. No state needs an orderly end.
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, args=(sys.argv.pop(),), daemon=True).start()
    main()
