"""Keyed operations: groups, partitions by key, joins of all kinds."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import dask
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dtset import ConfigurationError, KeyedTSet, TSetEnvironment, UsageError
from tests.properties import examples

FEW = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=examples(60),
)
KEYS = st.integers(-2, 2) | st.sampled_from([1.0, True, -1.0])
TEXTS = st.text("ab", max_size=2)
PAIRS = st.lists(st.tuples(KEYS, st.integers(0, 9)), max_size=12) | st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=12
)


def keyed(env, pairs, number):
    return env.parallelize(pairs, number).map_to_tuple(tuple)


def lists(element):
    key, values = element
    return key, list(values)


@FEW
@given(PAIRS, st.integers(1, 4))
def test_all_values_of_a_key_are_gathered_in_order(env, pairs, number):
    found = keyed(env, pairs, number).keyed_gather()
    assert isinstance(found, KeyedTSet)
    expected = {key: [v for other, v in pairs if other == key] for key, _ in pairs}
    assert dict(found.map(lists).collect()) == expected
    assert dict(map(lists, found.collect())) == expected
    ungrouped = keyed(env, pairs, number).keyed_gather_ungrouped().collect()
    assert Counter(ungrouped) == Counter(pairs)
    assert len(list(groupby(ungrouped, lambda pair: pair[0]))) == len(expected)


@FEW
@given(PAIRS, PAIRS, st.integers(1, 3), st.integers(1, 3))
def test_cogroup_gives_the_values_of_both_sides(env, left, right, one, other):
    found = keyed(env, left, one).cogroup(keyed(env, right, other))
    assert found.parallelism == one
    sides = {key: tuple(map(list, values)) for key, values in found.collect()}
    assert sides == {
        key: ([v for k, v in left if k == key], [v for k, v in right if k == key])
        for key, _ in [*left, *right]
    }


def joined(left, right, how):
    """The model of a join."""
    for k, v in left:
        found = [w for other, w in right if other == k]
        yield from ((k, v, w) for w in found)
        if not found and how in ("left", "outer"):
            yield k, v, None
    if how in ("right", "outer"):
        yield from ((k, None, w) for k, w in right if k not in [other for other, _ in left])


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer"])
@pytest.mark.parametrize("algorithm", ["hash", "sort"])
@pytest.mark.parametrize("memory", ["1 B", "64 MiB"])
@settings(FEW, max_examples=examples(30))
@given(left=PAIRS, right=PAIRS, one=st.integers(1, 3), other=st.integers(1, 3))
def test_joins_are_those_of_the_model(store, how, algorithm, memory, left, right, one, other):
    with (
        dask.config.set({"dtset.exchange.memory": memory}),
        TSetEnvironment(store=store, cluster="synchronous", job_id="joins") as env,
    ):
        right_pairs = [(k, str(v)) for k, v in right]
        made = keyed(env, left, one).join(keyed(env, right_pairs, other), how, algorithm=algorithm)
        parts = made.compute(lambda itr, ctx: [tuple(element) for element in itr]).collect()
        assert len(parts) == one
        assert Counter(e for part in parts for e in part) == Counter(joined(left, right_pairs, how))
        if algorithm == "sort":
            assert all([e[0] for e in part] == sorted(e[0] for e in part) for part in parts)


def test_a_comparator_orders_the_keys_of_each_partition(env):
    pairs = keyed(env, [(i * 7 % 20, i) for i in range(20)], 3)

    def backwards(a, b):
        return b - a

    for made in (
        pairs.keyed_gather(key_comparator=backwards).map(lambda element: element[0]),
        pairs.keyed_gather_ungrouped(key_comparator=backwards).map(lambda element: element[0]),
        pairs.join(pairs, key_comparator=backwards).map(lambda element: element.key),
    ):
        parts = made.compute(lambda itr, ctx: list(itr)).collect()
        assert all(part == sorted(part, reverse=True) for part in parts)
        assert sorted(k for part in parts for k in part) == list(range(20))


def test_a_partition_function_gets_the_key(env):
    pairs = keyed(env, [(i, str(i)) for i in range(9)], 3)

    def by_three(key):
        return key % 3

    for made in (
        pairs.keyed_partition(by_three),
        pairs.keyed_gather_ungrouped(by_three),
        pairs.keyed_gather(partition_func=by_three),
        pairs.join(pairs, partition_func=by_three),
    ):
        parts = made.compute(lambda itr, ctx: {e[0] % 3 for e in itr}).collect()
        assert parts == [{0}, {1}, {2}]
    with pytest.raises(UsageError, match="gave 3 for 3") as caught:
        pairs.keyed_partition(lambda key: key).filter(lambda pair: False).collect()
    assert any("keyed_partition" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("cluster", ["synchronous", "threads"])
def test_half_of_all_pairs_may_have_one_key(store, cluster):
    with (
        dask.config.set({"dtset.exchange.memory": "10 kB"}),
        TSetEnvironment(store=store, cluster=cluster, job_id="skewed") as env,
    ):
        pairs = env.range(20_000, parallelism=4).map_to_tuple(lambda i: (i if i % 2 else 0, i))
        found = pairs.keyed_gather().map(lambda element: (element[0], sum(element[1])))
        expected = {0: sum(range(0, 20_000, 2)), **{i: i for i in range(1, 20_000, 2)}}
        assert dict(found.collect()) == expected
        small = env.parallelize([(0, "zero"), (1, "one"), (0, "null")], 2).map_to_tuple(tuple)
        assert pairs.join(small).count() == small.join(pairs).count() == 20_001
        first = pairs.keyed_gather().map(lambda element: next(element[1])).count()
        assert first == len(expected)


def test_groups_are_kept_by_caches_and_persists_with_all_their_values(env):
    groups = keyed(env, [(i % 3, i) for i in range(9)], 2).keyed_gather()
    for kept in (groups.cache(), groups.persist()):
        assert isinstance(kept, KeyedTSet)
        for _ in range(2):
            assert sorted(map(lists, kept.collect())) == [
                (k, list(range(k, 9, 3))) for k in range(3)
            ]


def test_it_is_the_same_on_worker_processes(local_cluster, store):
    def run(cluster, job_id):
        with TSetEnvironment(store=store, cluster=cluster, job_id=job_id, parallelism=3) as env:
            pairs = env.range(300).map_to_tuple(lambda i: (f"k{i % 7}", i))
            other = env.range(9, parallelism=2).map_to_tuple(lambda i: (f"k{i}", {i}))
            groups = list(map(lists, pairs.keyed_gather().collect()))
            return groups, pairs.join(other, "outer").collect()

    assert run(local_cluster, "a") == run("synchronous", "b")


def test_what_an_operation_does_not_know_is_refused_at_once(env):
    pairs = keyed(env, [(1, 2)], 1)
    for wrong in ({"how": "cross"}, {"algorithm": "nested"}, {"use_disk": 1}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            pairs.join(pairs, **wrong)
    with pytest.raises(UsageError, match="takes a KeyedTSet"):
        pairs.cogroup(env.range(2))
    with pytest.raises(AttributeError, match="map_to_tuple"):
        env.range(2).keyed_gather()


def test_a_key_without_a_stable_hash_is_named_where_it_is(env):
    pairs = env.range(4, parallelism=1).map_to_tuple(lambda i: (object() if i == 2 else i, i))
    with pytest.raises(TypeError, match="object cannot be hashed the same everywhere") as caught:
        pairs.keyed_gather().count()
    assert any("keyed_gather, partition 0, element 2" in note for note in caught.value.__notes__)


def test_a_restart_finds_groups_and_an_edit_of_the_comparator_does_not(store):
    def run(compare):
        with TSetEnvironment(store=store, job_id="groups", cluster="synchronous") as env:
            kept = (
                keyed(env, [(i % 3, i) for i in range(9)], 2).keyed_gather(None, compare).persist()
            )
            return kept.hit, dict(map(lists, kept.collect()))

    assert run(lambda a, b: a - b)[0] is False
    assert run(lambda a, b: a - b)[0] is True
    assert run(lambda a, b: b - a)[0] is False


def test_values_are_read_again_as_in_pyspark(env):
    pairs = env.parallelize([("a", 1), ("b", 2), ("a", 4)], 2).map_to_tuple(tuple)
    means = pairs.keyed_gather().map_values(lambda values: sum(values) / len(values))
    assert means.collect_as_map() == {"a": 2.5, "b": 2}
    for found in (pairs.group_by(lambda pair: pair[0]), pairs.keyed_gather().persist()):
        values = dict(found.collect())["a"]
        assert (len(values), list(values)) == (2, list(values))
    kept = pairs.cogroup(pairs.filter(lambda pair: pair[0] == "b")).cache()
    assert {key: (len(left), [*right, *right]) for key, (left, right) in kept.collect()} == {
        "a": (2, []),
        "b": (1, [2, 2]),
    }
