"""The figures in docs/protocol.md and the codes in docs/operations.md equal those in the code."""

import re
from pathlib import Path

from components.arguments import Settings
from handlers.actions.history import DEFAULT_LIMIT, MAX_LIMIT
from handlers.protocol.errors import Code
from handlers.protocol.frames import MAX_ID_BYTES, MAX_MESSAGE_BYTES
from handlers.tables.messages import OVERLAP_SECONDS

DOCS = Path(__file__).parents[2] / "docs"
PROTOCOL = " ".join((DOCS / "protocol.md").read_text().split())


def _figures(sentence: str) -> list[int]:
    """The numbers in a sentence that occurs once in docs/protocol.md."""
    found = list(re.finditer(sentence, PROTOCOL))
    assert len(found) == 1, f"docs/protocol.md must contain this exactly once: {sentence}"
    return [int(number.replace(",", "")) for number in found[0].groups()]


def test_rate() -> None:
    rate = _figures(r"may send (\d+) frames at once and (\d+) per second on average")
    assert rate == [Settings().message_burst, Settings().message_rate]


def test_sizes() -> None:
    assert _figures(r"Ids, names and groups are strings of 1 to (\d+) bytes") == [MAX_ID_BYTES]
    assert _figures(r"A `requestId` that is not a string of 1 to (\d+) bytes") == [MAX_ID_BYTES]
    assert _figures(r"larger than ([\d,]+) bytes, the answer is TOO_LARGE") == [MAX_MESSAGE_BYTES]


def test_history() -> None:
    assert _figures(r"Messages per page: 1 to (\d+), default (\d+)") == [MAX_LIMIT, DEFAULT_LIMIT]
    assert _figures(r"Reading after a cursor starts (\d+) seconds before its position") == [OVERLAP_SECONDS]


def test_an_operator_is_told_what_to_do_for_each_code() -> None:
    rows = re.findall(r"^\| ([A-Z_]+)(?: \| [^|]+){3} \|$", (DOCS / "operations.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(code.name for code in Code)
