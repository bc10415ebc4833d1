"""A Python that is too old ends the program with one line, before it meets a module that it cannot read."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from .stack import PROJECT

OLDEST = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")

AS_PULUMI_DOES = """
import runpy, sys
import pulumi
sys.version_info = tuple(map(int, sys.argv[1].split("."))) + (0, "final", 0)
sys.modules["tomllib"] = None  # An older Python has none.
try:
    runpy.run_path(sys.argv[2], run_name="__main__")
except (pulumi.RunError, SystemExit) as error:
    print(error)
print([module for module in sys.modules if module.startswith(("components.", "handlers", "package.provider"))])
"""


def outcome(version: str, program: str) -> list[str]:
    """What a program prints with another version of Python: its error, and the modules that it read before."""
    done = subprocess.run(
        [sys.executable, "-c", AS_PULUMI_DOES, version, program],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("version", ["3.8", "3.10"])
@pytest.mark.parametrize("program", ["__main__.py", "package/__main__.py"])
def test_an_older_python_is_refused_with_what_to_do(version: str, program: str) -> None:
    [error, read] = outcome(version, program)
    assert error == (
        f"This needs Python {OLDEST} or newer, but {sys.executable} is Python {version}. Delete that virtual "
        "environment, and make one with a newer Python: PULUMI_PYTHON_CMD=python3.13 pulumi install"
    )
    assert read == "[]"


@pytest.mark.parametrize("file", ["__main__.py", "package/__main__.py", "components/__init__.py"])
def test_an_older_python_can_read_what_comes_before_the_check(file: str) -> None:
    ast.parse(Path(PROJECT / file).read_text(), feature_version=(3, 8))
