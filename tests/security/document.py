"""The tables of attacks in docs/security.md."""

import re
from itertools import groupby
from pathlib import Path

from . import attacks
from .attack import ATTACKS, Attack
from .chats import CONFIGS

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "security.md"

_BEGIN, _END = "<!-- attacks: written by python -m tests.security -->", "<!-- /attacks -->"
_MODULES = [module.__name__ for module in attacks.IN_ORDER]


def with_table(document: str) -> str:
    """Replace the text between the markers by the tables of attacks."""
    before, _, rest = document.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n\n{_table()}\n{_END}{after}"


def _table() -> str:
    lines = ["| chat | is deployed with |", "| --- | --- |"]
    lines += [f"| {name} | {words} |" for name, (words, _) in CONFIGS.items()]
    lines.append("")
    ordered = sorted(ATTACKS.values(), key=_module)
    for module, group in groupby(ordered, key=_module):
        title = str(attacks.IN_ORDER[module].__doc__).partition(":")[0].rstrip(".")
        lines += [f"### {title}", "", "| attack | chat | who does what | answer |", "| --- | --- | --- | --- |"]
        lines += [f"| {attack.name} | {attack.chat} | {attack.story} | {attack.answer} |" for attack in group]
        lines.append("")
    return "\n".join(lines)


def _module(attack: Attack) -> int:
    return _MODULES.index(attack.run.__module__)


def attacks_named(document: str) -> set[str]:
    """Attacks in the last column of the threat model, each written as ``*name*``."""
    model = document.partition("## Threats")[2].partition("\n## ")[0]
    shown_by = re.findall(r"^\|.*\|(.+)\|$", model, re.MULTILINE)
    return set(re.findall(r"\*([^*]+)\*", "".join(shown_by)))


def files_named(document: str) -> set[str]:
    """Files of tests in the document."""
    return set(re.findall(r"`(tests/[^`]+)`", document))


def statements(document: str) -> dict[str, tuple[set[str], set[str]]]:
    """The documented statements of the policy: actions and resources by name."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|", document.partition("## Permissions")[2], re.MULTILINE)
    return {
        sid: (set(re.findall(r"`([^`]+)`", actions)), set(re.findall(r"`([^`]+)`", resources)))
        for sid, actions, resources in rows
    }
