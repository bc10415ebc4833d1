"""The figures of README.md about the local commands are those of the code."""

import re
from pathlib import Path

from local.emulator import USUAL_PORT

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_usual_port() -> None:
    assert re.findall(r"The default is (\d+), or another port if (\d+) is in use", README) == [(str(USUAL_PORT),) * 2]
    assert set(re.findall(r"ws://127\.0\.0\.1:(\d+)/", README)) == {str(USUAL_PORT)}
