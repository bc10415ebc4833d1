"""The layout of ``handlers/``: which module may import which."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HANDLERS = Path(__file__).resolve().parents[2] / "handlers"
FLOORS = ("functions", "actions", "identity", "requests", "posting", "tables", "protocol", "runtime")
"""From top to bottom."""
BESIDE = {"actions": "identity"}
"""A floor, and the one that lies beside it, not below it."""

MODULES = {
    ".".join(file.relative_to(HANDLERS.parent).with_suffix("").parts): file
    for file in HANDLERS.rglob("*.py")
    if file.name != "__init__.py"
}


def imports(module: str) -> set[str]:
    """The modules of ``handlers`` that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom):
            start = module.split(".")[: -node.level] if node.level else []
            source = ".".join([*start, *filter(None, [node.module])])
            found |= {source, *(f"{source}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys()


def floor(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "functions"


def test_there_are_no_other_floors() -> None:
    assert {floor(module) for module in MODULES} == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_come_from_the_same_floor_or_a_lower_one(module: str) -> None:
    own = floor(module)
    allowed = set(FLOORS[FLOORS.index(own) :]) - {BESIDE.get(own)}
    if own == "functions":
        allowed.remove(own)
    assert {other for other in imports(module) if floor(other) not in allowed} == set()


@pytest.mark.parametrize("module", MODULES)
def test_an_import_shows_whether_it_leaves_the_floor(module: str) -> None:
    """Relative: the same floor. Absolute: a lower one. A function uses relative ones for all."""
    own = floor(module)
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and own != "functions":
            assert node.level <= 1
            assert not (node.module or "").startswith(f"handlers.{own}")


def test_modules_know_each_other_one_way() -> None:
    order = list(TopologicalSorter({module: imports(module) for module in MODULES}).static_order())
    assert set(order) == MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_and_its_classes_can_be_read_in_one_go(module: str) -> None:
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= 300
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    assert {node.name for node in classes if (node.end_lineno or 0) - node.lineno >= 200} == set()
