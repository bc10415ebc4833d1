"""The commands of the Pulumi CLI that people read: in the documents, and in what the programs of this project say."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

from .world import PROJECT

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/**/*.md",
    "examples/*.md",
    "examples/*/*.md",
    "package/*.md",
)
PROGRAMS = ("components/**/*.py", "local/**/*.py", "package/*.py")

_BLOCK = re.compile(r"^( *)```\w*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_PULUMI = r"(?:[A-Z_]+=\S+ )*pulumi [a-z]"
_COMMAND = re.compile(rf"(?:{_PULUMI}|.*\$\({_PULUMI}).*")
_COMMENT = re.compile(r"\s+# .*")
_IN_PROSE = re.compile(rf"{_PULUMI}[^\n,.:;`]*")


def documented() -> dict[str, set[str]]:
    """Return each command, and the files that have it.

    In a document, a command is a line of a block, or a piece of code, that runs ``pulumi`` at its start or in ``$(…)``.
    In a text of a program, it may also be in the prose, and ends with the phrase.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for files, read in ((DOCUMENTS, _of_document), (PROGRAMS, _of_program)):
        for path in (path for pattern in files for path in PROJECT.glob(pattern)):
            for command in read(path.read_text()):
                found[command].add(str(path.relative_to(PROJECT)))
    return found


def _of_document(text: str) -> Iterator[str]:
    for _, block in _BLOCK.findall(text):
        yield from filter(_COMMAND.fullmatch, (_COMMENT.sub("", line.strip()) for line in block.splitlines()))
    yield from _code(_BLOCK.sub("", text), "`")


def _of_program(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _code(node.value, "``")
            yield from (command.strip() for command in _IN_PROSE.findall(re.sub(r"``[^`]+``", "", node.value)))


def _code(text: str, quotes: str) -> Iterator[str]:
    pieces = (" ".join(piece.split()) for piece in re.findall(rf"{quotes}([^`]+){quotes}", text))
    yield from filter(_COMMAND.fullmatch, pieces)
