"""Neutral rewrites: edits of a statement that change nothing it may compute."""

from __future__ import annotations

import ast
import copy
import dis
import random
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from tests.fingerprint.mutation.texts import TEXT, NotApplicableError

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


def renamed(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Locals, captured ones too, by names that sort the other way round."""
    return _renamed(tree, sorted(_renamable(tree, code) - _functions(tree)))


def functions_renamed(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Functions in functions: their names are locals, and what `__name__` gives."""
    return _renamed(tree, sorted(_renamable(tree, code) & _functions(tree)))


def _functions(tree: ast.stmt) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)}


def _renamed(tree: ast.stmt, names: list[str]) -> ast.stmt:
    if not names:
        raise NotApplicableError
    other = {name: f"local_{len(names) - number}" for number, name in enumerate(names)}
    tree = copy.deepcopy(tree)
    for node in ast.walk(tree):
        for field in ("id", "name", "rest"):
            value = getattr(node, field, None)
            if isinstance(value, str) and value in other and not isinstance(node, ast.alias):
                setattr(node, field, other[value])
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            node.names = [other.get(name, name) for name in node.names]
        elif isinstance(node, ast.alias) and (node.asname or node.name) in other:
            node.asname = other[node.asname or node.name]
    return tree


def _renamable(tree: ast.stmt, code: CodeType) -> set[str]:
    local: set[str] = set()
    fixed: set[str] = {"__class__"}
    waiting = [code]
    while waiting:
        each = waiting.pop()
        count = each.co_argcount + each.co_kwonlyargcount
        count += bool(each.co_flags & 0x4) + bool(each.co_flags & 0x8)
        fixed.update(each.co_varnames[:count])
        local.update(each.co_varnames[count:], each.co_cellvars)
        fixed.update(
            str(item.argval)
            for item in dis.get_instructions(each)
            if item.opname.endswith(("_GLOBAL", "_NAME", "CLASSDEREF"))
            and item.opname != "IMPORT_NAME"
        )
        waiting += [const for const in each.co_consts if isinstance(const, CodeType)]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            fixed.add(node.name)
            # A field without a value leaves no trace in the code but its annotation.
            fixed.update(
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            )
        elif isinstance(node, ast.Import):
            fixed.update(a.name.partition(".")[0] for a in node.names if "." in a.name)
    return {name for name in local - fixed if name.isidentifier() and not name.startswith("__")}


def documented(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Docstrings changed, added or removed."""
    tree = copy.deepcopy(tree)
    for node in ast.walk(tree):
        if not isinstance(node, _SCOPES):
            continue
        has = ast.get_docstring(node, clean=False) is not None
        other = ast.Expr(ast.Constant(f"Another text {rng.random()}."))
        keeps = rng.random() < 0.6
        node.body[: 1 if has else 0] = [other] if keeps or (has and len(node.body) == 1) else []
    return tree


def annotated(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Annotations of parameters, results and locals changed, added or removed."""
    tree = copy.deepcopy(tree)

    def other(now: ast.expr | None) -> ast.expr | None:
        texts = ["int", "'str'", "dict[str, int]", "int | None", "'A' if 'a' in 'ab' else 'B'"]
        return None if now is not None and rng.random() < 0.3 else _expression(rng.choice(texts))

    def in_functions(node: Any, inside: bool) -> None:
        if isinstance(node, (*_FUNCTIONS, ast.Lambda)) and not isinstance(node, ast.Lambda):
            node.returns = other(node.returns)
            args = node.args
            listed = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            for arg in listed:
                if arg is not None:
                    arg.annotation = other(arg.annotation)
        if isinstance(node, ast.AnnAssign) and inside:
            node.annotation = _expression("bytes")
        for child in ast.iter_child_nodes(node):
            below = inside or isinstance(node, _FUNCTIONS)
            in_functions(child, below and not isinstance(node, ast.ClassDef))

    in_functions(tree, False)
    return tree


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def padded(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """`pass`, bare constants and branches never taken, anywhere."""
    tree = copy.deepcopy(tree)
    fillers = ["pass", "...", "0", "if 0: pass", "if True: pass", "'no docstring'"]
    for node in list(ast.walk(tree)):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if not isinstance(body, list) or not body or not isinstance(body[0], ast.stmt):
                continue
            filler = ast.parse(rng.choice(fillers)).body[0]
            is_scope = isinstance(node, _SCOPES) and field == "body"
            body.insert(rng.randint(1 if is_scope else 0, len(body)), filler)
    return tree


def lambdas(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """`def` to `lambda` and back, where the body is one result."""
    made = _Lambdas()
    tree = made.visit(copy.deepcopy(tree))
    if not made.changed:
        raise NotApplicableError
    return tree


class _Lambdas(ast.NodeTransformer):
    def __init__(self) -> None:
        self.changed = False

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._deeper(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._deeper(node)

    def _deeper(self, node: Any) -> Any:
        self.generic_visit(node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._deeper(node)
        body = [
            s
            for s in node.body
            if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
        ]
        if node.decorator_list or len(body) != 1 or not isinstance(body[0], ast.Return):
            return node
        # A generator expression or a call of super() is the same in both; `yield` is not.
        value = body[0].value
        if value is None or any(
            isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await)) for n in ast.walk(value)
        ):
            return node
        self.changed = True
        args = copy.deepcopy(node.args)
        for arg in ast.walk(args):
            if isinstance(arg, ast.arg):
                arg.annotation = None
        return ast.Assign([ast.Name(node.name, ast.Store())], ast.Lambda(args, value))

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        target = node.targets[0]
        if len(node.targets) > 1 or not isinstance(target, ast.Name):
            return node
        if not isinstance(node.value, ast.Lambda):
            return node
        self.changed = True
        return ast.FunctionDef(target.id, node.value.args, [ast.Return(node.value.body)], [], None)


def sets(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Literals of sets in another order."""
    tree, changed = copy.deepcopy(tree), False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Set) or len(node.elts) < 2:
            continue
        values = [element.value for element in node.elts if isinstance(element, ast.Constant)]
        # With `1` and `True` in one literal the first stays, so that order can be seen.
        if len(values) == len(node.elts) == len(set(values)):
            node.elts, changed = node.elts[::-1], True
    if not changed:
        raise NotApplicableError
    return tree


def equal_forms(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Other words for the same: `return` and its None, folded constants, `not in`, several in one."""
    return _EqualForms().visit(copy.deepcopy(tree))  # type: ignore[no-any-return]


class _EqualForms(ast.NodeTransformer):
    def visit_Return(self, node: ast.Return) -> ast.AST:
        self.generic_visit(node)
        if node.value is None:
            return ast.Return(ast.Constant(None))
        if isinstance(node.value, ast.Constant) and node.value.value is None:
            return ast.Return(None)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body.append(ast.Return(None))
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if type(node.value) is int and 1 < node.value < 1 << 20:
            return ast.BinOp(ast.Constant(node.value - 1), ast.Add(), ast.Constant(1))
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant) and node.test.value in (1, True):
            node.test = ast.Constant(1 if node.test.value is True else True)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.NotIn, ast.IsNot)):
            op = ast.In() if isinstance(node.ops[0], ast.NotIn) else ast.Is()
            return ast.UnaryOp(ast.Not(), ast.Compare(node.left, [op], node.comparators))
        return node

    def visit_Import(self, node: ast.Import) -> Any:
        return [ast.Import([alias]) for alias in node.names]

    def visit_Delete(self, node: ast.Delete) -> Any:
        return [ast.Delete([target]) for target in node.targets]

    def visit_Global(self, node: ast.Global) -> Any:
        return [ast.Global([name]) for name in node.names]

    def visit_Pass(self, node: ast.Pass) -> Any:
        return ast.Expr(ast.Constant(...))

    def visit_If(self, node: ast.If) -> ast.AST:
        self.generic_visit(node)
        if not node.orelse:
            node.orelse = [ast.Pass()]
        return node

    def visit_match_case(self, node: Any) -> Any:
        node.body = [self.visit(each) for each in node.body]
        return node


TreeRewrite = Callable[[ast.stmt, CodeType, random.Random], ast.stmt]
TREE: dict[str, TreeRewrite] = {
    "locals renamed": renamed,
    "nested functions renamed": functions_renamed,
    "docstrings": documented,
    "annotations": annotated,
    "padding": padded,
    "lambda and def": lambdas,
    "order of set literals": sets,
    "equal forms": equal_forms,
}
MOVES = ("moved in file", "moved to another module", "moved to __main__")
ALL = "several at once"


def rewrite_names() -> Iterator[str]:
    yield from (*TEXT, *TREE, *MOVES, ALL)


def rewritten(kind: str, text: str, code: CodeType, seed: int) -> list[ast.stmt]:
    """The statement after a rewrite, positions included."""
    rng = random.Random(seed)
    if kind in TEXT:
        return ast.parse(TEXT[kind](text, rng)).body
    if kind in TREE:
        return _once(TREE[kind](ast.parse(text).body[0], code, rng))
    tree = ast.parse(text).body[0]
    for name in ("annotations", "docstrings", "padding", "locals renamed"):
        try:
            tree = TREE[name](tree, code, rng)
        except NotApplicableError:
            continue
    made = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    for name in rng.sample(
        ["one token a line", "quotes", "numbers", "comments and blank lines"], 3
    ):
        try:
            made = TEXT[name](made, rng)
        except NotApplicableError:
            continue
    return ast.parse(made).body


def _once(tree: ast.stmt) -> list[ast.stmt]:
    return [ast.fix_missing_locations(tree)]
