"""Mutations: small edits of a statement's syntax tree, each of which may change what it computes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.fingerprint.mutation.edits import changes, replacements

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)
Edit = Callable[[], None]


@dataclass(frozen=True)
class Mutation:
    """An edit: of which node of the walk, and which of the edits that node allows."""

    place: int
    kind: str


@dataclass(frozen=True)
class _Place:
    node: Any
    parent: Any
    field: str
    index: int | None
    names: tuple[str, ...]
    """Variables of the function around it."""
    in_function: bool

    def put(self, node: Any) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutations(statement: ast.stmt) -> list[Mutation]:
    """All mutations of a top-level statement."""
    return [
        Mutation(number, kind)
        for number, place in enumerate(_places(statement))
        for kind, _ in _edits(place)
    ]


def mutated(statement: ast.stmt, mutation: Mutation) -> ast.stmt:
    """A copy of a statement with one mutation."""
    module = ast.Module([copy.deepcopy(statement)], [])
    place = list(_places(module.body[0], module))[mutation.place]
    for kind, edit in _edits(place):
        if kind == mutation.kind:
            edit()
            break
    if not module.body:
        module.body.append(ast.Pass())
    return ast.fix_missing_locations(module).body[0]


def _places(statement: ast.stmt, module: ast.Module | None = None) -> Iterator[_Place]:
    root = module or ast.Module([statement], [])
    yield from _below(statement, root, "body", 0, (), False)


def _below(
    node: Any, parent: Any, field: str, index: int | None, names: tuple[str, ...], inside: bool
) -> Iterator[_Place]:
    yield _Place(node, parent, field, index, names, inside)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "type_comment", "ctx"):
            continue
        own, within = names, inside
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and name == "body":
            own, within = (*names, *_variables(node)), True
        elif isinstance(node, ast.ClassDef) and name == "body":
            within = False
        if isinstance(value, list):
            documented = name == "body" and isinstance(node, _SCOPES) and _is_text(value[:1])
            for number, child in enumerate(value):
                if name == "bases" and isinstance(child, ast.Subscript):
                    # `Base[T]` is an annotation: the base is what the brackets are behind.
                    yield from _below(child.value, child, "value", None, own, within)
                elif isinstance(child, ast.AST) and not (documented and number == 0):
                    yield from _below(child, node, name, number, own, within)
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            yield from _below(value, node, name, None, own, within)


def _is_text(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def _variables(function: Any) -> tuple[str, ...]:
    stored = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    return (*(arg.arg for arg in _arguments(function.args)), *sorted(stored))


def _arguments(args: ast.arguments) -> list[ast.arg]:
    listed = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return listed + [arg for arg in (args.vararg, args.kwarg) if arg is not None]


def _edits(place: _Place) -> Iterator[tuple[str, Edit]]:
    for kind, value in replacements(place):
        yield kind, lambda value=value: place.put(value)  # type: ignore[misc]
    for kind, field, value in changes(place.node):
        yield kind, lambda field=field, value=value: setattr(place.node, field, value)  # type: ignore[misc]
    if isinstance(place.node, ast.stmt):
        yield from _statement_edits(place)


def _statement_edits(place: _Place) -> Iterator[tuple[str, Edit]]:
    node, body, index = place.node, getattr(place.parent, place.field), place.index
    if index is None or isinstance(place.parent, ast.Module):
        return
    if isinstance(node, ast.AugAssign):
        left = copy.deepcopy(node.target)
        for each in ast.walk(left):
            if isinstance(each, (ast.Name, ast.Attribute, ast.Subscript)):
                each.ctx = ast.Load()
        whole = ast.Assign([node.target], ast.BinOp(left, node.op, node.value))
        yield "augmented: written out", lambda: place.put(whole)
    if isinstance(node, ast.Break):
        yield "branch: break to continue", lambda: place.put(ast.Continue())
    if isinstance(node, ast.Continue):
        yield "branch: continue to break", lambda: place.put(ast.Break())
    if isinstance(node, ast.Return) and node.value is not None:
        value = node.value
        yield "return: forgotten", lambda: place.put(ast.Expr(value))
    if isinstance(node, ast.If):
        yield "branch: always", lambda: body.__setitem__(slice(index, index + 1), node.body)
        if node.orelse:
            swapped = ast.If(node.test, node.orelse, node.body)
            yield "branch: swapped", lambda: place.put(swapped)
    if isinstance(node, (ast.With, ast.For, ast.While, ast.Try)):
        yield "statement: unwrapped", lambda: body.__setitem__(slice(index, index + 1), node.body)
    if isinstance(node, ast.Try):
        if len(node.handlers) > 1:
            other = ast.Try(node.body, node.handlers[::-1], node.orelse, node.finalbody)
            yield "exception: handlers reversed", lambda: place.put(other)
        if node.finalbody and node.handlers:
            less = ast.Try(node.body, node.handlers, node.orelse, [])
            yield "exception: finally dropped", lambda: place.put(less)
    if not isinstance(node, (ast.Global, ast.Nonlocal)) and not _is_annotation(node):
        yield "statement: deleted", lambda: place.put(ast.Pass())
    if not place.in_function:
        return
    yield "statement: twice", lambda: body.insert(index, copy.deepcopy(node))
    if index + 1 < len(body):

        def swap() -> None:
            body[index], body[index + 1] = body[index + 1], body[index]

        yield "statement: order", swap


def _is_annotation(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and node.value is None
