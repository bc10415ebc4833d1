"""The figures in README.md about the local commands equal those in the code."""

import re
from pathlib import Path

from local.emulator import USUAL_PORT

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_default_port_is_documented() -> None:
    assert re.findall(r"The default is (\d+), or another port if (\d+) is in use", README) == [(str(USUAL_PORT),) * 2]
    assert set(re.findall(r"ws://127\.0\.0\.1:(\d+)/", README)) == {str(USUAL_PORT)}
