"""What every test of the graph has."""

import pulumi
import pytest

from components import websocket_chat


@pytest.fixture(autouse=True)
def layer(monkeypatch: pytest.MonkeyPatch) -> pulumi.AssetArchive:
    """The authorizer's layer. Which resources there are does not depend on what is installed into it."""
    archive = pulumi.AssetArchive({"python/library.py": pulumi.StringAsset("")})
    monkeypatch.setattr(websocket_chat, "authorizer_layer", lambda: archive)
    return archive
