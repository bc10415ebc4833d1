"""What is uploaded for the functions, and what each side may import."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from components import WebSocketChatArgs, functions

from .stack import PROJECT, WITH_TOKENS, Graph, chat

FUNCTION = "aws:lambda/function:Function"
IMPORTS = {
    "handlers": {
        "handlers",
        "boto3",
        "botocore",
        "jwt",
    },  # What Lambda's runtime has, and what the authorizer's layer brings.
    "components": {"handlers", "pulumi", "pulumi_aws"},
}
SHARED = {"handlers": set(), "handlers.tables.schema": {"typing"}}
"""Modules of handlers that components may import, and what these import: the names of what is in the tables."""


@pytest.fixture(autouse=True)
def code() -> None:
    """Keep the real code."""


def package(graph: Graph) -> Mapping[str, Path]:
    """The files of the functions' package, by their path in it."""
    codes = [function.inputs["code"].assets for function in graph.of_type(FUNCTION).values()]
    paths = [{path: Path(asset.path) for path, asset in code.items()} for code in codes]
    assert paths == [paths[0]] * len(paths)
    return paths[0]


def test_the_package_is_all_modules_of_handlers_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("connect.py", "core/frames.py", "__pycache__/connect.cpython-313.pyc", "old.pyc", "notes.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setattr(functions, "HANDLERS", tmp_path)
    assert package(chat()) == {
        "handlers/connect.py": tmp_path / "connect.py",
        "handlers/core/frames.py": tmp_path / "core/frames.py",
    }


AS_LAMBDA_DOES = """
import importlib, json, os, sys
package, handler, settings, layers = sys.argv[1:]
sys.path.insert(0, package)
if layers == "null":
    sys.modules["jwt"] = None
module, _, function = handler.rpartition(".")
assert callable(getattr(importlib.import_module(module), function))
assert importlib.import_module(module).__file__.startswith(package)
settings_module = importlib.import_module("handlers.runtime.settings")
settings_module.read(getattr(settings_module, settings), os.environ)
"""

LAMBDA = {"AWS_REGION": "eu-central-1", "AWS_LAMBDA_FUNCTION_NAME": "Function"}
"""Variables that Lambda sets.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime"""


@pytest.mark.parametrize("args", [{}, WITH_TOKENS], ids=["none", "jwt"])
def test_every_handler_starts_with_the_package_its_layer_and_its_environment_alone(
    args: WebSocketChatArgs, tmp_path: Path
) -> None:
    graph = chat(args)
    for path, file in package(graph).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / path)
    for function in graph.of_type(FUNCTION).values():
        handler, layers = function.inputs["handler"], function.inputs.get("layers")
        # The authorizer's are its own, so that it needs no others.
        settings = "TokenSettings" if "authorizer" in handler else "Settings"
        subprocess.run(
            [sys.executable, "-I", "-B", "-c", AS_LAMBDA_DOES, str(tmp_path), handler, settings, json.dumps(layers)],
            env=function.inputs["environment"]["variables"] | LAMBDA,
            check=True,
        )


def _imports(file: Path) -> set[str]:
    """Modules that a module imports when it runs, without those that it imports relatively."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    nodes = list(ast.walk(tree))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return set(modules)


@pytest.mark.parametrize("folder", IMPORTS)
def test_imports_only(folder: str) -> None:
    imported = {name.partition(".")[0] for file in (PROJECT / folder).rglob("*.py") for name in _imports(file)}
    assert imported - sys.stdlib_module_names <= IMPORTS[folder]


def test_components_share_only_names_with_handlers_in_one_module() -> None:
    importers = {
        file.name: shared
        for file in (PROJECT / "components").rglob("*.py")
        if (shared := {name for name in _imports(file) if name.partition(".")[0] == "handlers"})
    }
    assert importers == {"shared.py": SHARED.keys()}
    assert _imports(PROJECT / "handlers/__init__.py") == SHARED["handlers"]
    assert _imports(PROJECT / "handlers/tables/schema.py") == SHARED["handlers.tables.schema"]
