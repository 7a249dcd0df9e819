from __future__ import annotations

import sys
import threading
import types
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, ZoneInfo

import numpy as np
import pytest

from dtset.errors import CorruptCheckpointError, StoreError, UntrustedCheckpointError, UsageError
from dtset.operators.joins import JoinedTuple
from dtset.storage.batch import Rows, rows_of
from dtset.storage.blocks import block_classes, decode_block, encode_block
from dtset.storage.opening import open_store
from dtset.storage.partition_reader import read_partition
from dtset.storage.partition_writer import PartitionWriter
from dtset.storage.pickling import dump_rows, present_class
from tests.storage.values import decoded, encoded

SOURCE = """
import dataclasses, enum, functools, typing
class Rec:
    def __init__(self, x): self.x = x
    class Inner: pass
    @classmethod
    def make(cls): return cls(0)
class Slots:
    __slots__ = ("a", "__dict__")
class Colour(enum.Enum):
    RED = 1
class Singleton:
    def __reduce__(self): return "THE_ONE"
THE_ONE = Singleton()
class Own:
    def __init__(self, x): self.x = x
    def __reduce__(self): return (Own, (self.x,))
class Error(Exception):
    pass
@dataclasses.dataclass
class Data:
    a: int
    b: str = "b"
class Named(typing.NamedTuple):
    a: int
def helper(x): return x
def make():
    class Local: pass
    return Local()
lam = lambda x: x
"""


def present(source: str) -> types.ModuleType:
    """A module that nobody can import: what user code that was shipped by value looks like."""
    module = types.ModuleType("jobs_shipped")
    # Else annotations are texts here, as in this file.
    exec(compile(source, "shipped", "exec", dont_inherit=True), vars(module))
    return module


@pytest.fixture
def shipped() -> types.ModuleType:
    return present(SOURCE)


def resolver_of(module: types.ModuleType) -> Any:
    def resolver(name: str, qualname: str) -> Any:
        assert name == module.__name__
        value: Any = module
        for part in qualname.split("."):
            value = getattr(value, part)
        return value

    return resolver


def test_classes_of_modules_that_cannot_be_imported_go_by_reference(shipped: Any) -> None:
    record, slots = shipped.Rec(1), shipped.Slots()
    slots.a = slots.b = [record]
    batch = [
        record,
        shipped.Rec.Inner(),
        shipped.Rec,
        shipped.helper,
        shipped.Rec.make,
        shipped.Colour.RED,
        shipped.THE_ONE,
        shipped.Own(5),
        shipped.Error("no"),
        slots,
    ]
    classes: set[tuple[str, str]] = set()
    columns = encoded(batch, classes=classes)
    back: list[Any] = decoded(columns, resolver_of(shipped))
    assert [type(a) for a in back] == [type(b) for b in batch]
    assert (back[0].x, back[2], back[3], back[5], back[6]) == (
        1, shipped.Rec, shipped.helper, shipped.Colour.RED, shipped.THE_ONE
    )  # fmt: skip
    assert (back[4]().x, back[7].x, back[8].args, back[9].a[0].x) == (0, 5, ("no",), 1)
    names = {"Rec", "Rec.Inner", "helper", "Colour", "THE_ONE", "Own", "Error", "Slots"}
    assert classes == {("jobs_shipped", name) for name in names}


def test_a_load_gives_the_present_programs_class(shipped: Any) -> None:
    columns = encoded([shipped.Rec(1)])
    edited = present(SOURCE.replace("self.x = x", "self.x = x; self.label = 'new'"))
    (back,) = decoded(columns, resolver_of(edited))
    assert type(back) is edited.Rec
    assert back.x == 1


def test_typed_elements_are_of_the_present_programs_class(shipped: Any) -> None:
    classes: set[tuple[str, str]] = set()
    elements = [(shipped.Data(1), shipped.Named(2)), None]
    columns = encoded(elements, classes=classes, allow_pickle=False)
    assert classes == {("jobs_shipped", "Data"), ("jobs_shipped", "Named")}
    edited = present(SOURCE.replace("class Data:", "class Data:\n    more = 5"))
    for batch in (columns, *decode_block(encode_block(columns), allow_pickle=False)):
        (data, named), nothing = decoded(batch, resolver_of(edited))
        assert (type(data), type(named), nothing) == (edited.Data, edited.Named, None)
        assert (vars(data), data.more, named.a) == ({"a": 1, "b": "b"}, 5, 2)
    assert block_classes(encode_block(columns)) == classes
    assert encoded(elements[1:], classes=(gone := set())).classes_in() == gone == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("b: str", "c: str"),
        ("    a: int\n    b", "    b"),
        (
            "class Data:",
            "class Data:\n    __slots__ = ('a',)\n    def __reduce__(self): ...\nclass Da:",
        ),
        ("class Data:", "class Data:\n    def __getstate__(self): ..."),
        ("@dataclasses.dataclass\nclass Data:", "def Data(): ...\nclass Da:"),
    ],
)
def test_a_class_that_has_other_fields_now_is_not_guessed_at(
    shipped: Any, before: str, after: str
) -> None:
    columns = encoded([shipped.Data(1)])
    with pytest.raises(CorruptCheckpointError, match=r"jobs_shipped\.Data, .*fields a, b.*another"):
        decoded(columns, resolver_of(present(SOURCE.replace(before, after).replace('b = "b"', ""))))
    with pytest.raises(StoreError, match=r"jobs_shipped\.Data.*define it again"):
        decoded(columns)


def test_no_code_of_a_class_runs_when_typed_elements_are_read(shipped: Any) -> None:
    columns = encoded([shipped.Data(1)])
    trap = "class Data:\n    def __init__(self, *a): 1 / 0\n    def __setattr__(self, *a): 1 / 0"
    (data,) = decoded(columns, resolver_of(present(SOURCE.replace("class Data:", trap))))
    assert vars(data) == {"a": 1, "b": "b"}


def test_classes_of_dtset_are_typed_and_not_the_users() -> None:
    columns = encoded([JoinedTuple("a", 1, None)], allow_pickle=False)
    assert columns.classes_in() == frozenset()
    assert decoded(columns) == [JoinedTuple("a", 1, None)]
    assert type(decoded(columns)[0]) is JoinedTuple


@pytest.mark.parametrize("make", ["make()", "lam", "type(make())"])
def test_what_cannot_be_found_again_is_refused(shipped: Any, make: str) -> None:
    value = eval(make, vars(shipped))
    with pytest.raises(UsageError, match=r"jobs_shipped\..*<.*define it at module level"):
        encoded([value])


with next(file for each in TZPATH if (file := Path(each) / "Asia/Tokyo").exists()).open(
    "rb"
) as _file:
    FROM_FILE = datetime(2020, 1, 1, tzinfo=ZoneInfo.from_file(_file, key="Asia/Tokyo"))


@pytest.mark.parametrize("value", [threading.Lock(), (x for x in ()), sys, FROM_FILE])
def test_what_cannot_be_pickled_is_refused_by_name(value: object) -> None:
    with pytest.raises(UsageError, match=f"{type(value).__qualname__} cannot be stored"):
        encoded([1, value])


def test_exceptions_of_user_code_keep_their_type(shipped: Any) -> None:
    class Broken(shipped.Rec):  # type: ignore[misc, name-defined]
        def __getstate__(self) -> Any:
            raise ZeroDivisionError("mine")

    Broken.__qualname__, Broken.__module__ = "Broken", "jobs_shipped"
    with pytest.raises(ZeroDivisionError, match="mine"):
        encoded([Broken(1)])


def test_a_class_that_is_gone_is_named(shipped: Any) -> None:
    columns = encoded([shipped.Rec(1)])
    with pytest.raises(StoreError, match=r"jobs_shipped\.Rec.*define it again"):
        decoded(columns)
    with pytest.raises(StoreError, match=r"jobs_shipped\.Rec"):
        decoded(columns, resolver_of(types.ModuleType("jobs_shipped")))


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "module_beside.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "module_beside"
    for name in ("module_beside", "uses_it"):
        sys.modules.pop(name, None)


def test_a_module_that_the_program_does_not_import_is_not_imported(beside: str) -> None:
    module = __import__(beside)
    classes: set[tuple[str, str]] = set()
    columns = encoded([module.Rec(3)], classes=classes)
    assert classes == {("module_beside", "Rec")}
    del sys.modules[beside]
    with pytest.raises(UntrustedCheckpointError, match=r"module_beside\.Rec.*import it"):
        decoded(columns)
    assert beside not in sys.modules
    typed = encoded([__import__(beside).Named(1)], allow_pickle=False)
    del sys.modules[beside]
    with pytest.raises(UntrustedCheckpointError, match=r"module_beside\.Named.*import it"):
        decoded(typed)
    assert beside not in sys.modules


def test_a_module_that_the_users_code_imports_somewhere_is(beside: str, tmp_path: Path) -> None:
    columns = encoded([__import__(beside).Rec(3)])
    del sys.modules[beside]
    (tmp_path / "uses_it.py").write_text(
        f"def later():\n    from {beside} import Rec\n    return Rec\n"
    )
    __import__("uses_it")
    (back,) = decoded(columns)
    assert type(back) is present_class("module_beside", "Rec")


def test_a_reference_leads_through_no_module(beside: str) -> None:
    __import__(beside)
    with pytest.raises(AttributeError, match="module_beside"):
        present_class(beside, "functools.partial")


def test_installed_classes_go_by_plain_pickle() -> None:
    from collections import Counter, OrderedDict
    from decimal import Decimal
    from fractions import Fraction

    batch = [Counter("aab"), OrderedDict(a=1), Decimal("1.10"), Fraction(1, 3), 1j, range(3), len]
    classes: set[tuple[str, str]] = set()

    def no_resolver(module: str, qualname: str) -> object:
        raise AssertionError(f"asked for {module}.{qualname}")

    assert decoded(encoded(batch, classes=classes), no_resolver) == batch
    assert classes == set()


def test_partitions_list_the_classes_in_them(shipped: Any) -> None:
    store = open_store("memory://test-pickling-classes")
    writer = PartitionWriter(store, "0")
    writer.append(Rows([1, 2]))
    writer.append(Rows([shipped.Rec(1), {"a": shipped.Colour.RED}]))
    summary = writer.finish()
    assert summary.classes == (("jobs_shipped", "Colour"), ("jobs_shipped", "Rec"))
    back = list(rows_of(read_partition(store, "0", summary, resolver=resolver_of(shipped))))
    assert back[:2] == [1, 2]
    assert back[3]["a"] is shipped.Colour.RED


def test_equal_plain_values_give_equal_pickles_whatever_is_one_object() -> None:
    text = "".join(["ab", "c"])
    other = "".join(["a", "bc"])
    assert text is not other
    same, apart = ([(text, text), 1], [(text, other), 1])
    one, two = encoded(same), encoded(apart)
    assert one.arrays[2].tobytes() == two.arrays[2].tobytes()


def test_equal_arrays_give_equal_pickles_whatever_they_are_views_of() -> None:
    array = np.arange(6.0)
    frozen = array[::2].copy()
    frozen.flags.writeable = False
    pickles = [
        encoded([each, 1]).arrays[2].tobytes() for each in (array[::2], array[::2].copy(), frozen)
    ]
    assert len(set(pickles)) == 1


def test_a_part_of_an_element_that_is_in_two_places_stays_one_object() -> None:
    array, data = np.zeros(2), {"a": 1}
    for element in ((array, array), {"a": data, "b": (1, data)}, [array, array]):
        (back,) = decoded(encoded([element]))
        one, other = back.values() if isinstance(back, dict) else back
        assert one is (other[1] if isinstance(other, tuple) else other)
    # Of two elements they are two, as ever.
    assert encoded([(array, data), (array, data)], allow_pickle=False).schema.kind == "tuple"


def test_a_sample_of_each_type_in_a_batch_is_read_back(shipped: Any) -> None:
    loaded: list[Any] = []

    def resolver(name: str, qualname: str) -> Any:
        loaded.append(qualname)
        return resolver_of(shipped)(name, qualname)

    batch = [{"a": shipped.Rec(i)} for i in range(50)]
    batch += [{"a": shipped.Colour.RED}] * 50 + [{"a": shipped.Rec(50)}]
    for start in range(0, len(batch), 10):
        dump_rows(batch[start : start + 10], resolver)
    assert loaded == ["Rec"] * 5 + ["Colour"] * 5 + ["Rec"]


def test_what_reading_back_raises_is_told(shipped: Any) -> None:
    shipped.Rec.__setstate__ = lambda self, state: 1 / 0
    with pytest.raises(UsageError, match=r"jobs_shipped\.Rec.*not unpickled \(ZeroDivisionError: "):
        dump_rows([1, shipped.Rec(1)], resolver_of(shipped))
    encoded([shipped.Rec(1)])


def test_exceptions_are_pickled_the_same_whatever_is_imported() -> None:
    import tblib.pickling_support

    def caught() -> Exception:
        try:
            raise KeyError("k")
        except KeyError as error:
            return error

    before = encoded([KeyError("k")]).arrays[2].tobytes()
    tblib.pickling_support.install()
    assert encoded([caught()]).arrays[2].tobytes() == before
