from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset.errors import CorruptCheckpointError, UntrustedCheckpointError, UsageError
from dtset.storage.batch import Columns, Encoder, Rows, rows_of
from dtset.storage.blocks import block_classes, decode_block, encode_block
from dtset.storage.columns import concatenate, narrow, row_weights, to_columns, widen
from dtset.storage.kinds import Unfit
from dtset.storage.pickling import dump_rows, pickled_weights
from dtset.storage.schema import NONE, PICKLED, Schema, arrays_of, element_weight, fits, join
from tests.properties import examples
from tests.storage.values import (
    Odd,
    Record,
    Slotted,
    batches,
    decoded,
    encoded,
    strict,
    uniform_batches,
    values,
)


def blocked(elements: list[Any], **options: Any) -> bytes:
    return encode_block(Rows(elements), **options)


def unblocked(block: bytes, **options: Any) -> list[Any]:
    return list(rows_of(decode_block(block, **options)))


@given(batches)
@settings(max_examples=examples(120), deadline=None)
def test_a_batch_comes_back_the_same(batch: list[Any]) -> None:
    assert strict(decoded(encoded(batch))) == strict(batch)


@given(batches)
@settings(max_examples=examples(100), deadline=None)
def test_a_block_comes_back_the_same(batch: list[Any]) -> None:
    assert strict(unblocked(blocked(batch))) == strict(batch)


@given(uniform_batches)
@settings(deadline=None)
def test_uniform_batches_are_never_pickled(batch: list[Any]) -> None:
    assert encoded(batch, allow_pickle=False).schema != PICKLED


@pytest.mark.parametrize(
    ("batch", "schema"),
    [
        ([1, 2], Schema("int64")),
        ([2**63 - 1, -(2**63)], Schema("int64")),
        ([1, 2**63], PICKLED),
        ([1, True], PICKLED),
        ([1, 1.0], PICKLED),
        ([True, False], Schema("bool")),
        ([math.nan, -0.0], Schema("float64")),
        (["a", "é", "\U0001f600", ""], Schema("text")),
        (["a", "\ud800"], PICKLED),
        ([b"", b"\xff"], Schema("bytes")),
        ([], NONE),
        ([None, None], NONE),
        ([None, 1], Schema("int64", True)),
        ([(), ()], Schema("tuple")),
        ([(1, "a"), None], Schema("tuple", True, (Schema("int64"), Schema("text")))),
        ([((1,), None), ((2,), b"x")], Schema("tuple", fields=(Schema("tuple", fields=(Schema("int64"),)), Schema("bytes", True)))),
        ([(1,), (1, 2)], PICKLED),
        ([(1, [])], PICKLED),
        ([[1]], PICKLED),
        ([tuple(range(64))], Schema("tuple", fields=(Schema("int64"),) * 64)),
        ([tuple(range(65))], PICKLED),
        ([10**30, 1], PICKLED),
        ([Record], PICKLED),
    ],
)  # fmt: skip
def test_schema_of(batch: list[Any], schema: Schema) -> None:
    columns = encoded(batch)
    assert columns.schema == schema
    assert Schema.from_json(schema.to_json()) == schema
    assert strict(columns.rows()) == strict(batch)


@given(batches, st.data())
@settings(max_examples=examples(120), deadline=None)
def test_the_schema_of_a_batch_is_the_join_of_those_of_its_parts(
    batch: list[Any], data: Any
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(batch)), max_size=3)))
    parts = [batch[i:j] for i, j in zip([0, *cuts], [*cuts, len(batch)], strict=True)]
    schemas = [encoded(part).schema for part in parts if part]
    whole = encoded(batch).schema
    assert reduce(join, schemas, whole if not schemas else schemas[0]) == whole
    assert all(schema == PICKLED or fits(schema, whole) or whole == PICKLED for schema in schemas)


@given(batches, st.data())
@settings(max_examples=examples(120), deadline=None)
def test_the_weight_of_an_element_depends_on_it_alone(batch: list[Any], data: Any) -> None:
    _, together = Encoder().weigh(Rows(batch))
    alone = [int(Encoder().weigh(Rows([element]))[1][0]) for element in batch]
    assert together.tolist() == alone


@given(values)
@settings(max_examples=examples(120), deadline=None)
def test_an_element_has_a_weight_exactly_if_it_is_typed_by_itself(element: Any) -> None:
    try:
        expected = int(row_weights(to_columns([element]))[0])
    except Unfit:
        assert element_weight(element) is None
    else:
        assert element_weight(element) == expected


@given(uniform_batches, uniform_batches)
@settings(max_examples=examples(100), deadline=None)
def test_widened_and_joined_columns_hold_the_same_elements(
    one: list[Any], other: list[Any]
) -> None:
    parts = [to_columns(one), to_columns(other)]
    wide = join(*(part.schema for part in parts))
    if wide == PICKLED:
        return
    joined = concatenate([widen(part, wide) for part in parts])
    assert strict(joined.rows()) == strict(one + other)
    same = to_columns(one + other)
    if same.schema == wide:
        assert all(
            (a.shape, a.tobytes()) == (b.shape, b.tobytes())
            for a, b in zip(joined.arrays, same.arrays, strict=True)
        )


@given(batches, st.data())
@settings(max_examples=examples(120), deadline=None)
def test_cuts_hold_the_same_elements(batch: list[Any], data: Any) -> None:
    columns = encoded(batch)
    if data.draw(st.booleans()):
        columns.rows()
    bound = st.none() | st.integers(-len(batch) - 1, len(batch) + 1)
    step = st.sampled_from([None, 1, 2, -1])
    cut = slice(data.draw(bound), data.draw(bound), data.draw(step))
    places = st.integers(-len(batch), len(batch) - 1) if batch else st.just(0)
    indices = np.array(data.draw(st.lists(places, max_size=8 if batch else 0)), np.int64)
    for one in (columns, Rows(batch)):
        for part, expected in (
            (one[cut], batch[cut]),
            (one.take(indices), [batch[row] for row in indices]),
        ):
            assert type(part) is type(one)
            assert len(part) == len(expected)
            assert strict(part.rows()) == strict(expected)
            assert part.rows() is part.rows()
            if isinstance(part, Columns):
                assert strict(replace(part, _decoded=None).rows()) == strict(expected)
                assert_same(narrow(part), encoded(expected))


def assert_same(one: Columns, other: Columns) -> None:
    assert (one.schema, len(one)) == (other.schema, len(other))
    assert [a.tobytes() for a in one.arrays] == [b.tobytes() for b in other.arrays]
    assert one.classes == other.classes


@given(batches, st.data())
@settings(max_examples=examples(100), deadline=None)
def test_a_block_depends_on_elements_only(batch: list[Any], data: Any) -> None:
    start = data.draw(st.integers(0, len(batch)))
    assert encode_block(encoded(batch)[start:]) == blocked(batch[start:])


@given(batches)
@settings(max_examples=examples(100), deadline=None)
def test_pickled_rows_tell_what_they_would_weigh_in_columns(batch: list[Any]) -> None:
    arrays = dump_rows(batch).arrays
    weights = [element_weight(element) for element in batch]
    assert arrays[0].tolist() == [weight or 0 for weight in weights]
    lengths = np.diff(arrays[1]).tolist()
    expected = [weight or 8 + length for weight, length in zip(weights, lengths, strict=True)]
    assert pickled_weights(arrays).tolist() == expected


def test_indices_are_those_of_numpy() -> None:
    for batch in (encoded([5, 6, 7]), Rows([5, 6, 7])):
        assert batch.take(np.array([-1, 0])).rows() == [7, 5]
        assert batch.take(np.array([True, False, True])).rows() == [5, 7]
        with pytest.raises(IndexError):
            batch.take(np.array([3]))


def test_a_slot_that_was_never_set_stays_so() -> None:
    assert encoded([Slotted(1)]).schema.kind == "dataclass"
    (found,) = decoded(encoded([object.__new__(Slotted)]))
    assert type(found) is Slotted
    assert not hasattr(found, "name")


def test_deeply_nested_tuples_are_pickled() -> None:
    nested: Any = 1
    for _ in range(8):
        nested = (nested,)
    assert encoded([nested]).schema.kind == "tuple"
    assert encoded([(nested,)]).schema == PICKLED
    for _ in range(100):
        nested = (nested,)
    assert decoded(encoded([nested])) == [nested]


def test_arrays_are_named_by_their_place() -> None:
    schema = Schema(
        "tuple", True, (Schema("tuple", fields=(Schema("bool", True),)), Schema("bytes"))
    )
    names = [array.name for array in arrays_of(schema)]
    assert names == ["valid", "f0.f0.valid", "f0.f0.values", "f1.offsets", "f1.data"]


@pytest.mark.parametrize(
    ("batch", "named"),
    [
        ([[1]], "elements of type list"),
        ([1, "a"], "int, str mixed"),
        ([10**30], "an int that does not fit"),
        (["\udc80"], "lone surrogate"),
        ([Odd("a")], r"tests\.storage\.values\.Odd"),
        ([Record("a", 1), Record("a", [1])], "int, list mixed"),
        ([{1: 2}], "dicts whose keys are not texts"),
        ([{"a": 1}, {"b": 1}], "dicts of different keys"),
        ([np.int8(1), np.int16(1)], "numpy.int16, numpy.int8 mixed"),
        ([(1,), (1, 2)], "tuples of different lengths"),
    ],
)
def test_where_pickles_are_not_allowed_the_reason_is_given(batch: list[Any], named: str) -> None:
    for encode in (encoded, blocked):
        with pytest.raises(UsageError, match=f"{named}.*dtset.pickle.allow"):
            encode(batch, allow_pickle=False)  # type: ignore[operator]


def test_pickles_are_not_read_where_they_are_not_allowed() -> None:
    with pytest.raises(UntrustedCheckpointError, match=r"dtset\.pickle\.allow"):
        unblocked(blocked([[1]]), allow_pickle=False)
    assert unblocked(blocked([1]), allow_pickle=False) == [1]


def test_one_odd_element_leaves_the_rest_of_a_block_typed() -> None:
    batch: list[Any] = [*range(100_000), "odd", *range(100_000)]
    block = blocked(batch)
    assert unblocked(block) == batch
    assert len(block) < 10 * len(batch)


@given(st.data())
@settings(max_examples=examples(100), deadline=None)
def test_a_damaged_block_is_never_decoded(data: Any) -> None:
    block = bytearray(blocked([("a", 1), None, ("b", 2)]))
    place = data.draw(st.integers(0, len(block) - 1))
    block[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptCheckpointError):
        unblocked(bytes(block))
    with pytest.raises(CorruptCheckpointError):
        unblocked(bytes(block[:place]))


def test_blocks_name_the_classes_in_them() -> None:
    assert block_classes(blocked([Record("a", 1), Record.Inner])) == {
        ("tests.storage.values", "Record"),
        ("tests.storage.values", "Record.Inner"),
    }
    assert block_classes(blocked(list(repeat([1], 3)))) == frozenset()


def test_shared_and_recursive_parts_of_an_element_stay_so(tmp_path: Path) -> None:
    shared: list[Any] = [1]
    loop: list[Any] = []
    loop.append(loop)
    (pair, again), *_ = decoded(encoded([(shared, shared), loop])), None
    assert pair[0] is pair[1]
    assert again[0] is again
