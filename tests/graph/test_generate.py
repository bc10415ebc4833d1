"""The texts that ``make generate`` writes from the table of arguments."""

import re
from pathlib import Path

import pytest

from components.arguments import generate
from components.arguments.rules import config_key
from components.arguments.table import ARGUMENTS

from .stack import PROJECT


@pytest.mark.parametrize("path", ["components/arguments/generated.py", "Pulumi.yaml", "README.md"])
def test_the_file_equals_the_generated_text(path: str) -> None:
    file = PROJECT / path
    assert file.read_text() == generate.generated()[file], (
        f"{path} differs from the table of arguments. Run make generate"
    )


def test_the_generator_writes_only_these_files() -> None:
    assert {file.relative_to(PROJECT).as_posix() for file in generate.generated()} == {
        "components/arguments/generated.py",
        "Pulumi.yaml",
        "README.md",
    }


@pytest.mark.parametrize("name", ["_CONFIG", "_README"])
def test_a_file_without_a_place_for_the_arguments_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("Other text\n")
    monkeypatch.setattr(generate, name, file)
    with pytest.raises(ValueError, match="file has no place for the arguments"):
        generate.main()
    assert file.read_text() == "Other text\n"


def test_the_readme_has_a_row_with_the_allowed_values_for_every_key() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .+ \| (.+) \| .+ \|$", (PROJECT / "README.md").read_text(), re.MULTILINE)
    assert rows == [(config_key(name), argument.rule.allowed) for name, argument in ARGUMENTS.items()]
