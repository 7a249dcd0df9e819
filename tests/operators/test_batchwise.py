"""`map_batches`: NumPy arrays in and out, typed from the store and to it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, TSetEnvironment
from dtset.operators import elementwise
from dtset.storage import columns
from tests.properties import examples

INT64 = st.integers(-(2**63), 2**63 - 1)
ELEMENTS = st.one_of(
    st.lists(INT64, max_size=40),
    st.lists(st.floats(allow_nan=False), max_size=40),
    st.lists(st.booleans(), max_size=40),
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=40),
    st.lists(st.tuples(INT64, st.text(st.characters(exclude_categories=["Cs"]))), max_size=40),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(125),
)
@given(ELEMENTS, st.integers(1, 3), st.booleans())
def test_what_comes_back_is_what_went_in_of_the_same_types(env, elements, partitions, stored):
    tset = env.parallelize(elements, partitions)
    found = (tset.cache() if stored else tset).map_batches(lambda batch: batch).collect()
    assert found == elements
    assert [type(x) for x in found] == [type(x) for x in elements]


@pytest.mark.parametrize(
    ("elements", "dtype", "function", "expected"),
    [
        ([1, 2, 3], "int64", lambda batch: batch * 2, [2, 4, 6]),
        ([0.5, -0.0], "float64", lambda batch: -batch, [-0.5, 0.0]),
        ([True, False], "bool", lambda batch: ~batch, [False, True]),
        (["a", "bç"], "StringDType()", lambda batch: np.strings.add(batch, "!"), ["a!", "bç!"]),
    ],
)
def test_columns_arrive_typed_from_the_store_and_go_back_to_it(
    store, elements, dtype, function, expected
):
    def seen(batch):
        assert str(batch.dtype) == dtype
        return function(batch)

    with TSetEnvironment(store=store, job_id="typed", cluster="synchronous") as env:
        kept = env.parallelize(elements, 1).persist("kept")
        made = kept.map_batches(seen).persist("made")
        assert made.collect() == expected
        assert [type(x) for x in made.collect()] == [type(x) for x in expected]
        group = zarr.open_group(made.url, mode="r")
        assert all(
            array.dtype.kind != "O" for _, array in group.members(None) if hasattr(array, "dtype")
        )


def test_no_python_object_is_made_between_store_and_store(store, monkeypatch):
    with TSetEnvironment(store=store, job_id="columns", cluster="synchronous") as env:
        kept = env.range(1000, parallelism=2).map(float).persist("kept")

        def refused(*_):
            raise AssertionError("decoded")

        monkeypatch.setattr(columns, "_decode", refused)
        made = kept.map_batches(np.sqrt).persist("made")
        assert made.count() == 1000
        ranged = (
            env.range(1000, parallelism=2).map_batches(lambda batch: batch + 1).persist("ranged")
        )
        assert ranged.count() == 1000
        assert env.range(10**6, parallelism=2).count() == 10**6
        monkeypatch.undo()
        assert made.collect() == [i**0.5 for i in range(1000)]
        assert ranged.collect() == list(range(1, 1001))


def test_a_filter_over_columns_decodes_once_and_encodes_nothing(store, monkeypatch):
    decoded = []
    decode = columns._decode

    def noted(*arguments):
        decoded.append(arguments[1])
        return decode(*arguments)

    with TSetEnvironment(store=store, job_id="filter", cluster="synchronous") as env:
        kept = env.range(1000, parallelism=1).persist("kept")
        monkeypatch.setattr(columns, "_decode", noted)
        monkeypatch.setattr(columns, "_encode", None)
        even = kept.filter(lambda i: i % 2 == 0).filter(lambda i: i % 3 == 0).persist("even")
        assert sum(decoded) == 1000
        monkeypatch.undo()
        assert even.collect() == list(range(0, 1000, 6))
    assert elementwise.FILTER.name == "filter"


def test_tuples_are_a_tuple_of_arrays(env):
    pairs = env.parallelize([("a", 1), ("b", 2)], 1)
    swapped = pairs.map_batches(lambda batch: (batch[1] * 10, batch[0]))
    assert swapped.collect() == [(10, "a"), (20, "b")]


def test_another_length_is_a_filter_or_a_flat_map(env):
    assert env.range(6, parallelism=2).map_batches(lambda b: b[b % 2 == 1]).collect() == [1, 3, 5]
    assert env.range(2, parallelism=1).map_batches(lambda b: np.repeat(b, 2)).collect() == [
        0,
        0,
        1,
        1,
    ]


def test_other_dtypes_come_back_as_numpys_scalars_and_rows_as_arrays(env):
    (one,) = env.range(1, parallelism=1).map_batches(lambda b: b.astype(np.float32)).collect()
    assert type(one) is np.float32
    (row,) = env.range(1, parallelism=1).map_batches(lambda b: np.ones((len(b), 2))).collect()
    assert row.tolist() == [1.0, 1.0]


def test_a_function_may_take_a_ctx(env):
    found = env.range(4, parallelism=2).map_batches(lambda b, ctx: b * 0 + ctx.index).collect()
    assert found == [0, 0, 1, 1]


@pytest.mark.parametrize("odd", [None, "x", 2**70])
def test_elements_without_a_dtype_are_named(env, odd):
    tset = env.parallelize([1, 2, odd], 1).map_batches(lambda b: b)
    with pytest.raises(TypeError, match=f"element 2 is {odd!r}") as caught:
        tset.collect()
    assert any("map_batches" in note and "partition 0" in note for note in caught.value.__notes__)
    assert env.parallelize([1, 2, odd], 1).map_batches(lambda b: b, dtype=object).collect() == [
        1,
        2,
        odd,
    ]


def test_records_of_dates_and_arrays_go_typed_from_store_to_store(store):
    rows = [{"when": date(2020, 1, n), "at": np.arange(2.0) + n} for n in range(1, 9)]

    def later(batch):
        assert (batch["when"].dtype, batch["at"].shape) == ("M8[D]", (len(batch["when"]), 2))
        return {"when": batch["when"] + 1, "sum": batch["at"].sum(1).astype(np.float32)}

    with TSetEnvironment(store=store, job_id="records", cluster="threads") as env:
        kept = env.parallelize(rows, 2).persist("kept")
        made = kept.map_batches(later).persist("made")
        found = made.collect()
        assert [list(map(type, row.values())) for row in found] == [[np.datetime64, np.float32]] * 8
        assert [row["when"].item() for row in found] == [row["when"] + timedelta(1) for row in rows]
        assert [row["sum"] for row in found] == [row["at"].sum() for row in rows]
        assert [row["at"].tolist() for row in kept.collect()] == [
            row["at"].tolist() for row in rows
        ]
        arrays = dict(zarr.open_group(kept.url, mode="r").members(None))
        assert sorted(array.shape for array in arrays.values() if hasattr(array, "shape")) == [
            (4,), (4,), (4, 2), (4, 2)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "error"),
    [
        (lambda b: (b, b[:1]), ValueError),
        (lambda b: {"a": b, "b": b[:1]}, ValueError),
        (lambda b: b.tolist(), TypeError),
        (lambda b: b.sum(), TypeError),
        (lambda b: None, TypeError),
    ],
)
def test_ragged_results_and_what_is_not_an_array_are_errors_that_say_where(env, function, error):
    with pytest.raises(error) as caught:
        env.range(3, parallelism=1).map_batches(function).collect()
    assert any("map_batches <lambda>, partition 0" in note for note in caught.value.__notes__)


def test_another_dtype_is_refused_at_once(env):
    with pytest.raises(ConfigurationError, match="dtype=object"):
        env.range(3).map_batches(lambda b: b, dtype=int)
