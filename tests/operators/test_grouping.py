"""Pairs by key, in memory and from files: always the same groups in the same order."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dtset.exchange.stable_hash import stable_hash
from dtset.operators.call import Call, CallSpec
from dtset.operators.gathering import COGROUP, KEYED_GATHER, KEYED_GATHER_UNGROUPED
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.grouping import identity_of
from dtset.operators.kernels.ranking import COMPARATOR
from dtset.operators.kernels.values import Values
from dtset.plan.context import TSetContext
from dtset.storage.batch import Rows, rows_of
from dtset.storage.columns import to_columns
from tests.properties import examples

FEW = settings(max_examples=examples(100), deadline=None)
PRIME = 2**61 - 1
LARGE = 64 << 20


class Collides:
    """Equal by its number, with a hash that all have."""

    def __init__(self, number):
        self.number = number

    def __eq__(self, other):
        return isinstance(other, Collides) and self.number == other.number

    def __hash__(self):
        return 0

    def __repr__(self):
        return f"Collides({self.number})"

    def __dtset_hash__(self):
        return "one"

    def __lt__(self, other):
        return self.number < other.number


NUMBERS = st.integers(-2, 2) | st.sampled_from([PRIME, PRIME + 1, -PRIME])
KEYS = st.one_of(
    NUMBERS,
    st.sampled_from([1.0, True, "a", None, (1, "a"), (1.0, "a"), float("nan")]),
    st.integers(0, 2).map(Collides),
)
VALUES = st.integers(0, 9) | st.sampled_from(["x", None])
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=40)
TYPED = st.lists(st.tuples(NUMBERS, st.integers(0, 9)), max_size=40) | st.lists(
    st.tuples(st.text("ab", max_size=2), st.integers(0, 9)), max_size=40
)
SIDES = st.lists(PAIRS | TYPED, min_size=1, max_size=3)


def call(memory, operator=KEYED_GATHER, **functions):
    spec = CallSpec(operator=operator, key="1", label="", id="g", name="g")
    ctx = TSetContext(index=0, parallelism=1, id="g", name="g")
    return Call(spec, functions, ctx, Place("keyed_gather", "", 0), limit=8, memory=memory)


def batches(pairs, size, *, as_columns):
    for start in range(0, len(pairs), size):
        batch = pairs[start : start + size]
        yield to_columns(batch) if as_columns else Rows(batch)


def model(sides, rank):
    found = {}
    for number, pairs in enumerate(sides):
        for key, value in pairs:
            _, lists = found.setdefault(identity_of(key), (key, [[] for _ in sides]))
            lists[number].append(value)
    return sorted(found.values(), key=lambda group: rank(group[0]))


def grouped(streams, made):
    elements = rows_of(COGROUP.receive(streams, made))
    return [(key, [list(side) for side in values]) for key, values in elements]


def said(found):
    return [(repr(identity_of(key)), type(key), lists) for key, lists in found]


@FEW
@given(SIDES, st.integers(1, 9), st.sampled_from([1, 600, LARGE]))
def test_groups_are_in_the_order_of_their_hashes_whatever_the_memory(sides, size, memory):
    streams = [batches(pairs, size, as_columns=False) for pairs in sides]
    made = call(memory)
    found = grouped(streams, made)
    assert said(found) == said(model(sides, stable_hash))


@FEW
@given(st.lists(TYPED, min_size=1, max_size=2), st.integers(1, 9), st.sampled_from([1, 600, LARGE]))
def test_columns_give_the_same_groups_as_rows(sides, size, memory):
    made = call(memory)
    streams = [batches(pairs, size, as_columns=True) for pairs in sides]
    found = grouped(streams, made)
    assert said(found) == said(model(sides, stable_hash))


@FEW
@given(
    st.lists(
        st.lists(st.tuples(st.integers(-3, 3) | st.floats(-2, 2, width=16), st.integers())),
        min_size=1,
        max_size=2,
    ),
    st.integers(1, 9),
    st.sampled_from([1, LARGE]),
)
def test_groups_by_a_comparator_are_in_its_order(sides, size, memory):
    made = call(memory, **{COMPARATOR: lambda a, b: (a > b) - (a < b)})
    streams = [batches(pairs, size, as_columns=False) for pairs in sides]
    found = grouped(streams, made)
    assert said(found) == said(model(sides, lambda key: key))


@FEW
@given(PAIRS, st.sampled_from([1, LARGE]))
def test_ungrouped_pairs_are_as_they_were_and_those_of_one_key_together(pairs, memory):
    made = call(memory, KEYED_GATHER_UNGROUPED)
    found = rows_of(KEYED_GATHER_UNGROUPED.receive([batches(pairs, 5, as_columns=False)], made))
    expected = [
        pair
        for key, _ in model([pairs], stable_hash)
        for pair in pairs
        if identity_of(pair[0]) == identity_of(key)
    ]
    assert list(map(repr, found)) == list(map(repr, expected))


def test_the_values_of_a_large_group_stream_and_those_that_are_held_are_kept():
    pairs = [(0, i) for i in range(5000)] + [(1, 7)]
    made = call(1000)
    elements = rows_of(KEYED_GATHER.receive([batches(pairs, 64, as_columns=True)], made))
    first_key, first = next(elements)
    assert [next(first), next(first)] == [0, 1] if first_key == 0 else list(first) == [7]
    rest = {first_key: first, **dict(elements)}
    found = {key: list(values) for key, values in rest.items()}
    assert found == {0: list(range(2, 5000)) if first_key == 0 else list(range(5000)), 1: found[1]}


def test_values_are_pickled_as_what_remains_of_them():
    values = Values(list("abc"))
    next(values)
    copy = pickle.loads(pickle.dumps(values))
    assert list(copy) == list(values) == ["b", "c"]


@pytest.mark.parametrize("memory", [1, 1000, 9000, LARGE])
def test_values_can_be_gone_through_again_whether_they_fit_the_memory_or_not(memory):
    numbers = list(range(3000))

    def found(of):
        pairs = [(0, number) for number in numbers]
        stream = KEYED_GATHER.receive([batches(pairs, 64, as_columns=True)], call(memory))
        return [of(values) for _, values in rows_of(stream)]

    def passes(values):
        taken, begun = next(values), iter(values)
        return [taken, next(begun), *values, len(values)], list(begun), list(values)

    assert found(passes) == [([0, 1, *numbers[1:], 2999], numbers[2:], numbers[1:])]
    several = found(lambda values: (sum(values), sum(1 for _ in values), max(values), len(values)))
    assert several == [(sum(numbers), 3000, 2999, 3000)]


def test_a_pass_that_goes_on_when_the_next_key_is_there_misses_nothing():
    pairs = [(key, i) for key in range(2) for i in range(3000)]
    elements = rows_of(KEYED_GATHER.receive([batches(pairs, 64, as_columns=True)], call(1000)))
    begun = [iter(values) for _, values in elements]
    assert [list(each) for each in begun] == [list(range(3000))] * 2


@pytest.mark.parametrize("memory", [1, LARGE])
def test_nothing_is_left_of_what_was_written(tmp_path, memory, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = call(memory)
    pairs = [(i % 5, i) for i in range(500)]
    stream = COGROUP.receive([batches(pairs, 9, as_columns=True)], made)
    next(stream)
    assert list(tmp_path.iterdir()) == []
    stream.close()
