"""Sums, bounds, statistics, folds and first ones of an order: as plain Python makes them of a list."""

from __future__ import annotations

import copy
import heapq
import math
import operator
import statistics
from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, EmptyTSetError, TSetEnvironment
from tests.properties import examples

INTS = st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**70), 2**70)
NUMBERS = st.lists(INTS | st.booleans(), max_size=40)
SETTINGS = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(100),
)


@SETTINGS
@given(NUMBERS, st.integers(1, 5))
def test_ints_add_up_exactly(env, numbers, partitions):
    tset = env.parallelize(numbers, partitions)
    assert tset.sum() == sum(numbers)
    assert tset.mean() == (sum(numbers) / len(numbers) if numbers else 0.0)
    if numbers:
        assert (tset.min(), tset.max()) == (min(numbers), max(numbers))
        assert type(tset.min()) is type(min(numbers))


@pytest.mark.parametrize("numbers", [[2**63 - 1] * 9, [-(2**63)] * 9, [2**62, -(2**62), 0.5, 3]])
def test_columns_add_up_as_objects_do(store, numbers):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="sum") as env:
        stored = env.parallelize(numbers, 2).persist()
        halves = [numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]]
        assert stored.sum() == sum(map(sum, halves))


@SETTINGS
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40), st.integers(1, 5))
def test_statistics_are_those_of_the_population(env, numbers, partitions):
    found = env.parallelize(numbers, partitions).stats()
    assert found.count() == len(numbers)
    assert (found.min(), found.max()) == (min(numbers), max(numbers))
    assert found.sum() == pytest.approx(sum(numbers))
    assert found.mean() == pytest.approx(statistics.fmean(numbers), abs=1e-3)
    assert found.stdev() == pytest.approx(statistics.pstdev(numbers), rel=1e-6, abs=1e-3)


def test_a_deviation_that_is_small_beside_the_mean_is_kept(env):
    numbers = [1e9 + i % 3 for i in range(3000)]
    expected = statistics.pstdev([i % 3 for i in range(3000)])
    assert env.parallelize(numbers, 70).stats().stdev() == pytest.approx(expected, rel=1e-6)


def test_nothing_gives_what_pyspark_gives(env):
    nothing = env.parallelize([], 3)
    assert (nothing.sum(), nothing.mean(), nothing.top(3), nothing.fold(5, max)) == (0, 0.0, [], 5)
    assert nothing.count_by_value() == {}
    found = nothing.stats()
    assert (found.count(), found.mean(), found.min(), found.max()) == (0, 0.0, math.inf, -math.inf)
    assert math.isnan(found.stdev())
    for action in (nothing.min, nothing.max):
        with pytest.raises(EmptyTSetError, match=r"m..\(\) of a TSet without elements"):
            action()


@SETTINGS
@given(st.lists(st.tuples(st.integers(0, 4), st.text(max_size=2)), max_size=30), st.integers(0, 6))
def test_the_first_of_an_order_are_those_of_heapq_equal_ones_in_their_order(env, elements, n):
    tset = env.parallelize(elements, 4)
    key = operator.itemgetter(0)
    assert tset.top(n, key) == heapq.nlargest(n, elements, key)
    assert tset.take_ordered(n, key=key) == heapq.nsmallest(n, elements, key)
    assert tset.top(n) == heapq.nlargest(n, elements)


def test_trees_of_many_partitions(env):
    tset = env.range(3000, parallelism=1100)
    assert tset.sum() == sum(range(3000))
    assert tset.mean() == 1499.5
    assert tset.stats().count() == 3000
    assert tset.stats().stdev() == pytest.approx(statistics.pstdev(range(3000)))
    assert tset.top(2) == [2999, 2998]
    assert tset.fold(0, operator.add) == sum(range(3000))


class Zero(list):
    pass


def test_each_partition_folds_into_a_fresh_zero(env):
    zero = Zero()

    def extended(a, b):
        a.extend(b)
        return a

    parts = [[i] for i in range(7)]
    assert env.parallelize(parts, 3).fold(zero, extended) == reduce(
        extended, copy.deepcopy(parts), Zero()
    )
    assert zero == []


def test_sums_of_what_is_not_numbers_are_pythons(env):
    assert env.parallelize([Decimal("0.1")] * 3, 2).sum() == Decimal("0.3")
    with pytest.raises(TypeError, match="unsupported operand") as raised:
        env.parallelize([1, 2, 3, "a"], 2).sum()
    assert "in sum, partition 1, element 1" in raised.value.__notes__[0]


def test_a_key_function_that_raises_is_named(env):
    def inverse(i):
        return 1 / i

    with pytest.raises(ZeroDivisionError) as raised:
        env.range(-2, 4, parallelism=2).top(2, key=inverse)
    assert "in top inverse, partition 0, element 2" in raised.value.__notes__[0].replace(
        "test_a_key_function_that_raises_is_named.<locals>.", ""
    )


@pytest.mark.parametrize("n", [-1, 1.5, "2", True])
def test_numbers_of_elements_are_checked_first(env, n):
    with pytest.raises(ConfigurationError, match=r"top\(\) takes a number of elements"):
        env.range(3).top(n)


def test_aggregates_on_threads(store):
    with TSetEnvironment(store=store, cluster="threads", job_id="aggregates") as env:
        tset = env.range(1000, parallelism=7)
        assert (tset.sum(), tset.max(), tset.take_ordered(1)) == (499500, 999, [0])


def test_what_an_operation_does_not_take_is_refused_before_anything_runs(env):
    with pytest.raises(TypeError, match="depends_on"):
        env.range(3).for_each(print, depends_on="x")
    with pytest.raises(TypeError, match="retries"):
        env.range(3).compute(lambda itr, ctx: 1, retries=1)
    with pytest.raises(TypeError, match="timeout"):
        env.range(3).reduce(max, timeout=1)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=12), st.integers(1, 4))
@settings(max_examples=examples(20), deadline=None)
def test_bounds_by_a_key_are_pythons(words, parallelism):
    with TSetEnvironment(
        cluster="synchronous", store="memory://by-key", checkpointing=False
    ) as env:
        tset = env.parallelize(words, parallelism)
        assert (tset.max(key=len), tset.min(len)) == (max(words, key=len), min(words, key=len))
        with pytest.raises(ValueError, match="max"):
            tset.filter(lambda word: False).max(key=len)
