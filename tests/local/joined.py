"""A ``python -m local.join``, started as by a user or a script."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NO_PROXY_HERE = "socks5h://127.0.0.1:9"
"""An address where nothing listens."""
PROXIES = ("all_proxy", "http_proxy", "https_proxy", "no_proxy", "socks_proxy", "ws_proxy", "wss_proxy")


class Joined:
    """A join whose input and output are pipes, or both a terminal."""

    def __init__(self, *arguments: str, terminal: bool = False, token: str = "", proxy: str = NO_PROXY_HERE) -> None:
        if terminal:
            self._input, their_input = pty.openpty()
            self._output, their_output = os.dup(self._input), os.dup(their_input)
        else:
            their_input, self._input = os.pipe()
            self._output, their_output = os.pipe()
        environment = {name: value for name, value in os.environ.items() if name.lower() not in PROXIES}
        environment |= {"TZ": "UTC", "TERM": "xterm", "CHAT_TOKEN": token, "AWS_PROFILE": "not-to-be-touched"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.join", *arguments],
            cwd=ROOT,
            env=environment | {"http_proxy": proxy, "https_proxy": proxy},
            stdin=their_input,
            stdout=their_output,
            stderr=their_output,
        )
        os.close(their_input)
        os.close(their_output)
        self.shown = ""
        self._sought = 0

    def type(self, text: str) -> None:
        os.write(self._input, text.encode())

    @property
    def echoes(self) -> bool:
        """Whether the terminal itself shows typed characters, as in a shell."""
        return bool(termios.tcgetattr(self._input)[3] & termios.ECHO)

    def end_input(self) -> None:
        os.close(self._input)
        self._input = -1

    def see(self, pattern: str) -> None:
        """Wait until a pattern is shown, after the pattern of the call before."""
        deadline = time.monotonic() + 20
        while not (found := re.compile(pattern).search(self.shown, self._sought)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.shown[self._sought :]!r}"
            assert self._read(), f"the program ended without {pattern!r}: {self.shown!r}"
        self._sought = found.end()

    def end(self) -> int:
        """Wait until the program ends, and return its exit status."""
        while self._read():
            pass
        return self.process.wait(timeout=20)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for descriptor in {self._input, self._output} - {-1}:
            os.close(descriptor)

    def _read(self) -> bool:
        if not select.select([self._output], [], [], 1)[0]:
            return True
        try:
            new = os.read(self._output, 65536)
        except OSError:  # A closed terminal raises this.
            return False
        self.shown += new.decode().replace("\r\n", "\n")
        return bool(new)


Start = Callable[..., Joined]
