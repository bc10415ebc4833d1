"""The layout of ``handlers/``: which modules a module may import."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HANDLERS = Path(__file__).resolve().parents[2] / "handlers"
FLOORS = ("functions", "actions", "identity", "requests", "posting", "tables", "protocol", "runtime")
"""From top to bottom."""
BESIDE = {"actions": "identity"}
"""A floor, and the floor beside it, which it must not import."""

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
def test_a_module_imports_only_its_own_floor_and_lower_ones(module: str) -> None:
    own = floor(module)
    allowed = set(FLOORS[FLOORS.index(own) :]) - {BESIDE.get(own)}
    if own == "functions":
        allowed.remove(own)
    assert {other for other in imports(module) if floor(other) not in allowed} == set()


@pytest.mark.parametrize("module", MODULES)
def test_an_import_shows_whether_it_leaves_the_floor(module: str) -> None:
    """Relative imports are for the same floor, absolute ones for lower floors. Functions use only relative ones."""
    own = floor(module)
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and own != "functions":
            assert node.level <= 1
            assert not (node.module or "").startswith(f"handlers.{own}")


def test_imports_have_no_cycles() -> None:
    order = list(TopologicalSorter({module: imports(module) for module in MODULES}).static_order())
    assert set(order) == MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_classes_are_short(module: str) -> None:
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= 300
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    assert {node.name for node in classes if (node.end_lineno or 0) - node.lineno >= 200} == set()
