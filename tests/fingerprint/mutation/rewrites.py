"""Neutral rewrites: edits of a statement that change nothing it may compute."""

from __future__ import annotations

import ast
import copy
import dis
import io
import random
import tokenize
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)
_NAMED_OPS = frozenset(dis.hasname)


class NotApplicableError(Exception):
    """The statement has nothing that this rewrite changes."""


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def _checked(before: str, after: str) -> str:
    if ast.dump(ast.parse(before)) != ast.dump(ast.parse(after)):
        raise AssertionError(f"a rewrite of the text changed its syntax tree:\n{after}")
    if before == after:
        raise NotApplicableError
    return after


def reformatted(text: str, rng: random.Random) -> str:
    """Written by `ast.unparse`: other quotes, parentheses, line breaks; no comments."""
    return ast.unparse(ast.parse(text)) + "\n"


def commented(text: str, rng: random.Random) -> str:
    """Comments and blank lines wherever a line may end."""
    ends = {
        token.start[0]
        for token in _tokens(text)
        if token.type in (tokenize.NEWLINE, tokenize.NL) and token.string
    }
    lines = text.splitlines()
    made = []
    for number, line in enumerate(lines, 1):
        made.append(f"{line}  # {number}" if number in ends else line)
        if number in ends and rng.random() < 0.7:
            made += ["", "# a line of its own", ""]
    return _checked(text, "\n".join(["# above", *made]) + "\n")


def exploded(text: str, rng: random.Random) -> str:
    """One token a line wherever brackets are open, and more brackets."""
    parts: list[str] = []
    depth, indent, fresh = 0, "", True
    for token in _tokens(_bracketed(reformatted(text, rng))):
        if token.type == tokenize.INDENT:
            indent = token.string
        elif token.type == tokenize.DEDENT:
            indent = indent[:-4]
        elif token.type == tokenize.NEWLINE:
            parts.append("\n")
            fresh = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            if token.string in ")]}" and token.type == tokenize.OP:
                depth -= 1
            parts.append(indent if fresh else "\n" * rng.randint(1, 2) if depth > 0 else " ")
            parts.append(token.string)
            fresh = False
            if token.string in "([{" and token.type == tokenize.OP:
                depth += 1
    return _checked(text, "".join(parts))


def _bracketed(text: str) -> str:
    lines = []
    inside_text = {
        row
        for token in _tokens(text)
        if token.type == tokenize.STRING
        for row in range(token.start[0], token.end[0] + (token.start[0] != token.end[0]))
    }
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.lstrip()
        space = line[: len(line) - len(bare)]
        word, _, rest = bare.partition(" ")
        if number not in inside_text and rest:
            if word == "return":
                line = f"{space}return ({rest})"
            elif word in ("if", "while", "elif") and rest.endswith(":"):
                line = f"{space}{word} ({rest[:-1]}):"
        lines.append(line)
    after = "\n".join(lines) + "\n"
    try:
        return _checked(text, after)
    except (AssertionError, SyntaxError, NotApplicableError):
        return text


def requoted(text: str, rng: random.Random) -> str:
    """Strings with other quotes, escapes or in two pieces."""

    def quoted(token: tokenize.TokenInfo) -> str:
        prefix = token.string[: token.string.index(token.string[-1])].lower()
        if token.type != tokenize.STRING or "f" in prefix:
            return token.string
        value = ast.literal_eval(token.string)
        if isinstance(value, bytes):
            return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
        if prefix == "u":
            return token.string
        cut = rng.randint(0, len(value))
        first = "".join(f"\\U{ord(char):08x}" for char in value[:cut])
        return f'"{first}" {value[cut:]!r}'

    return _checked(text, _spliced(text, tokenize.STRING, quoted))


def renumbered(text: str, rng: random.Random) -> str:
    """Numbers in another notation."""

    def written(token: tokenize.TokenInfo) -> str:
        value = ast.literal_eval(token.string)
        if isinstance(value, int):
            return rng.choice([hex(value), oct(value), bin(value), f"{value:_}"])
        if isinstance(value, float) and value < 1e6:
            return f"{token.string}e0" if "e" not in token.string.lower() else token.string
        return token.string

    return _checked(text, _spliced(text, tokenize.NUMBER, written))


def _spliced(text: str, kind: int, written: Callable[[tokenize.TokenInfo], str]) -> str:
    lines = text.splitlines(keepends=True)
    for token in reversed(_tokens(text)):
        if token.type == kind:
            (row, start), (last, end) = token.start, token.end
            before, after = lines[row - 1][:start], lines[last - 1][end:]
            piece = written(token)
            if before and (before[-1].isalnum() or before[-1] == "_"):
                piece = " " + piece
            if after and (after[0].isalnum() or after[0] == "_"):
                piece += " "
            lines[row - 1 : last] = (before + piece + after).splitlines(keepends=True)
    return "".join(lines)


def renamed(tree: ast.stmt, code: CodeType, rng: random.Random) -> ast.stmt:
    """Locals, captured ones too, by names that sort the other way round."""
    names = sorted(_renamable(tree, code))
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
        texts = ["int", "'str'", "dict[str, int]", "int | None", "'A' if 1 < len('a') else 'B'"]
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
    made = _Lambdas(top=True)
    tree = made.visit(copy.deepcopy(tree))
    if not made.changed:
        raise NotApplicableError
    return tree


class _Lambdas(ast.NodeTransformer):
    def __init__(self, top: bool) -> None:
        self.changed = False
        self.depth = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._deeper(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._deeper(node)

    def _deeper(self, node: Any) -> Any:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
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
        made = ast.FunctionDef(target.id, node.value.args, [ast.Return(node.value.body)], [], None)
        return made


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


TextRewrite = Callable[[str, random.Random], str]
TreeRewrite = Callable[[ast.stmt, CodeType, random.Random], ast.stmt]
TEXT: dict[str, TextRewrite] = {
    "formatted by ast.unparse": reformatted,
    "comments and blank lines": commented,
    "one token a line": exploded,
    "quotes": requoted,
    "numbers": renumbered,
}
TREE: dict[str, TreeRewrite] = {
    "locals renamed": renamed,
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
