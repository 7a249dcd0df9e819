"""Operators are described in one place: nothing outside of `dtset.operators` asks which one it has."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import dtset
import dtset.operators
from dtset.operators.operator import Action, Mover, Reader, Step

ROOT = Path(dtset.__file__).parent
MODULES = [
    importlib.import_module(f"dtset.operators.{module.name}")
    for module in pkgutil.iter_modules(dtset.operators.__path__)
    if not module.ispkg
]
OPERATORS = {
    name: value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Step | Mover | Reader | Action)
}
OUTSIDE = [path for path in sorted(ROOT.rglob("*.py")) if ROOT / "operators" not in path.parents]


def compared(tree: ast.AST) -> set[str]:
    """Texts that a module compares something with, or matches it against."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        else:
            continue
        found.update(
            inner.value
            for part in parts
            for inner in ast.walk(part)
            if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        )
    return found


def asks_for(tree: ast.AST) -> set[str]:
    """Operators by whose identity a module decides something."""
    return {
        part.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        for part in (node.left, *node.comparators)
        if isinstance(part, ast.Name) and part.id in OPERATORS
    }


@pytest.mark.parametrize("path", OUTSIDE, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_outside_compares_an_operator(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {operator.name for operator in OPERATORS.values()}
    assert not compared(tree) & names
    assert not asks_for(tree)


def test_there_are_operators_of_each_kind() -> None:
    kinds = {type(operator) for operator in OPERATORS.values()}
    assert kinds == {Step, Mover, Reader, Action}


def test_names_of_operators_are_theirs_alone() -> None:
    names = {id(operator): operator.name for operator in OPERATORS.values()}
    assert len(names) == len(set(names.values()))
