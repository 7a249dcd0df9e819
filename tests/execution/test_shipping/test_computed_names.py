"""Attributes whose names are made at run time: they travel and count, or there is an error; never a default in silence."""

from __future__ import annotations

import importlib
import sys
import textwrap
from typing import Any

import pytest

from dtset.errors import FingerprintError
from dtset.execution.shipping import receive, ship
from dtset.fingerprint import fingerprint

RATES = "rate_1 = 10\nrate_2 = 20\nclass Table:\n    cell_2 = 5\nlimits = {'cell_2': 6}\n"
TOP = """
    import builtins, functools, importlib, inspect, operator, sys
    from functools import partial
    import kit, kit.rates
    import rates
    import rates as r
    from kit import rates as kit_rates
    get = getattr
    NAMES = {1: "rate_1", 2: "rate_2"}
    MODULE = "rates"
    SELF_2 = 3
    def other(x): return SELF_2
    class Holder:
        module = rates
        def __init__(self): self.kept = rates
    HOLDER = Holder()
"""
# Elsewhere: code that may take any global of its module may take these too.
LOOKING = "from importlib import import_module\nfrom sys import modules\n"
SPELLINGS = {
    "f-string": 'return getattr(rates, f"rate_{x}", 0)',
    "percent": 'return getattr(rates, "rate_%d" % x, 0)',
    "format": 'return getattr(rates, "rate_{}".format(x), 0)',
    "join": 'return getattr(rates, "".join(("rate_", str(x))), 0)',
    "plus": 'return getattr(rates, "rate_" + str(x), 0)',
    "lower": 'return getattr(rates, "RATE_2".lower(), 0)',
    "replace": 'return getattr(rates, "rate_x".replace("x", str(x)), 0)',
    "slice": 'return getattr(rates, "xrate_2"[1:], 0)',
    "table": "return getattr(rates, NAMES.get(x, ''), 0)",
    "either": 'return getattr(rates, "rate_2" if x == 2 else "rate_1", 0)',
    "or": 'return getattr(rates, (x != 2 and "no") or "rate_2", 0)',
    "walrus": 'return getattr(rates, (name := f"rate_{x}"), 0) + len(name)',
    "starred": 'return getattr(*(rates, f"rate_{x}", 0))',
    "hasattr": 'return hasattr(rates, f"rate_{x}")',
    "hasattr constant": 'return hasattr(rates, "rate_2") + rates.rate_2',
    "alias": 'return get(rates, f"rate_{x}", 0)',
    "alias constant": 'return get(rates, "rate_2", 0)',
    "local alias": 'g = getattr\nreturn g(rates, "rate_%s" % x, 0)',
    "builtins": 'return builtins.getattr(rates, f"rate_{x}", 0)',
    "partial": 'return partial(getattr, rates)(f"rate_{x}", 0)',
    "partial constant": 'return partial(getattr, rates, "rate_2")(0)',
    "map": 'return list(map(getattr, [rates], [f"rate_{x}"], [0]))',
    "vars": 'return vars(rates).get(f"rate_{x}", 0)',
    "dict": 'return rates.__dict__.get(f"rate_{x}", 0)',
    "dict copied": 'return {**vars(rates)}.get(f"rate_{x}", 0)',
    "getattribute": 'try: return rates.__getattribute__(f"rate_{x}")\nexcept AttributeError: return 0',
    "object": 'try: return object.__getattribute__(rates, f"rate_{x}")\nexcept AttributeError: return 0',
    "attrgetter": 'try: return operator.attrgetter(f"rate_{x}")(rates)\nexcept AttributeError: return 0',
    "attrgetter of package": 'try: return operator.attrgetter(f"rates.rate_{x}")(kit)\nexcept AttributeError: return 0',
    "methodcaller": 'try: return operator.methodcaller("__getattribute__", f"rate_{x}")(rates)\nexcept AttributeError: return 0',
    "getmembers": 'return dict(inspect.getmembers(rates)).get(f"rate_{x}", 0)',
    "dir": 'return [getattr(rates, n) for n in dir(rates) if n.endswith(f"_{x}")]',
    "import": 'import rates\nreturn getattr(rates, f"rate_{x}", 0)',
    "import as": 'import rates as m\nreturn getattr(m, f"rate_{x}", 0)',
    "import dotted": 'import kit.rates\nreturn getattr(kit.rates, f"rate_{x}", 0)',
    "import dotted as": 'import kit.rates as m\nreturn getattr(m, f"rate_{x}", 0)',
    "from import": 'from kit import rates\nreturn getattr(rates, f"rate_{x}", 0)',
    "from import constant": 'from kit import rates\nreturn getattr(rates, "rate_2", 0)',
    "import in closure": 'import rates\nreturn (lambda: getattr(rates, f"rate_{x}", 0))()',
    "from package": 'return getattr(kit_rates, f"rate_{x}", 0)',
    "of package": 'return getattr(kit.rates, f"rate_{x}", 0)',
    "nested getattr": 'return getattr(getattr(kit, "rates"), f"rate_{x}", 0)',
    "submodule computed": 'return getattr(getattr(kit, f"rat{chr(101)}s", 0), f"rate_{x}", 0)',
    "assigned": 'm = rates\nreturn getattr(m, f"rate_{x}", 0)',
    "chosen": 'return getattr(rates if x else kit, f"rate_{x}", 0)',
    "in a list": 'return getattr([rates, kit][0], f"rate_{x}", 0)',
    "class attribute": 'return getattr(Holder.module, f"rate_{x}", 0)',
    "instance": 'return getattr(HOLDER.kept, f"rate_{x}", 0)',
    "nested class": 'return getattr(rates.Table, f"cell_{x}", 0)',
    "nested class constant": 'return getattr(rates.Table, "cell_2", 0)',
    "dictionary": 'return rates.limits.get(f"cell_{x}", 0)',
    "match": 'match x:\n    case 2: n = "rate_2"\n    case _: n = "no"\nreturn getattr(rates, n, 0)',
    "match class": "match rates:\n    case object(rate_2=v): return v\nreturn 0",
    "eval": 'return eval(f"rates.rate_{x}") if x == 2 else 0',
    "sys.modules": 'return getattr(sys.modules["rates"], f"rate_{x}", 0)',
    "sys.modules get": 'return getattr(sys.modules.get("rates"), f"rate_{x}", 0)',
    "sys.modules global": 'return getattr(sys.modules[MODULE], f"rate_{x}", 0)',
    "sys.modules computed": 'return getattr(sys.modules["rat" + "es" * (x > 1)], f"rate_{x}", 0)',
    "modules": 'return getattr(modules["rates"], f"rate_{x}", 0)',
    "modules imported": 'from sys import modules as m\nreturn getattr(m["rates"], f"rate_{x}", 0)',
    "import_module": 'return getattr(importlib.import_module("rates"), f"rate_{x}", 0)',
    "import_module global": 'return getattr(import_module(MODULE), f"rate_{x}", 0)',
    "import_module dotted": 'return getattr(import_module("kit.rates"), f"rate_{x}", 0)',
    "import_module relative": 'return getattr(import_module(".rates", "kit"), f"rate_{x}", 0)',
    "import_module computed": 'return getattr(import_module("rat" + "es" * (x > 1)), f"rate_{x}", 0)',
    "__import__": 'return getattr(__import__("rates"), f"rate_{x}", 0)',
    "globals": 'return getattr(globals()["rates"], f"rate_{x}", 0)',
    "own globals": 'return globals().get(f"SELF_{x}", 0)',
    "own module": 'return getattr(sys.modules[__name__], f"SELF_{x}", 0)',
    "__globals__": 'return other.__globals__.get(f"SELF_{x}", 0)',
    "f_globals": 'return sys._getframe().f_globals.get(f"SELF_{x}", 0)',
    "module __getattr__": 'import lazy\nreturn getattr(lazy, f"rate_{x}", 0)',
    "module __getattr__ constant": "import lazy\nreturn lazy.rate_2",
}  # fmt: skip


@pytest.fixture(scope="module")
def spellings(tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("spellings")
    (folder / "kit").mkdir()
    (folder / "kit" / "__init__.py").write_text("")
    (folder / "kit" / "rates.py").write_text(RATES)
    (folder / "rates.py").write_text(RATES)
    (folder / "lazy.py").write_text(
        "import rates\ndef __getattr__(name): return getattr(rates, name)\n"
    )
    sources = {"spelt": textwrap.dedent(TOP), "looking": textwrap.dedent(TOP) + LOOKING}
    homes = {}
    for number, (name, body) in enumerate(SPELLINGS.items()):
        home = homes[name] = (
            "looking" if name.startswith(("modules", "import_module", "sys.")) else "spelt"
        )
        sources[home] += f"def f{number}(x):\n" + textwrap.indent(body, "    ") + "\n"
    for home, source in sources.items():
        (folder / f"{home}.py").write_text(source)
    sys.path.insert(0, str(folder))
    try:
        modules = {home: importlib.import_module(home) for home in sources}
        yield (
            {
                name: getattr(modules[homes[name]], f"f{number}")
                for number, name in enumerate(SPELLINGS)
            },
            modules["spelt"],
        )
    finally:
        sys.path.remove(str(folder))
        for name in ("spelt", "looking", "rates", "kit", "kit.rates", "lazy"):
            sys.modules.pop(name, None)


_CANNOT_BE_TOLD = {"sys.modules computed", "import_module computed", "import_module relative"}


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_attribute_of_a_computed_name_travels_and_counts(
    spellings: Any, name: str, monkeypatch: Any
) -> None:
    functions, spelt = spellings
    function = functions[name]
    if name in _CANNOT_BE_TOLD:
        with pytest.raises(FingerprintError, match="only known when it runs"):
            fingerprint(function)
        return
    before = fingerprint(function)
    received = receive(ship({"f": function})).objects["f"]
    assert [received(x) for x in range(4)] == [function(x) for x in range(4)]
    for module in (spelt.rates, spelt.kit_rates):
        monkeypatch.setattr(module, "rate_2", 21)
        monkeypatch.setattr(module.Table, "cell_2", 22)
        monkeypatch.setitem(module.limits, "cell_2", 23)
    monkeypatch.setattr(spelt, "SELF_2", 4)
    assert fingerprint(function) != before
