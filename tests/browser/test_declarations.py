"""The figures in chat-client.d.ts equal those in chat-client.js."""

import re
from pathlib import Path

_WEB = Path(__file__).parents[2] / "web"
_MS = {"s": 1_000, "min": 60_000, "h": 3_600_000}


def _milliseconds(duration: str) -> int:
    return sum(int(number) * _MS[unit] for number, unit in re.findall(r"(\d+) (\w+)", duration))


def test_the_declared_defaults_equal_those_of_the_client() -> None:
    [timing] = re.findall(r"interface Timing \{(.*?)\n\}", (_WEB / "chat-client.d.ts").read_text(), re.DOTALL)
    declared = re.findall(r"Default: ([^.]+)\.\s*\*/\s*(\w+): number;", timing)
    [constants] = re.findall(r"const TIMING = \{(.*?)\n\}", (_WEB / "chat-client.js").read_text(), re.DOTALL)
    used = {name: int(number) for name, number in re.findall(r"(\w+): ([\d_]+),", constants)}
    assert {name: _milliseconds(duration) for duration, name in declared} == used
    assert used
