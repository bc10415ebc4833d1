"""Pulumi's language host for Python, which comes with the CLI's release but not with its source in Go.

The CLI starts it as ``pulumi-language-python ADDRESS`` and reads its port from the first line. It runs one program.
https://pulumi-developer-docs.readthedocs.io/latest/docs/architecture/languages.html
"""

import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import grpc
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2, language_pb2_grpc


class LanguageHost(LanguageServer):
    def __init__(self) -> None:
        super().__init__(self._run_program)
        self._directory = ""

    def InstallDependencies(self, _request: Any, _context: Any) -> Iterator[Any]:
        return iter(())  # This environment has them.

    def Run(self, request: Any, context: Any) -> Any:
        self._directory = request.info.program_directory
        answer: Any = super().Run(request, context)  # type: ignore[no-untyped-call]
        # The error was logged. As pulumi's own host does, end without a second message.
        return language_pb2.RunResponse(bail=True) if answer.error else answer

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        # Pulumi's own host has an environment for each plugin. So nothing but the packages is on its path (-E).
        command = [sys.executable, "-E", "-B", request.info.program_directory, *request.args]
        environment = dict(variable.split("=", 1) for variable in request.env)
        response: Any = language_pb2.RunPluginResponse
        said: SimpleQueue[Any] = SimpleQueue()

        def listen(name: str, stream: Iterable[bytes]) -> None:
            for line in stream:
                said.put(response(**{name: line}))
            said.put(None)

        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=request.pwd, env=environment, stdout=pipe, stderr=pipe) as plugin:
            context.add_callback(plugin.kill)
            for heard in (("stdout", plugin.stdout), ("stderr", plugin.stderr)):
                threading.Thread(target=listen, args=heard).start()
            for _ in range(2):
                yield from iter(said.get, None)
        yield response(exitcode=plugin.returncode)

    def _run_program(self) -> None:
        os.chdir(self._directory)
        sys.path.insert(0, self._directory)
        runpy.run_path(str(Path(self._directory, "__main__.py")), run_name="__main__")


def main() -> None:
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))  # The CLI ends it so. Then it waits 5 seconds.
    server = grpc.server(ThreadPoolExecutor(4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(LanguageHost(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    cli = os.getppid()
    while os.getppid() == cli:  # A CLI that is killed ends no plugin.
        time.sleep(0.5)


if __name__ == "__main__":
    main()
