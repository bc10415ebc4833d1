"""Fixtures of every test of the graph."""

from pathlib import Path

import pulumi
import pytest

from components import functions


@pytest.fixture(autouse=True)
def layer(monkeypatch: pytest.MonkeyPatch) -> pulumi.AssetArchive:
    """Replace the authorizer's layer by a small one. Its content does not change the resources."""
    archive = pulumi.AssetArchive({"python/library.py": pulumi.StringAsset("")})
    monkeypatch.setattr(functions, "authorizer_layer", lambda: archive)
    return archive


@pytest.fixture(scope="session")
def one_module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one module."""
    folder = tmp_path_factory.mktemp("handlers")
    (folder / "connect.py").touch()
    return folder


@pytest.fixture(autouse=True)
def code(one_module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the functions' code by one module. Pulumi needs a third of the time of a graph for 50 files.

    ``test_package.py`` and ``test_wheel.py`` keep the real code.
    """
    monkeypatch.setattr(functions, "HANDLERS", one_module)
