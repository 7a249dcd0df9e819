"""What cannot travel, or cannot run where it arrives, is refused with the way to it."""

from __future__ import annotations

import dataclasses
import functools
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dtset.errors import CodeMismatchError, FingerprintError, UntrustedCheckpointError
from dtset.execution.shipping import Shipment, receive, ship
from dtset.execution.shipping import shipment as shipment_module
from dtset.execution.shipping.culprit import path_to_culprit

LOCK = threading.Lock()
CONNECTION = {"main": [1, socket.socket()]}
CONNECTION["main"][1].close()  # type: ignore[attr-defined]


def uses_connection() -> object:
    return CONNECTION["main"]


def calls_helper() -> object:
    return uses_connection()


def uses_lock() -> None:
    with LOCK:
        pass


class Holder:
    def __init__(self) -> None:
        self.guard = threading.Lock()

    def method(self) -> None:
        self.guard.acquire()


class LockedClass:
    guard = threading.Lock()


def closure() -> Callable[[], object]:
    held = {"deep": (1, threading.Lock())}
    return lambda: held


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (
            uses_connection,
            "n3 → function uses_connection → global CONNECTION → ['main'] → [1] → socket",
        ),
        (
            calls_helper,
            "n3 → function calls_helper → function uses_connection → global CONNECTION → ['main']",
        ),
        (uses_lock, "n3 → function uses_lock → global LOCK → _thread.lock"),
        (
            closure(),
            "n3 → function closure.<locals>.<lambda> → closure held → ['deep'] → [1] → _thr",
        ),
        (Holder().method, "n3 → instance → attribute guard → _thread.lock"),
        (
            functools.partial(uses_lock, Holder()),
            "n3 → argument 0 → attribute guard → _thread.lock",
        ),
        (LockedClass, "n3 → class attribute guard → _thread.lock"),
        (LockedClass(), "LockedClass → class attribute guard → _thread.lock"),
        (iter([1].__iter__() for _ in "a"), "n3 → generator"),
    ],
)
def test_the_way_to_what_cannot_be_pickled_is_named(value: object, path: str) -> None:
    with pytest.raises(FingerprintError) as caught:
        ship({"n3": value})
    assert path in str(caught.value)
    assert "prepare(ctx)" in str(caught.value)


def test_an_open_file_is_refused_but_stdout_is_the_workers(tmp_path: Any) -> None:
    with open(tmp_path / "x", "w") as file, pytest.raises(FingerprintError, match="open file"):
        ship({"f": file})
    assert receive(ship({"out": sys.__stdout__ if sys.stdout is sys.__stdout__ else None}))


def test_an_error_of_the_users_own_pickling_is_named() -> None:
    class Stubborn:
        def __reduce__(self) -> str:
            raise RuntimeError("not today")

    with pytest.raises(FingerprintError, match="not today"):
        ship({"f": lambda x=Stubborn(): x})  # noqa: B008


def test_a_class_that_the_program_no_longer_has_is_refused() -> None:
    with pytest.raises(CodeMismatchError, match=r"does not define"):
        ship({}, classes=[(__name__, "Gone")])


def test_a_name_that_was_not_shipped_is_not_resolved_from_disk() -> None:
    program = receive(ship({}))
    with pytest.raises(CodeMismatchError, match="did not travel"):
        program.resolve(__name__, "Holder")
    with pytest.raises(CodeMismatchError, match="not on the process"):
        program.resolve("collections", "NoSuchThing")
    assert "this" not in sys.modules
    with pytest.raises(UntrustedCheckpointError, match="nothing in this program imports this"):
        program.resolve("this", "s")
    assert "this" not in sys.modules


def _altered(**changes: Any) -> Shipment:
    return dataclasses.replace(ship({"f": len}), **changes)


def test_another_python_or_other_versions_are_refused_naming_all_that_differs() -> None:
    with pytest.raises(CodeMismatchError, match=r"3\.2 on the driver.*Give the workers"):
        receive(_altered(python=(3, 2)))
    wrong = {"numpy": "0.0.1", "no-such-thing": "1", "python": "3.2"}
    with pytest.raises(CodeMismatchError) as caught:
        receive(_altered(distributions=wrong))
    text = str(caught.value)
    assert "numpy is" in text
    assert "0.0.1 on the driver" in text
    assert "no-such-thing is not installed here" in text
    assert socket.gethostname() in text


def test_another_dtset_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(shipment_module, "FORMAT", 0)
        shipment = ship({"other dtset": len})
    with pytest.raises(CodeMismatchError, match="another version of dtset"):
        receive(shipment)


def test_a_library_missing_on_the_worker_is_a_code_mismatch(trip: Any) -> None:
    shipment = trip.send(
        """
        import colorsys
        SEND = {"f": lambda: colorsys.rgb_to_hsv(1, 1, 1)}
        """
    )
    trip.receive(
        "pass",
        shipment,
        before="""
        import sys
        sys.modules["colorsys"] = None
        from dtset.errors import CodeMismatchError
        import dtset.execution.shipping as shipping
        original = shipping.receive
        def refused(shipment):
            try:
                original(shipment)
            except CodeMismatchError as error:
                assert "module 'colorsys', which cannot be imported here" in str(error)
                raise SystemExit(0)
            raise AssertionError("it was loaded")
        shipping.receive = refused
        """,
    )


def test_a_module_that_fails_when_a_function_would_import_it_is_refused(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_on_import.py").write_text("raise ValueError('broken')")
    monkeypatch.syspath_prepend(str(tmp_path))

    def f() -> object:
        import broken_on_import  # type: ignore[import-not-found]

        return broken_on_import

    with pytest.raises(FingerprintError, match=r"function .*f imports 'broken_on_import'.*broken"):
        ship({"n": f})


def test_long_chains_of_functions_and_deep_recursion_do_not_matter() -> None:
    namespace: dict[str, Any] = {"__name__": "made_by_test"}
    count = 3000
    source = "\n".join(f"def f{i}(): return f{i + 1}() if {i} % 500 else {i}" for i in range(count))
    exec(source + f"\ndef f{count}(): return 'end'", namespace)
    program = receive(ship({"f": namespace["f1"]}))
    assert program.objects["f"]() == 500


def elements() -> Iterator[int]:
    yield 1


def test_a_generator_function_travels_though_a_generator_does_not() -> None:
    assert list(receive(ship({"f": elements})).objects["f"]()) == [1]


def test_the_way_to_what_cannot_be_pickled_is_found() -> None:
    def pickles(part: object) -> bool:
        return open not in (part, *(part if isinstance(part, list) else ()))

    way = path_to_culprit({"a": 1, "b": [2, open]}, pickles)
    assert way == ("['b']", "[1]", "builtin_function_or_method")
