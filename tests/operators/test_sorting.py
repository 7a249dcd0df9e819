"""`sort_by_key`: pairs in the order of their keys, over all partitions."""

from __future__ import annotations

from operator import itemgetter

import dask
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import KeyedTSet, TSetEnvironment
from dtset.operators.kernels.failure import Place
from dtset.operators.kernels.ranking import ByKey
from dtset.operators.kernels.sorting import in_order
from dtset.storage.batch import Rows, rows_of
from dtset.storage.columns import to_columns
from tests.properties import examples

FEW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(100),
)
KEYS = [
    st.integers(-3, 3) | st.just(2**63 - 1) | st.just(-(2**63)),
    st.floats(allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0]),
    st.booleans(),
    st.text("abä\0", max_size=3),
    st.binary(min_size=2, max_size=2),
    st.binary(max_size=3),
    st.tuples(st.integers(0, 2), st.text("ab", max_size=1)),
    st.integers(-3, 3) | st.floats(-3, 3, width=16) | st.booleans() | st.just(2**64),
]
PAIRS = st.sampled_from(KEYS).flatmap(
    lambda keys: st.lists(st.tuples(keys, st.integers(0, 99)), max_size=40)
)


@FEW
@given(PAIRS, st.booleans(), st.integers(1, 9), st.sampled_from([1, 600, 1 << 20]), st.booleans())
def test_the_order_is_that_of_sorted_whatever_the_memory(pairs, ascending, size, memory, as_rows):
    def batches():
        for start in range(0, len(pairs), size):
            batch = pairs[start : start + size]
            try:
                yield Rows(batch) if as_rows else to_columns(batch)
            except Exception:
                yield Rows(batch)

    ranking = ByKey(Place("sort_by_key", "", 0), ascending)
    pieces = in_order(batches(), ranking.ranked, memory, None)
    found = list(rows_of(piece.batch for piece in pieces))
    expected = sorted(pairs, key=itemgetter(0), reverse=not ascending)
    assert list(map(repr, found)) == list(map(repr, expected))


@FEW
@given(PAIRS, st.booleans(), st.integers(1, 4), st.integers(1, 4))
def test_keys_are_sorted_over_all_partitions_and_stably(env, pairs, ascending, sources, targets):
    tset = env.parallelize(pairs, sources).map_to_tuple(tuple)
    made = tset.sort_by_key(ascending, parallelism=targets)
    assert made.parallelism == targets
    expected = sorted(pairs, key=itemgetter(0), reverse=not ascending)
    assert list(map(repr, made.collect())) == list(map(repr, expected))


NANS = st.sampled_from([float("nan"), -float("nan"), 2, 1.5, -1, 2**64, float("inf")])


@FEW
@given(st.lists(NANS | st.tuples(NANS), max_size=40), st.booleans(), st.integers(1, 9))
def test_nans_are_the_last_whatever_is_beside_them_and_whatever_the_memory(keys, ascending, size):
    def number(key):
        return key if isinstance(key, tuple) else (key,)

    are_tuples = any(isinstance(key, tuple) for key in keys)
    pairs = [(number(key) if are_tuples else key, i) for i, key in enumerate(keys)]
    ranking = ByKey(Place("sort_by_key", "", 0), ascending)

    def found(memory):
        batches = (Rows(pairs[start : start + size]) for start in range(0, len(pairs), size))
        return list(
            rows_of(piece.batch for piece in in_order(batches, ranking.ranked, memory, None))
        )

    def order(pair):
        (key,) = number(pair[0])
        return (1, 0) if key != key else (0, key)

    expected = sorted(pairs, key=order, reverse=not ascending)
    assert list(map(repr, found(1))) == list(map(repr, found(1 << 20))) == list(map(repr, expected))


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_partitions_are_of_about_one_size(store, cluster):
    with (
        dask.config.set({"dtset.exchange.memory": "64 kiB"}),
        TSetEnvironment(store=store, cluster=cluster, job_id="sizes") as env,
    ):
        numbers = env.range(40_000, parallelism=3)
        pairs = numbers.map_to_tuple(lambda i: (i * 7919 % 40_000, i))
        made = pairs.filter(lambda pair: pair[0] > 100 or pair[1] % 2).sort_by_key(parallelism=4)
        sizes = made.compute(lambda itr, ctx: sum(1 for _ in itr)).collect()
        assert max(sizes) < 1.1 * min(sizes)
        keys = [key for key, _ in made.collect()]
        assert keys == sorted(keys)


def test_it_is_the_same_on_worker_processes(local_cluster, store):
    with TSetEnvironment(store=store, cluster=local_cluster, job_id="sort") as env:
        texts = env.range(500, parallelism=3).map_to_tuple(lambda i: (f"k{i * 7 % 500:03}", i))
        found = texts.sort_by_key(parallelism=2).collect()
        assert found == sorted((f"k{i * 7 % 500:03}", i) for i in range(500))


def test_a_comparator_says_what_is_smaller(env):
    def by_last_digit(a, b):
        return a % 10 - b % 10

    pairs = env.range(40, parallelism=3).map_to_tuple(lambda i: (i, str(i)))
    for ascending in (True, False):
        found = pairs.sort_by_key(ascending, by_last_digit, 2).collect()
        expected = sorted(range(40), key=lambda i: i % 10, reverse=not ascending)
        assert [key for key, _ in found] == expected


def test_keys_that_cannot_be_compared_are_an_error_that_says_where(env):
    pairs = env.parallelize([(1, 2), ("a", 3)], 1).map_to_tuple(tuple)
    with pytest.raises(TypeError, match="not supported between") as caught:
        pairs.sort_by_key().collect()
    assert any("sort_by_key" in note for note in caught.value.__notes__)
    with pytest.raises(ZeroDivisionError) as raised:
        pairs.sort_by_key(key_comparator=lambda a, b: 1 // 0).collect()
    assert any("sort_by_key" in note for note in raised.value.__notes__)


def test_a_restart_finds_it_and_other_elements_are_sorted_anew(store):
    def run(factor):
        with TSetEnvironment(store=store, job_id="sorted", cluster="synchronous") as env:
            pairs = env.range(50, parallelism=2).map_to_tuple(lambda i: (i * factor % 50, i))
            kept = pairs.sort_by_key().persist()
            return kept.hit, [key for key, _ in kept.collect()]

    assert run(7) == (False, list(range(50)))
    assert run(7) == (True, list(range(50)))
    assert run(9) == (False, list(range(50)))


@FEW
@given(st.lists(st.integers(-9, 9)), st.integers(1, 4), st.booleans())
def test_elements_are_sorted_by_what_a_function_gives(env, elements, number, ascending):
    found = env.parallelize(elements, number).sort_by(abs, ascending).collect()
    assert found == sorted(elements, key=abs, reverse=not ascending)


def test_pairs_that_are_sorted_stay_pairs(env):
    pairs = env.parallelize({"a": 2, "b": 1}, 2).sort_by(lambda pair: pair[1])
    assert isinstance(pairs, KeyedTSet)
    assert pairs.collect() == [("b", 1), ("a", 2)]
