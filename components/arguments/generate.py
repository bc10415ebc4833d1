"""``make generate``: write the texts that repeat the table of arguments.

They are the types in ``generated.py``, the ``config:`` section of ``Pulumi.yaml``, and the table in ``README.md``. The
types must be source text: editors read it, and Pulumi infers the schema for other languages from it.
"""

import json
import re
import textwrap
from pathlib import Path
from typing import Any

from .authentication import Authentication
from .rules import config_key
from .table import ARGUMENTS, Argument, with_config_keys

_PROJECT = Path(__file__).resolve().parents[2]
_TYPES = Path(__file__).with_name("generated.py")
_CONFIG = _PROJECT / "Pulumi.yaml"
_README = _PROJECT / "README.md"

_LINE_LENGTH = 120
_CONFIG_TYPES: dict[Any, str] = {
    str: "string",
    Authentication: "string",
    int: "integer",
    bool: "boolean",
    list[str]: "array",
    dict[str, str]: "array",
}
"""Names of the types in the config schema. It has no maps, so tags are a list of ``Key=Value``."""


def generated() -> dict[Path, str]:
    """The files that repeat the table, each with the text that it should have."""
    return {
        _TYPES: _types(),
        _CONFIG: _with_section(_CONFIG, r"^config:\n(?: .*\n)*", _config()),
        _README: _with_section(
            _README, r"(?<=^<!-- arguments: make generate writes this table -->\n)(?:\|.*\n)*", _readme()
        ),
    }


def _with_section(file: Path, section: str, text: str) -> str:
    whole, found = re.subn(section, lambda _: text, file.read_text(), flags=re.MULTILINE)
    if found != 1:
        raise ValueError(f"{file.name} has no place for the arguments: restore the text that matches {section}")
    return whole


def _types() -> str:
    documented = "\n".join(f"    {one.name}: {_given_type(one)}\n{_docstring(one)}" for one in ARGUMENTS.values())
    checked = "\n".join(f"    {one.name}: {_checked_type(one)} = {_source(one.default)}" for one in ARGUMENTS.values())
    return f'''"""Types of the arguments. ``make generate`` writes this file: edit ``table.py`` instead."""

from dataclasses import dataclass, field
from typing import TypedDict

import pulumi

from .authentication import Authentication


class WebSocketChatArgs(TypedDict, total=False):
    """Arguments of ``WebSocketChat``. All are optional. The defaults deploy what the CloudFormation stack deployed."""

{documented}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedArguments:
    """The arguments, checked and with their defaults. :class:`WebSocketChatArgs` documents them."""

{checked}
'''


def _config() -> str:
    lines = ["config:", "  # make generate writes this section: edit components/arguments/table.py instead."]
    for one in ARGUMENTS.values():
        kind = _CONFIG_TYPES[one.rule.type]
        default = one.default if one.has_default or kind != "array" else []
        # Pulumi shows a default, but an empty one does not say what it means.
        unset = "" if one.has_default else f"Default: {one.unset}."
        text = f"{_text(one)} {_allowed(one)}{unset}".strip()
        lines += [
            f"  {config_key(one.name)}:",
            f"    type: {kind}",
            *(["    items:", "      type: string"] if kind == "array" else []),
            f"    description: {json.dumps(with_config_keys(text).replace('``', ''))}",
            f"    default: {json.dumps(default)}",
        ]
    return "\n".join(lines) + "\n"


def _readme() -> str:
    rows = [
        f"| `{config_key(one.name)}` | {_default(one, '``')} | {one.rule.allowed} | {with_config_keys(_text(one))} |"
        for one in ARGUMENTS.values()
    ]
    lines = ["| key | default | allowed | what it is |", "| --- | --- | --- | --- |", *rows]
    return "\n".join(lines).replace("``", "`") + "\n"


def _given_type(one: Argument) -> str:
    if one.plain:
        return _checked_type(one)
    return "pulumi.Input[list[pulumi.Input[str]]]" if one.rule.type == list[str] else _checked_type(one)


def _checked_type(one: Argument) -> str:
    type_ = one.rule.type.__name__ if isinstance(one.rule.type, type) else str(one.rule.type)
    return type_ if one.plain else f"pulumi.Input[{type_}]"


def _source(default: Any) -> str:  # noqa: ANN401 - defaults are of many types
    if isinstance(default, list | dict):
        return f"field(default_factory={f'lambda: {json.dumps(default)}' if default else type(default).__name__})"
    if isinstance(default, Authentication | bool):
        return str(default)
    return f"{default:_}" if isinstance(default, int) else json.dumps(default)


def _docstring(one: Argument) -> str:
    paragraphs = f'"""{_text(one)}', f'{_allowed(one)}Default: {_default(one)}."""'
    lines = [
        textwrap.fill(each, _LINE_LENGTH - 4, break_long_words=False, break_on_hyphens=False) for each in paragraphs
    ]
    return textwrap.indent("\n\n".join(lines), "    ")


def _text(one: Argument) -> str:
    return f"For ``{one.only_for}`` only. {one.text}" if one.only_for else one.text


def _allowed(one: Argument) -> str:
    return "" if one.rule.type is bool else f"Allowed: {one.rule.allowed}. "


def _default(one: Argument, marks: str = "") -> str:
    """The default in words. A text is shown as code, another value between the given marks."""
    if not one.has_default:
        return one.unset
    if isinstance(one.default, str):
        marks = "``"
    words = ", ".join(one.default) if isinstance(one.default, list) else json.dumps(one.default).strip('"')
    return f"{marks}{words}{marks}"


def main() -> None:
    """Write the files."""
    for file, text in generated().items():
        file.write_text(text)


if __name__ == "__main__":
    main()
