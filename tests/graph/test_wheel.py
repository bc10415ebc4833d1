"""The wheel in a bare environment: the examples register the same resources as in a checkout, and need no checkout."""

import json
import os
import re
import runpy
import subprocess
import sys
import sysconfig
import tomllib
import venv
from email.parser import HeaderParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from components import authorizer_layer as layer
from components import functions

from .stack import PROJECT, described, run
from .test_examples import EXAMPLES, MADE

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text())

INSTALLED = """
import json, runpy, sys
from importlib.util import module_from_spec, spec_from_file_location
import websocket_chat
sys.modules["components"] = websocket_chat  # The mocks import it by its name in a checkout.
mocks, examples, outputs = sys.argv[1], *map(json.loads, sys.argv[2:])
spec = spec_from_file_location("stack", mocks)
stack = sys.modules["stack"] = module_from_spec(spec)
spec.loader.exec_module(stack)
graphs = [stack.run(lambda: runpy.run_path(f"{example}/__main__.py"), outputs=outputs) for example in examples]
print(json.dumps([websocket_chat.__file__, *map(stack.described, graphs)]))
"""


@pytest.fixture(autouse=True)
def code() -> None:
    """Keep the real code."""


def pip_install(*arguments: str, python: Path = Path(sys.executable)) -> subprocess.CompletedProcess[str]:
    """Install for a Python, without the network."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-index", "--no-deps", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wheel")


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder / "dist")]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    [wheel] = (folder / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def environment(folder: Path, wheel: Path) -> Path:
    """An environment with the wheel. It sees the packages of the tests, but not the checkout."""
    environment = folder / "environment"
    venv.create(environment)
    assert pip_install(str(wheel), python=environment / "bin/python").returncode == 0
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    return environment


@pytest.fixture(scope="module")
def registered(folder: Path, environment: Path) -> dict[str, Any]:
    """What each example registers in the bare environment."""
    arguments = [str(PROJECT / "tests/graph/stack.py"), json.dumps([str(one) for one in EXAMPLES.values()])]
    done = subprocess.run(
        [environment / "bin/python", "-I", "-c", INSTALLED, *arguments, json.dumps(MADE)],
        cwd=folder,
        env=os.environ | {"XDG_CACHE_HOME": str(folder / "cache")},
        stdout=subprocess.PIPE,
        check=True,
    )
    package, *graphs = json.loads(done.stdout)
    assert Path(package).is_relative_to(environment)
    return dict(zip(EXAMPLES, graphs, strict=True))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_registers_what_it_registers_in_a_checkout(
    name: str, registered: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setattr(functions, "authorizer_layer", layer.authorizer_layer)
    in_a_checkout = run(lambda: runpy.run_path(str(EXAMPLES[name] / "__main__.py")), outputs=MADE)
    assert registered[name] == described(in_a_checkout)


@pytest.mark.usefixtures("registered")
def test_the_layer_is_built_in_the_cache_and_nothing_in_the_environment(folder: Path, environment: Path) -> None:
    [build] = (folder / "cache/websocket-chat").iterdir()
    assert build.name.startswith("authorizer-layer-")
    [packages] = environment.glob("lib/python*/site-packages")
    assert {path.name for path in packages.iterdir()} == {
        "websocket_chat",
        f"websocket_chat_pulumi-{DECLARED['project']['version']}.dist-info",
        "tests.pth",
    }


def test_the_wheel_has_the_functions_and_the_requirements_of_the_layer_inside_its_one_module(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"websocket_chat"}
    handlers = {f"websocket_chat/{file.relative_to(PROJECT)}" for file in (PROJECT / "handlers").rglob("*.py")}
    assert handlers | {"websocket_chat/authorizer-requirements.txt", "websocket_chat/py.typed"} <= names


def test_the_wheel_says_its_version_its_licence_and_what_it_needs(wheel: Path) -> None:
    with ZipFile(wheel) as content:
        [name] = [name for name in content.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(content.read(name).decode())
    project = DECLARED["project"]
    assert metadata["Name"] == "websocket-chat-pulumi"
    assert metadata["Version"] == project["version"]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == project["requires-python"]
    assert len(metadata.get_all("Requires-Dist", [])) == len(project["dependencies"])


def test_pip_refuses_the_wheel_for_a_python_that_is_too_old(wheel: Path, tmp_path: Path) -> None:
    refused = pip_install("--python-version=3.10", "--only-binary=:all:", f"--target={tmp_path}", str(wheel))
    assert "requires a different Python" in refused.stderr


def test_the_changelog_starts_with_the_version_of_the_project() -> None:
    [newest, *_] = re.findall(r"^## (\d\S*) - ", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest == DECLARED["project"]["version"]


def test_make_dist_builds_with_the_version_that_pip_builds_with() -> None:
    [requirement] = DECLARED["build-system"]["requires"]
    assert f"\n{requirement} " in (PROJECT / "requirements-dev.in").read_text()
