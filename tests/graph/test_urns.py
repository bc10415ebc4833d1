"""Every pinned URN, physical name and input stays. So an update replaces and changes nothing that is deployed."""

import json
from typing import Any

import pytest

from .pinned import CASES, FILE, pins

PINNED: dict[str, Any] = json.loads(FILE.read_text())


@pytest.mark.parametrize("case", CASES)
def test_urns_names_and_inputs_stay(case: str) -> None:
    assert pins(CASES[case]()) == PINNED[case]
