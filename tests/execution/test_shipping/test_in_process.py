"""Programs received where they were shipped: copies, each with its own state and classes."""

from __future__ import annotations

import functools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset.execution.shipping import receive, ship
from tests.properties import examples

MEMO: dict[int, int] = {}


@dataclass
class Rec:
    a: int

    def score(self) -> int:
        return self.a


def remember(x: int) -> int:
    MEMO[x] = x
    return len(MEMO)


def make_rec(x: int) -> Rec:
    return Rec(x)


def is_rec(x: object) -> bool:
    return isinstance(x, Rec)


def test_state_filled_while_running_is_not_the_drivers() -> None:
    program = receive(ship({"f": remember}))
    assert program.objects["f"](1) == 1
    assert program.objects["f"](2) == 2
    assert MEMO == {}


def test_all_functions_of_a_shipment_share_classes_and_globals() -> None:
    program = receive(ship({"make": make_rec, "is": is_rec, "remember": remember, "memo": MEMO}))
    made = program.objects["make"](3)
    assert program.objects["is"](made)
    assert not program.objects["is"](Rec(3))
    assert type(made) is program.resolve(__name__, "Rec")
    program.objects["remember"](7)
    assert program.objects["memo"] == {7: 7}


def test_a_class_changed_in_place_arrives_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = receive(ship({"make": make_rec}))
    monkeypatch.setattr(Rec, "score", lambda self: self.a * 100)
    after = receive(ship({"make": make_rec}))
    assert before.objects["make"](1).score() == 1
    assert after.objects["make"](1).score() == 100


def test_shipping_leaves_no_registrations_behind() -> None:
    tracker = cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS
    modules = set(sys.modules)
    known = len(tracker)
    receive(ship({"make": make_rec, "rec": Rec(1)}))
    assert len(tracker) == known
    assert not cloudpickle.list_registry_pickle_by_value()
    assert set(sys.modules) == modules


def test_the_same_objects_have_the_same_digest_and_changed_ones_another() -> None:
    limit = 1

    def f(x: int) -> bool:
        return x > limit

    objects = {"f": f, "make": make_rec, "rec": Rec(1), "set": {"a", "b"}}
    first = ship(objects).digest
    assert ship(objects).digest == first
    limit = 2
    assert ship(objects).digest != first
    limit = 1
    assert ship(objects).digest == first
    assert ship({**objects, "rec": Rec(2)}).digest != first


def test_a_shipment_is_loaded_once_even_by_many_threads() -> None:
    shipment = ship({"make": make_rec, "tag": "loaded once"})
    start = threading.Barrier(8)

    def load(_: int) -> int:
        start.wait()
        return id(receive(shipment))

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(load, range(8)))) == 1


def test_cached_functions_start_with_an_empty_cache() -> None:
    calls = []

    @functools.lru_cache
    def f(x: int) -> int:
        calls.append(x)
        return len(calls)

    f(1)
    copy = receive(ship({"f": f})).objects["f"]
    assert copy.cache_info().currsize == 0
    assert copy(1) == 2
    assert calls == [1]


def test_libraries_compiled_objects_travel_inside_the_users_globals() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    copy = receive(ship({"f": lambda: frame})).objects["f"]()
    pandas.testing.assert_frame_equal(copy, frame)


def test_many_small_operators_travel_together() -> None:
    namespace: dict[str, Any] = {"__name__": "speed_of_shipping"}
    lines = [f"def f{i}(x): return helper(x) * {i} + LIMIT" for i in range(100)]
    exec("LIMIT = 5\ndef helper(x): return x + 1\n" + "\n".join(lines), namespace)
    objects = {f"f{i}": namespace[f"f{i}"] for i in range(100)}
    shipment = ship(objects)
    received = receive(shipment).objects
    assert [received[f"f{i}"](2) for i in range(100)] == [3 * i + 5 for i in range(100)]
    assert len({id(received[f"f{i}"].__globals__) for i in range(100)}) == 1
    assert len(shipment.data) < 100_000


STYLES = {
    "global": "{name}(x)",
    "module": "{module}.{name}(x)",
    "alias": "alias_{module}.{name}(x)",
    "getattr": "getattr({module}, '{name}')(x)",
    "import": "inner_{name}(x)",
}
CALLEES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from(sorted(STYLES))), max_size=3)


def _body(i: int, callees: list[tuple[int, str]]) -> str:
    lines = [f"def f{i}(x):", f"    total = x + C{i}"]
    for j, style in callees:
        target = i + 1 + j
        module = f"shipped_{target % 3}"
        lines.append(f"    if f{target}_is_there:")
        if style == "import":
            lines.append(f"        from {module} import f{target} as inner_f{target}")
        if style == "global" and target % 3 != i % 3:
            style = "module"
        call = STYLES[style].format(name=f"f{target}", module=module)
        lines.append(f"        total += {call}")
    return "\n".join([*lines, "    return total"])


@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(graph=st.lists(CALLEES, min_size=2, max_size=9))
def test_any_graph_of_calls_between_modules_gives_what_the_driver_gives(
    graph: list[list[tuple[int, str]]], tmp_path: Path
) -> None:
    names = [f"shipped_{m}" for m in range(3)]
    modules = {name: ModuleType(name) for name in names}
    for name, module in modules.items():
        module.__file__ = str(tmp_path / f"{name}.py")
        sys.modules[name] = module
    try:
        for m, name in enumerate(names):
            imports = "\n".join(f"import {n}, {n} as alias_{n}" for n in names)
            flags = "\n".join(f"f{i}_is_there = {i < len(graph)}" for i in range(20))
            own = [i for i in range(len(graph)) if i % 3 == m]
            constants = "\n".join(f"C{i} = {10**i}" for i in own)
            bodies = "\n".join(_body(i, graph[i]) for i in own)
            exec("\n".join([imports, flags, constants, bodies]), vars(modules[name]))
        objects = {
            f"f{i}": getattr(modules[f"shipped_{i % 3}"], f"f{i}") for i in range(len(graph))
        }
        expected = {key: function(1) for key, function in objects.items()}
        shipment = ship(objects)
        for module in modules.values():
            vars(module).update((f"C{i}", -1) for i in range(20))
            vars(module).update((f"f{i}", None) for i in range(20))
        received = receive(shipment).objects
        assert {key: function(1) for key, function in received.items()} == expected
    finally:
        for name in names:
            del sys.modules[name]
