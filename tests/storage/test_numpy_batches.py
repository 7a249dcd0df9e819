from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset.storage.batch import Batch, Columns, Rows
from dtset.storage.numpy_batches import from_numpy, to_numpy
from tests.properties import examples
from tests.storage.values import Named, Record, batches, encoded, floats, strict

TEXT = np.dtypes.StringDType()
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(
    ["a\0", "\0", "x" * 40, "é" * 20]
)
kinds = [
    st.integers(-(2**63), 2**63 - 1),
    floats,
    st.booleans(),
    words,
    st.text("abc", max_size=4),
    st.binary(max_size=4),
    st.builds(complex, floats, floats),
]
uniform = st.one_of(
    *map(st.lists, kinds),
    st.lists(st.sampled_from(kinds), min_size=1, max_size=3).flatmap(
        lambda fields: st.lists(st.tuples(*fields), max_size=6)
    ),
    st.lists(st.tuples(st.tuples(st.integers(0, 5), words), st.booleans()), max_size=6),
    st.lists(st.just(()), max_size=3),
    st.lists(st.builds(lambda n, word: {"n": n, "": word}, st.integers(0, 5), words), max_size=4),
    st.sampled_from([np.int16, np.float32]).flatmap(
        lambda kind: st.lists(st.integers(0, 9).map(kind))
    ),
    st.lists(st.lists(floats, min_size=2, max_size=2).map(np.array), max_size=4),
)


def ways(elements: list[Any]) -> list[Batch]:
    around = encoded([None, *elements, "odd", *elements])
    return [Rows(elements), encoded(elements), around[1 : len(elements) + 1]]


@given(uniform)
@settings(max_examples=examples(120), deadline=None)
def test_elements_of_one_kind_come_back_the_same(elements: list[Any]) -> None:
    for batch in ways(elements):
        back = from_numpy(to_numpy(batch))
        assert strict(back.rows()) == strict(elements)
        if elements and type(elements[0]) in (int, float, bool, str):
            assert isinstance(back, Columns)
            (expected, found) = (encoded(elements), back)
            assert found.schema == expected.schema
            assert [a.tobytes() for a in found.arrays] == [a.tobytes() for a in expected.arrays]


@given(batches)
@settings(max_examples=examples(120), deadline=None)
def test_objects_come_back_the_same(elements: list[Any]) -> None:
    for batch in (Rows(elements), encoded(elements)):
        array = to_numpy(batch, as_objects=True)
        assert isinstance(array, np.ndarray)
        assert (array.dtype, array.shape) == (np.dtype(object), (len(elements),))
        assert strict(from_numpy(array).rows()) == strict(elements)


@pytest.mark.parametrize(
    ("elements", "dtype"),
    [
        ([1, 2], np.int64),
        ([1.5], np.float64),
        ([True], np.bool_),
        (["a", "é"], TEXT),
        ([b"a"], object),
        ([()], object),
        ([date(2020, 1, 2)], "M8[D]"),
        ([datetime(2020, 1, 2, 3)], "M8[us]"),
        ([np.float32(1.5), np.float32(2)], np.float32),
        ([np.datetime64("2020")], "M8[Y]"),
        ([timedelta(1, 2, 3)], "m8[us]"),
        ([1j], np.complex128),
        ([np.zeros(2, np.int8)], np.int8),
    ],
)
def test_dtype_of(elements: list[Any], dtype: Any) -> None:
    for batch in (Rows(elements), encoded(elements)):
        array = to_numpy(batch)
        assert isinstance(array, np.ndarray)
        assert array.dtype == np.dtype(dtype)
        assert not array.flags.writeable
        assert all(np.all(found == element) for found, element in zip(array, elements, strict=True))


@pytest.mark.parametrize(
    ("elements", "named"),
    [
        ([1, 2, 2**63], "element 2 is 9223372036854775808"),
        ([1, "two", 3], "element 1 is 'two'"),
        ([1, True], "element 1 is True"),
        ([1.5, None], "None: element 1 is None"),
        ([None, None], "element 0 is None"),
        ([(1, "a"), (2, None)], r"element 1 is \(2, None\)"),
        ([(1, 2), (1,)], r"element 1 is \(1,\)"),
        ([{"a": 1}, {"b": 1}], "element 1 is {'b': 1}"),
        ([{1: "a"}], "element 0 is {1: 'a'}"),
        ([Record("a", 1)], "tuples or dicts of their fields .*: element 0 is Record"),
        ([datetime(2020, 1, 1, tzinfo=UTC)], "those of UTC .*: element 0 is datetime"),
        ([np.int32(1), np.int32(2), np.int64(3)], "element 2 is np.int64"),
        ([np.zeros(2), np.zeros(3)], "element 1 is array"),
        ([datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)], "element 1 is datetime"),
        (["a", "\ud800"], r"element 1 is '\\ud800'"),
    ],
)
def test_what_is_not_of_one_kind_is_named(elements: list[Any], named: str) -> None:
    for batch in (Rows(elements), encoded(elements)):
        with pytest.raises(TypeError, match=f"{named}.*dtype=object"):
            to_numpy(batch)


def test_records_are_arrays_by_field() -> None:
    for elements in ([(1, date(2020, 1, 2))], [Named(1, date(2020, 1, 2))]):  # type: ignore[arg-type]
        for batch in (Rows(elements), encoded(elements)):
            found = to_numpy(batch)
            assert type(found) is tuple
            assert [array.dtype.str for array in found] == ["<i8", "<M8[D]"]
    nested = {"when": datetime(2020, 1, 2), "where": (1.5, Named("a")), "sums": np.arange(3)}
    for batch in (Rows([nested] * 2), encoded([nested] * 2)):
        arrays = to_numpy(batch)
        assert type(arrays) is dict
        assert list(arrays) == list(nested)
        assert arrays["when"].dtype == "M8[us]"
        assert arrays["where"].tolist() == [(1.5, Named("a"))] * 2
        assert arrays["sums"].tolist() == [[0, 1, 2]] * 2
        assert not any(array.flags.writeable for array in arrays.values())
        back = from_numpy(arrays).rows()
        assert [list(map(type, row.values())) for row in back] == [
            [np.datetime64, tuple, np.ndarray]
        ] * 2


def test_typed_results_are_columns() -> None:
    arrays = {
        "a": np.arange(3).astype("M8[s]"),
        "b": np.ones((3, 2), np.float32),
        "c": np.arange(3) * 1j,
    }
    batch = from_numpy(arrays)
    assert isinstance(batch, Columns)
    assert batch.schema == encoded(batch.rows()).schema
    assert [(row["a"], row["b"].tolist(), row["c"]) for row in batch.rows()] == [
        (np.datetime64(n, "s"), [1, 1], n * 1j) for n in range(3)
    ]


def test_fixed_width_columns_are_not_copied_on_the_way_in() -> None:
    columns = encoded([(1, 0.5, True), (2, math.nan, False)])
    arrays = to_numpy(columns)
    assert all(np.shares_memory(a, b) for a, b in zip(arrays, columns.arrays, strict=True))
    with pytest.raises(ValueError, match="read-only"):
        arrays[0][0] = 5


@pytest.mark.parametrize(
    ("result", "elements"),
    [
        (np.array([1, 2], ">i8"), [1, 2]),
        (np.arange(6)[::2], [0, 2, 4]),
        (np.array(["a", "bc"]), ["a", "bc"]),
        (np.array([b"a", b"bc"]), [b"a", b"bc"]),
        (np.array(["a", None], np.dtypes.StringDType(na_object=None)), ["a", None]),
        (np.array(["a", "\ud800"]), ["a", "\ud800"]),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
        (np.array([{1}, None], object), [{1}, None]),
        ((np.array([1]), np.array([{2}], object)), [(1, {2})]),
        ((np.zeros(2, np.int64),) * 65, [(0,) * 65] * 2),
        ((np.array([1]),), [(1,)]),
    ],
)
def test_results_of_pythons_own_kinds(result: Any, elements: list[Any]) -> None:
    back = from_numpy(result).rows()
    assert list(map(type, back)) == list(map(type, elements))
    assert back == elements


@pytest.mark.parametrize("dtype", ["i1", "i4", "u8", "f2", "f4", "c8", "M8[D]", "m8[s]", "g"])
def test_other_results_are_numpy_scalars(dtype: str) -> None:
    array = np.arange(3).astype(dtype)
    batch = from_numpy(array)
    assert [type(each) for each in batch.rows()] == [array.dtype.type] * 3
    again = to_numpy(encoded(batch.rows()))
    assert isinstance(again, np.ndarray)
    assert again.dtype == array.dtype
    assert again.tolist() == array.tolist()


def test_rows_of_two_dimensions_are_arrays() -> None:
    array = np.arange(6).reshape(3, 2)
    rows = from_numpy(array).rows()
    assert [row.tolist() for row in rows] == array.tolist()
    assert np.array_equal(to_numpy(Rows(rows)), array)
    assert encoded(rows).schema == from_numpy(array).columns().schema  # type: ignore[union-attr]


def test_an_array_that_is_used_again_changes_nothing() -> None:
    for array in (np.arange(4), np.ones((4, 2), np.int64), np.ones(4, np.float32)):
        batch = from_numpy(array)
        before = [np.array(row).tolist() for row in batch.rows()]
        array[:] = 7
        assert [np.array(row).tolist() for row in from_numpy(array).rows()] != before
        assert [np.array(row).tolist() for row in batch.rows()] == before


@pytest.mark.parametrize("dtype", [np.int64, np.float64, np.bool_, TEXT, object, np.float32])
def test_empty_batches(dtype: Any) -> None:
    batch = from_numpy(np.empty(0, dtype))
    assert batch.rows() == []
    again = to_numpy(batch)
    assert isinstance(again, np.ndarray)
    assert len(again) == 0
    assert again.dtype == np.dtype(dtype)
    assert len(to_numpy(encoded([1, None])[:0])) == 0


def test_what_is_no_array_is_refused() -> None:
    for wrong in ([1, 2], 5, None, (np.arange(2), [1, 2])):
        with pytest.raises(TypeError, match=r"returned a .*return a NumPy array"):
            from_numpy(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="different lengths, 2, 3"):
        from_numpy((np.arange(2), np.arange(3)))
    for empty in ((), np.array(5)):
        with pytest.raises(ValueError, match="a function over batches returned an"):
            from_numpy(empty)
    with pytest.raises(ValueError, match="different lengths, 2, 3"):
        from_numpy({"a": np.arange(2), "b": np.arange(3)})
    with pytest.raises(ValueError, match="returned an empty dict"):
        from_numpy({})
    with pytest.raises(TypeError, match="keys are not texts"):
        from_numpy({1: np.arange(2)})  # type: ignore[dict-item]
