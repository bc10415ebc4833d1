"""The AWS CLI, as far as docs/migration.md uses it.

Its commands run in the process of the test. To start boto3 for each of them would take longer than all the rest.
"""

import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.emulator import HOST, Emulator

_COMMAND = """#!{python} -IS
import os, socket, sys
with socket.create_connection(("{host}", {port})) as call:
    call.sendall("\\0".join((os.getcwd(), *sys.argv[1:])).encode())
    call.shutdown(socket.SHUT_WR)
    status, _, text = call.makefile().read().partition("\\n")
print(text, end="")
sys.exit(int(status))
"""


@contextmanager
def aws_cli(folder: Path, emulator: Emulator) -> Iterator[None]:
    """Make ``aws`` a command of a folder."""

    class Call(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            directory, *arguments = self.rfile.read().decode().split("\0")
            try:
                answer = f"0\n{_run(emulator, Path(directory), *arguments)}"
            except Exception as error:  # The shell gets it.
                answer = f"1\n{error!r}\n"
            self.wfile.write(answer.encode())

    with socketserver.TCPServer((HOST, 0), Call) as server:
        command = folder / "aws"
        command.write_text(_COMMAND.format(python=sys.executable, host=HOST, port=server.server_address[1]))
        command.chmod(0o755)
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield
        finally:
            server.shutdown()


def _run(emulator: Emulator, directory: Path, service: str, operation: str, *options: str) -> str:
    """Run a command. Returns what it prints, of which only the text of a query matters."""
    given = dict(zip(options[::2], options[1::2], strict=True))
    client = emulator.client(service)
    if (service, operation) == ("cloudformation", "deploy"):
        stack, template = given["--stack-name"], (directory / given["--template-file"]).read_text()
        client.update_stack(StackName=stack, TemplateBody=template, Capabilities=[given["--capabilities"]])
        client.get_waiter("stack_update_complete").wait(StackName=stack, WaiterConfig={"Delay": 0.1})
        return ""
    query = given.pop("--query") if given.pop("--output", "") == "text" else ""
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    names = {name.lower(): name for name in shape.members}
    answer: dict[str, Any] = getattr(client, method)(
        **{names[option.replace("-", "")]: value for option, value in given.items()}
    )
    return str(answer[query]) if query else ""
