"""Links in the documents lead to existing targets, and the files they name exist."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOT_OURS = {".venv", "venv", "node_modules", ".build", "mutants"}


def _documents() -> Iterator[Path]:
    for folder, folders, files in os.walk(PROJECT):
        # Do not even list what is not ours: it has many thousand files.
        folders[:] = [name for name in folders if name not in NOT_OURS and not name.endswith("_cache")]
        yield from (Path(folder, name) for name in files if name.endswith(".md"))


DOCUMENTS = sorted(_documents())

_FENCE = re.compile(r"^[ ]*```.*?^[ ]*```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r'\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"')
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE = re.compile(
    r"`((?:\.ci|\.github|benchmarks|components|docs|examples|handlers|local|package|tests|web)/[\w./-]*)`"
)


@cache
def _text(document: Path) -> str:
    return _FENCE.sub("", document.read_text())


@cache
def _anchors(document: Path) -> set[str]:
    """Anchors of the headings, built as on GitHub."""
    anchors: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(_text(document)):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def _leads_nowhere(document: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (document.parent / file).resolve() if file else document
    return not target.exists() or (bool(anchor) and anchor not in _anchors(target))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_link_has_a_target(document: Path) -> None:
    links = [markdown or html for markdown, html in _LINK.findall(_text(document))]
    inside = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in inside if _leads_nowhere(document, link)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_every_named_file_exists(document: Path) -> None:
    assert [name for name in _FILE.findall(_text(document)) if not (PROJECT / name).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    decisions = PROJECT / "docs" / "decisions"
    index = (decisions / "README.md").read_text()
    assert [
        page.name for page in decisions.glob("*.md") if page.name != "README.md" and f"({page.name})" not in index
    ] == []
