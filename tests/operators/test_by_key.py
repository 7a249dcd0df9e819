"""distinct, count_by_value, key_by and the operations on keys and values: as a dict would have it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, KeyedTSet, TSetEnvironment
from dtset.exchange.deal import DealChangedError
from dtset.operators.places import ZIP_WITH_INDEX
from dtset.storage.batch import Rows
from tests.properties import examples

VALUES = st.one_of(
    st.integers(-2, 2), st.sampled_from([1.0, True, "a", "b", None, (1, "a"), (1.0, "a")])
)
PAIRS = st.lists(st.tuples(VALUES, st.integers(0, 3)), max_size=15)
SETTINGS = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(100),
)


def keyed(env, pairs, partitions):
    return env.parallelize(pairs, partitions).map_to_tuple(lambda pair: pair)


@SETTINGS
@given(st.lists(VALUES, max_size=15), st.integers(1, 4))
def test_equal_elements_are_one_the_first(env, elements, partitions):
    tset = env.parallelize(elements, partitions)
    expected = dict.fromkeys(elements)
    found = tset.distinct()
    assert found.parallelism == partitions
    assert sorted(map(repr, found.collect())) == sorted(map(repr, expected))
    counts = tset.count_by_value()
    assert type(counts) is Counter
    assert counts == Counter(elements)


def test_nans_are_one_value(env):
    nans = env.parallelize([math.nan, 1.0, -math.nan, math.nan], 2)
    assert sorted(nans.distinct().collect(), key=repr) == [
        1.0,
        pytest.approx(math.nan, nan_ok=True),
    ]
    assert sorted(nans.count_by_value().values()) == [1, 3]


def test_what_cannot_be_hashed_is_named(env):
    pairs = env.parallelize([(1, 1), ([2], 2)], 1).map_to_tuple(tuple)
    for tset in (pairs.keys().distinct(), pairs.keyed_reduce(max), pairs.keyed_gather()):
        with pytest.raises(TypeError, match=r"builtins\.list .*use a tuple") as raised:
            tset.collect()
        (note,) = raised.value.__notes__
        assert f"raised in {tset.name}" in note
        assert note.endswith("partition 0, element 1")
    with pytest.raises(TypeError, match=r"builtins\.list .*use a tuple"):
        pairs.lookup([2])


@SETTINGS
@given(PAIRS, st.integers(1, 4))
def test_operations_on_keys_and_values_give_what_the_model_gives(env, pairs, partitions):
    tset = keyed(env, pairs, partitions)
    assert tset.keys().collect() == [key for key, _ in pairs]
    assert tset.values().collect() == [value for _, value in pairs]
    assert tset.map_values(str).collect() == [(key, str(value)) for key, value in pairs]
    assert tset.flat_map_values(range).collect() == [(k, i) for k, v in pairs for i in range(v)]
    assert tset.collect_as_map() == dict(pairs)
    assert tset.count_by_key() == Counter(key for key, _ in pairs)
    for key in (1, "a", (1, "a"), 17):
        assert tset.lookup(key) == [value for other, value in pairs if other == key]
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    collected = tset.aggregate_by_key([], lambda a, v: [*a, v], lambda a, b: a + b)
    assert dict(collected.collect()) == groups


@SETTINGS
@given(st.lists(st.text(max_size=3), max_size=15), st.integers(1, 4))
def test_keys_by_a_function(env, words, partitions):
    tset = env.parallelize(words, partitions).key_by(len)
    assert isinstance(tset, KeyedTSet)
    assert tset.collect() == [(len(word), word) for word in words]


def test_keyed_sets_stay_keyed(env):
    pairs = env.parallelize({"a": 1, "b": 2}, 2)
    for made in (
        pairs.filter(bool),
        pairs.union(pairs),
        pairs.distinct(),
        pairs.sample(1, 0),
        pairs.cache(),
        pairs.persist(),
        pairs.map_values(str),
        pairs.zip_with_index(),
    ):
        assert isinstance(made, KeyedTSet)
        assert len(made.keys().collect()) >= 2


def test_a_zero_is_fresh_for_each_key_and_nan_is_one_key(env):
    def appended(found, value):
        found.append(value)
        return found

    nan = math.nan
    pairs = keyed(env, [("a", 1), (nan, 2), ("b", 3), ("a", 4), (-nan, 5)], 2)
    found = pairs.aggregate_by_key([], appended, lambda a, b: a + b).collect()
    assert sorted((value for _, value in found)) == [[1, 4], [2, 5], [3]]
    assert pairs.lookup(math.nan) == [2, 5]


def test_columns_of_pairs_are_taken_apart_and_errors_name_the_element(store):
    with TSetEnvironment(store=store, cluster="synchronous", job_id="pairs") as env:
        stored = keyed(env, [(str(i), None if i % 3 else i) for i in range(20)], 3).persist()
        assert stored.keys().collect() == [str(i) for i in range(20)]
        assert stored.values().collect() == [None if i % 3 else i for i in range(20)]
        for f, position in ((lambda v: 1 / (v - 4), 4), (lambda v: [] if v < 8 else v, 8)):
            pairs = env.parallelize(list(enumerate(range(10))), 1).map_to_tuple(tuple)
            made = pairs.map_values(f) if position == 4 else pairs.flat_map_values(f)
            with pytest.raises((ZeroDivisionError, TypeError)) as raised:
                made.collect()
            assert raised.value.__notes__[0].endswith(f"partition 0, element {position}")


def test_an_edit_of_a_zero_or_of_a_function_is_seen(store):
    def run(zero, f):
        with TSetEnvironment(store=store, cluster="synchronous", job_id="aggregate") as env:
            pairs = env.range(9, parallelism=3).key_by(lambda i: i % 2)
            made = pairs.aggregate_by_key(zero, f, max).persist()
            return made.hit, made.collect_as_map()

    assert run(0, lambda a, v: max(a, v)) == (False, {0: 8, 1: 7})
    assert run(0, lambda a, v: max(a, v)) == (True, {0: 8, 1: 7})
    assert run(10, lambda a, v: max(a, v)) == (False, {0: 10, 1: 10})
    assert run(0, lambda a, v: max(a, -v)) == (False, {0: 0, 1: 0})


@SETTINGS
@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
def test_places_are_those_of_enumerate(env, elements, partitions):
    indexed = env.parallelize(elements, partitions).zip_with_index()
    assert indexed.collect() == [(element, i) for i, element in enumerate(elements)]


def test_places_of_many_partitions_a_restart_finds_them_without_computing(store, tmp_path):
    def noted(i):
        with open(tmp_path / "calls", "a") as calls:
            calls.write("x")
        return i

    def run():
        with TSetEnvironment(store=store, cluster="synchronous", job_id="places") as env:
            tset = env.range(300, parallelism=100).filter(lambda i: i % 7).map(noted)
            made = tset.zip_with_index().persist()
            assert made.collect() == [(i, n) for n, i in enumerate(i for i in range(300) if i % 7)]
            return made.hit

    assert run() is False
    calls = (tmp_path / "calls").read_text()
    assert len(calls) == sum(1 for i in range(300) if i % 7)
    assert run() is True
    assert (tmp_path / "calls").read_text() == calls


def test_a_sample_depends_on_its_seed_and_not_on_batches(store):
    def sample(batch_size, seed=3, stored=False):
        import dask

        with (
            dask.config.set({"dtset.batch-size": batch_size}),
            TSetEnvironment(store=store, cluster="synchronous", job_id=f"s{batch_size}") as env,
        ):
            tset = env.range(4000, parallelism=3).map(lambda i: i)
            return (tset.persist() if stored else tset).sample(0.25, seed).collect()

    first = sample(1000)
    assert first == sample(17) == sample(100, stored=True)
    assert first != sample(1000, seed=4)
    assert 800 < len(first) < 1200
    assert first == sorted(set(first))


@pytest.mark.parametrize("arguments", [(1.5, 1), (-0.1, 1), ("a", 1), (0.5, "x"), (0.5, 1.5)])
def test_what_a_sample_takes_is_checked_first(env, arguments):
    with pytest.raises(ConfigurationError, match=r"sample\(\) takes a fraction from 0 to 1"):
        env.range(3).sample(*arguments)


def test_places_that_were_counted_before_a_partition_ran_again_are_never_given():
    streams = [iter([Rows(["a", "b"])]), iter([Rows([3, 6])])]
    with pytest.raises(DealChangedError):
        list(ZIP_WITH_INDEX.put(streams, None))
