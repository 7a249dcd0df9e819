"""Modules of the user's travel with the functions that read them, and stale copies never run."""

from __future__ import annotations

from typing import Any

HELPERS = """
    import logging, threading
    LOCK = threading.Lock()
    FILE = open(__file__)
    LOG = logging.getLogger("helpers")
    LIMIT = 7
    calls = 0
    def g(x): return x + LIMIT
    def count():
        global calls
        calls += 1
        return calls
    def unsafe():
        with LOCK: return 1
    class Rec:
        def score(self): return LIMIT
    if __name__ == "__main__": raise SystemExit("ran as a script")
"""
STALE = """
    LIMIT = -1
    def g(x): return "stale"
    class Rec:
        def score(self): return "stale"
"""
PACKAGE = {
    "pkg__init": "from .tools import tool\nNAME = 'pkg'\n",
    "pkg__tools": "from . import consts\ndef tool(x): return x + consts.ONE\n",
    "pkg__consts": "ONE = 1\n",
    "pkg__sub__init": "",
    "pkg__sub__deep": """
        from ..consts import ONE
        from .. import tools
        def deep(x):
            from .side import side
            return tools.tool(x) + ONE + side()
    """,
    "pkg__sub__side": "def side(): return 100\n",
}
STALE_PACKAGE = dict.fromkeys(PACKAGE, "def tool(x): return 'stale'\n")


def test_a_module_is_shipped_and_its_stale_copy_on_the_worker_is_not_run(trip: Any) -> None:
    shipment = trip.send(
        """
        import importlib, json, sys
        import helpers, helpers as h
        from helpers import g as direct, Rec
        def by_module(x): return helpers.g(x), h.LIMIT, getattr(helpers, "LIMIT")
        def by_name(x): return direct(x), Rec().score()
        def inside(x):
            import helpers
            return helpers.g(x)
        def inside_as(x):
            import helpers as other
            return other.g(x)
        def inside_from(x):
            from helpers import g, LIMIT as limit
            return g(x), limit
        def inside_nested(x):
            import helpers
            return [helpers.g(i) for i in range(x)]
        def by_call(x):
            return importlib.import_module("helpers").g(x), __import__("helpers").LIMIT
        def by_call_inside(x):
            from importlib import import_module
            return import_module("helpers").g(x)
        def by_variable(x):
            name = "helpers"
            if x: name = name + ""
            return importlib.import_module(name).g(x)
        def counting():
            helpers.calls += 1
            return helpers.count()
        def by_table(x):
            here = sys.modules[__name__]
            return sys.modules["helpers"].g(x), here.direct(x), "json" in sys.modules
        def by_table_inside(x):
            import sys
            sys.mark = x
            return sys.modules.get("helpers").g(x), sys.mark
        def optional():
            try:
                import not_there
            except ImportError:
                return "missing"
        SEND = {n: f for n, f in dict(globals()).items() if callable(f) and n not in ("direct", "Rec")}
        """,
        helpers=HELPERS,
    )
    check = """
        assert o["by_module"](1) == (8, 7, 7), o["by_module"](1)
        assert o["by_name"](1) == (8, 7)
        assert o["inside"](1) == o["inside_as"](1) == 8
        assert o["inside_from"](1) == (8, 7) and o["inside_nested"](2) == [7, 8]
        assert o["by_call"](1) == (8, 7) and o["by_call_inside"](1) == 8 and o["by_variable"](1) == 8
        assert o["by_table"](1) == (8, 8, True) and o["by_table_inside"](1) == (8, 1)
        assert o["counting"]() == 2 and o["counting"]() == 4
        assert o["optional"]() == "missing"
        assert p.resolve("helpers", "Rec")().score() == 7
        import sys
        assert ("helpers" in sys.modules) is STALE_IS_IMPORTED
    """
    trip.receive(check.replace("STALE_IS_IMPORTED", "False"), shipment)
    trip.receive(
        check.replace("STALE_IS_IMPORTED", "False"),
        shipment,
        before="import sys; sys.path.insert(0, '.')",
        helpers=STALE,
        not_there="",
    )
    trip.receive(
        check.replace("STALE_IS_IMPORTED", "(sys.modules['helpers'].LIMIT == -1)"),
        shipment,
        before="import sys; sys.path.insert(0, '.'); import helpers; assert helpers.g(1) == 'stale'",
        helpers=STALE,
        not_there="",
    )


def test_packages_with_relative_imports_and_submodules_are_shipped(trip: Any) -> None:
    shipment = trip.send(
        """
        import pkg, pkg.sub.deep, pkg.sub.deep as deep
        from pkg import tools
        from pkg.sub import deep as again
        def by_path(x): return pkg.sub.deep.deep(x), pkg.NAME, pkg.tool(x)
        def by_alias(x): return deep.deep(x), again.deep(x), tools.tool(x)
        def inside(x):
            import pkg.sub.deep
            import pkg.tools as t
            from pkg.consts import ONE
            from pkg import consts
            return pkg.sub.deep.deep(x), t.tool(x), ONE, consts.ONE
        def only_inside(x):
            import lazy.part
            return lazy.part.f(x)
        SEND = dict(by_path=by_path, by_alias=by_alias, inside=inside, only_inside=only_inside)
        """,
        lazy__init="",
        lazy__part="def f(x): return x * 2",
        **PACKAGE,
    )
    check = """
        assert o["by_path"](1) == (103, "pkg", 2)
        assert o["by_alias"](1) == (103, 103, 2)
        assert o["inside"](1) == (103, 2, 1, 1), o["inside"](1)
        assert o["only_inside"](4) == 8
        m = o["by_path"].__globals__["pkg"]
        assert m.__name__ == "pkg" and m.__package__ == "pkg" and m.__spec__.name == "pkg"
        assert m.sub.deep.__spec__.parent == "pkg.sub" and m.__file__.endswith("__init__.py")
    """
    trip.receive(check, shipment)
    trip.receive(
        check,
        shipment,
        before="import sys; sys.path.insert(0, '.'); import pkg.tools",
        lazy__init="",
        lazy__part="def f(x): return 'stale'",
        **STALE_PACKAGE,
    )


def test_what_functions_do_not_touch_may_be_unpicklable(trip: Any) -> None:
    shipment = trip.send(
        """
        import sqlite3, socket, threading, helpers
        conn = sqlite3.connect(":memory:")
        sock = socket.socket()
        lines = (line for line in "ab")
        def f(x): return helpers.g(x)
        SEND = {"f": f}
        """,
        helpers=HELPERS,
    )
    trip.receive("assert o['f'](1) == 8", shipment)


def test_of_a_module_that_escapes_all_goes_along_that_can(trip: Any) -> None:
    shipment = trip.send(
        """
        import threading, helpers
        THINGS = [helpers]
        EVENT = threading.Event()
        Y = 5
        def dynamic(name, *args): return getattr(helpers, name)(*args)
        def held(x): return THINGS[0].g(x)
        def own(name): return globals()[name]
        def evaluated(): return eval("Y + 1")
        def aliased(x):
            h = helpers
            return h.g(x)
        SEND = dict(dynamic=dynamic, held=held, own=own, evaluated=evaluated, aliased=aliased)
        """,
        helpers=HELPERS,
    )
    trip.receive(
        """
        assert o["dynamic"]("g", 1) == 8 and o["held"](1) == 8 and o["aliased"](1) == 8
        assert o["own"]("Y") == 5 and o["evaluated"]() == 6
        raises(CodeMismatchError, "helpers.LOCK did not travel", o["dynamic"], "unsafe")
        raises(CodeMismatchError, "helpers.FILE did not travel", lambda: o["own"]("helpers").FILE.read())
        raises(CodeMismatchError, "__main__.EVENT did not travel", lambda: o["own"]("EVENT").set())
        assert "absent" in repr(o["own"]("EVENT"))
        """,
        shipment,
    )


def test_names_paths_and_tracebacks_are_the_drivers(trip: Any) -> None:
    shipment = trip.send(
        """
        import helpers
        def name(): return __name__, __file__, helpers.__name__, helpers.__file__
        def fails():
            raise ValueError("no")
        class A:
            def method(self): pass
        if __name__ != "__main__":
            raise SystemExit("imported")
        SEND = dict(name=name, fails=fails, method=A.method)
        """,
        helpers=HELPERS,
    )
    trip.receive(
        """
        import traceback
        name, file, helper, helper_file = o["name"]()
        assert name == "__main__" and file.endswith("script.py")
        assert helper == "helpers" and helper_file.endswith("helpers.py")
        assert o["method"].__qualname__ == "A.method" and o["method"].__module__ == "__main__"
        try:
            o["fails"]()
        except ValueError as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
        assert (frame.filename[-9:], frame.lineno, frame.name) == ("script.py", 5, "fails"), frame
        """,
        shipment,
    )


def test_a_module_the_driver_does_not_have_is_not_taken_from_the_worker(trip: Any) -> None:
    shipment = trip.send(
        """
        import importlib
        def hidden(parts):
            return importlib.import_module("".join(parts)).g(1)
        SEND = {"hidden": hidden}
        """,
        helpers=HELPERS,
    )
    trip.receive(
        """raises(ModuleNotFoundError, "was shipped to this process", o["hidden"], ["help", "ers"])""",
        shipment,
        before="import sys; sys.path.insert(0, '.'); import helpers",
        helpers=STALE,
    )


def test_two_versions_of_a_module_run_at_once_in_one_process(trip: Any) -> None:
    script = """
        def f(x):
            import helpers
            return helpers.g(x)
        SEND = {"f": f}
    """
    trip.send(script, "old", helpers="def g(x): return ('old', x)")
    trip.send(script, "new", helpers="def g(x): return ('new', x)")
    trip.receive(
        """
        from concurrent.futures import ThreadPoolExecutor
        import os.path
        folder = os.path.dirname(sys.argv[1])
        def run(name):
            f = program(os.path.join(folder, name)).objects["f"]
            return {f(1) for _ in range(2000)}
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(run, ["old", "new"] * 8))
        assert found == [{("old", 1)}, {("new", 1)}] * 8
        """,
        trip.folder / "old",
    )


def test_functions_of_installed_libraries_around_user_code_use_the_librarys_globals(
    trip: Any,
) -> None:
    shipment = trip.send(
        """
        import contextlib, functools
        import numpy as np
        from dataclasses import dataclass
        from dtset.errors import DTSetError
        import dtset.errors
        @contextlib.contextmanager
        def opened(x):
            yield x + ONE
        ONE = 1
        class Mine(DTSetError): pass
        def use(x):
            with opened(x) as y: return y
        def array(n): return np.arange(n).sum() + np.linalg.norm([3.0, 4.0])
        vectorised = np.vectorize(lambda x: x + ONE)
        @functools.total_ordering
        class Ord:
            def __init__(self, v): self.v = v
            def __eq__(self, o): return self.v == o.v
            def __lt__(self, o): return self.v < o.v
        def own(): return dtset.errors.DTSetError
        DATA = np.arange(5)
        def total(): return int(DATA.sum())
        SEND = dict(use=use, array=array, vectorised=vectorised, Ord=Ord, Mine=Mine, own=own, total=total)
        """
    )
    trip.receive(
        """
        import dtset.errors, contextlib
        assert o["use"](1) == 2 and o["array"](3) == 8.0 and list(o["vectorised"]([1, 2])) == [2, 3]
        assert o["Ord"](2) >= o["Ord"](1) and issubclass(o["Mine"], dtset.errors.DTSetError)
        assert o["own"]() is dtset.errors.DTSetError and o["total"]() == 10
        """,
        shipment,
    )
