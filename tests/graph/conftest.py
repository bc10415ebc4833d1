"""Fixtures of every test of the graph."""

import pulumi
import pytest

from components import functions


@pytest.fixture(autouse=True)
def layer(monkeypatch: pytest.MonkeyPatch) -> pulumi.AssetArchive:
    """Replace the authorizer's layer by a small one. Its content does not change the resources."""
    archive = pulumi.AssetArchive({"python/library.py": pulumi.StringAsset("")})
    monkeypatch.setattr(functions, "authorizer_layer", lambda: archive)
    return archive
