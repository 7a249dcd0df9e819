"""Mutations: small edits of a statement's syntax tree, each of which may change what it computes."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

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
    for kind, value in _replacements(place):
        yield kind, lambda value=value: place.put(value)  # type: ignore[misc]
    for kind, field, value in _changes(place.node):
        yield kind, lambda field=field, value=value: setattr(place.node, field, value)  # type: ignore[misc]
    if isinstance(place.node, ast.stmt):
        yield from _statement_edits(place)


def _constant(value: object) -> ast.Constant:
    return ast.Constant(value)


def _replacements(place: _Place) -> Iterator[tuple[str, Any]]:
    """Other nodes to put in the place of one."""
    node = place.node
    if isinstance(node, ast.Constant):
        if not isinstance(place.parent, (ast.JoinedStr, ast.FormattedValue)):
            yield from _constants(node.value)
    elif isinstance(node, ast.UnaryOp):
        yield "operator: unary dropped", node.operand
    elif isinstance(node, ast.Compare):
        if len(node.ops) == 1:
            swapped = ast.Compare(node.comparators[0], node.ops, [node.left])
            yield "comparison: sides swapped", swapped
    elif isinstance(node, ast.BoolOp):
        yield "boolean: first dropped", _shortened(node, node.values[1:])
        yield "boolean: last dropped", _shortened(node, node.values[:-1])
    elif isinstance(node, ast.BinOp):
        yield "operator: sides swapped", ast.BinOp(node.right, node.op, node.left)
        yield "operator: right dropped", node.left
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield "attribute: dropped", node.value
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        others = [name for name in place.names if name != node.id]
        if others:
            near = others[len(node.id) % len(others)]
            yield "name: another variable", ast.Name(near, ast.Load())
        if node.id not in place.names:
            yield "name: another global", ast.Name(f"{node.id}_", ast.Load())
    elif isinstance(node, ast.Call):
        yield "call: not called", node.func
        if node.args and not isinstance(node.args[0], ast.Starred):
            yield "call: argument instead", node.args[0]
    elif isinstance(node, ast.IfExp):
        yield "branch: only the first", node.body
        yield "branch: only the second", node.orelse
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield "subscript: dropped", node.value
    elif isinstance(node, ast.Starred) and isinstance(node.ctx, ast.Load):
        yield "call: star dropped", node.value
    elif isinstance(node, ast.ListComp):
        yield "comprehension: list to set", ast.SetComp(node.elt, node.generators)
        yield "comprehension: list to generator", ast.GeneratorExp(node.elt, node.generators)
    elif isinstance(node, (ast.SetComp, ast.GeneratorExp)):
        yield "comprehension: to list", ast.ListComp(node.elt, node.generators)
    elif isinstance(node, ast.List) and isinstance(node.ctx, ast.Load):
        yield "display: list to tuple", ast.Tuple(node.elts, ast.Load())
    elif isinstance(node, ast.Yield):
        yield "return: yield dropped", node.value or _constant(None)
        yield "return: yield from", ast.YieldFrom(node.value or _constant(()))
    elif isinstance(node, ast.Await):
        yield "return: await dropped", node.value
    elif isinstance(node, ast.NamedExpr):
        yield "name: not assigned", node.value


def _shortened(node: ast.BoolOp, values: list[ast.expr]) -> ast.expr:
    return values[0] if len(values) == 1 else ast.BoolOp(node.op, values)


def _constants(value: Any) -> Iterator[tuple[str, ast.expr]]:
    found: list[object] = []
    if isinstance(value, bool):
        found = [not value, int(value), None]
    elif isinstance(value, int):
        found = [value + 1, -value or 7, float(value) if abs(value) < 1 << 53 else 0.5, str(value)]
        found += [bool(value)] if value in (0, 1) else []
    elif isinstance(value, float):
        found = [value * 2 + 1, -value, repr(value)]
    elif isinstance(value, str):
        found = [value + "x", value[:-1] if value else " ", value.encode("utf-8", "surrogatepass")]
        found += [value.upper(), value.lower()]
    elif isinstance(value, bytes):
        found = [value + b"x", value[:-1], value.decode("latin-1")]
    elif value is None:
        found = [False, 0, ""]
    elif value is ...:
        found = [None]
    for other in found:
        if type(other) is not type(value) or other != value or repr(other) != repr(value):
            yield f"constant: {type(value).__name__} to {other!r:.12}", _constant(other)


def _others(node: Any, kinds: tuple[type, ...]) -> Iterator[Any]:
    for kind in kinds:
        if type(node) is not kind:
            yield kind()


_BINARY = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift,
           ast.RShift, ast.BitOr, ast.BitXor, ast.BitAnd, ast.MatMult)  # fmt: skip
_COMPARED = (
    ast.Eq,
    ast.NotEq,
    ast.Lt,
    ast.LtE,
    ast.Gt,
    ast.GtE,
    ast.Is,
    ast.IsNot,
    ast.In,
    ast.NotIn,
)


def _changes(node: Any) -> Iterator[tuple[str, str, Any]]:
    """Other values for a field of a node."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)):
        for op in _others(node.op, _BINARY):
            yield f"operator: {type(op).__name__} in {type(node).__name__}", "op", op
    elif isinstance(node, ast.UnaryOp):
        for op in _others(node.op, (ast.Not, ast.USub, ast.UAdd, ast.Invert)):
            yield f"operator: unary {type(op).__name__}", "op", op
    elif isinstance(node, ast.BoolOp):
        yield "boolean: and/or", "op", ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean: reversed", "values", node.values[::-1]
    elif isinstance(node, ast.Compare):
        for op in _others(node.ops[-1], _COMPARED):
            yield f"comparison: {type(op).__name__}", "ops", [*node.ops[:-1], op]
    elif isinstance(node, ast.Attribute):
        yield "attribute: name", "attr", f"{node.attr}_"
    elif isinstance(node, ast.Call):
        yield from _call_changes(node)
    elif isinstance(node, ast.keyword):
        if node.arg is not None:
            yield "keyword: name", "arg", f"{node.arg}_"
            yield "keyword: to double star", "arg", None
    elif isinstance(node, ast.arguments):
        yield from _argument_changes(node)
    elif isinstance(node, ast.arg):
        yield "parameter: name", "arg", f"{node.arg}_"
    elif isinstance(node, (ast.If, ast.IfExp, ast.While, ast.Assert)):
        yield "branch: negated", "test", ast.UnaryOp(ast.Not(), node.test)
        if isinstance(node, ast.IfExp):
            yield "branch: condition swapped", "test", node.body
        elif not isinstance(node, ast.Assert) and node.orelse:
            yield "branch: else dropped", "orelse", []
        if isinstance(node, ast.Assert):
            yield "branch: message", "msg", None if node.msg else _constant("m")
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield "branch: loop's else", "orelse", [] if node.orelse else [ast.Return(_constant(1))]
    elif isinstance(node, ast.Return):
        yield "return: value", "value", _constant(None if node.value else 1)
        if node.value is not None:
            yield "return: not", "value", ast.UnaryOp(ast.Not(), node.value)
    elif isinstance(node, ast.Raise):
        yield "exception: cause", "cause", None if node.cause else _constant(None)
        yield "exception: again", "exc", None
    elif isinstance(node, ast.ExceptHandler):
        yield from _handler_changes(node)
    elif isinstance(node, ast.Slice):
        yield "slice: swapped", "lower", node.upper
        yield (
            "slice: upper dropped" if node.upper else "slice: upper",
            "upper",
            None if node.upper else _constant(3),
        )
        yield (
            "slice: lower dropped" if node.lower else "slice: lower",
            "lower",
            None if node.lower else _constant(1),
        )
        yield "slice: step", "step", _constant(2) if node.step is None else None
    elif isinstance(node, ast.FormattedValue):
        yield "f-string: conversion", "conversion", 114 if node.conversion != 114 else 115
        spec = ast.JoinedStr([_constant(">7")]) if node.format_spec is None else None
        yield "f-string: format", "format_spec", spec
    elif isinstance(node, ast.JoinedStr):
        yield "f-string: longer", "values", [*node.values, _constant("x")]
        if len(node.values) > 1:
            yield "f-string: part dropped", "values", node.values[1:]
    elif isinstance(node, ast.comprehension):
        if node.ifs:
            yield "comprehension: condition dropped", "ifs", node.ifs[:-1]
            yield (
                "comprehension: negated",
                "ifs",
                [*node.ifs[:-1], ast.UnaryOp(ast.Not(), node.ifs[-1])],
            )
        else:
            yield "comprehension: condition", "ifs", [copy.deepcopy(_loaded(node.target))]
    elif isinstance(node, ast.DictComp):
        yield "comprehension: key for value", "value", node.key
    elif isinstance(node, ast.Dict):
        yield from _dict_changes(node)
    elif isinstance(node, (ast.List, ast.Tuple, ast.Set)) and len(node.elts) > 1:
        yield "display: last dropped", "elts", node.elts[:-1]
        if not isinstance(node, ast.Set):
            yield "display: reversed", "elts", node.elts[::-1]
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        first, *rest = node.names
        if first.name != "*":
            other = ast.alias(f"{first.name}_", first.asname or first.name.partition(".")[0])
            yield "import: name", "names", [other, *rest]
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            yield "import: module", "module", f"{node.module}_"
    elif isinstance(node, _SCOPES):
        if node.decorator_list:
            yield "decorator: outer dropped", "decorator_list", node.decorator_list[1:]
            yield "decorator: inner dropped", "decorator_list", node.decorator_list[:-1]
            yield "decorator: order", "decorator_list", node.decorator_list[::-1]
        else:
            yield "decorator: added", "decorator_list", [ast.Name("repr", ast.Load())]
        if isinstance(node, ast.ClassDef) and node.bases:
            yield "class: base dropped", "bases", node.bases[1:]
            yield "class: keywords dropped", "keywords", []
            yield "class: bases reversed", "bases", node.bases[::-1]
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        yield "statement: with item", "items", [ast.withitem(_constant(None)), *node.items]


def _loaded(target: Any) -> Any:
    names = [node for node in ast.walk(target) if isinstance(node, ast.Name)]
    return ast.Name(names[0].id, ast.Load()) if names else _constant(1)


def _call_changes(node: ast.Call) -> Iterator[tuple[str, str, Any]]:
    yield "call: argument added", "args", [*node.args, _constant(None)]
    if node.args:
        yield "call: argument dropped", "args", node.args[:-1]
        if len(node.args) > 1:
            yield "call: arguments swapped", "args", [*node.args[:-2], *node.args[:-3:-1]]
    if node.keywords:
        yield "keyword: dropped", "keywords", node.keywords[:-1]
    else:
        yield "keyword: added", "keywords", [ast.keyword("extra", _constant(1))]


def _argument_changes(node: ast.arguments) -> Iterator[tuple[str, str, Any]]:
    if node.defaults:
        yield "default: dropped", "defaults", node.defaults[1:]
        yield "default: other", "defaults", [*node.defaults[:-1], _constant(987)]
    elif node.args:
        yield "default: added", "defaults", [_constant(987)]
    if node.kwonlyargs:
        values = [None if value else _constant(987) for value in node.kw_defaults]
        yield "default: keyword only", "kw_defaults", values
    if len(node.args) > 1:
        yield "parameter: order", "args", [*node.args[:-2], *node.args[:-3:-1]]
    if node.vararg is None:
        yield "parameter: star added", "vararg", ast.arg("extras")
    if node.kwarg is None:
        yield "parameter: double star added", "kwarg", ast.arg("extra_keywords")


def _handler_changes(node: ast.ExceptHandler) -> Iterator[tuple[str, str, Any]]:
    yield "exception: type", "type", ast.Name("ZeroDivisionError", ast.Load())
    if node.type is not None:
        both = ast.Tuple([node.type, ast.Name("OSError", ast.Load())], ast.Load())
        yield "exception: types", "type", both
    yield "exception: body", "body", [ast.Pass()]


def _dict_changes(node: ast.Dict) -> Iterator[tuple[str, str, Any]]:
    if len(node.keys) > 1:
        yield "display: keys reversed", "keys", node.keys[::-1]
        yield "display: values reversed", "values", node.values[::-1]


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
