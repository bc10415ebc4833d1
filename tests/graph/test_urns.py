"""Every URN, physical name and input of today stays: what is deployed is neither replaced nor changed."""

import json
from typing import Any

import pytest

from .pinned import CASES, FILE, pins

PINNED: dict[str, Any] = json.loads(FILE.read_text())


@pytest.mark.parametrize("case", CASES)
def test_urns_names_and_inputs_stay(case: str) -> None:
    assert pins(CASES[case]()) == PINNED[case]
