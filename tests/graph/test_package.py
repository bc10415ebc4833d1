"""What is uploaded for the functions, and what each side may import."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from components import websocket_chat

from .stack import PROJECT, Graph, chat

FUNCTION = "aws:lambda/function:Function"
IMPORTS = {
    "handlers": {"boto3", "botocore"},  # What Lambda's runtime has.
    "components": {"pulumi", "pulumi_aws"},
}


def package(graph: Graph) -> Mapping[str, Path]:
    """The files of the functions' package, by their path in it."""
    codes = [function.inputs["code"].assets for function in graph.of_type(FUNCTION).values()]
    paths = [{path: Path(asset.path) for path, asset in code.items()} for code in codes]
    assert paths == [paths[0]] * 6
    return paths[0]


def test_the_package_is_all_modules_of_handlers_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in ("connect.py", "core/frames.py", "__pycache__/connect.cpython-313.pyc", "old.pyc", "notes.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    monkeypatch.setattr(websocket_chat, "_HANDLERS", tmp_path)
    assert package(chat()) == {
        "handlers/connect.py": tmp_path / "connect.py",
        "handlers/core/frames.py": tmp_path / "core/frames.py",
    }


def test_every_handler_can_be_imported_from_the_package_alone(tmp_path: Path) -> None:
    graph = chat()
    for path, file in package(graph).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, tmp_path / path)
    functions = [function.inputs for function in graph.of_type(FUNCTION).values()]
    as_lambda_does = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
for handler in json.loads(sys.argv[2]):
    module, _, function = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))
    assert importlib.import_module(module).__file__.startswith(sys.argv[1])
"""
    handlers = json.dumps([function["handler"] for function in functions])
    subprocess.run(
        [sys.executable, "-I", "-B", "-c", as_lambda_does, str(tmp_path), handlers],
        env=functions[0]["environment"]["variables"] | {"AWS_REGION": "eu-central-1"},
        check=True,
    )


def _imports(file: Path) -> set[str]:
    """Packages that a module imports when it runs, its own left out."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    nodes = list(ast.walk(tree))
    modules = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("folder", IMPORTS)
def test_imports_only(folder: str) -> None:
    imported = {name for file in (PROJECT / folder).rglob("*.py") for name in _imports(file)}
    assert imported - sys.stdlib_module_names <= IMPORTS[folder]
