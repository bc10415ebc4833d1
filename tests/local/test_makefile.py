"""`make test-lambda`: it finds the Python of Lambda, or says that this machine does not have it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from components.functions import RUNTIME

ROOT = Path(__file__).parent.parent.parent


def make(*arguments: str, makefile: str = "", environment: Mapping[str, str] = MappingProxyType({})) -> str:
    """Run make. Returns what it shows."""
    command = shutil.which("make")
    assert command
    done = subprocess.run(
        [command, "--no-print-directory", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        input=makefile,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("found", ["on PATH", "in pyenv's folder", "nowhere"])
def test_the_functions_are_tested_on_the_python_of_lambda_if_there_is_one(tmp_path: Path, found: str) -> None:
    on_path, in_pyenv = tmp_path / RUNTIME, tmp_path / "versions/3.13.0/bin" / RUNTIME
    for python, starts in ((on_path, found == "on PATH"), (in_pyenv, found == "in pyenv's folder")):
        python.parent.mkdir(parents=True, exist_ok=True)
        # A shim of pyenv for a version that is not chosen ends with 127.
        python.write_text(f"#!/bin/sh\nexit {0 if starts else 127}\n")
        python.chmod(0o755)
    shown = make(
        "--file=-",
        "show",
        makefile="include Makefile\nshow: ; @echo '$(LAMBDA)'\n",
        environment={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYENV_ROOT": str(tmp_path)},
    )
    assert shown == {"on PATH": RUNTIME, "in pyenv's folder": str(in_pyenv), "nowhere": ""}[found] + "\n"


def test_a_missing_python_of_lambda_is_named() -> None:
    shown = make("test-lambda", "LAMBDA=")
    assert shown.startswith(f"The functions' tests did not run on {RUNTIME}, on which Lambda runs the functions")
