"""What one node of a syntax tree can be mutated to."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, Protocol

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Place(Protocol):
    """Where a node is: under which parent, among which variables of the function around it."""

    @property
    def node(self) -> Any: ...
    @property
    def parent(self) -> Any: ...
    @property
    def names(self) -> tuple[str, ...]: ...


def constant(value: object) -> ast.Constant:
    return ast.Constant(value)


def replacements(place: Place) -> Iterator[tuple[str, Any]]:
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
        yield "return: yield dropped", node.value or constant(None)
        yield "return: yield from", ast.YieldFrom(node.value or constant(()))
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
            yield f"constant: {type(value).__name__} to {other!r:.12}", constant(other)


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


def changes(node: Any) -> Iterator[tuple[str, str, Any]]:
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
            yield "branch: message", "msg", None if node.msg else constant("m")
    elif isinstance(node, (ast.For, ast.AsyncFor)):
        yield "branch: loop's else", "orelse", [] if node.orelse else [ast.Return(constant(1))]
    elif isinstance(node, ast.Return):
        yield "return: value", "value", constant(None if node.value else 1)
        if node.value is not None:
            yield "return: not", "value", ast.UnaryOp(ast.Not(), node.value)
    elif isinstance(node, ast.Raise):
        yield "exception: cause", "cause", None if node.cause else constant(None)
        yield "exception: again", "exc", None
    elif isinstance(node, ast.ExceptHandler):
        yield from _handler_changes(node)
    elif isinstance(node, ast.Slice):
        yield "slice: swapped", "lower", node.upper
        yield (
            "slice: upper dropped" if node.upper else "slice: upper",
            "upper",
            None if node.upper else constant(3),
        )
        yield (
            "slice: lower dropped" if node.lower else "slice: lower",
            "lower",
            None if node.lower else constant(1),
        )
        yield "slice: step", "step", constant(2) if node.step is None else None
    elif isinstance(node, ast.FormattedValue):
        yield "f-string: conversion", "conversion", 114 if node.conversion != 114 else 115
        spec = ast.JoinedStr([constant(">7")]) if node.format_spec is None else None
        yield "f-string: format", "format_spec", spec
    elif isinstance(node, ast.JoinedStr):
        yield "f-string: longer", "values", [*node.values, constant("x")]
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
        yield "statement: with item", "items", [ast.withitem(constant(None)), *node.items]


def _loaded(target: Any) -> Any:
    names = [node for node in ast.walk(target) if isinstance(node, ast.Name)]
    return ast.Name(names[0].id, ast.Load()) if names else constant(1)


def _call_changes(node: ast.Call) -> Iterator[tuple[str, str, Any]]:
    yield "call: argument added", "args", [*node.args, constant(None)]
    if node.args:
        yield "call: argument dropped", "args", node.args[:-1]
        if len(node.args) > 1:
            yield "call: arguments swapped", "args", [*node.args[:-2], *node.args[:-3:-1]]
    if node.keywords:
        yield "keyword: dropped", "keywords", node.keywords[:-1]
    else:
        yield "keyword: added", "keywords", [ast.keyword("extra", constant(1))]


def _argument_changes(node: ast.arguments) -> Iterator[tuple[str, str, Any]]:
    if node.defaults:
        yield "default: dropped", "defaults", node.defaults[1:]
        yield "default: other", "defaults", [*node.defaults[:-1], constant(987)]
    elif node.args:
        yield "default: added", "defaults", [constant(987)]
    if node.kwonlyargs:
        values = [None if value else constant(987) for value in node.kw_defaults]
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
