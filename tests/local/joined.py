"""A ``python -m local.join``, started as by a user or a script."""

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NO_PROXY_HERE = "socks5h://127.0.0.1:9"
"""An address where nothing listens."""
PROXIES = ("all_proxy", "http_proxy", "https_proxy", "no_proxy", "socks_proxy", "ws_proxy", "wss_proxy")


def environment(*, token: str = "", proxy: str = NO_PROXY_HERE, zone: str = "UTC") -> dict[str, str]:
    """The environment of a join, and of the shell that starts it."""
    given = {name: value for name, value in os.environ.items() if name.lower() not in {*PROXIES, "tmux", "env"}}
    given |= {"TZ": zone, "TERM": "xterm", "CHAT_TOKEN": token, "AWS_PROFILE": "not-to-be-touched"}
    return given | {"http_proxy": proxy, "https_proxy": proxy}


class Joined:
    """A join whose input and output are pipes."""

    def __init__(self, *arguments: str, **how: str) -> None:
        """Start it, with the arguments of :func:`environment`."""
        their_input, self._input = os.pipe()
        self._output, their_output = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local.join", *arguments],
            cwd=ROOT,
            env=environment(**how),
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
        new = os.read(self._output, 65536)
        self.shown += new.decode()
        return bool(new)


Start = Callable[..., Joined]
