"""Projects of other names, programs that install the package, and what stops a program before it begins."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .chatting import Chatting
from .world import PROJECT, Stack, copy_program


@pytest.mark.parametrize("command", [("preview",), ("up", "--yes", "--skip-preview")])
def test_keys_that_the_program_does_not_know_are_told_once(stack: Stack, command: tuple[str, ...]) -> None:
    stack.config(memorysize="256", **{"old-name:deletionProtection": True, "backend:queue": "mine"})
    text = stack.refusal(*command)
    assert text.count("The config has keys that the chat does not know") == 1
    assert text.count("websocket-chat:memorysize (did you mean websocket-chat:memorySize?)") == 1
    assert text.count("old-name:deletionProtection (did you mean websocket-chat:deletionProtection?)") == 1
    assert "backend:queue" not in text
    stack.config(**{"memorysize": None, "old-name:deletionProtection": None})
    stack.preview()


def test_an_old_python_is_told_once(stack: Stack) -> None:
    main = stack.directory / "__main__.py"
    main.write_text(f"import sys\nsys.version_info = (3, 10, 12, 'final', 0)\n{main.read_text()}")
    assert stack.refusal("preview").count("This needs Python 3.11 or newer, but ") == 1


def test_a_new_project_of_another_name_keeps_the_settings_of_production(stack: Stack, tmp_path: Path) -> None:
    stack.emulator.client("dynamodb").delete_table(TableName="ChatMessages")  # pulumi new has the project make it.
    template = copy_program(tmp_path / "template")
    project = tmp_path / "my-chat"
    stack.pulumi("new", str(template), "--dir", str(project), "--name", "my-chat", "--stack", "production", "--yes")
    stack.directory = project
    preview = stack.preview()
    assert preview.count("deletionProtectionEnabled: true") == 2
    assert preview.count("pointInTimeRecovery") == 2
    assert "::my-chat::" in preview


def test_a_program_that_installs_the_wheel_needs_nothing_of_the_checkout(
    new_stack: Callable[..., Stack], tmp_path: Path
) -> None:
    dist, packages = tmp_path / "dist", tmp_path / "packages"
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(dist)]
    subprocess.run(build, cwd=PROJECT, capture_output=True, check=True)
    install = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--target", str(packages)]
    subprocess.run([*install, *map(str, dist.iterdir())], capture_output=True, check=True)

    example = tmp_path / "program"
    shutil.copytree(PROJECT / "examples/two_chats", example)
    stack = new_stack(program=example)
    stack.environment["PYTHONPATH"] = str(packages)
    stack.up()
    outputs = stack.outputs()
    for name in ("CustomersURL", "StaffURL"):
        with Chatting(outputs[name]):
            pass
    assert stack.up().operations == ()
