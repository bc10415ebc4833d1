"""Runs the emulator in this process, and ends it when the parent process is gone."""

import os
import signal
import sys
import threading

from ministack.app import main


def _end_with_parent() -> None:
    # Ends when the parent's side of the pipe is closed, however the parent ended.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    # Ctrl-C reaches the whole terminal; the parent takes us down in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = sys.argv[:1]
    main()
