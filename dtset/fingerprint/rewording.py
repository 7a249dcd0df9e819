"""The first difference of two texts of a function that may change what it computes, in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from dtset.fingerprint.plain import SECRET, show
from dtset.fingerprint.sources import SourceText

_LONGEST = 60
_SYMBOLS = {
    "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**", "MatMult": "@",
    "LShift": "<<", "RShift": ">>", "BitOr": "|", "BitXor": "^", "BitAnd": "&", "And": "and", "Or": "or",
    "Not": "not", "Invert": "~", "UAdd": "+", "USub": "-", "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=",
    "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not", "In": "in", "NotIn": "not in",
}  # fmt: skip
_BODIES = frozenset(("body", "orelse", "finalbody", "handlers", "cases", "type_comment"))
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass
class _Change:
    line: int
    words: str


@dataclass
class _Comparison:
    """Two texts while they are compared: which locals go by which other names, and whether values may be shown."""

    locals_old: frozenset[str]
    locals_new: frozenset[str]
    secret: bool
    renamed: dict[str, str] = field(default_factory=dict)


def reworded(old: SourceText, new: SourceText, *, secret: bool = False) -> str | None:
    """Say in what the newer text of a function differs: ``"line 12: constant 3 → 4"``; if it is `secret`, without values."""
    trees = (_parsed(old.text), _parsed(new.text))
    if trees[0] is None or trees[1] is None:
        return None
    comparison = _Comparison(_locals(trees[0]), _locals(trees[1]), secret)
    change = _of_nodes(trees[0], trees[1], comparison)
    return None if change is None else f"line {new.line + change.line - 1}: {change.words}"


def _parsed(text: str) -> ast.Module | None:
    """Parse a function's text; a lambda's may be cut out of the middle of a statement."""
    for attempt in (text, f"({text.strip()})", text.strip().rstrip(",")):
        try:
            return ast.parse(attempt)
        except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
            continue
    return None


def _locals(tree: ast.Module) -> frozenset[str]:
    """Names that are bound in functions only, their parameters apart."""
    bound: set[str] = set()
    kept: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, ast.arg):
            kept.add(node.arg)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            kept.update(node.names)
    return frozenset(bound - kept)


def _of_nodes(old: ast.AST, new: ast.AST, comparison: _Comparison) -> _Change | None:
    if type(old) is not type(new):
        return _replaced(old, new, comparison)
    if isinstance(old, ast.Name) and isinstance(new, ast.Name):
        return _of_names(old, new, comparison)
    if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
        return _of_constants(old, new, comparison)
    if _names_secret(new) or _names_secret(old):
        comparison = replace(comparison, secret=True)
    found = list(islice(_in_fields(old, new, comparison), 2))
    if len(found) == 2 and isinstance(new, ast.expr):
        # More than one thing in one expression: the whole of it says more than the first of them.
        return _replaced(old, new, comparison)
    if not found:
        return None
    return found[0] if found[0].line else _Change(getattr(new, "lineno", 0), found[0].words)


def _in_fields(old: ast.AST, new: ast.AST, comparison: _Comparison) -> Iterator[_Change]:
    for name in new._fields:
        if name in ("annotation", "returns", "type_comment", "kind", "ctx", "type_params"):
            continue
        was, now = getattr(old, name, None), getattr(new, name, None)
        if isinstance(now, list) and isinstance(was, list):
            yield from _of_lists(old, new, name, comparison)
        elif isinstance(now, ast.AST) and isinstance(was, ast.AST):
            found = _of_nodes(was, now, comparison)
            if found is not None:
                yield found
        elif was != now and not (name == "name" and isinstance(new, _DEFINITIONS)):
            yield _of_fields(new, name, was, now, comparison)


def _of_names(old: ast.Name, new: ast.Name, comparison: _Comparison) -> _Change | None:
    if old.id in comparison.locals_old and new.id in comparison.locals_new:
        if comparison.renamed.setdefault(old.id, new.id) == new.id:
            return None
    elif old.id == new.id:
        return None
    return _Change(new.lineno, f"name {old.id} → {new.id}")


def _of_constants(old: ast.Constant, new: ast.Constant, comparison: _Comparison) -> _Change | None:
    if type(old.value) is type(new.value) and repr(old.value) == repr(new.value):
        return None
    was, now = show(old.value), show(new.value)
    if comparison.secret or was is None or now is None or SECRET.search(was) or SECRET.search(now):
        return _Change(new.lineno, "constant changed")
    return _Change(new.lineno, f"constant {was} → {now}")


def _of_fields(
    new: ast.AST, name: str, was: object, now: object, comparison: _Comparison
) -> _Change:
    """Two fields that are no nodes of the same kind: names of attributes, parts that are there or not."""
    line = getattr(new, "lineno", 0)
    if isinstance(was, str) and isinstance(now, str):
        what = {"attr": "attribute", "arg": "name", "name": "name", "module": "module"}.get(
            name, name
        )
        return _Change(line, f"{what} {was} → {now}")
    there = now if isinstance(now, ast.AST) else was if isinstance(was, ast.AST) else None
    if there is None:
        return _Change(line, f"{name} {was} → {now}")
    verb = "added" if isinstance(now, ast.AST) else "removed"
    return _Change(line, f"{_written(there, comparison)} {verb}")


def _of_lists(old: ast.AST, new: ast.AST, name: str, comparison: _Comparison) -> Iterator[_Change]:
    olds, news = list(_counting(old, name)), list(_counting(new, name))
    if len(olds) != len(news):
        yield _longer(olds, news, comparison)
        return
    for was, now in zip(olds, news, strict=True):
        if isinstance(was, ast.AST) and isinstance(now, ast.AST):
            found = _of_nodes(was, now, comparison)
            if found is not None:
                yield found
        elif was != now:
            yield _Change(0, f"{name} {was} → {now}")


def _longer(olds: list[object], news: list[object], comparison: _Comparison) -> _Change:
    same = 0
    while same < min(len(olds), len(news)) and _dump(news[same]) == _dump(olds[same]):
        same += 1
    longer, verb = (news, "added") if len(news) > len(olds) else (olds, "removed")
    line = getattr(news[min(same, len(news) - 1)], "lineno", 0) if news else 0
    there = longer[same]
    said = _written(there, comparison) if isinstance(there, ast.AST) else str(there)
    return _Change(line, f"{said} {verb}")


def _dump(node: object) -> str:
    return ast.dump(node) if isinstance(node, ast.AST) else str(node)


def _counting(node: ast.AST, name: str) -> Iterator[object]:
    """Elements of a list of a node, without docstrings, bare annotations and ``pass``."""
    for number, each in enumerate(getattr(node, name, ())):
        is_docstring = name == "body" and number == 0 and _is_text(each)
        is_bare = isinstance(each, ast.Pass) or (
            isinstance(each, ast.AnnAssign) and each.value is None
        )
        if not is_docstring and not is_bare:
            yield each


def _is_text(node: object) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _replaced(old: ast.AST, new: ast.AST, comparison: _Comparison) -> _Change:
    """A node of another kind in the place of one."""
    was, now = type(old).__name__, type(new).__name__
    if was in _SYMBOLS and now in _SYMBOLS:
        return _Change(0, f"operator {_SYMBOLS[was]} → {_SYMBOLS[now]}")
    words = f"{_written(old, comparison)} → {_written(new, comparison)}"
    return _Change(getattr(new, "lineno", 0), words)


def _names_secret(node: ast.AST) -> bool:
    """Whether a statement, its body apart, has anything in it whose name says that it is secret."""
    if not isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case, ast.Lambda)):
        return False
    for name, value in ast.iter_fields(node):
        if name in _BODIES:
            continue
        for part in value if isinstance(value, list) else (value,):
            text = ast.unparse(part) if isinstance(part, ast.AST) else str(part)
            if SECRET.search(text):
                return True
    return False


def _written(node: ast.AST, comparison: _Comparison) -> str:
    """Code as text, if it is short and says nothing that should not be shown; else its kind."""
    text = " ".join(ast.unparse(node).split())
    if comparison.secret or SECRET.search(text) or re.search(r"[\x00-\x1f]", text):
        return "a statement" if isinstance(node, ast.stmt) else "an expression"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
