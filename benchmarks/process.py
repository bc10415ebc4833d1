"""A client process on its own core, which gets a job per line and answers with its figures."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from .loopback import CLIENT_CORE, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

ROOT = Path(__file__).resolve().parent.parent
_PERIOD_S = 0.02
"""Lambda's scheduling period."""


def pinned() -> list[str]:
    """The start of a command that runs on the client's core, and ends with this process."""
    return ["setpriv", "--pdeathsig", "KILL", "taskset", "-c", str(CLIENT_CORE)]


def program(module: str) -> list[str]:
    """The command for a module of this package, or for a program of Node, by the ending."""
    if module.endswith(".mjs"):
        return [*pinned(), find("node"), str(ROOT / "benchmarks/node" / module)]
    return [*pinned(), sys.executable, "-m", f"benchmarks.{module}"]


def children_cpu_s() -> float:
    """The CPU time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Process:
    """A running client.

    Args:
        module: Its module in this package, or its file in ``node/``.
        arguments: Its arguments.
        environment: Its environment variables.
    """

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        self._name = " ".join((module, *arguments[:1]))
        self._process = subprocess.Popen(
            [*program(module), *arguments],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def job(self, **job: object) -> dict[str, float]:
        """Let it do a job. Returns its figures."""
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The client {self._name} ended without an answer. Its error is above")
        answer: dict[str, float] = json.loads(line)
        return answer

    def core(self, *, third: bool) -> AbstractContextManager[None]:
        """Let the process have the whole core, or run for only a third of each of Lambda's periods."""
        return self._third_of_a_core() if third else nullcontext()

    @contextmanager
    def _third_of_a_core(self) -> Iterator[None]:
        stop = threading.Event()

        def control() -> None:
            while not stop.is_set():
                self._process.send_signal(signal.SIGCONT)
                time.sleep(_PERIOD_S / 3)
                self._process.send_signal(signal.SIGSTOP)
                time.sleep(_PERIOD_S * 2 / 3)
            self._process.send_signal(signal.SIGCONT)

        thread = threading.Thread(target=control)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
