"""What `make chat` and the other targets install, and what they show meanwhile."""

import ast
import hashlib
import importlib.metadata
import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ONLY_FOR_TESTS = {"mypy", "moto", "selenium", "pytest"}


def pins(file: str) -> dict[str, str]:
    """The packages of a lock file, each with its version and hashes. For which systems it is does not count."""
    text = re.sub(r" ; .*\\", " \\\\", (ROOT / file).read_text())
    blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    return {block.partition("==")[0]: block for block in blocks}


def wheel(folder: Path, name: str) -> str:
    """Make a package with one module. Returns its line of a requirements file."""
    path, info = folder / f"{name}-1.0-py3-none-any.whl", f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", "here = True\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def install(
    folder: Path, requirements: str, python: str = sys.executable
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Install into an environment from a folder of wheels alone. Returns the process, and the environment."""
    file, environment = folder / "requirements.txt", folder / "environment"
    file.write_text(requirements)
    done = subprocess.run(
        [python, str(ROOT / "local/install.py"), str(environment), str(file)],
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, environment


def test_the_chat_gets_the_packages_of_the_tests_that_it_needs_and_no_others() -> None:
    chat, everything = pins("requirements-chat.txt"), pins("requirements-dev.txt")
    assert chat.items() <= everything.items()
    assert everything.keys() >= ONLY_FOR_TESTS
    assert not chat.keys() & (ONLY_FOR_TESTS | {"debugpy"})
    assert "pip" in chat  # With jwt, the program builds the authorizer's layer with it.


@pytest.mark.parametrize("folder", ["local", "components", "handlers"])
def test_everything_that_the_chat_imports_is_installed_for_it(folder: str) -> None:
    distributions = importlib.metadata.packages_distributions()
    imported = {
        name.partition(".")[0]
        for file in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    chat = {name.lower().replace("_", "-") for name in pins("requirements-chat.txt")}
    needed = {
        distribution.lower().replace("_", "-") for name in imported for distribution in distributions.get(name, [])
    }
    assert needed
    assert {name for name in needed - chat if not name.startswith("mypy-boto3-")} == set()  # only for the types


def test_an_installation_shows_how_far_it_is_and_compiles_nothing(tmp_path: Path) -> None:
    done, environment = install(tmp_path, wheel(tmp_path, "first") + wheel(tmp_path, "second"))
    assert done.returncode == 0, done.stderr
    assert f"Making a Python environment in {environment}\n" in done.stderr
    assert "Installing: " in done.stderr
    [packages] = environment.glob("lib/*/site-packages")
    assert {"first.py", "second.py"} <= {path.name for path in packages.iterdir()}
    assert not list(packages.rglob("*.pyc"))
    done, _ = install(tmp_path, wheel(tmp_path, "third"))
    assert "Making" not in done.stderr
    assert (packages / "third.py").exists()


def test_a_package_that_is_not_what_was_pinned_is_refused_in_one_line(tmp_path: Path) -> None:
    done, _ = install(tmp_path, re.sub("sha256:....", "sha256:0000", wheel(tmp_path, "first")))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("The packages are not installed: THESE PACKAGES DO NOT MATCH THE HASHES")
    assert last.endswith(f"Details: {tmp_path}/environment/install.log")


def test_a_package_that_cannot_be_found_is_named_in_one_line(tmp_path: Path) -> None:
    done, _ = install(tmp_path, "missing==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n")
    assert done.returncode == 1
    assert "The packages are not installed: " in done.stderr.splitlines()[-1]
    assert "missing==1.0" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_python_without_pip_gets_one(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    done, environment = install(tmp_path, wheel(tmp_path, "first"), str(tmp_path / "bare/bin/python"))
    assert done.returncode == 0, done.stderr
    assert [*environment.glob("lib/*/site-packages/first.py")]
