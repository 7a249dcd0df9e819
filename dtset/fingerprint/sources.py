"""The source texts of the functions in a tree, kept so that a later change of them can be told in words."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
import threading
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType
from typing import NamedTuple

from dtset.fingerprint.code import analyse
from dtset.fingerprint.tree import Tree, walk_tree

# CPython 3.11 raises SystemError now and then where several threads parse at once.
_parsing = threading.Lock()
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"))


class SourceText(NamedTuple):
    """The text of a function: its decorators are part of it, the indentation that its lines share is not."""

    line: int
    text: str


def sources_of(tree: Tree) -> dict[str, SourceText]:
    """Texts of the user's functions in a tree, by what `source_of` gives, where they are at hand."""
    files: dict[str, _File] = {}
    found: dict[str, SourceText] = {}
    for each in walk_tree(tree):
        if each.code is not None and (key := source_of(each)) not in found:
            name = each.code.co_filename
            if name not in files:
                linecache.checkcache(name)
                files[name] = _file(name, "".join(linecache.getlines(name)))
            text = files[name].text_of(each.code)
            if text is not None:
                found[key] = text
    return found


def source_of(tree: Tree) -> str:
    """Key of a function's text in what `sources_of` gives."""
    return f"{tree.place} {tree.own}"


class _File:
    """A file, or a notebook's cell, as its text is now: the functions in it, by their first lines."""

    def __init__(self, name: str, text: str) -> None:
        self.codes: dict[int, list[CodeType]] = {}
        self.nodes: dict[int, list[_Function]] = {}
        self.text = text
        try:
            with _parsing:
                module = ast.parse(text)
            code = compile(text, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
            return
        for found in _functions(code):
            self.codes.setdefault(found.co_firstlineno, []).append(found)
        for node in ast.walk(module):
            if isinstance(node, _Function):
                self.nodes.setdefault(_first_line(node), []).append(node)

    def text_of(self, code: CodeType) -> SourceText | None:
        """Text of a function, if the file still says what the function was made from."""
        line, kind = code.co_firstlineno, code.co_name == "<lambda>"
        codes = [c for c in self.codes.get(line, ()) if (c.co_name == "<lambda>") is kind]
        nodes = [n for n in self.nodes.get(line, ()) if isinstance(n, ast.Lambda) is kind]
        # Several lambdas of one line: they were compiled in the order in which they stand there.
        nodes.sort(key=lambda node: node.col_offset)
        for there, node in zip(codes, nodes, strict=False):
            if analyse(there).digest == analyse(code).digest:
                return SourceText(line, self._text(node))
        return None

    def _text(self, node: _Function) -> str:
        if isinstance(node, ast.Lambda):
            return ast.get_source_segment(self.text, node) or ""
        lines = self.text.split("\n")[_first_line(node) - 1 : node.end_lineno]
        return textwrap.dedent("\n".join(lines) + "\n")


_file = lru_cache(maxsize=64)(_File)


def _first_line(node: _Function) -> int:
    """Line at which a function begins for Python: that of its first decorator."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(each.lineno for each in decorators)])


def _functions(code: CodeType) -> Iterator[CodeType]:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_name not in _COMPREHENSIONS and const.co_flags & inspect.CO_OPTIMIZED:
                yield const
            yield from _functions(const)
