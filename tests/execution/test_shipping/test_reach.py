"""What code reads from outside itself is found without running it."""

from __future__ import annotations

import textwrap
from types import CodeType

import cloudpickle
import pytest

from dtset.execution.shipping.reach import Imported, Read, reach_of


def _reads(body: str) -> set[Read]:
    source = "def f(x):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    code = next(c for c in compile(source, "f.py", "exec").co_consts if isinstance(c, CodeType))
    return set(reach_of(code).reads)


HELPERS = Imported("helpers", leaf=True)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return LIMIT", {Read("LIMIT")}),
        ("return cfg.a.b + x", {Read("cfg", ("a", "b"))}),
        ("return cfg.sub.call(x)", {Read("cfg", ("sub", "call"))}),
        ("cfg.a = 1", {Read("cfg", (), used=False)}),
        ("cfg.a += 1", {Read("cfg", ("a",))}),
        ("return f(cfg)", {Read("f"), Read("cfg")}),
        ("return [cfg.a for _ in x]", {Read("cfg", ("a",))}),
        ("return lambda: cfg.a", {Read("cfg", ("a",))}),
        ("class A:\n    y = cfg.a\nreturn A", {Read("cfg", ("a",)), Read("__name__")}),
        (
            "return getattr(cfg, 'a')",
            {Read("getattr"), Read("cfg", ("a",), named=True)},
        ),
        (
            "return getattr(cfg, 'a', 3)",
            {Read("getattr"), Read("cfg", ("a",), named=True)},
        ),
        ("return getattr(cfg, x)", {Read("getattr"), Read("cfg")}),
        (
            "import helpers\nreturn helpers.g(x)",
            {Read(HELPERS, used=False), Read(HELPERS, ("g",))},
        ),
        ("import helpers\nreturn [helpers]", {Read(HELPERS, used=False), Read(HELPERS)}),
        (
            "import helpers\nhelpers = helpers.g\nreturn helpers",
            {Read(HELPERS, used=False), Read(HELPERS)},
        ),
        (
            "import helpers\nreturn lambda: helpers.g",
            {Read(HELPERS, used=False), Read(HELPERS)},
        ),
        (
            "from helpers import g\nreturn g.h",
            {
                Read(Imported("helpers", 0, "g"), used=False),
                Read(Imported("helpers", 0, "g"), ("h",)),
            },
        ),
        (
            "from .. import g\nreturn g",
            {Read(Imported("", 2, "g"), used=False), Read(Imported("", 2, "g"))},
        ),
        (
            "import a.b\nreturn a.b.c",
            {Read(Imported("a.b"), used=False), Read(Imported("a.b"), ("b", "c"))},
        ),
        (
            "import a.b.c as d\nreturn d.e",
            {
                Read(Imported("a.b.c", leaf=True), used=False),
                Read(Imported("a.b.c", leaf=True), ("e",)),
            },
        ),
        (
            "return __import__('helpers')",
            {Read("__import__"), Read(HELPERS)},
        ),
    ],
)
def test_reads_are_found(body: str, expected: set[Read]) -> None:
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
