"""What code reads from outside itself is found without running it."""

from __future__ import annotations

import textwrap
from types import CodeType

import cloudpickle
import pytest

from dtset.execution.shipping.reach import reach_of


def _reads(body: str) -> set[tuple[str, ...]]:
    source = "def f(x):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    code = next(
        c
        for c in compile(source, "f.py", "exec", dont_inherit=True).co_consts
        if isinstance(c, CodeType)
    )
    return {("." * r.level + r.module, *r.chain) for r in reach_of(code).references}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return LIMIT", {("", "LIMIT")}),
        ("return cfg.a.b + x", {("", "cfg", "a", "b")}),
        ("return cfg.sub.call(x)", {("", "cfg", "sub", "call")}),
        ("cfg.a = 1", {("", "cfg", "a")}),
        ("cfg.a += 1", {("", "cfg")}),
        ("return f(cfg)", {("", "f"), ("", "cfg")}),
        ("return [cfg.a for _ in x]", {("", "cfg", "a")}),
        ("return lambda: cfg.a", {("", "cfg", "a")}),
        ("class A:\n    y = cfg.a\nreturn A", {("", "cfg", "a"), ("", "__name__")}),
        ("def g(y: cfg.T): pass\nreturn g", {("", "cfg", "T")}),
        ("return getattr(cfg, 'a', 3)", {("", "getattr"), ("", "cfg", "a")}),
        ("return getattr(cfg, f'a{x}', 3)", {("", "getattr"), ("", "cfg")}),
        ("import helpers\nreturn helpers.g(x)", {("helpers", ""), ("helpers", "g")}),
        ("import helpers\nreturn [helpers]", {("helpers", ""), ("helpers",)}),
        ("import helpers\nhelpers = helpers.g\nreturn helpers", {("helpers", ""), ("helpers",)}),
        ("import helpers\nreturn lambda: helpers.g", {("helpers", ""), ("helpers",)}),
        ("from helpers import g\nreturn g.h", {("helpers", "g", ""), ("helpers", "g", "h")}),
        ("from .. import g\nreturn g", {("..", "g", ""), ("..", "g")}),
        ("import a.b\nreturn a.b.c", {("a.b", ""), ("a", ""), ("a", "b", "c")}),
        ("import a.b.c as d\nreturn d.e", {("a.b.c", ""), ("a.b.c", "e")}),
    ],
)
def test_reads_are_found(body: str, expected: set[tuple[str, ...]]) -> None:
    assert _reads(body) == expected


def test_constants_that_may_name_modules_are_noted_only_where_modules_are_imported_by_name() -> (
    None
):
    code = compile("importlib.import_module(f(x, 'a.b', 'not a name'))", "", "eval")
    assert reach_of(code).strings == ("a.b",)
    assert reach_of(compile("f('a.b')", "", "eval")).strings == ()


def test_the_reducers_taken_over_from_cloudpickle_are_there() -> None:
    import collections
    import dataclasses
    import logging
    import types
    import weakref

    table = cloudpickle.Pickler.dispatch_table
    needed = {
        classmethod,
        staticmethod,
        property,
        memoryview,
        types.CodeType,
        types.MethodType,
        types.MappingProxyType,
        types.GetSetDescriptorType,
        weakref.WeakSet,
        logging.Logger,
        logging.RootLogger,
        type({}.keys()),
        type({}.values()),
        type({}.items()),
        type(collections.OrderedDict().keys()),
        dataclasses._FIELD_BASE,  # type: ignore[attr-defined]
    }
    assert needed <= set(table)
    code = compile("1", "f.py", "eval")
    maker, arguments = table[types.CodeType](code)
    assert maker(*arguments) == code
    assert hasattr(cloudpickle.Pickler, "reducer_override")
